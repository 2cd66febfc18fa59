/* avgpool (x [h][w][c]) -> [oh][ow][c]: mean of the window's pixels inside the image. s8: a scale of its own. */
#include "backward.h"
#include "infer.h"
#include "pool.h"

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    qnt_status status = qnt_infer_same_type(m, n, out);
    return status ? status : qnt_infer_pool(m, n, out);
}

const struct qnt_op_def qnt_op_avgpool = {.name = "avgpool",
                                          .min_in = 1,
                                          .max_in = 1,
                                          .rank = 3,
                                          .infer = infer,
                                          .prepare = qnt_avgpool_prepare,
                                          .run = qnt_pool_run,
                                          .backward = qnt_avgpool_backward};
