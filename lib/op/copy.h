#ifndef OP_COPY_H
#define OP_COPY_H
/* Moves without arithmetic: element [i0][i1]... of a box goes from one place to another, each with a stride for every
 * dimension. transpose and slice are such boxes. Runs through the kernels copy_rows and, of 1 or 4 bytes, transpose_s8
 * or _f32, shared in pieces. */
#include "op.h"

struct qnt_copy_axis {
    size_t extent;
    ptrdiff_t src, dst; /* strides; bytes */
};
/* A box, made by qnt_copy_prepare: loops around kernel calls for `chunk` of the rows, `piece` of their elements. */
struct qnt_copy {
    size_t elem;              /* bytes: 1, 2, 4 or 8 */
    ptrdiff_t src_at, dst_at; /* the first element in an image, bytes */
    size_t src_image, dst_image;
    uint32_t outer;
    struct qnt_copy_axis axis[QNT_MAX_RANK]; /* the loops, outermost first */
    struct qnt_copy_axis row;                /* rows and where the next one lies */
    size_t width;                            /* elements of a row */
    ptrdiff_t column;    /* dst stride of a row's elements; elem: rows stay rows, else they become columns */
    size_t chunk, piece; /* rows, and elements of them, that go together */
    qnt_copy_rows_fn *copy_rows;
    qnt_transpose_s8_fn *transpose_s8; /* one of the three */
    qnt_transpose_f32_fn *transpose_f32;
};
/* What an output dimension takes: of input dimension `dim` element `first` and each one `step` further. */
struct qnt_copy_pick {
    uint32_t dim;
    int64_t first, step;
};
/* prepare and run of an op that is one box; pick: by output dimension. The codes pass: refused when types, scales or
 * zero points differ. */
qnt_status qnt_copy_prepare(const qnt_ctx *ctx, struct qnt_step *s, const struct qnt_copy_pick pick[QNT_MAX_RANK]);
void qnt_copy_run(const struct qnt_step *s, const struct qnt_exec *x);
/* dx += the elements of dy where they came from; both float. */
void qnt_copy_back(const struct qnt_copy *c, const float *dy, float *dx, size_t batch);
#endif
