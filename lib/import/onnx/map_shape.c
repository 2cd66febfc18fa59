/* Other shapes and orders of the same elements: Identity, Dropout, Reshape, Flatten, Squeeze, Unsqueeze, Transpose. */
#include <string.h>
#include "lib/import/onnx/maps.h"

qnt_status qnt_onnx_map_identity(struct onnx_mapper *mp, const struct onnx_node *n)
{
    qnt_onnx_alias(mp, n, 0, qnt_onnx_in(mp, n, 0));
    return QNT_OK;
}

/* For inference the same as Identity; its mask is asked for in training only. */
qnt_status qnt_onnx_map_dropout(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *training;
    const struct onnx_value *mask = qnt_onnx_out(mp, n, 1);
    bool asked = (mp->g->opset < 7 && !qnt_onnx_attr_int(n, "is_test", 0)) || (mask && (mask->readers || mask->given));
    if (qnt_onnx_in(mp, n, 2)) {
        const qnt_status status = qnt_onnx_constant(mp, n, 2, "training_mode", &training);
        const int64_t *flag = status ? NULL : qnt_onnx_ints(mp, training);
        if (!flag)
            return status ? status : mp->lost;
        if (qnt_onnx_count(&training->shape) != 1)
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "training_mode '%s' is no scalar", training->name);
        asked = asked || *flag;
    }
    if (asked)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "training, or its mask, is asked for, expected inference");
    return qnt_onnx_map_identity(mp, n);
}

/* dims: 0 is the input's (unless allowzero), -1 what is left. */
qnt_status qnt_onnx_reshape_shape(const struct onnx_node *n, const struct onnx_shape *x, const int64_t *dims,
                                  size_t rank, struct onnx_shape *s)
{
    const bool zeros = qnt_onnx_attr_int(n, "allowzero", 0) != 0;
    const size_t count = qnt_onnx_count(x);
    size_t known = 1;
    int open = -1;
    char text[ONNX_SHAPE_TEXT];
    if (rank > ONNX_MAX_RANK)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "the new shape has %zu dimensions, expected at most %d", rank,
                             ONNX_MAX_RANK);
    *s = (struct onnx_shape){.rank = (uint32_t)rank};
    for (uint32_t d = 0; d < rank; d++) {
        const bool copied = !dims[d] && !zeros;
        if (dims[d] < -1 || (copied && d >= x->rank) || (dims[d] == -1 && open >= 0))
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "dimension %u of the new shape is %lld", d, (long long)dims[d]);
        if (dims[d] == -1)
            open = (int)d;
        s->dim[d] = copied ? x->dim[d] : dims[d] < 0 ? 1 : (size_t)dims[d];
        if (qnt_mul_overflows(known, s->dim[d], &known))
            return qnt_onnx_fail(QNT_ERR_RANGE, n, "the new shape has too many elements");
    }
    if (open >= 0 && known && count % known == 0) {
        s->dim[open] = count / known;
        known = count;
    }
    if (known != count)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "the new shape has %zu elements, expected those of %s", known,
                             qnt_onnx_shape_text(x, text));
    return QNT_OK;
}

/* The new shape of Reshape, Flatten, Squeeze, Unsqueeze. */
qnt_status qnt_onnx_new_shape(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_shape *x,
                              struct onnx_shape *s)
{
    const struct onnx_attr *a = qnt_onnx_attr(n, "shape");
    struct onnx_value *v;
    qnt_status status;
    uint32_t axis, set;
    if (!strcmp(n->op, "Reshape")) {
        if (a)
            return qnt_onnx_reshape_shape(n, x, a->ints, a->n, s);
        if ((status = qnt_onnx_constant(mp, n, 1, "the new shape", &v)))
            return status;
        const int64_t *dims = qnt_onnx_ints(mp, v);
        return dims ? qnt_onnx_reshape_shape(n, x, dims, qnt_onnx_count(&v->shape), s) : mp->lost;
    }
    if (!strcmp(n->op, "Flatten")) {
        if ((status = qnt_onnx_axis(n, qnt_onnx_attr_int(n, "axis", 1), x->rank, true, &axis)))
            return status;
        *s = (struct onnx_shape){2, {1, 1}};
        for (uint32_t d = 0; d < x->rank; d++)
            s->dim[d >= axis] *= x->dim[d];
        return QNT_OK;
    }
    const bool more = !strcmp(n->op, "Unsqueeze");
    *s = (struct onnx_shape){0};
    if (more) {
        struct onnx_value *axes = qnt_onnx_in(mp, n, 1);
        a = qnt_onnx_attr(n, "axes");
        if (axes && axes->kind != ONNX_CONSTANT)
            return qnt_onnx_constant(mp, n, 1, "axes", &axes);
        s->rank = x->rank + (uint32_t)(a ? a->n : axes ? qnt_onnx_count(&axes->shape) : 0);
        if (s->rank > ONNX_MAX_RANK)
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "%u dimensions, expected at most %d", s->rank, ONNX_MAX_RANK);
    }
    if ((status = qnt_onnx_axes(mp, n, "axes", 1, more ? s->rank : x->rank, &set)))
        return status;
    for (uint32_t d = 0, from = 0; more && d < s->rank; d++)
        s->dim[d] = set >> d & 1 ? 1 : x->dim[from++];
    for (uint32_t d = 0; !more && d < x->rank; d++) {
        const bool gone = set ? set >> d & 1 : x->dim[d] == 1;
        if (gone && x->dim[d] != 1)
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "dimension %u is %zu, expected 1", d, x->dim[d]);
        if (!gone)
            s->dim[s->rank++] = x->dim[d];
    }
    return QNT_OK;
}

