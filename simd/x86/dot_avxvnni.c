/* vpdpbusd adds four u8 * s8 products to each s32, exactly. s8 * s8: a ^ 0x80 is a + 128 as u8, so the sum is too large
 * by 128 * sum(b), which a second vpdpbusd with 128 everywhere gives. Two accumulators each hide the latency.
 * The intrinsic is the one of AVX-512 VL, so that a test can have the same code in EVEX encoding. */
#include <immintrin.h>
#include "kernels.h"

QNT_INLINE int32_t fold(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

QNT_INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

QNT_INLINE void step_s8(__m256i s[2], const int8_t *a, const int8_t *b)
{
    const __m256i high = _mm256_set1_epi8(-128);
    __m256i y = load(b);
    __asm__("" : "+x"(y)); /* one load: gcc would make it an operand of both, and loads bind */
    s[0] = _mm256_dpbusd_epi32(s[0], _mm256_xor_si256(load(a), high), y);
    s[1] = _mm256_dpbusd_epi32(s[1], high, y);
}

int32_t qnt_dot_s8_avxvnni(const int8_t *a, const int8_t *b, size_t n)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i s[2] = {zero, zero}, t[2] = {zero, zero};
    size_t i = 0;
    for (; n - i >= 64; i += 64) {
        step_s8(s, a + i, b + i);
        step_s8(t, a + i + 32, b + i + 32);
    }
    if (n - i >= 32) {
        step_s8(s, a + i, b + i);
        i += 32;
    }
    int32_t sum = fold(_mm256_sub_epi32(_mm256_add_epi32(s[0], t[0]), _mm256_add_epi32(s[1], t[1])));
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

int32_t qnt_dot_u8s8_avxvnni(const uint8_t *a, const int8_t *b, size_t n)
{
    __m256i s = _mm256_setzero_si256(), t = s;
    size_t i = 0;
    for (; n - i >= 64; i += 64) {
        s = _mm256_dpbusd_epi32(s, load(a + i), load(b + i));
        t = _mm256_dpbusd_epi32(t, load(a + i + 32), load(b + i + 32));
    }
    if (n - i >= 32) {
        s = _mm256_dpbusd_epi32(s, load(a + i), load(b + i));
        i += 32;
    }
    int32_t sum = fold(_mm256_add_epi32(s, t));
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

int32_t qnt_sum_s8_avxvnni(const int8_t *a, size_t n)
{
    const __m256i one = _mm256_set1_epi8(1);
    __m256i s = _mm256_setzero_si256(), t = s;
    size_t i = 0;
    for (; n - i >= 64; i += 64) {
        s = _mm256_dpbusd_epi32(s, one, load(a + i));
        t = _mm256_dpbusd_epi32(t, one, load(a + i + 32));
    }
    int32_t sum = fold(_mm256_add_epi32(s, t));
    for (; i < n; i++)
        sum += a[i];
    return sum;
}
