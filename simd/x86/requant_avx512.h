#ifndef X86_REQUANT_AVX512_H
#define X86_REQUANT_AVX512_H
/* The vector step of struct qnt_requant: sixteen sums to sixteen s32 codes in s8 terms (out_xor is the store's
 * business). */
#include <immintrin.h>
#include "kernels.h"

struct qnt_requant_avx512 {
    __m512 lo, hi; /* lo - zero, hi - zero */
    __m512i zero;
};

QNT_INLINE struct qnt_requant_avx512 qnt_requant_load_avx512(const struct qnt_requant *r)
{
    return (struct qnt_requant_avx512){_mm512_set1_ps((float)(r->lo - r->zero)),
                                       _mm512_set1_ps((float)(r->hi - r->zero)), _mm512_set1_epi32(r->zero)};
}

/* The code without zero: bytes may add it after narrowing. */
QNT_INLINE __m512i qnt_requant_round_avx512(__m512i acc, __m512 scale, const struct qnt_requant_avx512 *p)
{
    __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), scale);
    return _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(v, p->lo), p->hi));
}

QNT_INLINE __m512i qnt_requant_step_avx512(__m512i acc, __m512 scale, const struct qnt_requant_avx512 *p)
{
    return _mm512_add_epi32(qnt_requant_round_avx512(acc, scale, p), p->zero);
}
#endif
