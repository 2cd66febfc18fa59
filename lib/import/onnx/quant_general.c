/* Scales per axis or block, and codes that are not 8 bits wide: as floats, since the model's tensors have one scale.
 * What QuantizeLinear and DequantizeLinear say step by step: rne(x / scale) + zero, saturated; (code - zero) * scale.
 */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/maps.h"

/* An array by element, or by what it is spread over, as a constant of the model that fits behind tensor order `last`.
 */
static qnt_status spread(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_quant *q,
                         const struct onnx_shape *s, bool zeros, bool last, const char *base, int *id)
{
    struct onnx_value v = {.name = (char *)(uintptr_t)base, .kind = ONNX_CONSTANT, .type = ONNX_FLOAT, .shape = *s};
    size_t count = q->n;
    for (uint32_t d = 0; d < s->rank && !q->block; d++)
        v.shape.dim[d] = q->n > 1 && d == q->axis ? s->dim[d] : 1;
    if (q->block)
        count = qnt_onnx_count(s);
    float *to = qnt_onnx_alloc(mp, count, sizeof *to, base);
    if (!to)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        const size_t k = q->block ? qnt_onnx_quant_index(q, s, i) : i;
        to[i] = zeros ? (float)q->zero[k] : q->scale[k];
    }
    v.data = to;
    return qnt_onnx_spread_const(mp, n, &v, s->rank, last, id);
}

static bool any_zero(const struct onnx_quant *q)
{
    for (size_t i = 0; i < q->n; i++)
        if (q->zero[i])
            return true;
    return false;
}

/* Tensor `in` by a constant out of q. */
static qnt_status by(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, int in,
                     const struct onnx_quant *q, const struct onnx_shape *s, bool zeros, bool last, int *id)
{
    int ins[2] = {in, -1};
    qnt_status status = spread(mp, n, q, s, zeros, last, n->in[1], &ins[1]);
    return status ? status : qnt_onnx_emit(mp, n, op, NULL, ins, 2, n->out[0], NULL, id);
}

/* Blocks and axes must not cut the batch. */
static qnt_status check_batch(const struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_quant *q)
{
    return !mp->whole && q->n > 1 && (q->block || !q->axis) ? qnt_onnx_touches(n) : QNT_OK;
}

qnt_status qnt_onnx_dequantize_general(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x,
                                       const struct onnx_quant *q)
{
    const bool last = qnt_onnx_is_last(x);
    int id;
    qnt_status status = check_batch(mp, n, q);
    if (status || (status = qnt_onnx_numbers(mp, n, x, last, &id)))
        return status;
    if (any_zero(q) && (status = by(mp, n, "sub", id, q, &x->shape, true, last, &id)))
        return status;
    if ((status = by(mp, n, "mul", id, q, &x->shape, false, last, &id)))
        return status;
    return qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &x->shape, last, id);
}

qnt_status qnt_onnx_quantize_general(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x,
                                     const struct onnx_quant *q)
{
    const bool last = qnt_onnx_is_last(x);
    int id;
    qnt_status status = check_batch(mp, n, q);
    if (status || (status = qnt_onnx_as_tensor(mp, n, x, last, &id)) ||
        (status = by(mp, n, "div", id, q, &x->shape, false, last, &id)))
        return status;
    if (any_zero(q) && ((status = qnt_onnx_emit(mp, n, "round", NULL, &id, 1, n->out[0], NULL, &id)) ||
                        (status = by(mp, n, "add", id, q, &x->shape, true, last, &id))))
        return status;
    if ((status = qnt_onnx_to_ints(mp, n, q->type, id, &id)))
        return status;
    return qnt_onnx_result(mp, n, 0, q->type, &x->shape, last, id);
}

/* What code tensors are that mean the numbers themselves: scale 1, zero point 0. */
struct onnx_quant qnt_onnx_number_quant(int32_t type)
{
    static const float one = 1.0f;
    static const int64_t none = 0;
    const bool positive = type == ONNX_UINT8 || type == ONNX_UINT4 || type == ONNX_UINT2;
    return (struct onnx_quant){.type = positive ? ONNX_UINT8 : ONNX_INT8, .n = 1, .scale = &one, .zero = &none};
}

/* The model's floats of integers that are no more than 8 bits wide, whatever their tensor means by them. */
qnt_status qnt_onnx_numbers(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x, bool last, int *id)
{
    const struct onnx_quant q = qnt_onnx_number_quant(x->type);
    const struct qnt_tensor own = qnt_onnx_code_tensor(&q);
    int in;
    qnt_status status = qnt_onnx_as_tensor(mp, n, x, last, &in);
    if (status || x->type == ONNX_FLOAT) {
        *id = in;
        return status;
    }
    const struct qnt_tensor *t = &mp->model->tensor[in];
    if (t->type != QNT_S8)
        return qnt_onnx_cast(mp, n, in, ONNX_FLOAT, id);
    if (t->scale[0] != 1.0f || t->zero != own.zero)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                             "input '%s' means scale %.9g and zero point %d elsewhere, expected plain numbers", x->name,
                             (double)t->scale[0], t->zero);
    return qnt_onnx_emit(mp, n, "dequantize", NULL, &in, 1, n->out[0], NULL, id);
}

/* Floats rounded and saturated to an integer type, as a tensor of plain numbers. */
qnt_status qnt_onnx_to_ints(struct onnx_mapper *mp, const struct onnx_node *n, int32_t type, int in, int *id)
{
    const struct onnx_quant q = qnt_onnx_number_quant(type);
    const struct qnt_tensor t = qnt_onnx_code_tensor(&q);
    int64_t lo, hi;
    qnt_onnx_int_range(type, &lo, &hi);
    const qnt_node_attr attr = {.lo = (float)lo, .hi = (float)hi};
    qnt_status status = QNT_OK;
    if (onnx_type_bits(type) < 8)
        status = qnt_onnx_emit(mp, n, "clamp", &attr, &in, 1, n->out[0], NULL, &in);
    if (status)
        return status;
    if (onnx_type_bits(type) <= 8)
        return qnt_onnx_emit(mp, n, "quantize", NULL, &in, 1, n->out[0], &t, id);
    if ((status = qnt_onnx_emit(mp, n, "round", NULL, &in, 1, n->out[0], NULL, &in)) ||
        (status = qnt_onnx_emit(mp, n, "clamp", &attr, &in, 1, n->out[0], NULL, &in)))
        return status;
    return qnt_onnx_cast(mp, n, in, type, id);
}
