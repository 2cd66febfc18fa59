/* softmax (x, f32): along one dimension, the last unless axis[0] says. */
#include "softmax.h"

const struct qnt_op_def qnt_op_softmax = {.name = "softmax",
                                          .min_in = 1,
                                          .max_in = 1,
                                          .infer = qnt_softmax_infer,
                                          .prepare = qnt_softmax_prepare,
                                          .run = qnt_softmax_run};
