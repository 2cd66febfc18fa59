/* leaky_relu (x) -> x, or slope * x below 0; the slope is the attribute lo. */
#include "backward.h"
#include "function.h"

const struct qnt_op_def qnt_op_leaky_relu = {.name = "leaky_relu",
                                             .min_in = 1,
                                             .max_in = 1,
                                             .infer = qnt_function_infer,
                                             .prepare = qnt_function_prepare,
                                             .run = qnt_function_run,
                                             .backward = qnt_function_backward};
