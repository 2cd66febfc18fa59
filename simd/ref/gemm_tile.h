#ifndef REF_GEMM_TILE_H
#define REF_GEMM_TILE_H
/* The scalar meaning of struct qnt_tile and of an 8-bit panel. */
#include "ref/scalar.h"

/* acc[i * lda + j]: the sums of this k block. Wraps like the vector units do: representation terms (w_bias) may
 * overflow and come back. */
static inline void qnt_tile_store_ref(const struct qnt_tile *t, const int32_t *acc, size_t lda)
{
    const struct qnt_epilogue *e = t->e;
    for (size_t i = 0; i < t->m; i++) {
        for (size_t j = 0; j < t->n; j++) {
            size_t col = t->col + j, at = i * t->ldc + j;
            uint32_t v = (uint32_t)acc[i * lda + j];
            if (!t->first)
                v += (uint32_t)((const int32_t *)t->c)[at];
            if (t->last)
                v += (uint32_t)e->bias[col];
            if (t->last && e->has_row_term)
                v -= (uint32_t)e->w_zero[col] * (uint32_t)e->row_term[t->row + i];
            if (e->kind == QNT_EPI_S32)
                ((int32_t *)t->c)[at] = (int32_t)v;
            else
                ((int8_t *)t->c)[at] = qnt_requantize_one((int32_t)v, e->rq.scale[e->rq.per_channel ? col : 0], &e->rq);
        }
    }
}

/* Element k0 + j of the concatenated row i. */
static inline uint8_t qnt_row_byte(const void *const *rows, size_t tap_k, size_t used, size_t i, size_t j)
{
    return ((const uint8_t *)rows[j / tap_k * used + i])[j % tap_k];
}
#endif
