/* Codes are brought to the upper bits of bytes of their own, so the sums are 16 or 64 times too large until the end:
 * 255 * 128 * 2^16 is below 2^31. As for s8, a ^ 0x80 is a + 128, and what that gives too much comes from a second
 * vpdpbusd. Elements past the end are loaded as 0. */
#include <immintrin.h>
#include "kernels.h"

/* The first n of 64 codes, times 2^(8 - BITS), as bytes; n >= 64: all. */
QNT_INLINE __m512i codes(const uint8_t *w, size_t n, const int BITS)
{
    const size_t bytes = n < 64 ? (n * (size_t)BITS + 7) / 8 : 8 * (size_t)BITS;
    const unsigned mask = _bzhi_u32(~0u, (unsigned)bytes);
    __m512i x, top = _mm512_set1_epi8((char)(0xff << (8 - BITS)));
    if (BITS == 4) { /* two codes in the lower bits of a word */
        x = _mm512_cvtepu8_epi16(n < 64 ? _mm256_maskz_loadu_epi8(mask, w) : _mm256_loadu_si256((const __m256i *)w));
    } else {
        x = _mm512_cvtepu8_epi32(n < 64 ? _mm_maskz_loadu_epi8((__mmask16)mask, w)
                                        : _mm_loadu_si128((const __m128i *)w));
        x = _mm512_ternarylogic_epi32(x, _mm512_slli_epi32(x, 12), _mm512_set1_epi16(15), 0xa8); /* (a | b) & c */
    }
    return _mm512_ternarylogic_epi32(_mm512_slli_epi16(x, 8 - BITS), _mm512_slli_epi16(x, 16 - 2 * BITS), top, 0xa8);
}

QNT_INLINE void step(__m512i s[2], const uint8_t *w, const int8_t *a, size_t n, const int BITS)
{
    const __m512i high = _mm512_set1_epi8(-128);
    __m512i x = codes(w, n, BITS);
    __m512i y = n < 64 ? _mm512_maskz_loadu_epi8(_bzhi_u64(~0ULL, (unsigned)n), a) : _mm512_loadu_si512(a);
    s[0] = _mm512_dpbusd_epi32(s[0], _mm512_xor_si512(y, high), x);
    s[1] = _mm512_dpbusd_epi32(s[1], high, x);
}

QNT_INLINE int32_t dot(const uint8_t *w, const int8_t *a, size_t n, const int BITS)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i s[2] = {zero, zero}, t[2] = {zero, zero};
    size_t i = 0;
    for (; n - i >= 128; i += 128) {
        step(s, w + i * (size_t)BITS / 8, a + i, 64, BITS);
        step(t, w + (i + 64) * (size_t)BITS / 8, a + i + 64, 64, BITS);
    }
    if (n - i >= 64) {
        step(s, w + i * (size_t)BITS / 8, a + i, 64, BITS);
        i += 64;
    }
    if (i < n)
        step(t, w + i * (size_t)BITS / 8, a + i, n - i, BITS);
    __m512i d = _mm512_sub_epi32(_mm512_add_epi32(s[0], t[0]), _mm512_add_epi32(s[1], t[1]));
    return _mm512_reduce_add_epi32(d) >> (8 - BITS);
}

int32_t qnt_dot_s4s8_avx512vnni(const uint8_t *w, const int8_t *a, size_t n)
{
    return dot(w, a, n, 4);
}

int32_t qnt_dot_s2s8_avx512vnni(const uint8_t *w, const int8_t *a, size_t n)
{
    return dot(w, a, n, 2);
}
