/* Gather with constant places, Expand, Shape and Size. */
#include <string.h>
#include "lib/import/onnx/maps.h"

/* The places of dimension `axis` as a constant of s32. */
static qnt_status places(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *v, int *id)
{
    const int64_t *from = qnt_onnx_ints(mp, v);
    const size_t count = qnt_onnx_count(&v->shape);
    struct qnt_tensor t = {.type = QNT_S32, .bits = 32, .rank = v->shape.rank ? v->shape.rank : 1, .dim = {1}};
    int32_t *to = qnt_onnx_alloc(mp, count, sizeof *to, v->name);
    if (!from || !to || v->shape.rank > QNT_MAX_RANK)
        return from && to ? qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "places of %u dimensions, expected at most %d",
                                          v->shape.rank, QNT_MAX_RANK)
                          : mp->lost;
    for (size_t i = 0; i < count; i++) {
        if (from[i] < INT32_MIN || from[i] > INT32_MAX)
            return qnt_onnx_fail(QNT_ERR_RANGE, n, "place %lld is no index", (long long)from[i]);
        to[i] = (int32_t)from[i];
    }
    memcpy(t.dim, v->shape.dim, v->shape.rank * sizeof *t.dim);
    t.data = to;
    return qnt_onnx_emit_const(mp, &t, v->name, id);
}

qnt_status qnt_onnx_map_gather(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x, *index;
    struct onnx_shape s = {0};
    uint32_t axis;
    int in[2], id;
    qnt_status status = qnt_onnx_moved_in(mp, n, 0, &x);
    if (status || (status = qnt_onnx_constant(mp, n, 1, "places", &index)) ||
        (status = qnt_onnx_axis(n, qnt_onnx_attr_int(n, "axis", 0), x->shape.rank, false, &axis)))
        return status;
    if (x->shape.rank - 1 + index->shape.rank > ONNX_MAX_RANK)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "more than %d dimensions", ONNX_MAX_RANK);
    for (uint32_t d = 0; d < x->shape.rank; d++)
        if (d != axis)
            s.dim[s.rank++] = x->shape.dim[d];
        else
            for (uint32_t e = 0; e < index->shape.rank; e++)
                s.dim[s.rank++] = index->shape.dim[e];
    const int at = qnt_onnx_stored_axis(mp, x->shape.rank, false, axis);
    if (at < 0)
        return qnt_onnx_touches(n);
    const qnt_node_attr attr = {.axis = {(uint32_t)at}};
    const struct onnx_shape stored = qnt_onnx_stored(mp, &s, false);
    if ((status = qnt_onnx_as_tensor(mp, n, x, false, &in[0])) || (status = places(mp, n, index, &in[1])) ||
        (status = qnt_onnx_emit(mp, n, "gather", &attr, in, 2, n->out[0], NULL, &id)) ||
        (status = qnt_onnx_emit_reshape(mp, n, id, &stored, n->out[0], &id)))
        return status;
    return qnt_onnx_moved(mp, n, 0, 0, &s, false, id);
}

/* Times ones of the shape asked for. */
qnt_status qnt_onnx_map_expand(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x, *shape;
    struct onnx_value ones = {.kind = ONNX_CONSTANT, .type = ONNX_FLOAT};
    struct onnx_shape s;
    int in[2], id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status || (status = qnt_onnx_constant(mp, n, 1, "shape", &shape)))
        return status;
    const int64_t *dim = qnt_onnx_ints(mp, shape);
    ones.name = n->out[0] ? (char *)(uintptr_t)n->out[0] : x->name;
    ones.shape.rank = (uint32_t)qnt_onnx_count(&shape->shape);
    if (!dim || ones.shape.rank > ONNX_MAX_RANK)
        return dim ? qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "more than %d dimensions", ONNX_MAX_RANK) : mp->lost;
    size_t count = 1;
    for (uint32_t d = 0; d < ones.shape.rank; d++) {
        const bool batch = !mp->whole && !d && ones.shape.rank == x->shape.rank && (size_t)dim[d] == mp->batch;
        ones.shape.dim[d] = batch ? 1 : (size_t)dim[d];
        if (dim[d] < 1 || qnt_mul_overflows(count, ones.shape.dim[d], &count) || count > QNT_ONNX_MOST_FOLDED)
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "dimension %u becomes %lld", d, (long long)dim[d]);
    }
    if ((status = qnt_onnx_broadcast(n, &x->shape, &ones.shape, &s)))
        return status;
    float *data = qnt_onnx_alloc(mp, count, sizeof *data, "ones");
    if (!data)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        data[i] = 1.0f;
    ones.data = data;
    if (!mp->whole && x->shape.rank != s.rank)
        return qnt_onnx_touches(n);
    const bool last = qnt_onnx_is_last(x) && x->shape.rank == s.rank;
    if ((status = qnt_onnx_as_tensor(mp, n, x, last, &in[0])) ||
        (status = qnt_onnx_spread_const(mp, n, &ones, s.rank, last, &in[1])) ||
        (status = qnt_onnx_emit(mp, n, "mul", NULL, in, 2, n->out[0], NULL, &id)))
        return status;
    return qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &s, last, id);
}

/* Known from the shape alone, which an open batch is in as the size assumed for it. */
qnt_status qnt_onnx_fold_shape(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    const int64_t rank = x->shape.rank;
    int64_t from = qnt_onnx_attr_int(n, "start", 0), to = qnt_onnx_attr_int(n, "end", rank);
    void *data;
    from = from < 0 ? (from + rank < 0 ? 0 : from + rank) : from > rank ? rank : from;
    to = to < 0 ? to + rank : to > rank ? rank : to;
    const struct onnx_shape s = {1, {to > from ? (size_t)(to - from) : 0}}, one = {0};
    const bool size = !strcmp(n->op, "Size");
    qnt_status status = qnt_onnx_give(mp, n, 0, ONNX_INT64, size ? &one : &s, &data);
    if (status)
        return status;
    if (size)
        *(int64_t *)data = (int64_t)qnt_onnx_count(&x->shape);
    for (size_t i = 0; !size && i < s.dim[0]; i++)
        ((int64_t *)data)[i] = (int64_t)x->shape.dim[(size_t)from + i];
    return QNT_OK;
}

qnt_status qnt_onnx_map_shape(struct onnx_mapper *mp, const struct onnx_node *n)
{
    return qnt_onnx_fold_shape(mp, n);
}
