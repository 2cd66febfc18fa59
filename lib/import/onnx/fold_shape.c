/* Constants in other shapes and orders, and side by side; what shapes are made of. */
#include <string.h>
#include "lib/import/onnx/maps.h"

/* A constant's own elements, not what a DequantizeLinear says that they mean. */
qnt_status qnt_onnx_plain_data(struct onnx_mapper *mp, const struct onnx_node *n, size_t k)
{
    struct onnx_value *v = qnt_onnx_in(mp, n, k);
    if (!v)
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "input %zu is left out", k);
    if (v->codes && !v->data && !(v->data = qnt_onnx_floats(mp, v)))
        return QNT_ERR_NOMEM;
    return QNT_OK;
}

qnt_status qnt_onnx_fold_identity(struct onnx_mapper *mp, const struct onnx_node *n)
{
    qnt_onnx_alias(mp, n, 0, qnt_onnx_in(mp, n, 0));
    return QNT_OK;
}

qnt_status qnt_onnx_fold_constant(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const struct onnx_attr *a = n->n_attr == 1 ? &n->attr[0] : NULL;
    struct onnx_value *v = qnt_onnx_out(mp, n, 0);
    void *to;
    if (!a)
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "%zu values, expected one", n->n_attr);
    if (a->kind == ONNX_ATTR_TENSOR)
        return v ? qnt_onnx_set_tensor(mp, v, a->t) : QNT_OK;
    const bool list = a->kind == ONNX_ATTR_FLOATS || a->kind == ONNX_ATTR_INTS;
    const bool ints = a->kind == ONNX_ATTR_INTS || a->kind == ONNX_ATTR_INT;
    const struct onnx_shape s = {list, {a->n}};
    qnt_status status = qnt_onnx_give(mp, n, 0, ints ? ONNX_INT64 : ONNX_FLOAT, &s, &to);
    if (status)
        return status;
    const void *from = list ? (ints ? (const void *)a->ints : a->floats) : ints ? (const void *)&a->i : &a->f;
    memcpy(to, from, qnt_onnx_count(&s) * (ints ? sizeof(int64_t) : sizeof(float)));
    return QNT_OK;
}

/* Codes keep what they mean, where one scale serves all of them. */
qnt_status qnt_onnx_fold_reshape(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0), *y = qnt_onnx_out(mp, n, 0);
    struct onnx_shape s;
    qnt_status status = qnt_onnx_new_shape(mp, n, &x->shape, &s);
    if (status || !y)
        return status;
    if (x->codes && x->quant.n > 1 && (status = qnt_onnx_plain_data(mp, n, 0)))
        return status;
    qnt_onnx_alias(mp, n, 0, x);
    y->shape = s;
    if (x->codes && x->quant.n > 1)
        y->codes = NULL;
    if (!y->codes)
        return QNT_OK;
    if (!(y->codes = qnt_onnx_alloc(mp, 1, sizeof *y->codes, y->name)))
        return QNT_ERR_NOMEM;
    *y->codes = *x->codes;
    y->codes->shape = s;
    return QNT_OK;
}

static void transpose(const struct onnx_value *x, const struct onnx_shape *s, const uint32_t *perm, void *to)
{
    const size_t size = qnt_onnx_type_size(x->type);
    size_t stride[ONNX_MAX_RANK], all = 1;
    for (uint32_t d = s->rank; d-- > 0; all *= x->shape.dim[d])
        stride[d] = all;
    for (size_t i = 0; i < all; i++) {
        size_t rest = i, at = 0;
        for (uint32_t d = s->rank; d-- > 0; rest /= s->dim[d])
            at += rest % s->dim[d] * stride[perm[d]];
        memcpy((char *)to + i * size, (const char *)x->data + at * size, size);
    }
}

qnt_status qnt_onnx_fold_transpose(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0), *y = qnt_onnx_out(mp, n, 0), *codes;
    const bool keeps = x->codes && !x->quant.block;
    struct onnx_value *from = keeps ? x->codes : x;
    uint32_t perm[ONNX_MAX_RANK];
    struct onnx_shape s = x->shape;
    void *to;
    qnt_status status = qnt_onnx_perm(n, s.rank, perm);
    if (status || !y || (!keeps && (status = qnt_onnx_plain_data(mp, n, 0))))
        return status;
    for (uint32_t d = 0; d < s.rank; d++)
        s.dim[d] = x->shape.dim[perm[d]];
    if ((status = qnt_onnx_give(mp, n, 0, from->type, &s, &to)))
        return status;
    transpose(from, &s, perm, to);
    if (!keeps)
        return QNT_OK;
    if (!(codes = qnt_onnx_alloc(mp, 1, sizeof *codes, y->name)))
        return QNT_ERR_NOMEM;
    *codes = *y;
    y->type = ONNX_FLOAT;
    y->data = NULL;
    y->codes = codes;
    y->quant = x->quant;
    for (uint32_t d = 0; d < s.rank; d++)
        y->quant.axis = perm[d] == x->quant.axis ? d : y->quant.axis;
    return QNT_OK;
}

qnt_status qnt_onnx_fold_concat(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const struct onnx_value *first = qnt_onnx_in(mp, n, 0);
    struct onnx_shape s = first ? first->shape : (struct onnx_shape){0};
    const size_t size = first ? qnt_onnx_type_size(first->type) : 0;
    size_t outer = 1, at = 0;
    uint32_t axis;
    void *to;
    qnt_status status = qnt_onnx_axis(n, qnt_onnx_attr_int(n, "axis", 1), s.rank, false, &axis);
    if (status)
        return status;
    for (uint32_t d = 0; d < axis; d++)
        outer *= s.dim[d];
    s.dim[axis] = 0;
    for (size_t k = 0; k < n->n_in; k++) {
        const struct onnx_value *v = qnt_onnx_in(mp, n, k);
        if ((status = qnt_onnx_plain_data(mp, n, k)))
            return status;
        bool fits = v->type == first->type && v->shape.rank == s.rank;
        for (uint32_t d = 0; fits && d < s.rank; d++)
            fits = d == axis || v->shape.dim[d] == first->shape.dim[d];
        if (!fits)
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "input '%s' does not fit '%s' but for dimension %u", v->name,
                                 first->name, axis);
        s.dim[axis] += v->shape.dim[axis];
    }
    if ((status = qnt_onnx_give(mp, n, 0, first->type, &s, &to)))
        return status;
    const size_t row = outer ? qnt_onnx_count(&s) / outer * size : 0;
    for (size_t k = 0; k < n->n_in; k++) {
        const struct onnx_value *v = qnt_onnx_in(mp, n, k);
        const size_t width = outer ? qnt_onnx_count(&v->shape) / outer * size : 0;
        for (size_t i = 0; i < outer && width; i++)
            memcpy((char *)to + i * row + at, (const char *)v->data + i * width, width);
        at += width;
    }
    return QNT_OK;
}
