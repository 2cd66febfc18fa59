#ifndef X86_TILE_AVX2_H
#define X86_TILE_AVX2_H
/* The end of an 8-bit tile of MR x 16: row i has its sums in acc[2 i] (columns 0..7) and acc[2 i + 1] (8..15). Columns
 * past t->n are masked off, rows past t->m skipped. */
#include <stdbool.h>
#include <string.h>
#include "x86/part_avx2.h"
#include "x86/requant_avx2.h"

/* Columns 8 v .. 8 v + 7 of a row of n dwords. */
QNT_INLINE __m256i qnt_tile_load_avx2(const void *row, uint32_t n, int v)
{
    return qnt_part8_avx2((const int32_t *)row + 8 * v, n > 8u * (uint32_t)v ? n - 8u * (uint32_t)v : 0);
}

/* What the sums of a column start from: the bias, or 0 when a later k block adds it. */
QNT_INLINE __m256i qnt_tile_bias_avx2(const struct qnt_tile *t, int v)
{
    return qnt_tile_load_avx2(t->e->bias + t->col, t->last ? t->n : 0, v);
}

QNT_INLINE void qnt_store_bytes_avx2(int8_t *c, __m128i b, uint32_t n)
{
    if (n >= 16) {
        _mm_storeu_si128((__m128i *)c, b);
        return;
    }
    if (n & 8) {
        _mm_storel_epi64((__m128i *)c, b);
        b = _mm_srli_si128(b, 8);
        c += 8;
    }
    if (n & 4) {
        _mm_storeu_si32(c, b);
        b = _mm_srli_si128(b, 4);
        c += 4;
    }
    int32_t last = _mm_cvtsi128_si32(b);
    for (n &= 3; n; n--, last >>= 8)
        *c++ = (int8_t)last;
}

QNT_INLINE void qnt_tile_store_s8_avx2(const struct qnt_tile *t, const __m256i *acc, const int MR)
{
    const struct qnt_requant *r = &t->e->rq;
    const struct qnt_requant_avx2 p = qnt_requant_load_avx2(r);
    const __m256i zero = _mm256_set1_epi16((int16_t)r->zero), flip = _mm256_set1_epi8((char)r->out_xor);
    __m256 scale[2];
    QNT_UNROLL
    for (int v = 0; v < 2; v++)
        scale[v] = r->per_channel ? _mm256_castsi256_ps(qnt_tile_load_avx2(r->scale + t->col, t->n, v))
                                  : _mm256_set1_ps(r->scale[0]);
    int8_t *c = t->c;
    QNT_UNROLL
    for (int i = 0; i < MR; i += 2, c += 2 * t->ldc) { /* two rows fill a vector of bytes */
        const int odd = i + 1 < MR ? i + 1 : i;
        if ((uint32_t)i >= t->m)
            break;
        __m256i h0 = _mm256_packs_epi32(qnt_requant_round_avx2(acc[2 * i], scale[0], &p),
                                        qnt_requant_round_avx2(acc[2 * i + 1], scale[1], &p));
        __m256i h1 = odd == i ? h0
                              : _mm256_packs_epi32(qnt_requant_round_avx2(acc[2 * odd], scale[0], &p),
                                                   qnt_requant_round_avx2(acc[2 * odd + 1], scale[1], &p));
        __m256i b = _mm256_packs_epi16(_mm256_add_epi16(h0, zero), _mm256_add_epi16(h1, zero));
        b = _mm256_xor_si256(_mm256_permutevar8x32_epi32(b, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)), flip);
        qnt_store_bytes_avx2(c, _mm256_castsi256_si128(b), t->n);
        if (odd != i && (uint32_t)odd < t->m)
            qnt_store_bytes_avx2(c + t->ldc, _mm256_extracti128_si256(b, 1), t->n);
    }
}

/* Sums in one block of k to bytes of whole vectors by scales below 1, with which no sum is too large for the
 * conversion: most tiles are so, and what they need is the same for all rows. */
struct qnt_plain_avx2 {
    __m256i bias[2], zero, lo, hi, flip;
    __m256 scale[2];
};
QNT_INLINE bool qnt_tile_scales_down_avx2(const struct qnt_tile *t)
{
    const struct qnt_requant *r = &t->e->rq;
    const __m256 one = _mm256_set1_ps(1.0f);
    if (!r->per_channel)
        return r->scale[0] < 1.0f;
    const float *scale = r->scale + t->col;
    const __m256 left = _mm256_loadu_ps(scale), right = t->n == 8 ? left : _mm256_loadu_ps(scale + 8);
    return _mm256_movemask_ps(_mm256_cmp_ps(_mm256_max_ps(left, right), one, _CMP_NLT_UQ)) == 0;
}

QNT_INLINE bool qnt_tile_is_plain_avx2(const struct qnt_tile *t)
{
    return (t->n == 16 || t->n == 8) && t->first && t->last && t->e->kind == QNT_EPI_S8 && !t->e->has_row_term &&
           qnt_tile_scales_down_avx2(t);
}

QNT_INLINE struct qnt_plain_avx2 qnt_plain_load_avx2(const struct qnt_tile *t)
{
    const struct qnt_requant *r = &t->e->rq;
    const float *scale = r->scale + (r->per_channel ? t->col : 0);
    struct qnt_plain_avx2 p = {.zero = _mm256_set1_epi16((int16_t)r->zero),
                               .lo = _mm256_set1_epi8((char)r->lo),
                               .hi = _mm256_set1_epi8((char)r->hi),
                               .flip = _mm256_set1_epi8((char)r->out_xor)};
    QNT_UNROLL
    for (int v = 0; v < 2; v++) {
        if (8u * (unsigned)v >= t->n) {
            p.bias[v] = p.zero; /* of no column */
            p.scale[v] = p.scale[0];
            continue;
        }
        p.bias[v] = _mm256_loadu_si256((const __m256i *)(const void *)(t->e->bias + t->col) + v);
        p.scale[v] = r->per_channel ? _mm256_loadu_ps(scale + 8 * v) : _mm256_set1_ps(scale[0]);
    }
    return p;
}

