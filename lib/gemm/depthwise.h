#ifndef GEMM_DEPTHWISE_H
#define GEMM_DEPTHWISE_H
/* 8-bit depthwise convolutions: every input channel is a group of its own, with one or more outputs. Those that
 * qnt_depthwise_serves. */
#include "depthwise_lines.h"

size_t qnt_depthwise_packed_bytes(const struct qnt_conv_geom *g);
/* w[oc][kh][kw] as the kernels take it; folded[oc] = bias (NULL: 0) with the input's zero point taken off. */
void qnt_depthwise_pack(const struct qnt_conv_geom *g, const int8_t *w, int32_t zero, const int32_t *bias,
                        int8_t *packed, int32_t *folded);

size_t qnt_depthwise_scratch_bytes(const struct qnt_conv_geom *g);
struct qnt_depthwise_call {
    const struct qnt_conv_geom *geom;
    qnt_depthwise_s8_fn *run;
    qnt_copy_rows_fn *copy_rows;
    qnt_fill_rows_fn *fill_rows;
    const int8_t *packed;
    const int32_t *folded;
    int8_t zero; /* the input's: what padding holds */
    const struct qnt_requant *rq;
};
/* Output lines [line0, line1) of y[image][oh][ow][oc], and their sums in acc (may be NULL); line = image * oh + y.
 * Scratch: qnt_depthwise_scratch_bytes. */
void qnt_depthwise_run(const struct qnt_depthwise_call *c, const int8_t *images, int8_t *y, int32_t *acc, size_t line0,
                       size_t line1, void *scratch);
#endif
