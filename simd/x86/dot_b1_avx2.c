/* Popcounts of a xor b. Carry-save adders take eight vectors to one of eights and rests (Harley-Seal; Mula, Kurz,
 * Lemire 2016), so that one table look-up of nibbles counts for eight vectors. */
#include <immintrin.h>
#include "kernels.h"

QNT_INLINE __m256i differ(const uint8_t *a, const uint8_t *b)
{
    return _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)a), _mm256_loadu_si256((const __m256i *)b));
}

/* Popcounts of each eight bytes. */
QNT_INLINE __m256i count(__m256i x)
{
    const __m256i bits = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m256i low = _mm256_set1_epi8(15);
    __m256i lo = _mm256_shuffle_epi8(bits, _mm256_and_si256(x, low));
    __m256i hi = _mm256_shuffle_epi8(bits, _mm256_and_si256(_mm256_srli_epi16(x, 4), low));
    return _mm256_sad_epu8(_mm256_add_epi8(lo, hi), _mm256_setzero_si256());
}

/* sum becomes the ones of sum + x + y; returns the twos. */
QNT_INLINE __m256i carry(__m256i *sum, __m256i x, __m256i y)
{
    __m256i u = _mm256_xor_si256(*sum, x), out = _mm256_or_si256(_mm256_and_si256(*sum, x), _mm256_and_si256(u, y));
    *sum = _mm256_xor_si256(u, y);
    return out;
}

int32_t qnt_dot_b1_avx2(const uint8_t *a, const uint8_t *b, size_t n)
{
    const size_t bytes = (n + 7) / 8;
    __m256i total = _mm256_setzero_si256(), ones = total, twos = total, fours = total;
    size_t i = 0;
    for (; bytes - i >= 256; i += 256) {
        __m256i t[4], f0, f1;
        QNT_UNROLL
        for (size_t j = 0; j < 4; j++)
            t[j] =
                carry(&ones, differ(a + i + 64 * j, b + i + 64 * j), differ(a + i + 64 * j + 32, b + i + 64 * j + 32));
        f0 = carry(&twos, t[0], t[1]);
        f1 = carry(&twos, t[2], t[3]);
        total = _mm256_add_epi64(total, _mm256_slli_epi64(count(carry(&fours, f0, f1)), 3));
    }
    if (i) {
        total = _mm256_add_epi64(total, _mm256_slli_epi64(count(fours), 2));
        total = _mm256_add_epi64(total, _mm256_slli_epi64(count(twos), 1));
        total = _mm256_add_epi64(total, count(ones));
    }
    for (; bytes - i >= 32; i += 32)
        total = _mm256_add_epi64(total, count(differ(a + i, b + i)));
    __m128i s = _mm_add_epi64(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
    uint32_t sum = (uint32_t)_mm_cvtsi128_si32(s) + (uint32_t)_mm_extract_epi32(s, 2);
    for (; i < bytes; i++)
        sum += (uint32_t)__builtin_popcount(a[i] ^ b[i]);
    return (int32_t)((uint32_t)n - 2 * sum);
}
