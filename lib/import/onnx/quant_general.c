/* Scales per axis or block, codes that are not 8 bits wide, and integers that mean themselves: tensors without a scale,
 * and the model's quantize_by, dequantize_by and cast. */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/maps.h"

/* Shape of q's scales with x's rank; by block: places of the axis that share one. */
static struct onnx_shape scale_shape(const struct onnx_quant *q, const struct onnx_shape *x)
{
    struct onnx_shape s = *x;
    for (uint32_t d = 0; d < s.rank; d++)
        if (!q->block)
            s.dim[d] = q->n > 1 && d == q->axis ? x->dim[d] : 1;
        else if (d == q->axis)
            s.dim[d] = (x->dim[d] + q->block - 1) / q->block;
    return s;
}

/* The scales and, where one is not 0, zero points as constants in[1] and in[2]. */
static qnt_status parameters(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_quant *q,
                             const struct onnx_shape *x, bool last, int in[3], size_t *n_in)
{
    const struct onnx_shape s = scale_shape(q, x);
    struct onnx_value v = {.name = (char *)(uintptr_t)n->in[1], .kind = ONNX_CONSTANT, .type = ONNX_FLOAT, .shape = s};
    int32_t *zero = qnt_onnx_alloc(mp, q->n, sizeof *zero, "zero points");
    bool any = false;
    v.data = q->scale;
    *n_in = 2;
    qnt_status status = zero ? qnt_onnx_spread_const(mp, n, &v, s.rank, last, &in[1]) : QNT_ERR_NOMEM;
    for (size_t i = 0; i < q->n && !status; i++) {
        any = any || q->zero[i];
        zero[i] = (int32_t)q->zero[i];
    }
    if (status || !any)
        return status;
    *n_in = 3;
    v.type = ONNX_INT32;
    v.data = zero;
    return qnt_onnx_spread_ints(mp, n, &v, s.rank, last, &in[2]);
}

/* Blocks and axes must not cut the batch. */
static qnt_status check_batch(const struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_quant *q)
{
    return !mp->whole && q->n > 1 && (q->block || !q->axis) ? qnt_onnx_touches(n) : QNT_OK;
}

static qnt_node_attr attributes(const struct onnx_mapper *mp, const struct onnx_quant *q, const struct onnx_shape *x,
                                bool last)
{
    qnt_node_attr attr = {0};
    const int at = qnt_onnx_stored_axis(mp, x->rank, last, q->axis);
    if (q->block && at >= 0 && at < QNT_MAX_RANK)
        attr.dim[at] = q->block;
    return attr;
}

qnt_status qnt_onnx_dequantize_general(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x,
                                       const struct onnx_quant *q)
{
    const bool last = qnt_onnx_is_last(x);
    const qnt_node_attr attr = attributes(mp, q, &x->shape, last);
    int in[3], id;
    size_t n_in;
    qnt_status status = check_batch(mp, n, q);
    if (status || (status = qnt_onnx_integers(mp, n, x, last, &in[0])) ||
        (status = parameters(mp, n, q, &x->shape, last, in, &n_in)) ||
        (status = qnt_onnx_emit(mp, n, "dequantize_by", &attr, in, n_in, n->out[0], NULL, &id)))
        return status;
    return qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &x->shape, last, id);
}

qnt_status qnt_onnx_quantize_general(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x,
                                     const struct onnx_quant *q)
{
    const bool last = qnt_onnx_is_last(x);
    qnt_node_attr attr = attributes(mp, q, &x->shape, last);
    struct qnt_tensor t = {0};
    int64_t lo, hi;
    int in[3], id;
    size_t n_in;
    qnt_status status = check_batch(mp, n, q);
    if (status || (status = qnt_onnx_integer_type(n, q->type, &t)))
        return status;
    qnt_onnx_int_range(q->type, &lo, &hi);
    attr.lo = (float)lo;
    attr.hi = (float)hi;
    if ((status = qnt_onnx_as_tensor(mp, n, x, last, &in[0])) ||
        (status = parameters(mp, n, q, &x->shape, last, in, &n_in)) ||
        (status = qnt_onnx_emit(mp, n, "quantize_by", &attr, in, n_in, n->out[0], &t, &id)))
        return status;
    return qnt_onnx_result(mp, n, 0, q->type, &x->shape, last, id);
}

qnt_status qnt_onnx_integer_type(const struct onnx_node *n, int32_t type, struct qnt_tensor *t)
{
    *t = (struct qnt_tensor){0};
    if (qnt_onnx_dtype(type, &t->type, &t->bits))
        return QNT_OK;
    return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "%s, which activations cannot be", qnt_onnx_type_name(type));
}

qnt_status qnt_onnx_integers(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x, bool last,
                             int *id)
{
    qnt_status status = qnt_onnx_as_tensor(mp, n, x, last, id);
    if (status)
        return status;
    const struct qnt_tensor *t = &mp->model->tensor[*id];
    if (t->scales)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                             "input '%s' means scale %.9g and zero point %d elsewhere, expected integers as they are",
                             x->name, (double)t->scale[0], t->zero);
    return QNT_OK;
}

/* Floats rounded and saturated to an integer type. */
qnt_status qnt_onnx_to_ints(struct onnx_mapper *mp, const struct onnx_node *n, int32_t type, int in, int *id)
{
    int64_t lo, hi;
    qnt_onnx_int_range(type, &lo, &hi);
    const qnt_node_attr attr = {.lo = (float)lo, .hi = (float)hi};
    qnt_status status = qnt_onnx_emit(mp, n, "round", NULL, &in, 1, n->out[0], NULL, &in);
    if (status || (status = qnt_onnx_emit(mp, n, "clamp", &attr, &in, 1, n->out[0], NULL, &in)))
        return status;
    return qnt_onnx_cast(mp, n, in, type, id);
}
