/* slice (x): of every dimension the elements begin, begin + step, ... before end (ONNX Slice, one entry a dimension).
 * Any type; the same scale and zero point. */
#include "backward.h"
#include "copy.h"
#include "infer.h"

static void normalise(const struct qnt_model *m, struct qnt_node *n)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    qnt_node_attr *a = &n->attr;
    for (uint32_t d = 0; d < x->rank; d++) {
        if (!a->begin[d] && !a->end[d] && !a->step[d])
            a->end[d] = (int64_t)x->dim[d];
        if (!a->step[d])
            a->step[d] = 1;
    }
}

/* How many elements of a dimension are taken; the first and the step. */
static size_t cut(const qnt_node_attr *a, uint32_t d, size_t extent, int64_t *first, int64_t *step)
{
    const int64_t n = (int64_t)extent, low = a->step[d] < 0 ? -1 : 0, high = a->step[d] < 0 ? n - 1 : n;
    int64_t end = a->end[d] < 0 && a->end[d] >= -n ? a->end[d] + n : a->end[d];
    *first = a->begin[d] < 0 && a->begin[d] >= -n ? a->begin[d] + n : a->begin[d];
    *first = *first < 0 ? 0 : *first > high ? high : *first;
    end = end < low ? low : end > high ? high : end;
    *step = a->step[d] < -n ? -n : a->step[d] > n ? n : a->step[d]; /* as far takes no more, and cannot overflow */
    if (*step < 0)
        return *first > end ? (size_t)((*first - end - 1) / -*step + 1) : 0;
    return end > *first ? (size_t)((end - *first - 1) / *step + 1) : 0;
}

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    const qnt_node_attr *a = &n->attr;
    int64_t first, step;
    qnt_status status = qnt_infer_moving(m, n, out);
    if (status)
        return status;
    out->rank = x->rank;
    for (uint32_t d = 0; d < QNT_MAX_RANK; d++) {
        if (d >= x->rank && (a->begin[d] || a->end[d] || a->step[d]))
            return qnt_fail(
                QNT_ERR_ARG, "node '%s': begin %lld, end %lld, step %lld of dimension %u, expected 0: '%s' has %u",
                n->name, (long long)a->begin[d], (long long)a->end[d], (long long)a->step[d], d, x->name, x->rank);
        if (d >= x->rank)
            continue;
        if (!a->step[d])
            return qnt_fail(QNT_ERR_ARG, "node '%s': step of dimension %u is 0", n->name, d);
        if (!(out->dim[d] = cut(a, d, x->dim[d], &first, &step)))
            return qnt_fail(QNT_ERR_SHAPE,
                            "node '%s': begin %lld, end %lld, step %lld take nothing of dimension %u, which is %zu",
                            n->name, (long long)a->begin[d], (long long)a->end[d], (long long)a->step[d], d, x->dim[d]);
    }
    return QNT_OK;
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct qnt_copy_pick pick[QNT_MAX_RANK];
    (void)max_batch;
    for (uint32_t d = 0; d < s->out->rank; d++) {
        pick[d].dim = d;
        cut(&s->node->attr, d, s->in[0]->dim[d], &pick[d].first, &pick[d].step);
    }
    return qnt_copy_prepare(ctx, s, pick);
}

const struct qnt_op_def qnt_op_slice = {.name = "slice",
                                        .min_in = 1,
                                        .max_in = 1,
                                        .normalise = normalise,
                                        .infer = infer,
                                        .prepare = prepare,
                                        .run = qnt_copy_run,
                                        .backward = qnt_copy_backward};
