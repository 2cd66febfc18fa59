/* clamp (x): x within [lo, hi]. f32: NaN passes. s8: the same scale and zero point on both sides; bounds are rounded to
 * codes. */
#include "backward.h"
#include "bounds.h"

const struct qnt_op_def qnt_op_clamp = {
    .name = "clamp",
    .min_in = 1,
    .max_in = 1,
    .infer = qnt_bounds_infer,
    .prepare = qnt_bounds_prepare,
    .run = qnt_bounds_run,
    .backward = qnt_clamp_backward,
};
