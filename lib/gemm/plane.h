#ifndef GEMM_PLANE_H
#define GEMM_PLANE_H
/* Images with their padding written out, so that a convolution's taps lie at constant strides. */
#include "gemm.h"

struct qnt_plane {
    size_t h, w, c, pixel; /* source image; pixels are `pixel` floats apart, c of them are taken */
    size_t ph, pw;         /* the plane, c floats a pixel, dense */
    ptrdiff_t top, left;   /* source pixel (y, x) goes to (top + y, left + x) if that is inside; the rest is 0 */
    size_t image;          /* floats from one image's plane to the next, >= ph * pw * c */
    bool in_place;         /* the source image already is the plane */
};
/* Sets image and in_place, and checks that everything stays below 2^40 floats. */
qnt_status qnt_plane_init(struct qnt_plane *p);
/* Rows [r0, r1) of one image's plane, written from `to` on. */
void qnt_plane_fill(const struct qnt_plane *p, const float *source, size_t r0, size_t r1, float *to);
#endif
