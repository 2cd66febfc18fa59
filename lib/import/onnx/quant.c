/* QuantizeLinear and DequantizeLinear: folded, by meaning alone, as the model's quantize and dequantize, or as floats.
 */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/maps.h"

qnt_status qnt_onnx_quantize_params(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_shape *s,
                                    struct onnx_quant *q)
{
    const struct onnx_value *zero = qnt_onnx_in(mp, n, 2);
    const int32_t type = zero ? zero->type : (int32_t)qnt_onnx_attr_int(n, "output_dtype", ONNX_UINT8);
    const int64_t said = qnt_onnx_attr_int(n, "output_dtype", 0);
    if (!qnt_onnx_type_size(type) || qnt_onnx_is_float(type) || type == ONNX_BOOL || (said && said != type))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "codes of type %s, expected integers", qnt_onnx_type_name(type));
    return qnt_onnx_quant(mp, n, 1, type, s, qnt_onnx_attr_int(n, "axis", 1), qnt_onnx_attr_int(n, "block_size", 0), q);
}

static qnt_status dequantize_params(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x,
                                    struct onnx_quant *q)
{
    const int64_t type = qnt_onnx_attr_int(n, "output_dtype", 0);
    const struct onnx_value *scale = qnt_onnx_in(mp, n, 1);
    if (qnt_onnx_is_float(x->type) || x->type == ONNX_BOOL)
        return qnt_onnx_fail(QNT_ERR_TYPE, n, "input '%s' is %s, expected integers", x->name,
                             qnt_onnx_type_name(x->type));
    if ((type && type != ONNX_FLOAT) || (scale && scale->type != ONNX_FLOAT))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "the result is %s, expected float",
                             qnt_onnx_type_name(type ? (int32_t)type : scale->type));
    return qnt_onnx_quant(mp, n, 1, x->type, &x->shape, qnt_onnx_attr_int(n, "axis", 1),
                          qnt_onnx_attr_int(n, "block_size", 0), q);
}

qnt_status qnt_onnx_fold_quantize(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    struct onnx_quant q;
    void *to;
    qnt_status status = qnt_onnx_quantize_params(mp, n, &x->shape, &q);
    const float *from = status ? NULL : qnt_onnx_floats(mp, x);
    if (status || (status = qnt_onnx_give(mp, n, 0, q.type, &x->shape, &to)))
        return status;
    if (!from)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < qnt_onnx_count(&x->shape); i++) {
        const size_t k = qnt_onnx_quant_index(&q, &x->shape, i);
        const float code = nearbyintf(from[i] / q.scale[k]);
        const int64_t whole = code != code      ? 0
                              : code < -0x1p40f ? INT64_MIN / 2
                              : code > 0x1p40f  ? INT64_MAX / 2
                                                : (int64_t)code;
        qnt_onnx_put_int(to, q.type, i, whole + q.zero[k]);
    }
    return QNT_OK;
}

/* Nothing is computed yet: who multiplies with it may want the codes. */
qnt_status qnt_onnx_fold_dequantize(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0), *y = qnt_onnx_out(mp, n, 0);
    struct onnx_quant q;
    qnt_status status = dequantize_params(mp, n, x, &q);
    if (status || !y)
        return status;
    y->kind = ONNX_CONSTANT;
    y->type = ONNX_FLOAT;
    y->shape = x->shape;
    y->codes = x;
    y->quant = q;
    return QNT_OK;
}

/* The tensor that holds v's codes. */
static const struct qnt_tensor *tensor_of(const struct onnx_mapper *mp, const struct onnx_value *v)
{
    static const struct qnt_tensor none = {0};
    while (v->id[0] < 0 && v->id[1] < 0 && v->source)
        v = v->source;
    const int id = v->id[0] >= 0 ? v->id[0] : v->id[1];
    return id < 0 ? &none : &mp->model->tensor[id];
}

static bool holds(const struct onnx_mapper *mp, const struct onnx_value *v, const struct onnx_quant *q)
{
    const struct qnt_tensor *t = tensor_of(mp, v), own = qnt_onnx_code_tensor(q);
    return qnt_onnx_is_plain(q) && t->type == QNT_S8 && t->scales == 1 && t->scale[0] == own.scale[0] &&
           t->zero == own.zero;
}

bool qnt_onnx_same_quant(const struct onnx_quant *a, const struct onnx_quant *b)
{
    return a->type == b->type && a->n == 1 && b->n == 1 && a->scale[0] == b->scale[0] && a->zero[0] == b->zero[0];
}

