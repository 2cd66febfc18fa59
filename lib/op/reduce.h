#ifndef OP_REDUCE_H
#define OP_REDUCE_H
/* reduce_mean, reduce_sum, reduce_max, reduce_min over the dimensions d with axis[d] = 1 (all 0: over all), which stay,
 * of extent 1. f32. The elements behind one result are taken in row-major order of these dimensions. Where the last
 * dimension (that is not 1) is among them, each run along it is one sum: 16 interleaved ones, lane i % 16, folded by
 * halves (s[i] += s[i + half], half 8, 4, 2, 1); the runs are added in order. Else the elements are added in order.
 * Both start at +0; a mean is that sum divided by the count. max and min: (v > m ? v : m) from -Inf on, so NaN is not
 * seen; min alike. */
#include "op.h"

qnt_status qnt_reduce_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
qnt_status qnt_reduce_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
void qnt_reduce_run(const struct qnt_step *s, const struct qnt_exec *x);
#endif
