/* BatchNormalization, LayerNormalization, Softmax, LogSoftmax. */
#include <string.h>
#include "lib/import/onnx/maps.h"

/* x, scale, bias, mean, variance; in training form it would change its own parameters. */
qnt_status qnt_onnx_map_batchnorm(struct onnx_mapper *mp, const struct onnx_node *n)
{
    qnt_node_attr attr = {.epsilon = qnt_onnx_attr_float(n, "epsilon", 1e-5f)};
    struct onnx_value *x;
    int in[5], id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status)
        return status;
    bool training =
        qnt_onnx_attr_int(n, "training_mode", 0) || (mp->g->opset < 7 && !qnt_onnx_attr_int(n, "is_test", 0));
    for (size_t k = 1; k < 5; k++)
        training =
            training || (qnt_onnx_out(mp, n, k) && (qnt_onnx_out(mp, n, k)->readers || qnt_onnx_out(mp, n, k)->given));
    if (training || !qnt_onnx_attr_int(n, "spatial", 1))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                             "the form for training, or spatial 0, expected that for inference");
    if (x->shape.rank < 2)
        return qnt_onnx_touches(n);
    for (size_t k = 1; k < 5; k++) {
        static const char *const what[] = {"scale", "bias", "mean", "variance"};
        const struct onnx_shape channels = {1, {x->shape.dim[1]}};
        struct onnx_value *v;
        if ((status = qnt_onnx_constant(mp, n, k, what[k - 1], &v)))
            return status;
        const float *data = qnt_onnx_floats(mp, v);
        if (qnt_onnx_count(&v->shape) != channels.dim[0] || !data)
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "%s '%s' has %zu elements, expected %zu", what[k - 1], v->name,
                                 qnt_onnx_count(&v->shape), channels.dim[0]);
        if ((status = qnt_onnx_emit_floats(mp, &channels, data, v->name, &in[k])))
            return status;
    }
    if ((status = qnt_onnx_as_tensor(mp, n, x, true, &in[0])) ||
        (status = qnt_onnx_emit(mp, n, "batchnorm", &attr, in, 5, n->out[0], NULL, &id)))
        return status;
    return qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &x->shape, true, id);
}

/* A factor or summand over the last dimensions of x, from `axis` on. */
static qnt_status over_last(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, const char *what,
                            const struct onnx_shape *x, uint32_t axis, int *id)
{
    struct onnx_shape s = {.rank = x->rank - axis};
    struct onnx_value *v;
    char found[ONNX_SHAPE_TEXT], expected[ONNX_SHAPE_TEXT];
    qnt_status status = qnt_onnx_constant(mp, n, k, what, &v);
    if (status)
        return status;
    memcpy(s.dim, x->dim + axis, s.rank * sizeof *s.dim);
    const float *data = qnt_onnx_floats(mp, v);
    if (!data)
        return QNT_ERR_NOMEM;
    if (qnt_onnx_count(&v->shape) != qnt_onnx_count(&s))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "%s '%s' is %s, expected %s", what, v->name,
                             qnt_onnx_shape_text(&v->shape, found), qnt_onnx_shape_text(&s, expected));
    return qnt_onnx_emit_floats(mp, &s, data, v->name, id);
}

/* x, scale[, bias]; what else it can give are parts of its own computation. */
qnt_status qnt_onnx_map_layernorm(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const bool bias = qnt_onnx_in(mp, n, 2) != NULL;
    struct onnx_value *x;
    uint32_t axis;
    int in[3], id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status || (status = qnt_onnx_axis(n, qnt_onnx_attr_int(n, "axis", -1), x->shape.rank, false, &axis)))
        return status;
    for (size_t k = 1; k < 3; k++)
        if (qnt_onnx_out(mp, n, k) && (qnt_onnx_out(mp, n, k)->readers || qnt_onnx_out(mp, n, k)->given))
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "output '%s' is asked for, which is not supported", n->out[k]);
    if (!mp->whole && !axis)
        return qnt_onnx_touches(n);
    const qnt_node_attr attr = {.axis = {x->shape.rank - 1 - axis},
                                .epsilon = qnt_onnx_attr_float(n, "epsilon", 1e-5f)};
    if ((status = qnt_onnx_as_tensor(mp, n, x, false, &in[0])) ||
        (status = over_last(mp, n, 1, "scale", &x->shape, axis, &in[1])) ||
        (bias && (status = over_last(mp, n, 2, "bias", &x->shape, axis, &in[2]))) ||
        (status = qnt_onnx_emit(mp, n, "layer_norm", &attr, in, bias ? 3 : 2, n->out[0], NULL, &id)))
        return status;
    return qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &x->shape, false, id);
}

/* Before opset 13 all dimensions from the axis on are one. */
static qnt_status flat_softmax(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, struct onnx_value *x,
                               uint32_t axis, int *id)
{
    const struct onnx_shape stored = qnt_onnx_stored(mp, &x->shape, false);
    struct onnx_shape flat = {.rank = 2, .dim = {1, 1}};
    if (!mp->whole && !axis)
        return qnt_onnx_touches(n);
    for (uint32_t d = mp->whole ? 0 : 1; d < x->shape.rank; d++)
        flat.dim[d >= axis] *= x->shape.dim[d];
    qnt_status status = qnt_onnx_as_tensor(mp, n, x, false, id);
    if (status || (status = qnt_onnx_emit_reshape(mp, n, *id, &flat, x->name, id)) ||
        (status = qnt_onnx_emit(mp, n, op, NULL, id, 1, n->out[0], NULL, id)))
        return status;
    return qnt_onnx_emit_reshape(mp, n, *id, &stored, n->out[0], id);
}

qnt_status qnt_onnx_map_softmax(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const char *op = strcmp(n->op, "Softmax") ? "log_softmax" : "softmax";
    const bool early = mp->g->opset < 13;
    struct onnx_value *x;
    uint32_t axis;
    int id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status ||
        (status = qnt_onnx_axis(n, qnt_onnx_attr_int(n, "axis", early ? 1 : -1), x->shape.rank, false, &axis)))
        return status;
    const bool last = qnt_onnx_is_last(x) && !early;
    if (early && axis + 1 < x->shape.rank) {
        status = flat_softmax(mp, n, op, x, axis, &id);
        return status ? status : qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &x->shape, false, id);
    }
    const int at = qnt_onnx_stored_axis(mp, x->shape.rank, last, axis);
    if (at < 0)
        return qnt_onnx_touches(n);
    if ((status = qnt_onnx_as_tensor(mp, n, x, last, &id)))
        return status;
    const qnt_node_attr attr = {.axis = {mp->model->tensor[id].rank - 1 - (uint32_t)at}};
    if ((status = qnt_onnx_emit(mp, n, op, &attr, &id, 1, n->out[0], NULL, &id)))
        return status;
    return qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &x->shape, last, id);
}
