/* transpose (x): dimension d of the result is dimension axis[d] of x. s8: the same scale and zero point. */
#include "backward.h"
#include "copy.h"
#include "infer.h"
#include "step.h"

static void normalise(const struct qnt_model *m, struct qnt_node *n)
{
    const uint32_t rank = m->tensor[n->in[0]].rank;
    uint32_t *axis = n->attr.axis;
    if (!axis[0] && !axis[1] && !axis[2] && !axis[3])
        for (uint32_t d = 0; d < rank; d++)
            axis[d] = rank - 1 - d;
}

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    const uint32_t *axis = n->attr.axis;
    uint32_t seen = 0;
    qnt_status status = qnt_infer_passing(m, n, out);
    if (status)
        return status;
    out->rank = x->rank;
    for (uint32_t d = 0; d < QNT_MAX_RANK; d++) {
        if (d >= x->rank ? axis[d] : axis[d] >= x->rank || (seen >> axis[d] & 1))
            return qnt_fail(QNT_ERR_ARG, "node '%s': axes %u %u %u %u, expected each of 0 to %u once%s", n->name,
                            axis[0], axis[1], axis[2], axis[3], x->rank - 1, x->rank < QNT_MAX_RANK ? ", then 0" : "");
        if (d >= x->rank)
            continue;
        seen |= 1u << axis[d];
        out->dim[d] = x->dim[axis[d]];
    }
    return QNT_OK;
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    const struct qnt_tensor *x = s->in[0], *y = s->out;
    struct qnt_copy *c = s->state;
    struct qnt_copy_axis axis[QNT_MAX_RANK];
    ptrdiff_t from[QNT_MAX_RANK], to[QNT_MAX_RANK];
    (void)max_batch;
    if (!c) {
        if (!(s->state = c = qnt_alloc(ctx, sizeof *c, s->node->name)))
            return QNT_ERR_NOMEM;
        c->src_image = qnt_copy_strides(x, from);
        c->dst_image = qnt_copy_strides(y, to);
        for (uint32_t d = 0; d < y->rank; d++)
            axis[d] = (struct qnt_copy_axis){y->dim[d], from[s->node->attr.axis[d]], to[d]};
        qnt_copy_prepare(ctx, c, qnt_dtype_size(y->type), y->rank, axis);
        s->variant = qnt_copy_variant(c);
    }
    return qnt_same_codes(s->node, x, y);
}

static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    qnt_copy_run(s->state, qnt_step_in(s, x), qnt_step_out(s, x), x);
}

const struct qnt_op_def qnt_op_transpose = {.name = "transpose",
                                            .min_in = 1,
                                            .max_in = 1,
                                            .normalise = normalise,
                                            .infer = infer,
                                            .prepare = prepare,
                                            .run = run,
                                            .backward = qnt_copy_backward};
