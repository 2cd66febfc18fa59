/* relu (x): max(x, 0). f32: NaN passes. s8: the same scale and zero point on both sides. */
#include "backward.h"
#include "bounds.h"

const struct qnt_op_def qnt_op_relu = {
    .name = "relu",
    .min_in = 1,
    .max_in = 1,
    .infer = qnt_bounds_infer,
    .prepare = qnt_bounds_prepare,
    .run = qnt_bounds_run,
    .backward = qnt_clamp_backward,
};
