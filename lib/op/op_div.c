/* div (a, b) -> a / b, broadcast. Either may be the constant. */
#include "pair.h"

const struct qnt_op_def qnt_op_div = {
    .name = "div", .min_in = 2, .max_in = 2, .infer = qnt_pair_infer, .prepare = qnt_pair_prepare, .run = qnt_pair_run};
