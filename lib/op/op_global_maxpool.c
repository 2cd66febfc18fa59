/* global_maxpool (x [h][w][c]) -> [1][1][c]. s8: the same scale and zero point on both sides. */
#include "backward.h"
#include "infer.h"
#include "pool.h"

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    qnt_status status = qnt_infer_passing(m, n, out);
    return status ? status : qnt_infer_global_pool(m, n, out);
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    (void)max_batch;
    return qnt_pool_prepare(ctx, s, QNT_POOL_MAX);
}

const struct qnt_op_def qnt_op_global_maxpool = {.name = "global_maxpool",
                                                 .min_in = 1,
                                                 .max_in = 1,
                                                 .infer = infer,
                                                 .prepare = prepare,
                                                 .run = qnt_pool_run,
                                                 .backward = qnt_maxpool_backward};
