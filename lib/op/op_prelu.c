/* prelu (a, b) -> a, or a * b below 0, broadcast: b are the slopes. */
#include "pair.h"

const struct qnt_op_def qnt_op_prelu = {.name = "prelu",
                                        .min_in = 2,
                                        .max_in = 2,
                                        .infer = qnt_pair_infer,
                                        .prepare = qnt_pair_prepare,
                                        .run = qnt_pair_run};
