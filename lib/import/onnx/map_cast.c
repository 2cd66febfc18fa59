/* Cast and CastLike of activations. */
#include <string.h>
#include "lib/import/onnx/maps.h"

qnt_status qnt_onnx_cast(struct onnx_mapper *mp, const struct onnx_node *n, int in, int32_t type, int *id)
{
    const uint32_t bits = qnt_onnx_type_bits(type);
    const qnt_node_attr attr = {.mode = bits < 8 && type != ONNX_BOOL ? bits : 0};
    struct qnt_tensor t;
    qnt_status status = qnt_onnx_integer_type(n, type, &t);
    return status ? status : qnt_onnx_emit(mp, n, "cast", &attr, &in, 1, n->out[0], &t, id);
}

/* Types whose elements are stored alike, and of which one holds all of the other. */
static bool stored_alike(int32_t from, int32_t to)
{
    qnt_dtype type[2];
    uint32_t bits[2];
    int64_t lo[2], hi[2];
    qnt_onnx_int_range(from, &lo[0], &hi[0]);
    qnt_onnx_int_range(to, &lo[1], &hi[1]);
    return from != ONNX_FLOAT && to != ONNX_FLOAT && qnt_onnx_dtype(from, &type[0], &bits[0]) &&
           qnt_onnx_dtype(to, &type[1], &bits[1]) && type[0] == type[1] && lo[0] >= lo[1] && hi[0] <= hi[1];
}

qnt_status qnt_onnx_map_cast(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    const struct onnx_value *like = qnt_onnx_in(mp, n, 1);
    const int32_t type = like ? like->type : (int32_t)qnt_onnx_attr_int(n, "to", 0);
    int id;
    if (type == x->type) {
        qnt_onnx_alias(mp, n, 0, x);
        return QNT_OK;
    }
    if (x->kind == ONNX_CONSTANT)
        return qnt_onnx_fold_as(mp, n, type);
    const bool last = qnt_onnx_is_last(x);
    qnt_status status =
        x->type == ONNX_FLOAT ? qnt_onnx_as_tensor(mp, n, x, last, &id) : qnt_onnx_integers(mp, n, x, last, &id);
    if (!status && !stored_alike(x->type, type))
        status = qnt_onnx_cast(mp, n, id, type, &id);
    return status ? status : qnt_onnx_result(mp, n, 0, type, &x->shape, last, id);
}

/* The place of the greatest; of equal ones the first or the last. */
qnt_status qnt_onnx_map_argmax(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    const struct qnt_tensor t = {.type = QNT_S64, .bits = 64};
    struct onnx_shape s, kept;
    uint32_t axis;
    int id;
    if (x->codes)
        x = x->codes; /* order is that of the codes */
    qnt_status status = qnt_onnx_axis(n, qnt_onnx_attr_int(n, "axis", 0), x->shape.rank, false, &axis);
    if (status || (status = qnt_onnx_as_tensor(mp, n, x, false, &id)))
        return status;
    const int at = qnt_onnx_stored_axis(mp, x->shape.rank, false, axis);
    if (at < 0)
        return qnt_onnx_touches(n);
    const qnt_node_attr attr = {.axis = {mp->model->tensor[id].rank - 1 - (uint32_t)at},
                                .mode = qnt_onnx_attr_int(n, "select_last_index", 0) != 0};
    kept = x->shape;
    kept.dim[axis] = 1;
    s = kept;
    if (!qnt_onnx_attr_int(n, "keepdims", 1)) {
        s.rank--;
        for (uint32_t d = axis; d < s.rank; d++)
            s.dim[d] = kept.dim[d + 1];
    }
    const struct onnx_shape stored = qnt_onnx_stored(mp, &s, false);
    if ((status = qnt_onnx_emit(mp, n, "argmax", &attr, &id, 1, n->out[0], &t, &id)) ||
        (status = qnt_onnx_emit_reshape(mp, n, id, &stored, n->out[0], &id)))
        return status;
    return qnt_onnx_result(mp, n, 0, ONNX_INT64, &s, false, id);
}
