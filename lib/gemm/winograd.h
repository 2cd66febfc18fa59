#ifndef GEMM_WINOGRAD_H
#define GEMM_WINOGRAD_H
/* 3 x 3 convolutions of 8-bit codes by a tile's own ways of Winograd (simd/winograd.h): the same sums by fewer
 * products. */
#include "conv.h"

/* The cheapest way of the tile for so many images, by which the sums of these weights w[oc][3][3][c] are exact; NULL:
 * its own products cost less, or the layer is not one for it. w NULL: of weights for which every way is exact; where
 * that is NULL, so it is with any. */
const struct qnt_winograd *qnt_winograd_choose(const struct qnt_gemm *g, const struct qnt_conv_geom *geom,
                                               size_t images, const int8_t *w);
/* Of any way of the tile, which has some. */
size_t qnt_winograd_packed_bytes(const struct qnt_gemm *g, const struct qnt_conv_geom *geom);
size_t qnt_winograd_scratch_bytes(const struct qnt_gemm *g, const struct qnt_conv_geom *geom);
void qnt_winograd_pack_w(const struct qnt_gemm *g, const struct qnt_winograd *way, const struct qnt_conv_geom *geom,
                         const int8_t *w, int16_t *packed);
/* qnt_gemm_fold_bias of all output channels. */
void qnt_winograd_fold_bias(const struct qnt_ctx *ctx, const struct qnt_conv_geom *geom, const int8_t *w,
                            int32_t a_zero, const int32_t *bias, int32_t *out);

struct qnt_winograd_call {
    const struct qnt_gemm *g;
    const struct qnt_winograd *way;
    const struct qnt_conv_geom *geom;
    const int16_t *packed;
    const int8_t *images, *zero_row;
    const struct qnt_epilogue *e; /* of all output channels; s8 or s32, whose bias is added too */
    void *c;                      /* [images][oh][ow][oc] */
};
/* Tiles [t0, t1), of an image in lines, one image after the other, and output channels [c0, c1). */
struct qnt_winograd_share {
    size_t t0, t1, c0, c1;
};
/* A thread's: of the tiles, or where these are few or it is asked for, of the output channels. */
struct qnt_winograd_share qnt_winograd_share_of(const struct qnt_winograd_call *call, size_t images, uint32_t part,
                                                uint32_t parts, bool channels);
void qnt_winograd_run(const struct qnt_winograd_call *call, const struct qnt_winograd_share *own, void *scratch);
#endif
