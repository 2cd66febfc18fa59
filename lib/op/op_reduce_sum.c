/* reduce_sum (x, f32): the sum over some dimensions, which become 1. */
#include "reduce.h"

const struct qnt_op_def qnt_op_reduce_sum = {.name = "reduce_sum",
                                             .min_in = 1,
                                             .max_in = 1,
                                             .infer = qnt_reduce_infer,
                                             .prepare = qnt_reduce_prepare,
                                             .run = qnt_reduce_run};
