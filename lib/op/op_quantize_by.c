/* quantize_by (x, scale[, zero]): f32 -> integers by a scale for each index or block of a dimension; see scales.h. */
#include "scales.h"

const struct qnt_op_def qnt_op_quantize_by = {.name = "quantize_by",
                                              .min_in = 2,
                                              .max_in = 3,
                                              .infer = qnt_scales_infer,
                                              .prepare = qnt_scales_prepare,
                                              .run = qnt_scales_run};
