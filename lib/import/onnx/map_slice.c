/* Parts of activations, and activations side by side: Slice, Split, Concat. */
#include <string.h>
#include "lib/import/onnx/maps.h"

/* What a Slice takes of each dimension, by ONNX's order; step 0: all of it. */
struct cut {
    int64_t begin[ONNX_MAX_RANK], end[ONNX_MAX_RANK], step[ONNX_MAX_RANK];
};

/* Number k of Slice's lists: an attribute in opset 1, an input since 10. NULL with QNT_OK: left out. */
static qnt_status list(struct onnx_mapper *mp, const struct onnx_node *n, const char *name, size_t k,
                       const int64_t **data, size_t *count)
{
    const struct onnx_attr *a = qnt_onnx_attr(n, name);
    struct onnx_value *v;
    *data = a ? a->ints : NULL;
    *count = a ? a->n : 0;
    if (a || !qnt_onnx_in(mp, n, k))
        return QNT_OK;
    qnt_status status = qnt_onnx_constant(mp, n, k, name, &v);
    if (status)
        return status;
    *count = qnt_onnx_count(&v->shape);
    return (*data = qnt_onnx_ints(mp, v)) ? QNT_OK : mp->lost;
}

static qnt_status cuts(struct onnx_mapper *mp, const struct onnx_node *n, uint32_t rank, struct cut *c)
{
    const int64_t *start, *end, *axis, *step;
    size_t count, ends, axes, steps;
    uint32_t d;
    qnt_status status;
    *c = (struct cut){0};
    if ((status = list(mp, n, "starts", 1, &start, &count)) || (status = list(mp, n, "ends", 2, &end, &ends)) ||
        (status = list(mp, n, "axes", 3, &axis, &axes)) || (status = list(mp, n, "steps", 4, &step, &steps)))
        return status;
    if (count != ends || (axis && axes != count) || (step && steps != count) || count > rank)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "%zu starts, %zu ends, %zu axes and %zu steps do not fit %u dimensions",
                             count, ends, axes, steps, rank);
    for (size_t i = 0; i < count; i++) {
        if ((status = qnt_onnx_axis(n, axis ? axis[i] : (int64_t)i, rank, false, &d)))
            return status;
        if (step && !step[i])
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "step %zu is 0", i);
        c->begin[d] = start[i];
        c->end[d] = end[i];
        c->step[d] = step ? step[i] : 1;
    }
    return QNT_OK;
}

/* begin and end of dimension `extent` as places: [0, extent], or to -1 where the step goes backwards. */
static size_t places(int64_t *begin, int64_t *end, int64_t step, size_t extent)
{
    const int64_t size = (int64_t)extent, low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
    if (!step) {
        *begin = 0;
        *end = size;
        return extent;
    }
    *begin = *begin < 0 ? (*begin < -size ? low : *begin + size) : *begin;
    *end = *end < 0 ? (*end < -size ? low : *end + size) : *end;
    *begin = *begin < (step < 0 ? low : 0) ? (step < 0 ? low : 0) : *begin > high ? high : *begin;
    *end = *end < low ? low : *end > high ? high : *end;
    const int64_t way = step < 0 ? *begin - *end : *end - *begin;
    const uint64_t by = step < 0 ? -(uint64_t)step : (uint64_t)step;
    return way > 0 ? (size_t)(((uint64_t)way - 1) / by + 1) : 0;
}

