/* floor (x) -> the next whole number below. */
#include "function.h"

const struct qnt_op_def qnt_op_floor = {.name = "floor",
                                        .min_in = 1,
                                        .max_in = 1,
                                        .infer = qnt_function_infer,
                                        .prepare = qnt_function_prepare,
                                        .run = qnt_function_run};
