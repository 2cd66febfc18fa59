/* vpmaddwd and vpaddd as on AVX2: 32 products in two instructions. */
#include "x86/v_avx512.h"
#include "tmpl/peak_tmpl.h"

enum { CHAINS = 12 };

QNT_INLINE __m512i wide(const int8_t *p)
{
    return _mm512_cvtepi8_epi16(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p)));
}

int32_t qnt_peak_s8_avx512(const int8_t *a, const int8_t *b, size_t n)
{
    __m512i av = wide(a), bv = wide(b), sum[CHAINS];
    QNT_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm512_setzero_si512();
    for (size_t left = n / (32 * CHAINS); left; left--)
        QNT_UNROLL
    for (int i = 0; i < CHAINS; i++) {
        __asm__("" : "+v"(av)); /* always the same product: it would be taken out of the loop */
        sum[i] = _mm512_add_epi32(sum[i], _mm512_madd_epi16(av, bv));
        __asm__("" : "+v"(sum[i])); /* stays where it is: gcc would move it about */
    }
    QNT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        sum[0] = _mm512_add_epi32(sum[0], sum[i]);
    return _mm512_reduce_add_epi32(sum[0]);
}
