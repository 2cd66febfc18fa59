#ifndef OP_SOFTMAX_H
#define OP_SOFTMAX_H
/* softmax and log_softmax along any dimension: axis[0] counts from the last one, 0. Each line along it, element by
 * element e = exp(x - max); sum of e by 16 interleaved sums folded by halves (simd/kernels.h); y = e / sum, or
 * (x - max) - log(sum). Lines that do not lie together are moved together first, 16 at a time, so all give the same. */
#include "op.h"

qnt_status qnt_softmax_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
qnt_status qnt_softmax_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
void qnt_softmax_run(const struct qnt_step *s, const struct qnt_exec *x);
#endif
