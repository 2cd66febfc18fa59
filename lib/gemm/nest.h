#ifndef GEMM_NEST_H
#define GEMM_NEST_H
/* f32 products over operands that lie in memory as loop nests: what convolutions over padded images and their gradients
 * are, without a copy of the operands. */
#include "gemm.h"

/* One loop of a nest: n steps; each moves the first operand by s floats, the second by t. */
struct qnt_level {
    size_t n;
    ptrdiff_t s, t;
};
/* Rows that are windows on images: row level 0 goes by images, 1 by lines of the result, 2 by its pixels, k level 0 by
 * lines of taps. Products of taps outside of an image are left out. Then `a` is an image's first element, lines are
 * `pitch` floats apart, and the strides of row level 1 and of k level 0 along A do not count. */
struct qnt_frame {
    size_t lines, width, pitch; /* of an image; width: floats of a line, as struct qnt_f32_operands says, or 0 */
    size_t step_h, dil_h;       /* lines from one of the result (of taps) to the next */
    ptrdiff_t line, at;         /* of the first line of taps of the first row, and its place there; negative: outside */
};
/* Taps [*from, *to) of `taps`, `dil` apart from `at` on, lie in [0, size). */
void qnt_taps_inside(ptrdiff_t at, size_t dil, size_t taps, size_t size, size_t *from, size_t *to);
/* C[rows][n] = sum over k of A[rows][k] * W[k][n]. Rows and k are nests of three loops, outermost first; row levels
 * move A by s and C by t, k levels move A by s and W by t. Column j of W lies at (j / nr) * w_panel + j % nr.
 * Innermost, A is contiguous along k (k[2].s == 1) or along the rows (row[2].s == 1). Sums run in order of the k nest.
 * W is read in full panels. */
struct qnt_nest {
    const struct qnt_gemm *g;
    const float *a, *w;
    float *c;
    struct qnt_level row[3], k[3];
    size_t n;
    ptrdiff_t w_panel;
    bool more;       /* continue from the values in c */
    bool rows_first; /* walk the columns of C inside its rows (C dominates), else panels of W outside (W dominates) */
    const struct qnt_epilogue *e;  /* applied by the last k step */
    const struct qnt_frame *frame; /* or NULL */
};
void qnt_nest_run(const struct qnt_nest *nest);
#endif
