#ifndef X86_ENDS_AVX512_H
#define X86_ENDS_AVX512_H
/* The two ends of a tile that has a function for each number of rows M: row i, vector column 0 is x[i], 1 (V == 2)
 * y[i]. All loops unroll, so the sums stay in registers. */
#include <immintrin.h>
#include <stdbool.h>
#include "kernels.h"

/* Columns of vector v that t has. */
QNT_INLINE __mmask16 ends_columns(const struct qnt_tile *t, const int v)
{
    return (__mmask16)(_bzhi_u64(~UINT64_C(0), t->n) >> 16 * v);
}

QNT_INLINE __m512i ends_bias(const struct qnt_tile *t, const int v)
{
    return _mm512_maskz_loadu_epi32(ends_columns(t, v), t->e->bias + t->col + 16 * v);
}

/* Where the sums of vector column v start. */
QNT_INLINE void ends_start(const int M, const struct qnt_tile *t, const int v, __m512i *x)
{
    const struct qnt_epilogue *e = t->e;
    const __mmask16 mask = ends_columns(t, v);
    const __m512i bias = t->last ? ends_bias(t, v) : _mm512_setzero_si512();
    QNT_UNROLL
    for (int i = 0; i < M; i++)
        x[i] = bias;
    if (__builtin_expect(!t->first, 0)) {
        const int32_t *c = (const int32_t *)t->c + 16 * v;
        QNT_UNROLL
        for (int i = 0; i < M; i++)
            x[i] = _mm512_add_epi32(x[i], _mm512_maskz_loadu_epi32(mask, c + (size_t)i * t->ldc));
    }
    if (t->last && e->has_row_term) {
        const __m512i zero = _mm512_maskz_loadu_epi32(mask, e->w_zero + t->col + 16 * v);
        QNT_UNROLL
        for (int i = 0; i < M; i++)
            x[i] =
                _mm512_sub_epi32(x[i], _mm512_mullo_epi32(zero, _mm512_set1_epi32(e->row_term[t->row + (uint32_t)i])));
    }
}

QNT_INLINE void ends_store_s32(const int M, const int V, const struct qnt_tile *t, const __m512i *x, const __m512i *y)
{
    const __mmask16 left = ends_columns(t, 0), right = ends_columns(t, 1);
    int32_t *c = t->c;
    if (t->n == 16u * (unsigned)V) {
        QNT_UNROLL
        for (int i = 0; i < M; i++, c += t->ldc) {
            _mm512_storeu_si512(c, x[i]);
            if (V == 2)
                _mm512_storeu_si512(c + 16, y[i]);
        }
        return;
    }
    QNT_UNROLL
    for (int i = 0; i < M; i++, c += t->ldc) {
        _mm512_mask_storeu_epi32(c, left, x[i]);
        if (V == 2)
            _mm512_mask_storeu_epi32(c + 16, right, y[i]);
    }
}

/* What struct qnt_requant says, four vectors to 64 codes: packing saturates to [-128, 127], so that the clamp counts
 * only where it is narrower, and then on bytes. A conversion turns what is too large for it into the least number, but
 * sums times a scale below 1 never are. */
struct ends_codes {
    __m512i zero, order;
    bool narrow;
    uint8_t flip;
    const struct qnt_requant *r;
};

QNT_INLINE struct ends_codes ends_codes_load(const struct qnt_requant *r)
{
    return (struct ends_codes){_mm512_set1_epi16((short)r->zero),
                               _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
                               r->lo > INT8_MIN || r->hi < INT8_MAX, r->out_xor, r};
}

/* Rounded values of a, b, c, d in this order. */
QNT_INLINE __m512i ends_codes_pack(const struct ends_codes *p, __m512i a, __m512i b, __m512i c, __m512i d)
{
    const __m512i ab = _mm512_adds_epi16(_mm512_packs_epi32(a, b), p->zero);
    const __m512i cd = _mm512_adds_epi16(_mm512_packs_epi32(c, d), p->zero);
    __m512i x = _mm512_permutexvar_epi32(p->order, _mm512_packs_epi16(ab, cd));
    if (p->narrow) {
        x = _mm512_max_epi8(x, _mm512_set1_epi8((char)p->r->lo));
        x = _mm512_min_epi8(x, _mm512_set1_epi8((char)p->r->hi));
    }
    return p->flip ? _mm512_xor_si512(x, _mm512_set1_epi8((char)p->flip)) : x;
}

