#ifndef X86_REQUANT_AVX2_H
#define X86_REQUANT_AVX2_H
/* The vector step of struct qnt_requant: eight sums to eight s32 codes in s8 terms (out_xor is the store's business). */
#include <immintrin.h>
#include "kernels.h"

struct qnt_requant_avx2 {
    __m256 lo, hi; /* lo - zero, hi - zero */
    __m256i zero;
};

QNT_INLINE struct qnt_requant_avx2 qnt_requant_load_avx2(const struct qnt_requant *r)
{
    return (struct qnt_requant_avx2){_mm256_set1_ps((float)(r->lo - r->zero)), _mm256_set1_ps((float)(r->hi - r->zero)),
                                     _mm256_set1_epi32(r->zero)};
}

/* The code without zero: it may be added after narrowing. */
QNT_INLINE __m256i qnt_requant_round_avx2(__m256i acc, __m256 scale, const struct qnt_requant_avx2 *p)
{
    __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), scale);
    return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(v, p->lo), p->hi));
}

QNT_INLINE __m256i qnt_requant_step_avx2(__m256i acc, __m256 scale, const struct qnt_requant_avx2 *p)
{
    return _mm256_add_epi32(qnt_requant_round_avx2(acc, scale, p), p->zero);
}
#endif
