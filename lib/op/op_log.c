/* log (x) -> the natural logarithm; NaN below 0. */
#include "function.h"

const struct qnt_op_def qnt_op_log = {.name = "log",
                                      .min_in = 1,
                                      .max_in = 1,
                                      .infer = qnt_function_infer,
                                      .prepare = qnt_function_prepare,
                                      .run = qnt_function_run};
