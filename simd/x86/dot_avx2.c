/* Bytes are widened to s16 and multiplied in pairs into s32 (vpmaddwd): exact, while vpmaddubsw would saturate. */
#include <immintrin.h>
#include "kernels.h"

QNT_INLINE int32_t fold(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

QNT_INLINE __m128i load16(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

int32_t qnt_dot_s8_avx2(const int8_t *a, const int8_t *b, size_t n)
{
    __m256i s0 = _mm256_setzero_si256(), s1 = s0;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        s0 = _mm256_add_epi32(
            s0, _mm256_madd_epi16(_mm256_cvtepi8_epi16(load16(a + i)), _mm256_cvtepi8_epi16(load16(b + i))));
        s1 = _mm256_add_epi32(
            s1, _mm256_madd_epi16(_mm256_cvtepi8_epi16(load16(a + i + 16)), _mm256_cvtepi8_epi16(load16(b + i + 16))));
    }
    int32_t sum = fold(_mm256_add_epi32(s0, s1));
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

int32_t qnt_dot_u8s8_avx2(const uint8_t *a, const int8_t *b, size_t n)
{
    __m256i s0 = _mm256_setzero_si256(), s1 = s0;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        s0 = _mm256_add_epi32(
            s0, _mm256_madd_epi16(_mm256_cvtepu8_epi16(load16(a + i)), _mm256_cvtepi8_epi16(load16(b + i))));
        s1 = _mm256_add_epi32(
            s1, _mm256_madd_epi16(_mm256_cvtepu8_epi16(load16(a + i + 16)), _mm256_cvtepi8_epi16(load16(b + i + 16))));
    }
    int32_t sum = fold(_mm256_add_epi32(s0, s1));
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* a ^ 0x80 is a + 128 as u8; vpsadbw adds eight of those at once, and 128 * n is taken off at the end. */
QNT_INLINE __m256i sums(__m256i s, const int8_t *a)
{
    __m256i x = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)a), _mm256_set1_epi8(-128));
    return _mm256_add_epi64(s, _mm256_sad_epu8(x, _mm256_setzero_si256()));
}

int32_t qnt_sum_s8_avx2(const int8_t *a, size_t n)
{
    __m256i s = _mm256_setzero_si256(), t = s;
    size_t i = 0;
    for (; n - i >= 64; i += 64) {
        s = sums(s, a + i);
        t = sums(t, a + i + 32);
    }
    int32_t sum = fold(_mm256_add_epi64(s, t)) - 128 * (int32_t)i; /* the upper dwords are 0 */
    for (; i < n; i++)
        sum += a[i];
    return sum;
}
