#ifndef X86_DWORDS_AVX2_H
#define X86_DWORDS_AVX2_H
/* What the tiles and the packings of bytes and of 16-bit pairs share: a step of k is one dword of each row. */
#include <immintrin.h>
#include <string.h>
#include "kernels.h"

/* The dword at p, however it lies, in each lane. */
QNT_INLINE __m256i qnt_dword_avx2(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm256_set1_epi32(v);
}

/* Row i has its first `steps` (1..4) dwords in x[i]: they go to out, a step every 4 * R bytes, four rows or two (n). */
QNT_INLINE void qnt_store_dwords_avx2(const __m128i *x, void *out, size_t steps, const int R, const int n)
{
    __m128i ab0 = _mm_unpacklo_epi32(x[0], x[1]), ab1 = _mm_unpackhi_epi32(x[0], x[1]);
    __m128i cd0 = _mm_unpacklo_epi32(x[2], x[3]), cd1 = _mm_unpackhi_epi32(x[2], x[3]);
    __m128i y[4] = {_mm_unpacklo_epi64(ab0, cd0), _mm_unpackhi_epi64(ab0, cd0), _mm_unpacklo_epi64(ab1, cd1),
                    _mm_unpackhi_epi64(ab1, cd1)};
    QNT_UNROLL
    for (size_t g = 0; g < 4; g++) {
        if (g >= steps)
            break;
        if (n == 4)
            _mm_storeu_si128((__m128i *)(void *)((char *)out + 4 * g * (size_t)R), y[g]);
        else
            _mm_storel_epi64((__m128i *)(void *)((char *)out + 4 * g * (size_t)R), y[g]);
    }
}
#endif