/* The slice of x as output k. */
static qnt_status take(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, struct onnx_value *x,
                       const struct cut *c)
{
    const bool last = qnt_onnx_is_last(x);
    struct onnx_shape s = x->shape;
    qnt_node_attr attr = {0};
    char text[ONNX_SHAPE_TEXT];
    bool any = false;
    int id;
    for (uint32_t d = 0; d < s.rank; d++) {
        int64_t begin = c->begin[d], end = c->end[d];
        s.dim[d] = places(&begin, &end, c->step[d], x->shape.dim[d]);
        if (!s.dim[d])
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "nothing is taken of dimension %u of '%s' (%s)", d, x->name,
                                 qnt_onnx_shape_text(&x->shape, text));
        if (!c->step[d] || (begin == 0 && s.dim[d] == x->shape.dim[d]))
            continue;
        const int at = qnt_onnx_stored_axis(mp, s.rank, last, d);
        if (at < 0)
            return qnt_onnx_touches(n);
        if (at >= QNT_MAX_RANK)
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "input '%s' is %s, expected at most %d dimensions", x->name,
                                 qnt_onnx_shape_text(&x->shape, text), QNT_MAX_RANK);
        any = true;
        attr.begin[at] = begin;
        attr.end[at] = end < 0 ? -(int64_t)x->shape.dim[d] - 1 : end; /* -1 is before the first here */
        attr.step[at] = c->step[d];
    }
    qnt_status status = qnt_onnx_as_tensor(mp, n, x, last, &id);
    if (!status && any)
        status = qnt_onnx_emit(mp, n, "slice", &attr, &id, 1, n->out[k], NULL, &id);
    return status ? status : qnt_onnx_moved(mp, n, 0, k, &s, last, id);
}

qnt_status qnt_onnx_map_slice(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x;
    struct cut c;
    qnt_status status = qnt_onnx_moved_in(mp, n, 0, &x);
    if (status || (status = cuts(mp, n, x->shape.rank, &c)))
        return status;
    return take(mp, n, 0, x, &c);
}

/* Elements of `in` that a Slice takes, for constants. */
qnt_status qnt_onnx_fold_slice(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    const size_t size = qnt_onnx_type_size(x->type);
    struct onnx_shape s = x->shape;
    struct cut c;
    void *to;
    qnt_status status = cuts(mp, n, s.rank, &c);
    if (status || (status = qnt_onnx_plain_data(mp, n, 0)))
        return status;
    for (uint32_t d = 0; d < s.rank; d++) {
        s.dim[d] = places(&c.begin[d], &c.end[d], c.step[d], x->shape.dim[d]);
        c.step[d] = c.step[d] ? c.step[d] : 1;
    }
    if ((status = qnt_onnx_give(mp, n, 0, x->type, &s, &to)))
        return status;
    for (size_t i = 0; i < qnt_onnx_count(&s); i++) {
        size_t rest = i, at = 0, stride = 1;
        for (uint32_t d = s.rank; d-- > 0; rest /= s.dim[d], stride *= x->shape.dim[d])
            at += (size_t)(c.begin[d] + (int64_t)(rest % s.dim[d]) * c.step[d]) * stride;
        memcpy((char *)to + i * size, (const char *)x->data + at * size, size);
    }
    return QNT_OK;
}

/* Sizes of the parts: an attribute, an input, or as equal as n_out (num_outputs) parts can be. */
static qnt_status part_sizes(struct onnx_mapper *mp, const struct onnx_node *n, size_t extent, size_t i, size_t *size)
{
    const int64_t *sizes;
    size_t count, sum = 0;
    qnt_status status = list(mp, n, "split", 1, &sizes, &count);
    if (status)
        return status;
    if (!sizes) {
        const size_t each = (extent + n->n_out - 1) / n->n_out, from = i * each;
        *size = from >= extent ? 0 : extent - from < each ? extent - from : each;
        return QNT_OK;
    }
    for (size_t k = 0; k < count; k++)
        sum += sizes[k] < 0 ? extent + 1 : (size_t)sizes[k];
    if (count != n->n_out || sum != extent)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "%zu parts of %zu elements together, expected %zu of %zu", count, sum,
                             n->n_out, extent);
    *size = (size_t)sizes[i];
    return QNT_OK;
}

qnt_status qnt_onnx_map_split(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x;
    uint32_t axis;
    int64_t from = 0;
    qnt_status status = qnt_onnx_moved_in(mp, n, 0, &x);
    if (status || (status = qnt_onnx_axis(n, qnt_onnx_attr_int(n, "axis", 0), x->shape.rank, false, &axis)))
        return status;
    for (size_t k = 0; k < n->n_out && !status; k++) {
        struct cut c = {0};
        size_t size = 0;
        if ((status = part_sizes(mp, n, x->shape.dim[axis], k, &size)))
            return status;
        c.begin[axis] = from;
        c.end[axis] = from += (int64_t)size;
        c.step[axis] = 1;
        if (qnt_onnx_out(mp, n, k))
            status = take(mp, n, k, x, &c);
    }
    return status;
}

