#ifndef OP_LINEAR_H
#define OP_LINEAR_H
/* What conv2d and fully_connected share: both are products of the same driver; a fully connected layer is a convolution
 * of one pixel. f32: lib/gemm/conv.h. s8: int8 tiles with requantization in the epilogue. */
#include "lib/gemm/conv.h"
#include "op.h"

struct qnt_conv_geom qnt_linear_geometry(const struct qnt_step *s);

/* The op's own functions: by the type of input 0. */
qnt_status qnt_linear_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
void qnt_linear_run(const struct qnt_step *s, const struct qnt_exec *x);
void qnt_linear_run_acc(const struct qnt_step *s, const struct qnt_exec *x, int32_t *acc);
void qnt_linear_release(const qnt_ctx *ctx, struct qnt_step *s);

qnt_status qnt_linear_f32_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
void qnt_linear_f32_run(const struct qnt_step *s, const struct qnt_exec *x);
void qnt_linear_f32_release(const qnt_ctx *ctx, struct qnt_step *s);
qnt_status qnt_linear_s8_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
void qnt_linear_s8_run(const struct qnt_step *s, const struct qnt_exec *x);
void qnt_linear_s8_run_acc(const struct qnt_step *s, const struct qnt_exec *x, int32_t *acc);
void qnt_linear_s8_release(const qnt_ctx *ctx, struct qnt_step *s);
#endif
