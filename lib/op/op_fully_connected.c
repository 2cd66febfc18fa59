/* fully_connected (x [in], w [out][in][, b [out][, z [out] or [1]]]) -> [out]. s8: z are the zero points of w; the
 * output may be preset as s32 without a scale: the sums, bias included. */
#include "backward.h"
#include "infer.h"
#include "linear.h"

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    qnt_status status = qnt_infer_linear(m, n, 2, out);
    return status ? status : qnt_infer_full(m, n, out);
}

const struct qnt_op_def qnt_op_fully_connected = {
    .name = "fully_connected",
    .min_in = 2,
    .max_in = 4,
    .rank = 1,
    .infer = infer,
    .prepare = qnt_linear_prepare,
    .run = qnt_linear_run,
    .release = qnt_linear_release,
    .backward = qnt_conv_backward,
    .backward_prepare = qnt_conv_backward_prepare,
    .backward_release = qnt_conv_backward_release,
    .run_acc = qnt_linear_run_acc,
};
