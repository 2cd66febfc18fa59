#ifndef GEMM_CONV_H
#define GEMM_CONV_H
/* Convolutions as matrix products: the A operand is an implicit im2col over NHWC images. */
#include "gemm.h"

struct qnt_conv_geom {
    size_t h, w, c;    /* input image */
    size_t oh, ow, oc; /* output image */
    size_t kh, kw, stride_h, stride_w, dil_h, dil_w, pad_top, pad_left;
    size_t groups; /* divides c and oc */
};
/* Output pixels are rows: row r = (image * oh + y) * ow + x. Taps kh * kw, tap_k = c / groups. A padded tap points to
 * `zero_row`: c / groups elements holding the zero point (s8) or 0.0f. */
struct qnt_conv_src {
    const struct qnt_conv_geom *geom;
    const void *zero_row;
    size_t group;
    size_t bias_sets, bias_step; /* s8, of the product's epilogue: see qnt_conv_s8_bias_sets; 0: one set */
};
/* detail points to the qnt_conv_src, which must outlive the call. */
struct qnt_operand qnt_operand_im2col(const void *images, const struct qnt_conv_src *src, size_t elem);
/* A convolution of one group of bytes, 8-bit codes or eight binary values, whose padding is one byte throughout: rows
 * [r0, r1) of product->c by qnt_gemm_run, whose A operand it chooses (product->a: only in_xor counts). The scratch is
 * one thread's. */
/* product->packed_w is by qnt_conv_s8_pack_w of w[n][kh][kw][c / groups], or by qnt_gemm_pack_w for tiles that do not
 * read rows. */
size_t qnt_conv_s8_packed_bytes(const struct qnt_gemm *g, const struct qnt_conv_geom *geom, size_t n);
void qnt_conv_s8_pack_w(const struct qnt_gemm *g, const struct qnt_conv_geom *geom, const int8_t *w, size_t n,
                        void *packed);
/* Output lines near the upper and lower edge see some taps in padding only. Where leaving them out pays, the bias comes
 * in as many sets (else in one): a set is without what the zero point of the taps it leaves out takes from it. */
size_t qnt_conv_s8_bias_sets(const struct qnt_gemm *g, const struct qnt_conv_geom *geom);
/* qnt_gemm_fold_bias for each: out[sets][n], not bias. w[n][kh][kw][c / groups]. */
void qnt_conv_s8_fold_bias(const struct qnt_ctx *ctx, const struct qnt_gemm *g, const struct qnt_conv_geom *geom,
                           const int8_t *w, size_t n, int32_t a_zero, const int32_t *bias, int32_t *out);
/* Of output pixel `row` the sum of x - zero, by group; padding adds nothing. */
void qnt_conv_s8_sum_row(const struct qnt_conv_geom *geom, const int8_t *images, int32_t zero, size_t row,
                         int32_t *sum);
size_t qnt_conv_s8_scratch_bytes(const struct qnt_gemm *g, const struct qnt_conv_geom *geom);
void qnt_conv_s8_run(const struct qnt_gemm_call *product, const void *images, const struct qnt_conv_src *src, size_t r0,
                     size_t r1, void *scratch);
/* ---- f32 products: forward and the two of training ----------------------------------------------------------------
 * No im2col: the tiles read images in place, the gradients copy them into a padded plane before. A fully connected layer
 * is the case h = w = kh = kw = 1. Each output is one chain of fma in the order told, whatever the variant and the
 * split. */
struct qnt_conv_f32_work; /* sizes, variants, packed weights */
enum { QNT_CONV_FORWARD = 1, QNT_CONV_GRADIENTS = 2 };
/* uses: the sum of what will be called. images: as many as forward usually gets, by which the variant of fully connected
 * layers is chosen. QNT_ERR_RANGE when a size overflows. Packs nothing yet. */
qnt_status qnt_conv_f32_create(const qnt_ctx *ctx, const struct qnt_conv_geom *geom, unsigned uses, size_t images,
                               struct qnt_conv_f32_work **out);
void qnt_conv_f32_free(const qnt_ctx *ctx, struct qnt_conv_f32_work *w);
size_t qnt_conv_f32_scratch_bytes(const struct qnt_conv_f32_work *w); /* per thread, any of the calls below */
size_t qnt_conv_f32_packed_bytes(const struct qnt_conv_f32_work *w);  /* of weights, for the forward call */
/* Packs w[oc][kh][kw][c / groups] for `uses`. Call after every change of w, which must outlive the calls below. */
void qnt_conv_f32_set_weights(struct qnt_conv_f32_work *w, const float *weights);
/* y[n][oh][ow][oc] = conv(x) + bias, clamped to [lo, hi]; bias may be NULL. Order of k: ky, kx, c, from the bias on. A tap
 * outside of the image is left out of the chain, whatever its weight: it does not add 0 * w. */
void qnt_conv_f32_forward(const struct qnt_conv_f32_work *w, const float *x, const float *bias, float lo, float hi,
                          float *y, size_t images, void *scratch);
/* The same for the share of a thread: output lines [line0, line1), line = image * oh + y, and of each group's output
 * channels [c0, c1). c0 is a multiple of qnt_conv_f32_panel, and so is c1 unless it is the last. */
struct qnt_conv_f32_share {
    size_t line0, line1, c0, c1;
};
size_t qnt_conv_f32_panel(const struct qnt_conv_f32_work *w);
void qnt_conv_f32_forward_share(const struct qnt_conv_f32_work *w, const float *x, const float *bias, float lo,
                                float hi, float *y, const struct qnt_conv_f32_share *share, void *scratch);
/* dx[n][h][w][c] from dy[n][oh][ow][oc]. Order of k: the pixels of dy that the taps take x to, by row and column, oc
 * inside; one outside of the image adds 0 * w. */
void qnt_conv_f32_grad_input(const struct qnt_conv_f32_work *w, const float *dy, float *dx, size_t images,
                             void *scratch);
/* dw[oc][kh][kw][c / groups] = (accumulate ? dw : 0) + sum over these images and pixels in order; db[oc] likewise (may
 * be NULL). */
void qnt_conv_f32_grad_weights(const struct qnt_conv_f32_work *w, const float *x, const float *dy, float *dw, float *db,
                               size_t images, int accumulate, void *scratch);
#endif
