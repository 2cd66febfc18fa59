/* Constants picked, repeated, compared and made of nothing: Gather, Expand, ConstantOfShape, Range, Where, comparisons.
 */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/maps.h"

qnt_status qnt_onnx_fold_gather(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0), *index = qnt_onnx_in(mp, n, 1);
    struct onnx_shape s = {0};
    uint32_t axis;
    size_t outer = 1, inner;
    void *to;
    if (!x || !index)
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "an input is left out");
    qnt_status status = qnt_onnx_axis(n, qnt_onnx_attr_int(n, "axis", 0), x->shape.rank, false, &axis);
    if (status || (status = qnt_onnx_plain_data(mp, n, 0)))
        return status;
    inner = qnt_onnx_type_size(x->type);
    if (x->shape.rank - 1 + index->shape.rank > ONNX_MAX_RANK)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "more than %d dimensions", ONNX_MAX_RANK);
    for (uint32_t d = 0; d < x->shape.rank; d++) {
        outer *= d < axis ? x->shape.dim[d] : 1;
        inner *= d > axis ? x->shape.dim[d] : 1;
        if (d != axis)
            s.dim[s.rank++] = x->shape.dim[d];
        else
            for (uint32_t e = 0; e < index->shape.rank; e++)
                s.dim[s.rank++] = index->shape.dim[e];
    }
    const int64_t *at = qnt_onnx_ints(mp, index), extent = (int64_t)x->shape.dim[axis];
    const size_t count = qnt_onnx_count(&index->shape);
    if (!at)
        return mp->lost;
    if ((status = qnt_onnx_give(mp, n, 0, x->type, &s, &to)))
        return status;
    for (size_t i = 0; i < count; i++) {
        if (at[i] < -extent || at[i] >= extent)
            return qnt_onnx_fail(QNT_ERR_RANGE, n, "place %lld of %lld", (long long)at[i], (long long)extent);
        const size_t from = (size_t)(at[i] < 0 ? at[i] + extent : at[i]);
        for (size_t o = 0; o < outer && inner; o++)
            memcpy((char *)to + (o * count + i) * inner, (const char *)x->data + (o * (size_t)extent + from) * inner,
                   inner);
    }
    return QNT_OK;
}

/* A shape out of a constant of integers. */
static qnt_status shape_of(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, struct onnx_shape *s)
{
    struct onnx_value *v = qnt_onnx_in(mp, n, k);
    const int64_t *dim = v ? qnt_onnx_ints(mp, v) : NULL;
    const size_t count = v ? qnt_onnx_count(&v->shape) : 0;
    if (!dim || count > ONNX_MAX_RANK)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "a shape of %zu numbers, expected at most %d integers", count,
                             ONNX_MAX_RANK);
    *s = (struct onnx_shape){.rank = (uint32_t)count};
    for (size_t d = 0; d < count; d++) {
        if (dim[d] < 0)
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "dimension %zu is %lld", d, (long long)dim[d]);
        s->dim[d] = (size_t)dim[d];
    }
    return QNT_OK;
}

qnt_status qnt_onnx_fold_expand(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    const size_t size = qnt_onnx_type_size(x->type);
    struct onnx_shape wanted, s;
    void *to;
    qnt_status status = shape_of(mp, n, 1, &wanted);
    if (status || (status = qnt_onnx_plain_data(mp, n, 0)) ||
        (status = qnt_onnx_broadcast(n, &x->shape, &wanted, &s)) ||
        (status = qnt_onnx_give(mp, n, 0, x->type, &s, &to)))
        return status;
    for (size_t i = 0; i < qnt_onnx_count(&s); i++)
        memcpy((char *)to + i * size, (const char *)x->data + qnt_onnx_broadcast_at(&s, &x->shape, i) * size, size);
    return QNT_OK;
}

qnt_status qnt_onnx_fold_constantofshape(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const struct onnx_attr *a = qnt_onnx_attr(n, "value");
    const struct onnx_tensor zero = {.type = ONNX_FLOAT, .count = 1, .data = &(const float){0.0f}};
    const struct onnx_tensor *t = a ? a->t : &zero;
    const size_t size = qnt_onnx_type_size(t->type);
    struct onnx_shape s;
    void *to;
    if (t->count != 1 || qnt_onnx_type_bits(t->type) < 8)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "the value has %zu elements of %s, expected one of 8 bits or more",
                             t->count, qnt_onnx_type_name(t->type));
    qnt_status status = shape_of(mp, n, 0, &s);
    if (status || (status = qnt_onnx_give(mp, n, 0, t->type, &s, &to)))
        return status;
    for (size_t i = 0; i < qnt_onnx_count(&s); i++)
        memcpy((char *)to + i * size, t->data, size);
    return QNT_OK;
}

