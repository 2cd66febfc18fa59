/* transpose (x): dimension d of the result is dimension axis[d] of x. Any type; the same scale and zero point. */
#include <stdio.h>
#include "backward.h"
#include "copy.h"
#include "infer.h"

static void normalise(const struct qnt_model *m, struct qnt_node *n)
{
    const uint32_t rank = m->tensor[n->in[0]].rank;
    uint32_t *axis = n->attr.axis;
    for (uint32_t d = 0; d < QNT_MAX_RANK; d++)
        if (axis[d])
            return;
    for (uint32_t d = 0; d < rank; d++)
        axis[d] = rank - 1 - d;
}

static qnt_status refuse(const struct qnt_node *n, uint32_t rank)
{
    char axes[QNT_MAX_RANK * 11 + 1] = "";
    for (uint32_t d = 0, used = 0; d < QNT_MAX_RANK; d++)
        used += (uint32_t)snprintf(axes + used, sizeof axes - used, " %u", n->attr.axis[d]);
    return qnt_fail(QNT_ERR_ARG, "node '%s': axes%s, expected each of 0 to %u once%s", n->name, axes, rank - 1,
                    rank < QNT_MAX_RANK ? ", then 0" : "");
}

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    const uint32_t *axis = n->attr.axis;
    uint32_t seen = 0;
    qnt_status status = qnt_infer_moving(m, n, out);
    if (status)
        return status;
    out->rank = x->rank;
    for (uint32_t d = 0; d < QNT_MAX_RANK; d++) {
        if (d >= x->rank ? axis[d] : axis[d] >= x->rank || (seen >> axis[d] & 1))
            return refuse(n, x->rank);
        if (d >= x->rank)
            continue;
        seen |= 1u << axis[d];
        out->dim[d] = x->dim[axis[d]];
    }
    return QNT_OK;
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct qnt_copy_pick pick[QNT_MAX_RANK];
    (void)max_batch;
    for (uint32_t d = 0; d < s->out->rank; d++)
        pick[d] = (struct qnt_copy_pick){s->node->attr.axis[d], 0, 1};
    return qnt_copy_prepare(ctx, s, pick);
}

const struct qnt_op_def qnt_op_transpose = {.name = "transpose",
                                            .min_in = 1,
                                            .max_in = 1,
                                            .normalise = normalise,
                                            .infer = infer,
                                            .prepare = prepare,
                                            .run = qnt_copy_run,
                                            .backward = qnt_copy_backward};
