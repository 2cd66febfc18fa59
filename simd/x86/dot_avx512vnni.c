/* vpdpbusd adds four u8 * s8 products to each s32, exactly. s8 * s8: a ^ 0x80 is a + 128 as u8, so the sum is too large
 * by 128 * sum(b), which a second vpdpbusd with 128 everywhere gives. Two accumulators each hide the latency of 4; per
 * 128 products 4 loads bind. Lanes past the end are loaded as 0 = b, which adds nothing whatever a is. */
#include <immintrin.h>
#include "kernels.h"

QNT_INLINE __m512i load(const void *p, size_t n)
{
    return n >= 64 ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi8(_bzhi_u64(~0ULL, (unsigned)n), p);
}

QNT_INLINE void step_s8(__m512i s[2], const int8_t *a, const int8_t *b, size_t n)
{
    const __m512i high = _mm512_set1_epi8(-128);
    __m512i y = load(b, n);
    __asm__("" : "+v"(y)); /* one load: gcc would make it an operand of both, and loads bind */
    s[0] = _mm512_dpbusd_epi32(s[0], _mm512_xor_si512(load(a, n), high), y);
    s[1] = _mm512_dpbusd_epi32(s[1], high, y);
}

int32_t qnt_dot_s8_avx512vnni(const int8_t *a, const int8_t *b, size_t n)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i s[2] = {zero, zero}, t[2] = {zero, zero};
    size_t i = 0;
    for (; n - i >= 128; i += 128) {
        step_s8(s, a + i, b + i, 64);
        step_s8(t, a + i + 64, b + i + 64, 64);
    }
    if (n - i >= 64) {
        step_s8(s, a + i, b + i, 64);
        i += 64;
    }
    if (i < n)
        step_s8(t, a + i, b + i, n - i);
    __m512i d = _mm512_sub_epi32(_mm512_add_epi32(s[0], t[0]), _mm512_add_epi32(s[1], t[1]));
    return _mm512_reduce_add_epi32(d);
}

int32_t qnt_dot_u8s8_avx512vnni(const uint8_t *a, const int8_t *b, size_t n)
{
    __m512i s = _mm512_setzero_si512(), t = s;
    size_t i = 0;
    for (; n - i >= 128; i += 128) {
        s = _mm512_dpbusd_epi32(s, load(a + i, 64), load(b + i, 64));
        t = _mm512_dpbusd_epi32(t, load(a + i + 64, 64), load(b + i + 64, 64));
    }
    if (n - i >= 64) {
        s = _mm512_dpbusd_epi32(s, load(a + i, 64), load(b + i, 64));
        i += 64;
    }
    if (i < n)
        t = _mm512_dpbusd_epi32(t, load(a + i, n - i), load(b + i, n - i));
    return _mm512_reduce_add_epi32(_mm512_add_epi32(s, t));
}

int32_t qnt_sum_s8_avx512vnni(const int8_t *a, size_t n)
{
    const __m512i one = _mm512_set1_epi8(1);
    __m512i s = _mm512_setzero_si512(), t = s;
    size_t i = 0;
    for (; n - i >= 128; i += 128) {
        s = _mm512_dpbusd_epi32(s, one, load(a + i, 64));
        t = _mm512_dpbusd_epi32(t, one, load(a + i + 64, 64));
    }
    if (n - i >= 64) {
        s = _mm512_dpbusd_epi32(s, one, load(a + i, 64));
        i += 64;
    }
    if (i < n)
        t = _mm512_dpbusd_epi32(t, one, load(a + i, n - i));
    return _mm512_reduce_add_epi32(_mm512_add_epi32(s, t));
}
