/* binary_conv2d (x [h][w][c], w [oc][kh][kw][c] of 1 bit[, b [oc]]) -> [oh][ow][oc]: y = scale[oc] * (sum of sign(x) *
 * w)
 * + b, sign(0) = +1. Padding adds 0. The input's own scale has no part in it. f32 output: b is f32; s8 output: b is s32
 * in units of the weights' scale. */
#include "binary.h"
#include "infer.h"

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    qnt_status status = qnt_infer_binary(m, n, 4, out);
    if (!status && n->attr.groups != 1)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': %u groups, binary convolutions have 1", n->name,
                        n->attr.groups);
    return status ? status : qnt_infer_conv(m, n, out);
}

const struct qnt_op_def qnt_op_binary_conv2d = {
    .name = "binary_conv2d",
    .min_in = 2,
    .max_in = 3,
    .infer = infer,
    .prepare = qnt_binary_prepare,
    .run = qnt_binary_run,
    .release = qnt_binary_release,
};
