#ifndef GEMM_DEPTHWISE_LINES_H
#define GEMM_DEPTHWISE_LINES_H
/* What the depthwise convolutions of codes and of floats share: lines of the input, padded and with each channel
 * repeated for its outputs, go into a ring of as many lines as a window is high, so that every output line is one run
 * of a kernel without borders. An image that needs neither is read where it lies. */
#include "conv.h"

struct qnt_depthwise_lines {
    const struct qnt_conv_geom *g;
    const void *images;
    size_t elem;            /* bytes of an element: 1 or 4 */
    int8_t pad;             /* padding holds bytes of this value */
    size_t lines, pw, line; /* lines held, pixels and bytes of one */
    bool in_place;
    uint8_t *ring;
    const void **tap;
    size_t image, next; /* the image at hand, and its padded line to be filled next */
};

/* False: not depthwise, or lines too long to stage. */
bool qnt_depthwise_serves(const struct qnt_conv_geom *g, size_t elem);
/* Of a thread; 64-byte aligned. */
size_t qnt_depthwise_lines_bytes(const struct qnt_conv_geom *g, size_t elem);
struct qnt_depthwise_lines qnt_depthwise_lines_of(const struct qnt_conv_geom *g, size_t elem, int8_t pad,
                                                  const void *images, void *scratch);
/* The taps [kh * kw] of output line `line` = image * oh + y: pixels are stride_w * oc elements apart. Lines go up. */
const void *const *qnt_depthwise_lines_taps(struct qnt_depthwise_lines *r, size_t line);
#endif
