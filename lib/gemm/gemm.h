#ifndef GEMM_GEMM_H
#define GEMM_GEMM_H
/* One five-loop driver for every element type: it blocks, packs through the descriptor, and calls the tile kernel. It
 * knows nothing of instruction sets; mr, nr, kr and costs come from the descriptor. */
#include "lib/core/core.h"

/* The A operand: m rows of k elements, delivered panel by panel. `rows`: fills ptr[tap * used + i] with the address of tap
 * `tap` of row m0 + i (each tap_k contiguous elements), for pack_a. `lines` (f32, transposed A): fills ptr[j] with the
 * address of element (k0 + j, m0) such that A's elements m0.. are contiguous there. Exactly one of the two is set. */
struct qnt_operand {
    void (*rows)(const struct qnt_operand *o, size_t m0, size_t used, const void **ptr);
    void (*lines)(const struct qnt_operand *o, size_t m0, size_t k0, size_t k, const void **ptr);
    size_t taps, tap_k;
    const void *base;
    size_t stride;      /* plain matrices: elements between rows (or lines) */
    size_t elem;        /* bytes per element */
    const void *detail; /* conv geometry */
    uint8_t in_xor;
};
/* Plain row-major matrices: A[m][k] with row stride lda; and A given as its transpose AT[k][m] with line stride. */
struct qnt_operand qnt_operand_rows(const void *a, size_t lda, size_t k, size_t elem);
struct qnt_operand qnt_operand_cols(const void *at, size_t ldat, size_t elem);

/* The usable variant with the least estimated cost for m x n x k (by the descriptors' cost table). Never NULL. */
const struct qnt_gemm *qnt_gemm_choose(const struct qnt_gemm_list *list, size_t m, size_t n, size_t k);

/* W packed: panels of nr rows over the whole of k (padded to kr). */
size_t qnt_gemm_packed_bytes(const struct qnt_gemm *g, size_t n, size_t k);
void qnt_gemm_pack_w(const struct qnt_gemm *g, const struct qnt_operand *w, size_t n, size_t k, void *packed);
/* Scratch one thread needs in qnt_gemm_run. */
size_t qnt_gemm_scratch_bytes(const struct qnt_gemm *g, size_t k, size_t taps);
/* Largest k for which |sum| < 2^31 for s8 codes with zero points and bias is checked by the callers (op prepare). */

struct qnt_gemm_call {
    const struct qnt_gemm *g;
    struct qnt_operand a;
    const void *packed_w;
    size_t m, n, k;
    void *c;    /* s32, s8 or f32 by e->kind */
    size_t ldc; /* elements */
    const struct qnt_epilogue *e;
};
/* Rows [m0, m1) of the product; any split over rows gives the same bytes. Rows with has_row_term index row_term by row. */
void qnt_gemm_run(const struct qnt_gemm_call *call, size_t m0, size_t m1, void *scratch);
#endif
