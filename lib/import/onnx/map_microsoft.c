/* com.microsoft: operations on codes whose scales are inputs; they are what DequantizeLinear, the operation and
 * QuantizeLinear together say. */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/maps.h"

/* Input k, codes whose scale and zero point follow it, as floats by meaning. */
static qnt_status meant_in(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, struct onnx_value *v)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, k);
    struct onnx_quant q;
    qnt_status status;
    if (!x)
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "input %zu is left out", k);
    if (x->kind == ONNX_CONSTANT)
        status = qnt_onnx_quant(mp, n, k + 1, x->type, &x->shape, -1, 0, &q);
    else
        status = qnt_onnx_code_in(mp, n, k, k + 1, &x, &q);
    if (status)
        return status;
    if (!qnt_onnx_is_plain(&q))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "input '%s' is %s with %zu scales, expected int8 or uint8 and one",
                             x->name, qnt_onnx_type_name(x->type), q.n);
    *v = (struct onnx_value){.name = x->name, .kind = x->kind, .type = ONNX_FLOAT, .shape = x->shape, .id = {-1, -1}};
    v->codes = x;
    v->quant = q;
    return QNT_OK;
}

/* The node's own output is the QuantizeLinear behind it. */
static qnt_status meant_out(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, struct onnx_after *after)
{
    *after = (struct onnx_after){.lo = -INFINITY, .hi = INFINITY, .last = n};
    return qnt_onnx_code_out(mp, n, k, &after->quant);
}

/* a, its scale and zero point, b, its, and the result's. */
qnt_status qnt_onnx_map_qlinearpair(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value a, b;
    struct onnx_after after;
    qnt_status status = meant_in(mp, n, 0, &a);
    if (status || (status = meant_in(mp, n, 3, &b)) || (status = meant_out(mp, n, 6, &after)))
        return status;
    return qnt_onnx_pair_codes(mp, n, strcmp(n->op, "QLinearAdd") ? "mul" : "add", &a, &b, &after);
}

qnt_status qnt_onnx_map_qlinearpool(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const bool global = !strcmp(n->op, "QLinearGlobalAveragePool");
    struct onnx_value x = {0};
    struct onnx_after after;
    struct onnx_shape s;
    int id;
    qnt_status status = meant_in(mp, n, 0, &x);
    if (status || (status = meant_out(mp, n, 3, &after)))
        return status;
    if (qnt_onnx_attr_int(n, "channels_last", 0) || x.kind == ONNX_CONSTANT)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "channels_last, or a constant input, which are not supported");
    const struct qnt_tensor t = qnt_onnx_code_tensor(&after.quant);
    status = global ? qnt_onnx_pool_all(mp, n, "global_avgpool", x.codes, &t, &id, &s)
                    : qnt_onnx_pool(mp, n, "avgpool", x.codes, &t, &id, &s);
    return status ? status : qnt_onnx_after_result(mp, &after, &s, true, id);
}

qnt_status qnt_onnx_map_qlinearfunction(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const bool leaky = !strcmp(n->op, "QLinearLeakyRelu");
    const qnt_node_attr attr = {.lo = leaky ? qnt_onnx_attr_float(n, "alpha", 0.01f) : 0.0f};
    struct onnx_value x = {0};
    struct onnx_after after;
    qnt_status status = meant_in(mp, n, 0, &x);
    if (status || (status = meant_out(mp, n, 3, &after)))
        return status;
    return qnt_onnx_function_codes(mp, n, leaky ? "leaky_relu" : "sigmoid", &attr, x.codes, &after);
}

/* The result's scale and zero point, then each part with its own. */
qnt_status qnt_onnx_map_qlinearconcat(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value part[QNT_MAX_INPUTS];
    struct onnx_after after;
    struct onnx_shape s = {0};
    const size_t count = n->n_in < 2 ? 0 : (n->n_in - 2) / 3;
    int in[QNT_MAX_INPUTS], id;
    uint32_t axis = 0;
    bool last = false;
    if (count < 1 || count > QNT_MAX_INPUTS || n->n_in != 2 + 3 * count)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "%zu inputs, expected 2 and 3 each for 1 to %d parts", n->n_in,
                             QNT_MAX_INPUTS);
    qnt_status status = meant_out(mp, n, 0, &after);
    for (size_t k = 0; k < count && !status; k++) {
        status = meant_in(mp, n, 2 + 3 * k, &part[k]);
        if (!status && !k)
            status = qnt_onnx_axis(n, qnt_onnx_attr_int(n, "axis", 1), part[0].shape.rank, false, &axis);
        if (!status && part[k].shape.rank != part[0].shape.rank)
            status = qnt_onnx_fail(QNT_ERR_SHAPE, n, "parts of %u and %u dimensions", part[0].shape.rank,
                                   part[k].shape.rank);
        last = last || (!status && qnt_onnx_is_last(&part[k]));
    }
    for (size_t k = 0; k < count && !status; k++) {
        const size_t extent = s.dim[axis];
        s = part[0].shape;
        s.dim[axis] = (k ? extent : 0) + part[k].shape.dim[axis];
        status = qnt_onnx_as_tensor(mp, n, part[k].codes, last, &in[k]);
    }
    if (status)
        return status;
    const int at = qnt_onnx_stored_axis(mp, s.rank, last, axis);
    const qnt_node_attr attr = {.axis = {(uint32_t)(at < 0 ? 0 : at)}};
    const struct qnt_tensor t = qnt_onnx_code_tensor(&after.quant);
    if (at < 0)
        return qnt_onnx_touches(n);
    if ((status = qnt_onnx_emit(mp, n, "concat", &attr, in, count, n->out[0], &t, &id)))
        return status;
    return qnt_onnx_after_result(mp, &after, &s, last, id);
}
