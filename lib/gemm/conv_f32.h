#ifndef GEMM_CONV_F32_H
#define GEMM_CONV_F32_H
/* The f32 products of a convolution. All three are loop nests (nest.h), of the gradients over padded planes (plane.h):
 *   forward       rows: output pixels over the images       k: ky, kx, c      lanes: output channels
 *   grad_input    rows: input pixels over the plane of dy   k: ky, kx, oc     lanes: input channels; weights turned
 *   grad_weights  k: output pixels; either rows (kx, c), lanes oc, turned round at the end, or rows oc, lanes (kx, c)
 * Groups are products of their own over planes that hold only their channels; depthwise layers have kernels of their
 * own. */
#include "conv.h"
#include "nest.h"
#include "plane.h"

/* With strides, not every tap takes an input line to the output: lines first, first + stride ... have the taps last,
 * last - step ... in common, which read lines of dy from `start` on, `dil` apart. One phase for each remainder. */
struct qnt_phase {
    size_t first, count, last, step, taps, dil;
    ptrdiff_t start;
};

struct qnt_conv_f32_work {
    struct qnt_conv_geom geom;
    size_t cg, og, k;       /* channels of a group, k of the forward product */
    size_t chunk;           /* images taken together */
    size_t lines;           /* output lines of an image taken together: all, if there is more than one image */
    size_t run;             /* contiguous elements of a row of taps: kw * cg, or cg when dilated */
    bool whole;             /* forward: every tap is inside of the image, whose lines are taken whole: over x; else */
    struct qnt_plane image; /* over a group's channels of the image, without padding */
    struct qnt_plane x, dy; /* what grad_weights and grad_input read */
    const struct qnt_gemm *forward, *input, *weights, *bias;
    qnt_depthwise_f32_fn *depthwise; /* NULL: tiles; else every channel is a group, and these are all that counts: */
    qnt_depthwise_grad_f32_fn *depthwise_grad;
    qnt_depthwise_image_f32_fn *depthwise_image; /* forward where it has the window; else NULL */
    bool lanes_oc;                               /* grad_weights: lanes over output channels */
    float *packed, *turned;                      /* W panels: forward, grad_input; NULL where not used */
    const float *values; /* grad_input's W when there is no `turned`: they lie in full panels as they are */
    struct qnt_phase *phase_h, *phase_w; /* min(stride, size) each; with QNT_CONV_GRADIENTS */
    size_t phases_h, phases_w;
    bool bare;                                 /* some input pixels reach no output: their gradient is 0 */
    size_t packed_group, turned_group;         /* floats for each group */
    size_t plane_floats, dy_floats, dw_floats; /* parts of the scratch */
};

/* The convolution of a plane; rows are pixels of the result. */
struct qnt_walk {
    const struct qnt_plane *plane;
    size_t images, lines, columns;    /* of the result */
    size_t step_h, step_w;            /* in the plane, from one line (column) of the result to the next */
    size_t kh, kw, dil_h, dil_w;      /* taps and their distance in the plane */
    size_t c_image, c_line, c_column; /* strides of the result in floats */
    size_t w_k;                       /* floats between rows of W: nr in packed panels, n where W is [k][n] */
};
/* nest: g, a, w, c, n, e are set. */
void qnt_conv_f32_walk(struct qnt_nest *nest, const struct qnt_walk *walk);

/* What forward reads: x or image. */
const struct qnt_plane *qnt_conv_f32_forward_plane(const struct qnt_conv_f32_work *w);

/* The tile for sums of dy over the pixels, which it reads as full panels; NULL: none has them. */
const struct qnt_gemm *qnt_conv_f32_choose_bias(const struct qnt_gemm_list *list, const struct qnt_conv_geom *geom);

/* The parts of create and set_weights that serve the gradient of the input. */
qnt_status qnt_conv_f32_make_phases(const qnt_ctx *ctx, struct qnt_conv_f32_work *w);
size_t qnt_conv_f32_turned_floats(const struct qnt_conv_f32_work *w); /* of one group */
void qnt_conv_f32_turn(const struct qnt_conv_f32_work *w, const float *group, float *to);

/* conv_f32_depthwise.c: the same where the geometry is one that qnt_depthwise_serves. */
qnt_status qnt_conv_f32_depthwise_create(const qnt_ctx *ctx, struct qnt_conv_f32_work *w, unsigned uses);
void qnt_conv_f32_depthwise_weights(struct qnt_conv_f32_work *w, const float *weights);
void qnt_conv_f32_depthwise_forward(const struct qnt_conv_f32_work *w, const float *x, const float *bias, float lo,
                                    float hi, float *y, size_t line0, size_t line1, void *scratch);
void qnt_conv_f32_depthwise_grad_input(const struct qnt_conv_f32_work *w, const float *dy, float *dx, size_t images,
                                       float *scratch); /* pixels that reach no output are left alone */
void qnt_conv_f32_depthwise_grad_weights(const struct qnt_conv_f32_work *w, const float *x, const float *dy, float *dw,
                                         size_t images, bool accumulate, float *scratch);
#endif
