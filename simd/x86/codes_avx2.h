#ifndef X86_CODES_AVX2_H
#define X86_CODES_AVX2_H
/* Codes of 4 and 2 bits to s8, by a table that extends the sign (layout: gemm_tile.h). */
#include <immintrin.h>
#include "isa.h"

/* Fields 32 v .. of a step of 64, as they are, in the lower bits of their bytes. */
QNT_INLINE __m256i qnt_fields_avx2(const uint8_t *w, const int v, const int BITS)
{
    __m256i x;
    if (BITS == 4) {
        x = _mm256_loadu_si256((const __m256i *)w);
        x = v ? x : _mm256_srli_epi16(x, 4);
    } else {
        const int s = 6 - 4 * v, t = s - 2;
        x = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)w));
        x = _mm256_srlv_epi32(x, _mm256_setr_epi32(s, s, s, s, t, t, t, t));
    }
    return _mm256_and_si256(x, _mm256_set1_epi8((1 << BITS) - 1));
}

/* The same as codes, in s8. */
QNT_INLINE __m256i qnt_codes_avx2(const uint8_t *w, const int v, const int BITS)
{
    const __m256i s8 = BITS == 4 ? _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3,
                                                    4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1)
                                 : _mm256_set1_epi32((int32_t)0xfffe0100u);
    return _mm256_shuffle_epi8(s8, qnt_fields_avx2(w, v, BITS));
}
#endif