QNT_INLINE __m256i qnt_plain_round_avx2(__m256i acc, __m256 scale)
{
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(acc), scale));
}

/* Two rows of 16 columns or four of 8, in the order of their dwords. */
QNT_INLINE __m256i qnt_plain_bytes_avx2(const struct qnt_plain_avx2 *p, const __m256i *h)
{
    const __m256i b =
        _mm256_permutevar8x32_epi32(_mm256_packs_epi16(h[0], h[1]), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    return _mm256_xor_si256(_mm256_max_epi8(_mm256_min_epi8(b, p->hi), p->lo), p->flip);
}

/* MR rows. Narrowing saturates, so that bytes are clamped. */
QNT_INLINE void qnt_plain_store_avx2(const struct qnt_plain_avx2 *p, const __m256i *acc, int8_t *c, size_t ldc,
                                     const int MR)
{
    __m256i h[2];
    QNT_UNROLL
    for (int i = 0; i < MR; i++) {
        __m256i x[2];
        QNT_UNROLL
        for (int v = 0; v < 2; v++)
            x[v] = qnt_plain_round_avx2(acc[2 * i + v], p->scale[v]);
        h[i % 2] = _mm256_adds_epi16(_mm256_packs_epi32(x[0], x[1]), p->zero);
        if (i % 2 == 0 && i + 1 < MR)
            continue; /* two rows fill a vector of bytes */
        h[1] = h[i % 2];
        const __m256i b = qnt_plain_bytes_avx2(p, h);
        _mm_storeu_si128((__m128i *)c, _mm256_castsi256_si128(b));
        if (i % 2)
            _mm_storeu_si128((__m128i *)(c + ldc), _mm256_extracti128_si256(b, 1));
        c += 2 * ldc;
    }
}

/* The same of 8 columns: sums of row i in acc[2 * i]. */
QNT_INLINE void qnt_plain_store8_avx2(const struct qnt_plain_avx2 *p, const __m256i *acc, int8_t *c, size_t ldc,
                                      const int MR)
{
    QNT_UNROLL
    for (int i = 0; i < MR; i += 4, c += 4 * ldc) { /* four rows fill a vector of bytes */
        __m256i x[4], h[2];
        QNT_UNROLL
        for (int r = 0; r < 4; r++)
            x[r] = qnt_plain_round_avx2(acc[2 * (i + r < MR ? i + r : i)], p->scale[0]);
        QNT_UNROLL
        for (int r = 0; r < 2; r++)
            h[r] = _mm256_adds_epi16(_mm256_packs_epi32(x[2 * r], x[2 * r + 1]), p->zero);
        const __m256i b = qnt_plain_bytes_avx2(p, h);
        const __m128i two = _mm256_castsi256_si128(b), other = _mm256_extracti128_si256(b, 1);
        _mm_storel_epi64((__m128i *)c, two);
        if (i + 1 < MR)
            _mm_storeh_pd((double *)(void *)(c + ldc), _mm_castsi128_pd(two));
        if (i + 2 < MR)
            _mm_storel_epi64((__m128i *)(c + 2 * ldc), other);
        if (i + 3 < MR)
            _mm_storeh_pd((double *)(void *)(c + 3 * ldc), _mm_castsi128_pd(other));
    }
}

QNT_INLINE void qnt_tile_store_avx2(const struct qnt_tile *t, __m256i *acc, const int MR)
{
    const struct qnt_epilogue *e = t->e;
    const __m256i mask[2] = {qnt_tail8_avx2(t->n, 0), qnt_tail8_avx2(t->n, 1)};
    if (!t->first) {
        const int32_t *c = t->c;
        QNT_UNROLL
        for (int i = 0; i < MR; i++, c += t->ldc) {
            if ((uint32_t)i >= t->m)
                break;
            QNT_UNROLL
            for (int v = 0; v < 2; v++)
                acc[2 * i + v] = _mm256_add_epi32(acc[2 * i + v], qnt_tile_load_avx2(c, t->n, v));
        }
    }
    if (t->last && e->has_row_term) {
        QNT_UNROLL
        for (int v = 0; v < 2; v++) {
            __m256i zero = qnt_tile_load_avx2(e->w_zero + t->col, t->n, v);
            QNT_UNROLL
            for (int i = 0; i < MR; i++) {
                if ((uint32_t)i >= t->m)
                    break;
                __m256i term = _mm256_mullo_epi32(zero, _mm256_set1_epi32(e->row_term[t->row + (uint32_t)i]));
                acc[2 * i + v] = _mm256_sub_epi32(acc[2 * i + v], term);
            }
        }
    }
    if (e->kind == QNT_EPI_S8) {
        qnt_tile_store_s8_avx2(t, acc, MR);
        return;
    }
    int32_t *c = t->c;
    QNT_UNROLL
    for (int i = 0; i < MR; i++, c += t->ldc) {
        if ((uint32_t)i >= t->m)
            break;
        QNT_UNROLL
        for (int v = 0; v < 2; v++) {
            if (t->n >= 16) /* masked stores are slow on some cores */
                _mm256_storeu_si256((__m256i *)(c + 8 * v), acc[2 * i + v]);
            else
                _mm256_maskstore_epi32(c + 8 * v, mask[v], acc[2 * i + v]);
        }
    }
}
#endif
