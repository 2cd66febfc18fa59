#ifndef OP_COPY_H
#define OP_COPY_H
/* Moves without arithmetic: element [i0][i1]... of a box goes from one place to another, each with a stride for every
 * dimension. transpose, concat, slice and the inside of pad are such boxes. Runs through the kernels copy_rows and
 * transpose_s8 or _f32, shared in pieces. */
#include "op.h"

struct qnt_copy_axis {
    size_t extent;
    ptrdiff_t src, dst; /* strides; bytes */
};
/* A box, made by qnt_copy_prepare: loops around one kernel call for `chunk` of the `rows`. */
struct qnt_copy {
    size_t elem;              /* bytes: 1 or 4 */
    ptrdiff_t src_at, dst_at; /* the first element in an image, bytes */
    size_t src_image, dst_image;
    uint32_t outer;
    struct qnt_copy_axis axis[QNT_MAX_RANK]; /* the loops, outermost first */
    struct qnt_copy_axis row;                /* rows and where the next one lies */
    size_t width;                            /* elements of a row */
    ptrdiff_t column; /* dst stride of a row's elements; elem: rows stay rows, else they become columns */
    size_t chunk;
    qnt_copy_rows_fn *copy_rows;
    qnt_transpose_s8_fn *transpose_s8; /* one of the three */
    qnt_transpose_f32_fn *transpose_f32;
};
/* axis: `rank` dimensions in the output's order, outermost first; at and image sizes as in the struct. */
void qnt_copy_prepare(const qnt_ctx *ctx, struct qnt_copy *c, size_t elem, uint32_t rank,
                      const struct qnt_copy_axis *axis);
const char *qnt_copy_variant(const struct qnt_copy *c);
/* This thread's share; src and dst: the first images. */
void qnt_copy_run(const struct qnt_copy *c, const void *src, void *dst, const struct qnt_exec *x);
/* dx += the elements of dy where they came from; both float. */
void qnt_copy_back(const struct qnt_copy *c, const float *dy, float *dx, size_t batch);

/* Strides of a dense tensor, in bytes; returns an image's size. */
size_t qnt_copy_strides(const struct qnt_tensor *t, ptrdiff_t stride[QNT_MAX_RANK]);
#endif
