/* Windows of 3 x 3 and 5 x 5 whose sums nobody wants go by columns. Of others 8 channels x 4 pixels: the bytes of two
 * taps are interleaved and widened to 16 bits: VPMADDWD then adds two taps of each channel. Weights are held as 16-bit
 * pairs. 4 sums, 5 vectors of weights (3 x 3), 4 for the taps in flight. */
#include "x86/v_avx2.h"
#include "x86/depthwise_columns_avx2.h"

enum { DW_V = 1, DW_P = 4 };
typedef struct {
    __m256i lo, hi; /* taps 0 and 1, 2 and 3 */
} dw_w;

QNT_INLINE dw_w dw_weights(const int8_t *p, size_t n)
{
    const __m256i first = _mm256_setr_epi8(-1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1, 0, -1, 1, -1,
                                           4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13);
    __m256i w = qnt_part8_avx2(p, n);
    return (dw_w){_mm256_srai_epi16(_mm256_shuffle_epi8(w, first), 8),
                  _mm256_srai_epi16(_mm256_shuffle_epi8(_mm256_srli_epi32(w, 16), first), 8)};
}

QNT_INLINE void dw_start(vi start[DW_V], const int32_t *bias, size_t n)
{
    start[0] = (vi)qnt_part8_avx2(bias, n);
}

QNT_INLINE void dw_settle(vi start[DW_V], dw_w w)
{
    (void)start;
    (void)w;
}

QNT_INLINE __m128i dw_load(const int8_t *p, size_t n)
{
    return n >= VL ? _mm_loadl_epi64((const __m128i *)p) : _mm_cvtsi64_si128((long long)v_load_bytes(p, n));
}

QNT_INLINE vi dw_pair(const int8_t *a, const int8_t *b, size_t n, __m256i w)
{
    __m128i x = _mm_unpacklo_epi8(dw_load(a, n), dw_load(b, n));
    return (vi)_mm256_madd_epi16(_mm256_cvtepi8_epi16(x), w);
}

QNT_INLINE void dw_quad(vi acc[DW_V], const int8_t *const x[4], size_t n, dw_w w, const size_t taps)
{
    acc[0] += dw_pair(x[0], x[1], n, w.lo);
    if (taps > 2)
        acc[0] += dw_pair(x[2], x[3], n, w.hi);
}

QNT_INLINE void dw_store8(int8_t *dst, __m128i x, size_t n)
{
    if (n >= VL)
        _mm_storel_epi64((__m128i *)dst, x);
    else
        v_store_bytes(dst, (uint64_t)_mm_cvtsi128_si64(x), n);
}

QNT_INLINE void dw_store(int8_t *dst, size_t ldd, vb v, const int pixels, size_t n)
{
    __m128i lo = _mm256_castsi256_si128((__m256i)v), hi = _mm256_extracti128_si256((__m256i)v, 1);
    dw_store8(dst, lo, n);
    if (pixels == 1)
        return;
    dw_store8(dst + ldd, _mm_unpackhi_epi64(lo, lo), n);
    dw_store8(dst + 2 * ldd, hi, n);
    dw_store8(dst + 3 * ldd, _mm_unpackhi_epi64(hi, hi), n);
}
#define DW_WHOLE col_serves
#include "tmpl/depthwise_tmpl.h"