/* What a Concat is made of: codes that mean the same, codes whose output has a meaning of its own, or floats. */
static bool all_codes(struct onnx_mapper *mp, const struct onnx_node *n, bool *same)
{
    const struct onnx_value *first = qnt_onnx_in(mp, n, 0);
    *same = true;
    for (size_t k = 0; k < n->n_in; k++) {
        const struct onnx_value *v = qnt_onnx_in(mp, n, k);
        if (!v || v->kind != ONNX_ACTIVATION || !v->codes)
            return false;
        *same = *same && qnt_onnx_same_quant(&v->quant, &first->quant);
    }
    return true;
}

static qnt_status concat_shape(struct onnx_mapper *mp, const struct onnx_node *n, uint32_t axis, struct onnx_shape *s,
                               bool *last)
{
    *s = qnt_onnx_in(mp, n, 0)->shape;
    s->dim[axis] = 0;
    *last = false;
    for (size_t k = 0; k < n->n_in; k++) {
        const struct onnx_value *v = qnt_onnx_in(mp, n, k);
        char one[ONNX_SHAPE_TEXT], other[ONNX_SHAPE_TEXT];
        bool fits = v && v->shape.rank == s->rank;
        for (uint32_t d = 0; fits && d < s->rank; d++)
            fits = d == axis || v->shape.dim[d] == s->dim[d];
        if (!fits)
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "input %zu is %s, expected %s but for dimension %u", k,
                                 v ? qnt_onnx_shape_text(&v->shape, one) : "left out",
                                 qnt_onnx_shape_text(&qnt_onnx_in(mp, n, 0)->shape, other), axis);
        s->dim[axis] += v->shape.dim[axis];
        *last = *last || (v->kind == ONNX_ACTIVATION && qnt_onnx_is_last(v));
    }
    return QNT_OK;
}

qnt_status qnt_onnx_map_concat(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *first = qnt_onnx_in(mp, n, 0);
    struct onnx_after after;
    struct onnx_shape s;
    struct qnt_tensor t;
    int in[QNT_MAX_INPUTS], id;
    uint32_t axis;
    bool last, same;
    if (!first || n->n_in > QNT_MAX_INPUTS)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "%zu inputs, expected 1 to %d", n->n_in, QNT_MAX_INPUTS);
    qnt_status status = qnt_onnx_axis(n, qnt_onnx_attr_int(n, "axis", 1), first->shape.rank, false, &axis);
    if (status || (status = concat_shape(mp, n, axis, &s, &last)))
        return status;
    const bool codes = all_codes(mp, n, &same), behind = codes && !same && qnt_onnx_after(mp, n, &after);
    const int at = qnt_onnx_stored_axis(mp, s.rank, last, axis);
    if (at < 0)
        return qnt_onnx_touches(n);
    for (size_t k = 0; k < n->n_in; k++) {
        struct onnx_value *v = qnt_onnx_in(mp, n, k);
        if ((status = qnt_onnx_as_tensor(mp, n, codes && (same || behind) ? v->codes : v, last, &in[k])))
            return status;
    }
    const qnt_node_attr attr = {.axis = {(uint32_t)at}};
    if (behind)
        t = qnt_onnx_code_tensor(&after.quant);
    if ((status = qnt_onnx_emit(mp, n, "concat", &attr, in, n->n_in, n->out[0], behind ? &t : NULL, &id)))
        return status;
    if (behind)
        return qnt_onnx_after_result(mp, &after, &s, last, id);
    return codes && same ? qnt_onnx_moved(mp, n, 0, 0, &s, last, id)
                         : qnt_onnx_result(mp, n, 0, first->type, &s, last, id);
}
