/* Windows of 3 x 3 and 5 x 5 whose sums nobody wants go by columns. Of others four taps of 16 channels are one
 * VPDPBUSD. Codes become u8 by a xor; the 128 it adds to each is taken off the start. 4 sums, 3 vectors of weights (3 x
 * 3), 4 for the taps in flight. */
#include "x86/depthwise_avx512.h"
#include "x86/depthwise_columns5_avx512vnni.h"

#undef V_FN
#define V_FN(op) qnt_##op##_avx512vnni

typedef vi dw_w;

QNT_INLINE dw_w dw_weights(const int8_t *p, size_t n)
{
    return (vi)_mm512_castps_si512(vf_load((const float *)(const void *)p, n));
}

QNT_INLINE void dw_settle(vi start[DW_V], dw_w w)
{
    start[0] -= (vi)_mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(-128), (__m512i)w);
}

QNT_INLINE void dw_quad(vi acc[DW_V], const int8_t *const x[4], size_t n, dw_w w, const size_t taps)
{
    /* of one tap, zero bytes for the others: their weights are 0 */
    __m512i v = taps == 1 ? _mm512_cvtepu8_epi32(dw_load(x[0], n)) : dw_four(x, n);
    v = _mm512_xor_si512(v, _mm512_set1_epi8(-128));
    acc[0] = (vi)_mm512_dpbusd_epi32((__m512i)acc[0], v, (__m512i)w);
}
QNT_INLINE bool dw_whole(const struct qnt_depthwise *d, int8_t *dst, size_t ldd, const struct qnt_requant *r)
{
    return col_serves(d, dst, ldd, r) || col5_serves(d, dst, ldd, r);
}
#define DW_WHOLE dw_whole
#include "tmpl/depthwise_tmpl.h"
