/* ReduceMean, ReduceSum, ReduceMax, ReduceMin: floats; a mean of codes over the places of an image as an integer pool.
 */
#include <string.h>
#include "lib/import/onnx/maps.h"

static const struct reduction {
    const char *onnx, *op;
    int64_t input; /* the axes are an input since this opset */
} reductions[] = {{"ReduceMean", "reduce_mean", 18},
                  {"ReduceSum", "reduce_sum", 13},
                  {"ReduceMax", "reduce_max", 18},
                  {"ReduceMin", "reduce_min", 18}};

struct reduce {
    const struct onnx_node *n;
    struct onnx_shape kept, s; /* with the dimensions as 1, and as the node gives them */
    uint32_t set;              /* a bit for each that goes */
    bool last;
};

/* Axes of a Reduce…; none: all, unless noop_with_empty_axes. */
static qnt_status axes_of(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_shape *x,
                          struct reduce *r)
{
    qnt_status status = qnt_onnx_axes(mp, n, "axes", 1, x->rank, &r->set);
    const bool keep = qnt_onnx_attr_int(n, "keepdims", 1) != 0;
    if (status)
        return status;
    if (!r->set && !qnt_onnx_attr_int(n, "noop_with_empty_axes", 0))
        r->set = (1u << x->rank) - 1;
    r->n = n;
    r->kept = *x;
    for (uint32_t d = 0; d < x->rank; d++) {
        const bool gone = r->set >> d & 1;
        r->kept.dim[d] = gone ? 1 : x->dim[d];
        if (!gone || keep)
            r->s.dim[r->s.rank++] = r->kept.dim[d];
    }
    return !mp->whole && r->set & 1 ? qnt_onnx_touches(n) : QNT_OK;
}

/* All places and nothing else: the result has the channels' order, with dimensions of 1 or without. */
static bool over_places(const struct reduce *r)
{
    return r->kept.rank > 2 && r->set == ((1u << r->kept.rank) - 1) - 3;
}

/* From dimensions of 1 to what the node gives. */
static qnt_status finish(struct onnx_mapper *mp, const struct reduce *r, int *id)
{
    const struct onnx_shape stored = qnt_onnx_stored(mp, &r->s, r->last);
    return qnt_onnx_emit_reshape(mp, r->n, *id, &stored, r->n->out[0], id);
}

static qnt_status pooled(struct onnx_mapper *mp, struct reduce *r, struct onnx_value *x, const struct onnx_after *after)
{
    const struct qnt_tensor t = qnt_onnx_code_tensor(&after->quant);
    struct onnx_shape s;
    int id;
    r->last = true;
    qnt_status status = qnt_onnx_pool_all(mp, r->n, "global_avgpool", x, &t, &id, &s);
    if (status || (status = finish(mp, r, &id)))
        return status;
    return qnt_onnx_after_result(mp, after, &r->s, true, id);
}

qnt_status qnt_onnx_map_reduce(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const struct reduction *kind = reductions;
    struct reduce r = {0};
    struct onnx_after after;
    struct onnx_value *x;
    qnt_node_attr attr = {0};
    int id;
    while (strcmp(kind->onnx, n->op))
        kind++;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status || (status = axes_of(mp, n, &x->shape, &r)))
        return status;
    if (!r.set) {
        qnt_onnx_alias(mp, n, 0, x);
        return QNT_OK;
    }
    if (over_places(&r) && !strcmp(n->op, "ReduceMean") && qnt_onnx_codes(mp, n, 0) && qnt_onnx_after(mp, n, &after))
        return pooled(mp, &r, x->codes, &after);
    r.last = qnt_onnx_is_last(x) && (r.s.rank == x->shape.rank || over_places(&r));
    if ((status = qnt_onnx_as_tensor(mp, n, x, r.last, &id)))
        return status;
    for (uint32_t d = 0; d < x->shape.rank; d++) {
        const int at = qnt_onnx_stored_axis(mp, x->shape.rank, r.last, d);
        if (at >= 0 && at < QNT_MAX_RANK)
            attr.axis[at] = r.set >> d & 1;
    }
    if ((status = qnt_onnx_emit(mp, n, kind->op, &attr, &id, 1, n->out[0], NULL, &id)) ||
        (status = finish(mp, &r, &id)))
        return status;
    return qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &r.s, r.last, id);
}
