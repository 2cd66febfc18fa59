/* Binary: 512 values in vpxord, vpopcntd and vpaddd. */
#include <immintrin.h>
#include "kernels.h"

enum { CHAINS = 12 };

int32_t qnt_peak_b1_avx512icl(const uint8_t *a, const uint8_t *b, size_t n)
{
    __m512i av = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)a)), sum[CHAINS];
    __m512i bv = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)b));
    QNT_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm512_setzero_si512();
    for (size_t left = n / (512 * CHAINS); left; left--)
        QNT_UNROLL
    for (int i = 0; i < CHAINS; i++) {
        __asm__("" : "+v"(av)); /* always the same counts: they would be taken out of the loop */
        sum[i] = _mm512_add_epi32(sum[i], _mm512_popcnt_epi32(_mm512_xor_si512(av, bv)));
        __asm__("" : "+v"(sum[i])); /* stays where it is: gcc would move it about */
    }
    QNT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        sum[0] = _mm512_add_epi32(sum[0], sum[i]);
    return _mm512_reduce_add_epi32(sum[0]);
}
