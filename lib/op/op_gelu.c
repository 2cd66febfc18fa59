/* gelu (x) -> x / 2 * (1 + erf(x / sqrt(2))); mode QNT_GELU_BY_TANH: the form with tanh. */
#include "function.h"

const struct qnt_op_def qnt_op_gelu = {.name = "gelu",
                                       .min_in = 1,
                                       .max_in = 1,
                                       .infer = qnt_function_infer,
                                       .prepare = qnt_function_prepare,
                                       .run = qnt_function_run};
