#ifndef GEMM_GEMM_H
#define GEMM_GEMM_H
/* One five-loop driver for every element type: it blocks, packs through the descriptor, and calls the tile kernel. It
 * knows nothing of instruction sets; mr, nr, kr and costs come from the descriptor. */
#include "lib/core/core.h"

/* One operand: m rows of k elements, delivered piece by piece. Exactly one of the two functions is set.
 * rows: fills ptr[tap * used + i] with the address of tap `tap` of row m0 + i; a row is the concatenation of its `taps`
 * taps of tap_k contiguous elements. lines (f32 only, the operand is stored transposed): fills ptr[j] with the address
 * of element (m0, k0 + j), j < k; elements m0, m0 + 1 ... are contiguous there. */
struct qnt_operand {
    void (*rows)(const struct qnt_operand *o, size_t m0, size_t used, const void **ptr);
    void (*lines)(const struct qnt_operand *o, size_t m0, size_t k0, size_t k, const void **ptr);
    size_t taps, tap_k;
    const void *base;
    size_t stride;      /* plain matrices: elements between rows (or lines) */
    size_t elem;        /* bytes per element */
    const void *detail; /* conv geometry */
    uint8_t in_xor;     /* 0x80: 8-bit source holds u8 codes */
};
/* Plain row-major matrices: A[m][k] with row stride lda; and A given as its transpose AT[k][m] with line stride. */
struct qnt_operand qnt_operand_rows(const void *a, size_t lda, size_t k, size_t elem);
struct qnt_operand qnt_operand_cols(const void *at, size_t ldat, size_t elem);

/* How many full tiles m rows cost as much as, in even shares, where one of fewer rows costs as `least` at least; 0:
 * all. */
double qnt_gemm_full_tiles(const struct qnt_gemm *g, uint32_t least, size_t m);
/* Estimated cost of m x n x k by a tile of the list, in the list's unit. */
double qnt_gemm_cost(const struct qnt_gemm_list *list, const struct qnt_gemm *g, size_t m, size_t n, size_t k);
/* Binary products take bytes of eight values for elements: k, strides and taps count bytes. */
/* The usable variant with the least estimated cost for m x n x k. Never NULL. */
const struct qnt_gemm *qnt_gemm_choose(const struct qnt_gemm_list *list, size_t m, size_t n, size_t k);

/* W packed: panels of nr rows over the whole of k (padded to kr). The caller has checked that n * k fits. w->taps must
 * be 1. */
size_t qnt_gemm_packed_bytes(const struct qnt_gemm *g, size_t n, size_t k);
void qnt_gemm_pack_w(const struct qnt_gemm *g, const struct qnt_operand *w, size_t n, size_t k, void *packed);
/* The S32/S8 bias with every constant term folded in: out[j] = bias[j] - a_zero * (sum of row j of w[n][k]) - what the
 * variant's sums have too much of it. bias NULL: zeros; out may be bias. k <= 2^16. */
void qnt_gemm_fold_bias(const struct qnt_ctx *ctx, const struct qnt_gemm *g, const int8_t *w, size_t n, size_t k,
                        int32_t a_zero, const int32_t *bias, int32_t *out);
/* Scratch one thread needs in qnt_gemm_run; taps of the A operand. */
size_t qnt_gemm_scratch_bytes(const struct qnt_gemm *g, size_t k, size_t taps);

struct qnt_gemm_call {
    const struct qnt_gemm *g;
    struct qnt_operand a;
    const void *packed_w;
    size_t m, n, k; /* m, n < 2^32 */
    size_t panel_k; /* k of packed_w's panels, a multiple of kr, where the product takes a part of it
                       and the tile packs A; else 0 */
    void *c;        /* s32, s8, f32 or bits by e->kind */
    size_t ldc;     /* elements; bytes of bits */
    const struct qnt_epilogue *e;
};
/* Where element (row, col) of the product goes; col is a multiple of 8 for bits. */
static inline void *qnt_gemm_place(const struct qnt_gemm_call *call, size_t row, size_t col)
{
    switch (call->e->kind) {
    case QNT_EPI_S8:
        return (int8_t *)call->c + row * call->ldc + col;
    case QNT_EPI_BITS:
        return (uint8_t *)call->c + row * call->ldc + col / 8;
    default:
        return (int32_t *)call->c + row * call->ldc + col;
    }
}
/* Rows [m0, m1) of the product; any split over rows gives the same bytes. The epilogue's arrays (row_term too) are
 * indexed by the row and column of the whole product. k is blocked for s32 and f32 (partial sums wait in c: exact);
 * 8-bit and binary results need their whole sum at once, so there k is one block and the packed rows may exceed the
 * cache from about k = 2^15 on. |sum| < 2^31 is the caller's to prove (op prepare). */
void qnt_gemm_run(const struct qnt_gemm_call *call, size_t m0, size_t m1, void *scratch);
#endif
