/* maxpool (x [h][w][c]) -> [oh][ow][c]. s8: the same scale and zero point on both sides. */
#include "backward.h"
#include "infer.h"
#include "pool.h"

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    qnt_status status = qnt_infer_passing(m, n, out);
    return status ? status : qnt_infer_pool(m, n, out);
}

const struct qnt_op_def qnt_op_maxpool = {.name = "maxpool",
                                          .min_in = 1,
                                          .max_in = 1,
                                          .rank = 3,
                                          .infer = infer,
                                          .prepare = qnt_maxpool_prepare,
                                          .run = qnt_pool_run,
                                          .backward = qnt_maxpool_backward};
