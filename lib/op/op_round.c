/* round (x) -> the nearest whole number, halves to even. */
#include "function.h"

const struct qnt_op_def qnt_op_round = {.name = "round",
                                        .min_in = 1,
                                        .max_in = 1,
                                        .infer = qnt_function_infer,
                                        .prepare = qnt_function_prepare,
                                        .run = qnt_function_run};
