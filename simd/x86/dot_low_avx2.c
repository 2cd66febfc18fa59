/* Words that hold two codes in their lower bits are parted into codes of even and odd number by shifts that extend the
 * sign, the words of a into its even and odd elements likewise: what must meet lies in the same place, and vpmaddwd
 * multiplies and adds exactly. */
#include <immintrin.h>
#include "kernels.h"
#include "ref/low.h"

/* The codes of 32 elements: codes 2 j and 2 j + 1 in the lower bits of word j. */
QNT_INLINE __m256i words(const uint8_t *w, const int BITS)
{
    if (BITS == 4)
        return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)w));
    __m256i x = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)w)); /* four codes a dword */
    return _mm256_and_si256(_mm256_or_si256(x, _mm256_slli_epi32(x, 12)), _mm256_set1_epi16(15));
}

QNT_INLINE int32_t dot(const uint8_t *w, const int8_t *a, size_t n, const int BITS)
{
    __m256i even = _mm256_setzero_si256(), odd = even;
    size_t i = 0;
    for (; n - i >= 32; i += 32) {
        __m256i x = words(w + i * (size_t)BITS / 8, BITS), y = _mm256_loadu_si256((const __m256i *)(a + i));
        __m256i w0 = _mm256_srai_epi16(_mm256_slli_epi16(x, 16 - BITS), 16 - BITS);
        __m256i w1 = _mm256_srai_epi16(_mm256_slli_epi16(x, 16 - 2 * BITS), 16 - BITS);
        __m256i a0 = _mm256_srai_epi16(_mm256_slli_epi16(y, 8), 8), a1 = _mm256_srai_epi16(y, 8);
        even = _mm256_add_epi32(even, _mm256_madd_epi16(w0, a0));
        odd = _mm256_add_epi32(odd, _mm256_madd_epi16(w1, a1));
    }
    __m256i v = _mm256_add_epi32(even, odd);
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    return _mm_cvtsi128_si32(s) + qnt_low_dot(w, a, i, n, (size_t)BITS);
}

int32_t qnt_dot_s4s8_avx2(const uint8_t *w, const int8_t *a, size_t n)
{
    return dot(w, a, n, 4);
}

int32_t qnt_dot_s2s8_avx2(const uint8_t *w, const int8_t *a, size_t n)
{
    return dot(w, a, n, 2);
}
