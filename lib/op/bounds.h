#ifndef OP_BOUNDS_H
#define OP_BOUNDS_H
/* relu and clamp as steps of their own: bounds are in the step (relu: 0 and infinity). */
#include "op.h"

qnt_status qnt_bounds_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
qnt_status qnt_bounds_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
void qnt_bounds_run(const struct qnt_step *s, const struct qnt_exec *x);
/* Real bounds of a relu or clamp node; false: another op. */
bool qnt_bounds_of(const struct qnt_node *n, float *lo, float *hi);
#endif
