#ifndef OP_BATCHNORM_H
#define OP_BATCHNORM_H
#include "op.h"

/* Channel c as y = x * scale + shift; in: x (not looked at), gamma, beta, mean, variance. QNT_ERR_RANGE when not
 * finite. */
qnt_status qnt_batchnorm_factors(const struct qnt_node *n, const struct qnt_tensor *const in[5], size_t c,
                                 double *scale, double *shift);

/* ---- training: statistics of the mini-batch ----------------------------------------------------------------------
 * The parts of a mini-batch leave sums, which are added up in a fixed order; what follows from them is set here once
 * and read by all parts: scale and shift of the forward pass, factors of the backward pass. */
struct qnt_batchnorm {
    const struct qnt_dsp *dsp;
    size_t channels, rows; /* rows of one image */
    float *pivot;          /* moments are taken around it: forward the running mean, then the mini-batch's */
    float *scale, *shift;
    float *factors;     /* [3][channels], as channel_mix: of dy, of x, of 1 */
    double *mean, *inv; /* inv: 1 / sqrt(variance + epsilon) */
};
/* op->backward_prepare: state is a struct qnt_batchnorm; the pivot becomes the running mean. */
qnt_status qnt_batchnorm_backward_prepare(const qnt_ctx *ctx, const struct qnt_step *s, const float *const *value,
                                          size_t max_batch, void **state, size_t *scratch_bytes);
void qnt_batchnorm_backward_release(const qnt_ctx *ctx, void *state);
/* sums[c] = sum of a, sums[channels + c] = sum of a * (x - pivot) over these images; forward a is x, backward it is dy.
 * scratch: 2 * channels floats. */
void qnt_batchnorm_sum(const struct qnt_batchnorm *b, const float *a, const float *x, size_t images, double *sums,
                       float *scratch);
/* From the mini-batch's sums over `rows` rows: scale, shift, and the pivot of the backward pass. Moves the running mean
 * and variance (s->in[3], in[4]) by `momentum` as PyTorch does: the variance's estimate divides by rows - 1; one row
 * moves the mean alone. */
void qnt_batchnorm_forward(struct qnt_batchnorm *b, const struct qnt_step *s, const double *sums, size_t rows,
                           float momentum);
/* From the sums of dy: the factors of op->backward. */
void qnt_batchnorm_factors_of(struct qnt_batchnorm *b, const struct qnt_step *s, const double *sums, size_t rows);
struct qnt_grad;
/* A part of the backward pass's sums, through the step's clamp; adds the part's gradients of gamma and beta. */
void qnt_batchnorm_backward_sum(const struct qnt_step *s, const struct qnt_grad *g, double *sums);
#endif
