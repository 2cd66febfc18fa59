/* vpdpbusd, 32 products. s8 * s8: a ^ 0x80 is a + 128 as u8, so the sum is too large by 128 * b for each.
 * The intrinsic is the one of AVX-512 VL, so that a test can have the same code in EVEX encoding. */
#include <immintrin.h>
#include "kernels.h"

enum { CHAINS = 12 };

int32_t qnt_peak_s8_avxvnni(const int8_t *a, const int8_t *b, size_t n)
{
    __m128i x = _mm_xor_si128(_mm_loadu_si128((const __m128i *)a), _mm_set1_epi8(-128));
    __m256i av = _mm256_broadcastsi128_si256(x), sum[CHAINS];
    __m256i bv = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)b));
    uint32_t all = 0;
    QNT_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm256_set1_epi32(i);
    for (size_t left = n / (32 * CHAINS); left; left--)
        QNT_UNROLL
    for (int i = 0; i < CHAINS; i++) {
        sum[i] = _mm256_dpbusd_epi32(sum[i], av, bv);
        __asm__("" : "+x"(sum[i])); /* stays where it is: gcc would move it about */
    }
    QNT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        sum[0] = _mm256_add_epi32(sum[0], sum[i]);
    uint32_t lane[8];
    _mm256_storeu_si256((__m256i *)lane, sum[0]);
    for (int i = 0; i < 8; i++)
        all += lane[i];
    for (int i = 0; i < 16; i++)
        all -= (uint32_t)b[i] * 128 * (uint32_t)(n / 16);
    return (int32_t)(all - 8 * CHAINS * (CHAINS - 1) / 2);
}
