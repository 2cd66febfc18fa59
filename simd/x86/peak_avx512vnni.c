/* 8-bit products: vpdpbusd, 64 of them. s8 * s8: a ^ 0x80 is a + 128 as u8, so the sum is too large by 128 * b for
 * each. Binary: nibbles apart, as in the panels of the tiles: 256 values in vpxord, vpshufb and vpdpbusd with ones. */
#include <immintrin.h>
#include "kernels.h"

enum { CHAINS = 12 };

QNT_INLINE int32_t fold(__m512i *sum)
{
    QNT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        sum[0] = _mm512_add_epi32(sum[0], sum[i]);
    return (int32_t)((uint32_t)_mm512_reduce_add_epi32(sum[0]) - 16 * CHAINS * (CHAINS - 1) / 2);
}

/* Sums start from different values, or compilers would keep one for all. */
QNT_INLINE void start(__m512i *sum)
{
    QNT_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm512_set1_epi32(i);
}

int32_t qnt_peak_s8_avx512vnni(const int8_t *a, const int8_t *b, size_t n)
{
    __m128i x = _mm_xor_si128(_mm_loadu_si128((const __m128i *)a), _mm_set1_epi8(-128));
    __m512i av = _mm512_broadcast_i32x4(x), sum[CHAINS];
    __m512i bv = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)b));
    uint32_t over = 0;
    start(sum);
    for (size_t left = n / (64 * CHAINS); left; left--)
        QNT_UNROLL
    for (int i = 0; i < CHAINS; i++) {
        sum[i] = _mm512_dpbusd_epi32(sum[i], av, bv);
        __asm__("" : "+v"(sum[i])); /* stays where it is: gcc would move it about */
    }
    for (int i = 0; i < 16; i++)
        over += (uint32_t)b[i] * 128 * (uint32_t)(n / 16);
    return (int32_t)((uint32_t)fold(sum) - over);
}

/* Low nibbles of p, then high ones, twice. */
QNT_INLINE __m512i nibbles(const uint8_t *p)
{
    __m128i x = _mm_loadu_si128((const __m128i *)p), low = _mm_set1_epi8(15);
    __m256i y = _mm256_setr_m128i(_mm_and_si128(x, low), _mm_and_si128(_mm_srli_epi16(x, 4), low));
    return _mm512_broadcast_i64x4(y);
}

int32_t qnt_peak_b1_avx512vnni(const uint8_t *a, const uint8_t *b, size_t n)
{
    const __m512i bits = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i av = nibbles(a), bv = nibbles(b), sum[CHAINS];
    start(sum);
    for (size_t left = n / (256 * CHAINS); left; left--)
        QNT_UNROLL
    for (int i = 0; i < CHAINS; i++) {
        __asm__("" : "+v"(av)); /* always the same counts: they would be taken out of the loop */
        sum[i] = _mm512_dpbusd_epi32(sum[i], _mm512_shuffle_epi8(bits, _mm512_xor_si512(av, bv)), ones);
        __asm__("" : "+v"(sum[i]));
    }
    return fold(sum);
}
