#ifndef OP_BACKWARD_H
#define OP_BACKWARD_H
/* Reverse mode of the layer kinds; the op table points here. Contract: lib/train/grad.h. */
#include "lib/train/grad.h"

/* Zeroes n values of dy where the step's output clamp stops the gradient. */
void qnt_backward_clamp(const struct qnt_step *s, const struct qnt_grad *g, float *dy, size_t n);
/* dx += dy or dx = dy, by delta_set[id], which becomes 1. */
void qnt_backward_give(const struct qnt_grad *g, int id, const float *dy, size_t n);

/* conv2d and fully_connected (a convolution of one pixel). */
qnt_status qnt_conv_backward_prepare(const qnt_ctx *ctx, const struct qnt_step *s, const float *const *value,
                                     size_t max_batch, void **state, size_t *scratch_bytes);
void qnt_conv_backward_release(const qnt_ctx *ctx, void *state);
void qnt_conv_backward(const struct qnt_step *s, const struct qnt_grad *g);

/* binary_conv2d and binary_fully_connected with float weights, straight through: sign'(v) = 1 for |v| <= 1, else 0, for
 * the input's values and for the weights, whose scale counts as constant (Courbariaux et al. 2015, arXiv:1511.00363;
 * Rastegari et al. 2016, arXiv:1603.05279). */
qnt_status qnt_binary_backward_prepare(const qnt_ctx *ctx, const struct qnt_step *s, const float *const *value,
                                       size_t max_batch, void **state, size_t *scratch_bytes);
void qnt_binary_backward_release(const qnt_ctx *ctx, void *state);
void qnt_binary_backward(const struct qnt_step *s, const struct qnt_grad *g);

void qnt_maxpool_backward(const struct qnt_step *s, const struct qnt_grad *g); /* maxpool, global_maxpool */
void qnt_avgpool_backward(const struct qnt_step *s, const struct qnt_grad *g); /* avgpool, global_avgpool */
void qnt_clamp_backward(const struct qnt_step *s, const struct qnt_grad *g);   /* relu, clamp as nodes of their own */
void qnt_pair_backward(const struct qnt_step *s, const struct qnt_grad *g);    /* add, sub, mul */
/* batchnorm: g->state is a struct qnt_batchnorm whose factors are set from the mini-batch's sums (batchnorm.h). */
void qnt_batchnorm_backward(const struct qnt_step *s, const struct qnt_grad *g);
/* leaky_relu, hard_swish, sigmoid, tanh */
void qnt_function_backward(const struct qnt_step *s, const struct qnt_grad *g);
/* transpose, slice: the state is a struct qnt_copy */
void qnt_copy_backward(const struct qnt_step *s, const struct qnt_grad *g);
/* flatten, reshape, and quantize and dequantize by the straight-through estimator. */
void qnt_identity_backward(const struct qnt_step *s, const struct qnt_grad *g);
#endif
