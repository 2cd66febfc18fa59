/* mul (a, b) -> a * b, broadcast. s8: clamp(rne((float)((a - za) * (b - zb)) * (sa * sb / sy)) + zy), as ONNX Runtime's
 * QLinearMul. */
#include "backward.h"
#include "pair.h"

const struct qnt_op_def qnt_op_mul = {
    .name = "mul",
    .min_in = 2,
    .max_in = 2,
    .infer = qnt_pair_infer,
    .prepare = qnt_pair_prepare,
    .run = qnt_pair_run,
    .backward = qnt_pair_backward,
};