/* Integers only: what shapes are made of. */
qnt_status qnt_onnx_fold_range(struct onnx_mapper *mp, const struct onnx_node *n)
{
    int64_t number[3];
    void *to;
    for (size_t k = 0; k < 3; k++) {
        struct onnx_value *v = qnt_onnx_in(mp, n, k);
        const int64_t *x = v ? qnt_onnx_ints(mp, v) : NULL;
        if (!x || qnt_onnx_count(&v->shape) != 1)
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "input %zu is no scalar of integers", k);
        number[k] = x[0];
    }
    const int64_t step = number[2];
    if (!step || step == INT64_MIN)
        return qnt_onnx_fail(QNT_ERR_RANGE, n, "the step is %lld", (long long)step);
    const uint64_t way =
        step > 0 ? (uint64_t)number[1] - (uint64_t)number[0] : (uint64_t)number[0] - (uint64_t)number[1];
    const bool none = step > 0 ? number[1] <= number[0] : number[1] >= number[0];
    const struct onnx_shape s = {1, {none ? 0 : (size_t)((way - 1) / (uint64_t)(step < 0 ? -step : step) + 1)}};
    const int32_t type = qnt_onnx_in(mp, n, 0)->type;
    qnt_status status = qnt_onnx_give(mp, n, 0, type, &s, &to);
    for (size_t i = 0; i < s.dim[0] && !status; i++)
        qnt_onnx_put_int(to, type, i, number[0] + (int64_t)i * step);
    return status;
}

qnt_status qnt_onnx_fold_where(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *c = qnt_onnx_in(mp, n, 0), *x = qnt_onnx_in(mp, n, 1), *y = qnt_onnx_in(mp, n, 2);
    struct onnx_shape s;
    void *to;
    if (!c || !x || !y || x->type != y->type)
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "expected a condition and two values of one type");
    const size_t size = qnt_onnx_type_size(x->type);
    const int64_t *choice = qnt_onnx_ints(mp, c);
    qnt_status status = qnt_onnx_broadcast(n, &x->shape, &y->shape, &s);
    if (status || (status = qnt_onnx_broadcast(n, &s, &c->shape, &s)) || (status = qnt_onnx_plain_data(mp, n, 1)) ||
        (status = qnt_onnx_plain_data(mp, n, 2)) || (status = qnt_onnx_give(mp, n, 0, x->type, &s, &to)))
        return status;
    for (size_t i = 0; i < qnt_onnx_count(&s) && choice; i++) {
        const struct onnx_value *v = choice[qnt_onnx_broadcast_at(&s, &c->shape, i)] ? x : y;
        memcpy((char *)to + i * size, (const char *)v->data + qnt_onnx_broadcast_at(&s, &v->shape, i) * size, size);
    }
    return choice ? QNT_OK : mp->lost;
}

static bool compares(const char *op, double a, double b)
{
    if (!strcmp(op, "Equal"))
        return a == b;
    if (!strcmp(op, "Less"))
        return a < b;
    if (!strcmp(op, "LessOrEqual"))
        return a <= b;
    if (!strcmp(op, "Greater"))
        return a > b;
    if (!strcmp(op, "And"))
        return a != 0.0 && b != 0.0;
    return !strcmp(op, "Or") ? a != 0.0 || b != 0.0 : a >= b;
}

/* Equal, Less, LessOrEqual, Greater, GreaterOrEqual, And, Or; integers past 2^53 are refused. */
qnt_status qnt_onnx_fold_compare(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *v[2] = {qnt_onnx_in(mp, n, 0), qnt_onnx_in(mp, n, 1)};
    struct onnx_shape s;
    void *to;
    if (!v[0] || !v[1] || qnt_onnx_attr(n, "axis"))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "an input is left out, or placed by attribute 'axis'");
    qnt_status status = qnt_onnx_broadcast(n, &v[0]->shape, &v[1]->shape, &s);
    if (status || (status = qnt_onnx_give(mp, n, 0, ONNX_BOOL, &s, &to)))
        return status;
    for (size_t i = 0; i < qnt_onnx_count(&s); i++) {
        double number[2];
        for (int k = 0; k < 2; k++) {
            const size_t at = qnt_onnx_broadcast_at(&s, &v[k]->shape, i);
            const bool floats = qnt_onnx_is_float(v[k]->type);
            const float *f = floats ? qnt_onnx_floats(mp, v[k]) : NULL;
            const int64_t *ints = floats ? NULL : qnt_onnx_ints(mp, v[k]);
            if (!f && !ints)
                return QNT_ERR_NOMEM;
            if (ints && (ints[at] > INT64_C(1) << 53 || ints[at] < -(INT64_C(1) << 53)))
                return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "a constant of %lld, expected at most 2^53",
                                     (long long)ints[at]);
            number[k] = f ? (double)f[at] : (double)ints[at];
        }
        ((uint8_t *)to)[i] = compares(n->op, number[0], number[1]);
    }
    return QNT_OK;
}
