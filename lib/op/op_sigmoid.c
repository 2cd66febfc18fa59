/* sigmoid (x) -> 1 / (1 + exp(-x)). */
#include "backward.h"
#include "function.h"

const struct qnt_op_def qnt_op_sigmoid = {.name = "sigmoid",
                                          .min_in = 1,
                                          .max_in = 1,
                                          .infer = qnt_function_infer,
                                          .prepare = qnt_function_prepare,
                                          .run = qnt_function_run,
                                          .backward = qnt_function_backward};
