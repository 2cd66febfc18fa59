/* flatten (x): one dimension, in memory order (height, width, channels); moves nothing. */
#include "backward.h"
#include "infer.h"

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    qnt_status status = qnt_infer_moving(m, n, out);
    out->rank = 1;
    out->dim[0] = qnt_tensor_count(&m->tensor[n->in[0]]);
    return status;
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    (void)ctx;
    (void)max_batch;
    return qnt_same_codes(s->node, s->in[0], s->out);
}

const struct qnt_op_def qnt_op_flatten = {
    .name = "flatten", .min_in = 1, .max_in = 1, .infer = infer, .prepare = prepare, .backward = qnt_identity_backward};
