/* Four taps of 16 channels, their even and odd bytes widened to 16 bits, are two VPMADDWD. 4 sums, 5 vectors of weights
 * (3 x 3), 4 for the taps in flight. */
#include "x86/depthwise_avx512.h"

typedef struct {
    __m512i even, odd; /* taps 0 and 2, 1 and 3 */
} dw_w;

QNT_INLINE dw_w dw_halves(__m512i v)
{
    return (dw_w){_mm512_srai_epi16(_mm512_slli_epi16(v, 8), 8), _mm512_srai_epi16(v, 8)};
}

QNT_INLINE dw_w dw_weights(const int8_t *p, size_t n)
{
    return dw_halves(_mm512_castps_si512(vf_load((const float *)(const void *)p, n)));
}

QNT_INLINE void dw_settle(vi start[DW_V], dw_w w)
{
    (void)start;
    (void)w;
}

QNT_INLINE void dw_quad(vi acc[DW_V], const int8_t *const x[4], size_t n, dw_w w, const size_t taps)
{
    if (taps == 1) { /* the sign fills where tap 2 would be: its weight is 0 */
        __m512i v = _mm512_cvtepi8_epi32(dw_load(x[0], n));
        acc[0] += (vi)_mm512_madd_epi16(v, w.even);
        return;
    }
    dw_w v = dw_halves(dw_four(x, n));
    acc[0] += (vi)_mm512_madd_epi16(v.even, w.even) + (vi)_mm512_madd_epi16(v.odd, w.odd);
}
#include "tmpl/depthwise_tmpl.h"
