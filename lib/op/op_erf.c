/* erf (x) -> the error function. */
#include "function.h"

const struct qnt_op_def qnt_op_erf = {.name = "erf",
                                      .min_in = 1,
                                      .max_in = 1,
                                      .infer = qnt_function_infer,
                                      .prepare = qnt_function_prepare,
                                      .run = qnt_function_run};
