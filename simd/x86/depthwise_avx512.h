#ifndef X86_DEPTHWISE_AVX512_H
#define X86_DEPTHWISE_AVX512_H
/* What the depthwise kernels of AVX-512 with and without VNNI share: 16 channels x 4 pixels. */
#include "x86/v_avx512.h"

enum { DW_V = 1, DW_P = 4 };

QNT_INLINE void dw_start(vi start[DW_V], const int32_t *bias, size_t n)
{
    start[0] = (vi)_mm512_castps_si512(vf_load((const float *)(const void *)bias, n));
}

QNT_INLINE __m128i dw_load(const int8_t *p, size_t n)
{
    return n >= VL ? _mm_loadu_si128((const __m128i *)p) : _mm_maskz_loadu_epi8(v_mask(n), p);
}

/* The four taps' bytes of a channel side by side: they fill a vector by quarters, whose dwords and then bytes are
 * permuted. */
QNT_INLINE __m512i dw_four(const int8_t *const x[4], size_t n)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i bytes = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    __m512i v = _mm512_castsi128_si512(dw_load(x[0], n));
    v = _mm512_inserti32x4(v, dw_load(x[1], n), 1);
    v = _mm512_inserti32x4(v, dw_load(x[2], n), 2);
    v = _mm512_inserti32x4(v, dw_load(x[3], n), 3);
    __asm__("" : "+v"(v)); /* clang takes permutations that it can see through apart into many */
    v = _mm512_permutexvar_epi32(order, v);
    __asm__("" : "+v"(v));
    return _mm512_shuffle_epi8(v, bytes);
}

QNT_INLINE void dw_store16(int8_t *dst, __m128i x, size_t n)
{
    if (n >= VL)
        _mm_storeu_si128((__m128i *)dst, x);
    else
        _mm_mask_storeu_epi8(dst, v_mask(n), x);
}

QNT_INLINE void dw_store(int8_t *dst, size_t ldd, vb v, const int pixels, size_t n)
{
    dw_store16(dst, _mm512_castsi512_si128((__m512i)v), n);
    if (pixels == 1)
        return;
    dw_store16(dst + ldd, _mm512_extracti32x4_epi32((__m512i)v, 1), n);
    dw_store16(dst + 2 * ldd, _mm512_extracti32x4_epi32((__m512i)v, 2), n);
    dw_store16(dst + 3 * ldd, _mm512_extracti32x4_epi32((__m512i)v, 3), n);
}
#endif
