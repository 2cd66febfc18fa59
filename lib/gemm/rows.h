#ifndef GEMM_ROWS_H
#define GEMM_ROWS_H
/* 8-bit products by tiles that read the rows of A where they lie (run_rows). */
#include "gemm.h"

/* Rows [r0, r1) of a product and all of its columns, for one stretch of k. `width` rows make a line; row r0, at o.a, is
 * the x0th of its line, and lines begin a_line bytes apart. */
struct qnt_rows_walk {
    const struct qnt_gemm_call *call; /* a and k do not count */
    struct qnt_s8_operands o;         /* w: where this stretch begins in the first panel */
    size_t panel;                     /* bytes from there to the same place in the next panel */
    size_t r0, r1, x0, width;
    ptrdiff_t a_line;
    bool first, last; /* stretch of k */
};
void qnt_rows_walk(const struct qnt_rows_walk *w);

/* qnt_gemm_run and its scratch for these tiles: rows are copied to a block, or used where they are if they can be. */
size_t qnt_rows_scratch_bytes(const struct qnt_gemm *g, size_t k, size_t taps);
void qnt_rows_run(const struct qnt_gemm_call *call, size_t m0, size_t m1, void *scratch);
#endif
