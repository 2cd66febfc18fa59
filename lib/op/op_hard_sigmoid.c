/* hard_sigmoid (x) -> clamp(lo * x + hi, 0, 1). */
#include "function.h"

const struct qnt_op_def qnt_op_hard_sigmoid = {.name = "hard_sigmoid",
                                               .min_in = 1,
                                               .max_in = 1,
                                               .infer = qnt_function_infer,
                                               .prepare = qnt_function_prepare,
                                               .run = qnt_function_run};
