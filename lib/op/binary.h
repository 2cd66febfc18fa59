#ifndef OP_BINARY_H
#define OP_BINARY_H
/* What binary_conv2d and binary_fully_connected share: signs of the input times binary weights, sums by popcount. */
#include "op.h"

qnt_status qnt_binary_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
void qnt_binary_run(const struct qnt_step *s, const struct qnt_exec *x);
void qnt_binary_release(const qnt_ctx *ctx, struct qnt_step *s);
#endif
