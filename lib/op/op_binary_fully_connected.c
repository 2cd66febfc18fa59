/* binary_fully_connected (x [in], w [out][in] of 1 bit[, b [out]]) -> [out]: as binary_conv2d. */
#include "backward.h"
#include "binary.h"
#include "infer.h"

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    qnt_status status = qnt_infer_binary(m, n, 2, out);
    return status ? status : qnt_infer_full(m, n, out);
}

const struct qnt_op_def qnt_op_binary_fully_connected = {
    .name = "binary_fully_connected",
    .min_in = 2,
    .max_in = 3,
    .rank = 1,
    .infer = infer,
    .prepare = qnt_binary_prepare,
    .run = qnt_binary_run,
    .release = qnt_binary_release,
    .backward = qnt_binary_backward,
    .backward_prepare = qnt_binary_backward_prepare,
    .backward_release = qnt_binary_backward_release,
};
