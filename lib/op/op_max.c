/* max (a, b) -> the greater of a and b, broadcast; NaN if either is. */
#include "pair.h"

const struct qnt_op_def qnt_op_max = {
    .name = "max", .min_in = 2, .max_in = 2, .infer = qnt_pair_infer, .prepare = qnt_pair_prepare, .run = qnt_pair_run};
