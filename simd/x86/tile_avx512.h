#ifndef X86_TILE_AVX512_H
#define X86_TILE_AVX512_H
/* The two ends of an 8-bit tile of MR x NV vectors of sums: row i, columns 16 v .. are acc[i * NV + v]. Columns past
 * t->n are masked off, rows past t->m skipped; all loops unroll, so the sums stay in registers. */
#include <string.h>
#include "x86/requant_avx512.h"

QNT_INLINE __mmask16 qnt_tail16_avx512(uint32_t n, int v)
{
    uint32_t left = n > 16u * (uint32_t)v ? n - 16u * (uint32_t)v : 0;
    return (__mmask16)(left >= 16 ? 0xffffu : (1u << left) - 1);
}

QNT_INLINE void qnt_tile_store_s8_avx512(const struct qnt_tile *t, __m512i *acc, const __mmask16 *mask, const int MR,
                                         const int NV)
{
    const struct qnt_requant *r = &t->e->rq;
    const struct qnt_requant_avx512 p = qnt_requant_load_avx512(r);
    /* out_xor is 0 or 0x80, and in bytes ^ 0x80 is + 0x80. */
    const __m128i zero = _mm_set1_epi8((char)(uint8_t)((uint32_t)r->zero + r->out_xor));
    __m512 scale[4];
    QNT_UNROLL
    for (int v = 0; v < NV; v++)
        scale[v] =
            r->per_channel ? _mm512_maskz_loadu_ps(mask[v], r->scale + t->col + 16 * v) : _mm512_set1_ps(r->scale[0]);
    int8_t *c = t->c;
    QNT_UNROLL
    for (int i = 0; i < MR; i++, c += t->ldc) {
        if ((uint32_t)i >= t->m)
            break;
        QNT_UNROLL
        for (int v = 0; v < NV; v++) {
            __m512i q = qnt_requant_round_avx512(acc[i * NV + v], scale[v], &p);
            __m128i b = _mm_add_epi8(_mm512_cvtepi32_epi8(q), zero);
            if (mask[v] == 0xffff)
                _mm_storeu_si128((__m128i *)(void *)(c + 16 * v), b);
            else
                _mm_mask_storeu_epi8(c + 16 * v, mask[v], b);
        }
    }
}

/* What the sums of a column start from: the bias, or 0 when a later k block adds it. */
QNT_INLINE __m512i qnt_tile_bias_avx512(const struct qnt_tile *t, int v)
{
    __mmask16 mask = t->last ? qnt_tail16_avx512(t->n, v) : 0;
    return _mm512_maskz_loadu_epi32(mask, t->e->bias + t->col + 16 * v);
}

QNT_INLINE void qnt_tile_store_avx512(const struct qnt_tile *t, __m512i *acc, const int MR, const int NV)
{
    const struct qnt_epilogue *e = t->e;
    __mmask16 mask[4];
    QNT_UNROLL
    for (int v = 0; v < NV; v++)
        mask[v] = qnt_tail16_avx512(t->n, v);
    if (!t->first) {
        const int32_t *c = t->c;
        QNT_UNROLL
        for (int i = 0; i < MR; i++, c += t->ldc) {
            if ((uint32_t)i >= t->m)
                break;
            QNT_UNROLL
            for (int v = 0; v < NV; v++)
                acc[i * NV + v] = _mm512_add_epi32(acc[i * NV + v], _mm512_maskz_loadu_epi32(mask[v], c + 16 * v));
        }
    }
    if (t->last && e->has_row_term) {
        QNT_UNROLL
        for (int v = 0; v < NV; v++) {
            __m512i zero = _mm512_maskz_loadu_epi32(mask[v], e->w_zero + t->col + 16 * v);
            QNT_UNROLL
            for (int i = 0; i < MR; i++) {
                if ((uint32_t)i >= t->m)
                    break;
                __m512i term = _mm512_mullo_epi32(zero, _mm512_set1_epi32(e->row_term[t->row + (uint32_t)i]));
                acc[i * NV + v] = _mm512_sub_epi32(acc[i * NV + v], term);
            }
        }
    }
    if (e->kind == QNT_EPI_S8) {
        qnt_tile_store_s8_avx512(t, acc, mask, MR, NV);
        return;
    }
    int32_t *c = t->c;
    QNT_UNROLL
    for (int i = 0; i < MR; i++, c += t->ldc) {
        if ((uint32_t)i >= t->m)
            break;
        QNT_UNROLL
        for (int v = 0; v < NV; v++)
            _mm512_mask_storeu_epi32(c + 16 * v, mask[v], acc[i * NV + v]);
    }
}
#endif
