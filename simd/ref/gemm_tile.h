#ifndef REF_GEMM_TILE_H
#define REF_GEMM_TILE_H
/* The scalar meaning of struct qnt_tile and of an 8-bit panel. acc[i * lda + j] are sums of this k block. They wrap
 * like the vector units do: representation terms (w_bias) may overflow and come back. */
#include <string.h>
#include "ref/scalar.h"

/* What earlier k blocks left in c, and the terms of rows. */
static inline void qnt_tile_terms_ref(const struct qnt_tile *t, int32_t *acc, size_t lda)
{
    const struct qnt_epilogue *e = t->e;
    if (!t->first)
        for (size_t i = 0; i < t->m; i++)
            for (size_t j = 0; j < t->n; j++)
                acc[i * lda + j] =
                    (int32_t)((uint32_t)acc[i * lda + j] + (uint32_t)((const int32_t *)t->c)[i * t->ldc + j]);
    if (t->last && e->has_row_term)
        for (size_t i = 0; i < t->m; i++)
            for (size_t j = 0; j < t->n; j++)
                acc[i * lda + j] = (int32_t)((uint32_t)acc[i * lda + j] -
                                             (uint32_t)e->w_zero[t->col + j] * (uint32_t)e->row_term[t->row + i]);
}

/* The same, the bias, and the store. */
static inline void qnt_tile_store_ref(const struct qnt_tile *t, int32_t *acc, size_t lda)
{
    const struct qnt_requant *r = &t->e->rq;
    qnt_tile_terms_ref(t, acc, lda);
    for (size_t i = 0; i < t->m; i++) {
        for (size_t j = 0; j < t->n; j++) {
            size_t col = t->col + j, at = i * t->ldc + j;
            uint32_t bias = t->last ? (uint32_t)t->e->bias[col] : 0;
            int32_t v = (int32_t)((uint32_t)acc[i * lda + j] + bias);
            if (t->e->kind == QNT_EPI_S32)
                ((int32_t *)t->c)[at] = v;
            else
                ((int8_t *)t->c)[at] = qnt_requantize_one(v, r->scale[r->per_channel ? col : 0], r);
        }
    }
}

/* Element k0 + j of the concatenated row i. */
static inline uint8_t qnt_row_byte(const void *const *rows, size_t tap_k, size_t used, size_t i, size_t j)
{
    return ((const uint8_t *)rows[j / tap_k * used + i])[j % tap_k];
}
#endif