qnt_status qnt_onnx_same_quant_in(struct onnx_mapper *mp, const struct onnx_node *n, size_t k,
                                  const struct onnx_quant *q, struct onnx_value **out)
{
    struct onnx_value *v = qnt_onnx_in(mp, n, k);
    if (!v || v->kind != ONNX_ACTIVATION || !qnt_onnx_is_plain(q))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                             "input %zu ('%s') is %s, expected an activation of int8 or uint8 with one zero point", k,
                             v ? v->name : "", v ? qnt_onnx_type_name(v->type) : "left out");
    const struct qnt_tensor *t = tensor_of(mp, v), own = qnt_onnx_code_tensor(q);
    if (t->type != QNT_S8 || t->zero != own.zero || (q->scale[0] != 0.0f && t->scale[0] != q->scale[0]))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                             "input '%s' means scale %.9g and zero point %d, expected %.9g and %d", v->name,
                             (double)(t->scales ? t->scale[0] : 0.0f), t->zero, (double)q->scale[0], own.zero);
    *out = v;
    return QNT_OK;
}

qnt_status qnt_onnx_code_in(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, size_t k_scale,
                            struct onnx_value **v, struct onnx_quant *q)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, k);
    if (!x)
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "input %zu is left out", k);
    qnt_status status = qnt_onnx_quant(mp, n, k_scale, x->type, &x->shape, -1, 0, q);
    return status ? status : qnt_onnx_same_quant_in(mp, n, k, q, v);
}

qnt_status qnt_onnx_code_out(struct onnx_mapper *mp, const struct onnx_node *n, size_t k_scale, struct onnx_quant *q)
{
    const struct onnx_shape none = {0};
    const struct onnx_value *zero = qnt_onnx_in(mp, n, k_scale + 1);
    qnt_status status = qnt_onnx_quant(mp, n, k_scale, zero ? zero->type : ONNX_UINT8, &none, 0, 0, q);
    if (!status && !qnt_onnx_is_plain(q))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                             "output codes are %s with %zu scales, expected int8 or uint8 and one",
                             qnt_onnx_type_name(q->type), q->n);
    return status;
}

qnt_status qnt_onnx_sum_quant(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, size_t k_zero, int64_t axis,
                              struct onnx_quant *q)
{
    const struct onnx_value *x = qnt_onnx_in(mp, n, k), *zero = qnt_onnx_in(mp, n, k_zero);
    qnt_status status;
    if (!x)
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "input %zu is left out", k);
    *q = (struct onnx_quant){.type = x->type, .n = 1};
    if (zero && qnt_onnx_count(&zero->shape) != 1) {
        if ((status = qnt_onnx_axis(n, axis, x->shape.rank, false, &q->axis)))
            return status;
        q->n = x->shape.dim[q->axis];
    }
    if ((status = qnt_onnx_zeros(mp, n, k_zero, q)))
        return status;
    float *scale = qnt_onnx_alloc(mp, q->n, sizeof *scale, "scales");
    for (size_t i = 0; scale && k && i < q->n; i++) /* activations: 0, any scale will do for sums */
        scale[i] = 1.0f;
    q->scale = scale;
    return scale ? QNT_OK : mp->lost;
}

qnt_status qnt_onnx_map_dequantize(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0), *y = qnt_onnx_out(mp, n, 0);
    struct onnx_quant q;
    qnt_status status = x->kind == ONNX_ACTIVATION ? dequantize_params(mp, n, x, &q) : QNT_OK;
    if (status || !y)
        return status;
    if (x->kind != ONNX_ACTIVATION)
        return qnt_onnx_constant(mp, n, 1, "scale", &y);
    if (!holds(mp, x, &q))
        return qnt_onnx_dequantize_general(mp, n, x, &q);
    y->kind = ONNX_ACTIVATION;
    y->type = ONNX_FLOAT;
    y->shape = x->shape;
    y->codes = x;
    y->quant = q;
    return QNT_OK;
}

qnt_status qnt_onnx_map_quantize(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x;
    struct onnx_quant q;
    int id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status || (status = qnt_onnx_quantize_params(mp, n, &x->shape, &q)))
        return status;
    if (x->codes && x->kind == ONNX_ACTIVATION && qnt_onnx_same_quant(&x->quant, &q)) {
        qnt_onnx_alias(mp, n, 0, x->codes); /* rne((code - zero) * scale / scale) is the code again */
        return QNT_OK;
    }
    if (!qnt_onnx_is_plain(&q))
        return qnt_onnx_quantize_general(mp, n, x, &q);
    const struct qnt_tensor t = qnt_onnx_code_tensor(&q);
    const bool last = qnt_onnx_is_last(x);
    if ((status = qnt_onnx_as_tensor(mp, n, x, last, &id)) ||
        (status = qnt_onnx_emit(mp, n, "quantize", NULL, &id, 1, n->out[0], &t, &id)))
        return status;
    return qnt_onnx_result(mp, n, 0, q.type, &x->shape, last, id);
}
