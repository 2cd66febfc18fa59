/* binary_conv2d (x [h][w][c], w [oc][kh][kw][c / groups][, b [oc]]) -> [oh][ow][oc]: y = scale[oc] * (sum of sign(x) *
 * w)
 * + b, sign(0) = +1. w is of 1 bit, or f32 (binary.h). Padding adds 0, or is +1 or -1 where the attribute lo says so.
 * The input's own scale has no part in it. f32 output: b is f32; s8 output: b is s32 in units of the weights' scale. */
#include "backward.h"
#include "binary.h"
#include "infer.h"

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const float pad = n->attr.lo;
    qnt_status status = qnt_infer_binary(m, n, 4, out);
    if (!status && pad != 0.0f && pad != 1.0f && pad != -1.0f)
        return qnt_fail(QNT_ERR_ARG, "node '%s': padding of %g, expected 0, 1 or -1", n->name, (double)pad);
    return status ? status : qnt_infer_conv(m, n, out);
}

const struct qnt_op_def qnt_op_binary_conv2d = {
    .name = "binary_conv2d",
    .min_in = 2,
    .max_in = 3,
    .rank = 3,
    .infer = infer,
    .prepare = qnt_binary_prepare,
    .run = qnt_binary_run,
    .release = qnt_binary_release,
    .backward = qnt_binary_backward,
    .backward_prepare = qnt_binary_backward_prepare,
    .backward_release = qnt_binary_backward_release,
};
