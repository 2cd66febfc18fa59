/* tanh (x) -> tanh(x). */
#include "backward.h"
#include "function.h"

const struct qnt_op_def qnt_op_tanh = {.name = "tanh",
                                       .min_in = 1,
                                       .max_in = 1,
                                       .infer = qnt_function_infer,
                                       .prepare = qnt_function_prepare,
                                       .run = qnt_function_run,
                                       .backward = qnt_function_backward};