/* Masked stores are several times slower than plain ones on some machines. */
QNT_INLINE void ends_store_row(const int V, const bool whole, int8_t *c, __mmask32 mask, __m256i b)
{
    if (!whole)
        _mm256_mask_storeu_epi8(c, mask, b);
    else if (V == 2)
        _mm256_storeu_si256((__m256i *)(void *)c, b);
    else
        _mm_storeu_si128((__m128i *)(void *)c, _mm256_castsi256_si128(b));
}

QNT_INLINE void ends_store_rows(const int M, const int V, const bool whole, const struct qnt_tile *t,
                                const struct ends_codes *p, const __m512i *x, const __m512i *y)
{
    const __mmask32 mask = (__mmask32)_bzhi_u64(~UINT64_C(0), t->n);
    const int rows = 4 / V; /* to a vector of codes */
    int8_t *c = t->c;
    QNT_UNROLL
    for (int i = 0; i < M; i += rows) {
        const int j = i + 1 < M ? i + 1 : i, k = i + 2 < M ? i + 2 : i, l = i + 3 < M ? i + 3 : i;
        const __m512i b =
            V == 2 ? ends_codes_pack(p, x[i], y[i], x[j], y[j]) : ends_codes_pack(p, x[i], x[j], x[k], x[l]);
        ends_store_row(V, whole, c, mask, _mm512_castsi512_si256(b));
        if (V == 2 && j > i)
            ends_store_row(V, whole, c + t->ldc, mask, _mm512_extracti64x4_epi64(b, 1));
        if (V == 1 && j > i)
            ends_store_row(V, whole, c + t->ldc, mask, _mm256_castsi128_si256(_mm512_extracti32x4_epi32(b, 1)));
        if (V == 1 && k > i)
            ends_store_row(V, whole, c + 2 * t->ldc, mask, _mm256_castsi128_si256(_mm512_extracti32x4_epi32(b, 2)));
        if (V == 1 && l > i)
            ends_store_row(V, whole, c + 3 * t->ldc, mask, _mm256_castsi128_si256(_mm512_extracti32x4_epi32(b, 3)));
        c += (size_t)rows * t->ldc;
    }
}

/* The bits of float(sum) * scale. */
QNT_INLINE __m512i ends_scaled(__m512i sum, __m512 scale)
{
    return _mm512_castps_si512(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale));
}

QNT_INLINE void ends_at_most(const int M, __m512i *x, int32_t most)
{
    const __m512 hi = _mm512_set1_ps((float)most);
    QNT_UNROLL
    for (int i = 0; i < M; i++)
        x[i] = _mm512_castps_si512(_mm512_min_ps(_mm512_castsi512_ps(x[i]), hi));
}

/* What the columns of a tile need. */
struct ends_s8 {
    struct ends_codes p;
    __m512 scale[2];
    bool large; /* a scale that is not below 1 */
};

QNT_INLINE struct ends_s8 ends_s8_load(const int V, const struct qnt_tile *t)
{
    const struct qnt_requant *r = &t->e->rq;
    struct ends_s8 end = {.p = ends_codes_load(r)};
    QNT_UNROLL
    for (int v = 0; v < V; v++) {
        end.scale[v] = r->per_channel ? _mm512_maskz_loadu_ps(ends_columns(t, v), r->scale + t->col + 16 * v)
                                      : _mm512_set1_ps(r->scale[0]);
        end.large |= _mm512_cmp_ps_mask(end.scale[v], _mm512_set1_ps(1.0f), _CMP_GE_OQ) != 0;
    }
    return end;
}

QNT_INLINE void ends_s8_store(const int M, const int V, const struct ends_s8 *end, const struct qnt_tile *t, __m512i *x,
                              __m512i *y)
{
    const struct qnt_requant *r = &t->e->rq;
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        x[i] = ends_scaled(x[i], end->scale[0]);
        if (V == 2)
            y[i] = ends_scaled(y[i], end->scale[V - 1]);
    }
    if (__builtin_expect(end->large, 0)) {
        ends_at_most(M, x, r->hi - r->zero);
        if (V == 2)
            ends_at_most(M, y, r->hi - r->zero);
    }
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        x[i] = _mm512_cvtps_epi32(_mm512_castsi512_ps(x[i]));
        if (V == 2)
            y[i] = _mm512_cvtps_epi32(_mm512_castsi512_ps(y[i]));
    }
    if (t->n == 16u * (unsigned)V)
        ends_store_rows(M, V, true, t, &end->p, x, y);
    else
        ends_store_rows(M, V, false, t, &end->p, x, y);
}

QNT_INLINE void ends_store_s8(const int M, const int V, const struct qnt_tile *t, __m512i *x, __m512i *y)
{
    const struct ends_s8 end = ends_s8_load(V, t);
    ends_s8_store(M, V, &end, t, x, y);
}
#endif
