/* add (a, b) -> a + b, broadcast. s8: clamp(rne((a - za) * (sa / sy) + (b - zb) * (sb / sy)) + zy) in float32, as
 * ONNX Runtime's QLinearAdd (the order of operations: qnt_add_s8_fn). */
#include "backward.h"
#include "pair.h"

const struct qnt_op_def qnt_op_add = {.name = "add",
                                      .min_in = 2,
                                      .max_in = 2,
                                      .infer = qnt_pair_infer,
                                      .prepare = qnt_pair_prepare,
                                      .run = qnt_pair_run,
                                      .backward = qnt_pair_backward};
