/* rnn: h = tanh(x w + h r + bias) over time; see rnn.h. */
#include "rnn.h"

const struct qnt_op_def qnt_op_rnn = {.name = "rnn",
                                      .min_in = 3,
                                      .max_in = 6,
                                      .infer = qnt_rnn_infer,
                                      .prepare = qnt_rnn_prepare,
                                      .run = qnt_rnn_run,
                                      .release = qnt_rnn_release};
