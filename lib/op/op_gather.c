/* gather (x, index) -> x at these places of dimension axis[0], which the dimensions of index take the place of. index
 * is a constant of s32 or s64; places below 0 count from the end. Elements of any type move unchanged. */
#include <string.h>
#include "infer.h"
#include "step.h"

struct state {
    qnt_gather_rows_fn *gather;
    size_t outer, count;  /* of one image: `outer` times all of the places */
    size_t extent, bytes; /* places of the dimension; bytes of one */
    size_t at[];          /* by place of index: bytes */
};

static int64_t place(const struct qnt_tensor *index, size_t i)
{
    return index->type == QNT_S64 ? ((const int64_t *)index->data)[i] : ((const int32_t *)index->data)[i];
}

static qnt_status check_index(const struct qnt_node *n, const struct qnt_tensor *index, size_t extent)
{
    if (!index->constant || !index->data)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': index '%s' is not a constant", n->name, index->name);
    if (index->type != QNT_S32 && index->type != QNT_S64)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': index '%s' is %s, expected s32 or s64", n->name, index->name,
                        qnt_dtype_name(index->type));
    for (size_t i = 0; i < qnt_tensor_count(index); i++) {
        const int64_t at = place(index, i);
        if (at < -(int64_t)extent || at >= (int64_t)extent)
            return qnt_fail(QNT_ERR_RANGE, "node '%s': index '%s' has %lld at %zu, expected -%zu to %zu", n->name,
                            index->name, (long long)at, i, extent, extent - 1);
    }
    return QNT_OK;
}

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]], *index = &m->tensor[n->in[1]];
    const uint32_t axis = n->attr.axis[0];
    qnt_status status = qnt_infer_moving(m, n, out);
    if (status)
        return status;
    if (axis >= x->rank)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': axis %u of '%s', expected at most %u", n->name, axis, x->name,
                        x->rank - 1);
    if ((status = check_index(n, index, x->dim[axis])))
        return status;
    out->rank = x->rank + index->rank - 1;
    if (out->rank > QNT_MAX_RANK)
        return qnt_fail(QNT_ERR_SHAPE,
                        "node '%s': '%s' of rank %u and '%s' of rank %u give rank %u, at most %d is known", n->name,
                        x->name, x->rank, index->name, index->rank, out->rank, QNT_MAX_RANK);
    for (uint32_t d = 0; d < axis; d++)
        out->dim[d] = x->dim[d];
    for (uint32_t d = 0; d < index->rank; d++)
        out->dim[axis + d] = index->dim[d];
    for (uint32_t d = axis + 1; d < x->rank; d++)
        out->dim[d + index->rank - 1] = x->dim[d];
    return QNT_OK;
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    const struct qnt_tensor *x = s->in[0], *index = s->in[1];
    const uint32_t axis = s->node->attr.axis[0];
    const size_t count = qnt_tensor_count(index);
    struct state *st = s->state;
    (void)max_batch;
    if (!st) {
        if (count > (SIZE_MAX - sizeof *st) / sizeof *st->at)
            return qnt_fail(QNT_ERR_RANGE, "node '%s': %zu places", s->node->name, count);
        if (!(s->state = st = qnt_alloc(ctx, sizeof *st + count * sizeof *st->at, s->node->name)))
            return QNT_ERR_NOMEM;
    }
    st->gather = ctx->dsp.gather_rows;
    st->count = count;
    st->extent = x->dim[axis];
    st->outer = 1;
    for (uint32_t d = 0; d < axis; d++)
        st->outer *= x->dim[d];
    st->bytes = qnt_tensor_count(x) / st->outer / st->extent * qnt_dtype_size(x->type);
    for (size_t i = 0; i < count; i++) {
        const int64_t at = place(index, i);
        st->at[i] = (size_t)(at < 0 ? at + (int64_t)st->extent : at) * st->bytes;
    }
    s->variant = QNT_VARIANT_OF(st->gather);
    return qnt_same_codes(s->node, x, s->out);
}

static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    size_t u0, u1;
    qnt_share(x->batch * st->outer * st->count, x->part, x->parts, &u0, &u1);
    while (u0 < u1) { /* the places of one `outer` at a time */
        const size_t o = u0 / st->count, first = u0 % st->count;
        const size_t n = st->count - first < u1 - u0 ? st->count - first : u1 - u0;
        st->gather((const uint8_t *)qnt_step_in(s, x) + o * st->extent * st->bytes, st->at + first,
                   (uint8_t *)qnt_step_out(s, x) + u0 * st->bytes, n, st->bytes);
        u0 += n;
    }
}

const struct qnt_op_def qnt_op_gather = {
    .name = "gather", .min_in = 2, .max_in = 2, .infer = infer, .prepare = prepare, .run = run};