qnt_status qnt_onnx_map_reshape(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    struct onnx_shape s;
    qnt_status status = qnt_onnx_new_shape(mp, n, &x->shape, &s);
    if (!status && x->batch)
        return qnt_onnx_batch_reshape(mp, n, &s);
    return status ? status : qnt_onnx_reshaped(mp, n, &s);
}

qnt_status qnt_onnx_perm(const struct onnx_node *n, uint32_t rank, uint32_t perm[ONNX_MAX_RANK])
{
    const struct onnx_attr *a = qnt_onnx_attr(n, "perm");
    uint32_t seen = 0;
    if (a && a->n != rank)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "perm has %zu numbers, expected %u", a->n, rank);
    for (uint32_t d = 0; d < rank; d++) {
        qnt_status status = qnt_onnx_axis(n, a ? a->ints[d] : rank - 1 - d, rank, false, &perm[d]);
        if (status)
            return status;
        seen |= 1u << perm[d];
    }
    return seen == (1u << rank) - 1 ? QNT_OK : qnt_onnx_fail(QNT_ERR_SHAPE, n, "perm does not have each axis once");
}

/* The order of x's tensor that gives the result in its `last` layout; true: nothing moves. */
static bool order_for(const struct onnx_mapper *mp, uint32_t rank, bool x_last, bool last, const uint32_t *perm,
                      uint32_t axis[QNT_MAX_RANK])
{
    bool same = true;
    for (uint32_t d = mp->whole ? 0 : 1; d < rank; d++) {
        const int to = qnt_onnx_stored_axis(mp, rank, last, d), from = qnt_onnx_stored_axis(mp, rank, x_last, perm[d]);
        if (to >= QNT_MAX_RANK)
            return false;
        axis[to] = (uint32_t)from;
        same = same && to == from;
    }
    return same;
}

qnt_status qnt_onnx_map_transpose(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x;
    struct onnx_shape s;
    uint32_t perm[ONNX_MAX_RANK];
    qnt_node_attr attr = {0};
    int id;
    qnt_status status = qnt_onnx_moved_in(mp, n, 0, &x);
    if (status || (status = qnt_onnx_perm(n, x->shape.rank, perm)))
        return status;
    if (!mp->whole && !x->shape.rank)
        return qnt_onnx_touches(n);
    if (!mp->whole && (x->batch || perm[0]))
        return qnt_onnx_batch_transpose(mp, n, perm);
    s = x->shape;
    for (uint32_t d = 0; d < s.rank; d++)
        s.dim[d] = x->shape.dim[perm[d]];
    const bool from = qnt_onnx_is_last(x);
    if ((status = qnt_onnx_as_tensor(mp, n, x, from, &id)))
        return status;
    for (int last = 0; last < 2; last++)
        if (order_for(mp, s.rank, from, last, perm, attr.axis))
            return qnt_onnx_moved(mp, n, 0, 0, &s, last, id);
    order_for(mp, s.rank, from, false, perm, attr.axis);
    if ((status = qnt_onnx_emit(mp, n, "transpose", &attr, &id, 1, n->out[0], NULL, &id)))
        return status;
    return qnt_onnx_moved(mp, n, 0, 0, &s, false, id);
}
