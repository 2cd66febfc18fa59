#ifndef REF_GEMM_B1_TILE_H
#define REF_GEMM_B1_TILE_H
/* The scalar end of a binary tile: acc[i * lda + j] are -2 * popcount(a xor w). */
#include "ref/gemm_tile.h"

/* What a row adds by itself. */
static inline void qnt_tile_row_bias_ref(const struct qnt_tile *t, int32_t *acc, size_t lda)
{
    const int32_t *const *from = t->e->row_bias;
    for (size_t i = 0; t->last && from && i < t->m; i++)
        for (size_t j = 0; from[t->row + i] && j < t->n; j++)
            acc[i * lda + j] = (int32_t)((uint32_t)acc[i * lda + j] + (uint32_t)from[t->row + i][t->col + j]);
}

static inline void qnt_tile_store_b1_ref(const struct qnt_tile *t, int32_t *acc, size_t lda)
{
    const struct qnt_epilogue *e = t->e;
    qnt_tile_row_bias_ref(t, acc, lda);
    if (e->kind == QNT_EPI_S32 || e->kind == QNT_EPI_S8) {
        qnt_tile_store_ref(t, acc, lda);
        return;
    }
    for (size_t i = 0; i < t->m; i++) {
        uint8_t *bits = (uint8_t *)t->c + i * t->ldc;
        if (e->kind == QNT_EPI_BITS)
            memset(bits, 0, (t->n + 7) / 8);
        for (size_t j = 0; j < t->n; j++) {
            size_t col = t->col + j;
            int32_t v = (int32_t)((uint32_t)acc[i * lda + j] + (uint32_t)e->bias[col]);
            if (e->kind == QNT_EPI_BITS) {
                bits[j / 8] |= (uint8_t)((v < 0) << j % 8);
                continue;
            }
            float x = (float)v * e->rq.scale[e->rq.per_channel ? col : 0];
            if (e->bias_f32)
                x += e->bias_f32[col];
            ((float *)t->c)[i * t->ldc + j] = x < e->lo ? e->lo : x > e->hi ? e->hi : x;
        }
    }
}
#endif
