#ifndef GEMM_CONV_F32_H
#define GEMM_CONV_F32_H
/* The f32 products of a convolution. All three are loop nests over padded planes (nest.h, plane.h):
 *   forward       rows: output pixels of the x plane             k: ky, kx, c      lanes: output channels
 *   grad_input    rows: input pixels over the plane of dy with   k: ky, kx, oc     lanes: input channels
 *                 zeros between strides, weights turned round
 *   grad_weights  k: output pixels; either rows (kx, c), lanes oc, turned round at the end, or rows oc, lanes (kx, c)
 * Groups are products of their own over planes that hold only their channels. */
#include "conv.h"
#include "nest.h"
#include "plane.h"

struct qnt_conv_f32_work {
    struct qnt_conv_geom geom;
    size_t cg, og, k;       /* channels of a group, k of the forward product */
    size_t chunk;           /* images taken together */
    size_t run;             /* contiguous elements of a row of taps: kw * cg, or cg when dilated */
    struct qnt_plane x, dy; /* what forward and grad_weights, and what grad_input read */
    const struct qnt_gemm *forward, *input, *weights, *bias;
    bool lanes_oc;          /* grad_weights: lanes over output channels */
    float *packed, *turned; /* W panels: forward, grad_input; NULL where not used */
    const float *values;    /* grad_input's W when there is no `turned`: they lie in full panels as they are */
    size_t packed_group, turned_group;         /* floats for each group */
    size_t plane_floats, dy_floats, dw_floats; /* parts of the scratch */
};
#endif
