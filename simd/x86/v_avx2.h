#ifndef X86_V_AVX2_H
#define X86_V_AVX2_H
/* The vector vocabulary (tmpl/v_common.h) in AVX2 and FMA: 8 lanes. */
#include <immintrin.h>
#include "tmpl/v_common.h"
#include "x86/part_avx2.h"

#define V_FN(op) qnt_##op##_avx2
enum { VL = 8, V_LANES = 2, V_REGS = 16, V_STREAMS = 1 };
typedef __m256 vf;
typedef int32_t vi __attribute__((vector_size(32)));
typedef int16_t vh __attribute__((vector_size(32)));
typedef int8_t vb __attribute__((vector_size(32)));

QNT_INLINE vf vf_set(float x)
{
    return _mm256_set1_ps(x);
}

QNT_INLINE __m256i v_mask(size_t n) /* n < 8 */
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

QNT_INLINE vf vf_load(const float *p, size_t n)
{
    return _mm256_castsi256_ps(qnt_part8_avx2(p, n));
}

QNT_INLINE void vf_store(float *p, vf v, size_t n)
{
    if (n >= VL) {
        _mm256_storeu_ps(p, v);
        return;
    }
    __m128 x = _mm256_castps256_ps128(v); /* vmaskmovps stores are slow on AMD */
    if (n & 4) {
        _mm_storeu_ps(p, x);
        x = _mm256_extractf128_ps(v, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)p, x);
        x = _mm_movehl_ps(x, x);
        p += 2;
    }
    if (n & 1)
        _mm_store_ss(p, x);
}

QNT_INLINE vf vf_first(size_t n, vf a, vf b)
{
    return n >= VL ? a : _mm256_blendv_ps(b, a, _mm256_castsi256_ps(v_mask(n)));
}

QNT_INLINE vf vf_sqrt(vf x)
{
    return _mm256_sqrt_ps(x);
}

QNT_INLINE vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}

QNT_INLINE vf vf_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}

QNT_INLINE vf vf_if_lt(vf a, vf b, vf x, vf y)
{
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}

QNT_INLINE vf vf_if_eq(vf a, vf b, vf x, vf y)
{
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_EQ_OQ));
}

QNT_INLINE vf vf_or_nan(vf x, vf y)
{
    return _mm256_blendv_ps(y, _mm256_set1_ps(__builtin_nanf("")), _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

QNT_INLINE bool vf_nans(const vf *v, const int n)
{
    vf any = _mm256_setzero_ps(); /* one comparison for two of them */
    QNT_UNROLL
    for (int i = 0; i < n; i += 2)
        any = _mm256_or_ps(any, _mm256_cmp_ps(v[i], v[i + 1 < n ? i + 1 : i], _CMP_UNORD_Q));
    return _mm256_movemask_ps(any) != 0;
}

QNT_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

QNT_INLINE vf vf_of(vi v)
{
    return _mm256_cvtepi32_ps((__m256i)v);
}

QNT_INLINE vi vi_near(vf v)
{
    return (vi)_mm256_cvtps_epi32(v);
}

QNT_INLINE vf vf_ldexp(vf x, vi e)
{
    vi half = e >> 1;
    return x * (vf)((half + 127) << 23) * (vf)((e - half + 127) << 23);
}

/* Below -2^31 the conversion gives -2^31, which is the saturated value; above 2^31 it would too, hence the min. */
QNT_INLINE vi vi_round(vf v)
{
    return vi_near(_mm256_min_ps(v, _mm256_set1_ps(2147483520.0f)));
}

QNT_INLINE vi vi_quant(vf v)
{
    return vi_round(v) & (vi)_mm256_cmp_ps(v, v, _CMP_ORD_Q);
}

QNT_INLINE vi vi_min(vi a, vi b)
{
    return (vi)_mm256_min_epi32((__m256i)a, (__m256i)b);
}

QNT_INLINE vi vi_max(vi a, vi b)
{
    return (vi)_mm256_max_epi32((__m256i)a, (__m256i)b);
}

QNT_INLINE vi vi_load_u8(const uint8_t *p, size_t n)
{
    return (vi)_mm256_cvtepu8_epi32(n >= VL ? _mm_loadl_epi64((const __m128i *)p)
                                            : _mm_cvtsi64_si128((long long)v_load_bytes(p, n)));
}

QNT_INLINE vi vi_load_s8(const int8_t *p, size_t n)
{
    return (vi)_mm256_cvtepi8_epi32(n >= VL ? _mm_loadl_epi64((const __m128i *)p)
                                            : _mm_cvtsi64_si128((long long)v_load_bytes(p, n)));
}

QNT_INLINE vi vi_mix(vi a, vi b, vi w)
{
    return (vi)_mm256_madd_epi16(_mm256_blend_epi16((__m256i)a, _mm256_slli_epi32((__m256i)b, 16), 0xaa), (__m256i)w);
}

QNT_INLINE void vi_load4(vi v[4], const void *p, const int is_u8)
{
    const int8_t *b = p;
    QNT_UNROLL
    for (int k = 0; k < 4; k++) {
        __m128i x = _mm_loadl_epi64((const __m128i *)(b + 8 * k));
        v[k] = is_u8 ? (vi)_mm256_cvtepu8_epi32(x) : (vi)_mm256_cvtepi8_epi32(x);
    }
}

QNT_INLINE void vi_widen(vi v[2], vh h)
{
    v[0] = (vi)_mm256_cvtepi16_epi32(_mm256_castsi256_si128((__m256i)h));
    v[1] = (vi)_mm256_cvtepi16_epi32(_mm256_extracti128_si256((__m256i)h, 1));
}

QNT_INLINE __m128i v_load16(const int8_t *p, size_t n)
{
    if (n >= 16)
        return _mm_loadu_si128((const __m128i *)p);
    if (n >= 8)
        return _mm_insert_epi64(_mm_loadl_epi64((const __m128i *)p), (long long)v_load_bytes(p + 8, n - 8), 1);
    return _mm_cvtsi64_si128((long long)v_load_bytes(p, n));
}

QNT_INLINE vb vb_load(const int8_t *p, size_t n)
{
    if (n >= 32)
        return (vb)_mm256_loadu_si256((const __m256i *)p);
    if (n > 16)
        return (vb)_mm256_set_m128i(v_load16(p + 16, n - 16), v_load16(p, 16));
    return (vb)_mm256_zextsi128_si256(v_load16(p, n));
}

QNT_INLINE void vb_store(int8_t *p, vb v, size_t n)
{
    if (n >= 32) {
        _mm256_storeu_si256((__m256i *)p, (__m256i)v);
        return;
    }
    __m128i x = _mm256_castsi256_si128((__m256i)v);
    if (n & 16) {
        _mm_storeu_si128((__m128i *)p, x);
        x = _mm256_extracti128_si256((__m256i)v, 1);
        p += 16;
    }
    if (n & 8) {
        _mm_storel_epi64((__m128i *)p, x);
        x = _mm_unpackhi_epi64(x, x);
        p += 8;
    }
    if (n & 7)
        v_store_bytes(p, (uint64_t)_mm_cvtsi128_si64(x), n & 7);
}

QNT_INLINE void vf_stream(float *p, vf v)
{
    _mm256_stream_ps(p, v);
}

QNT_INLINE void vb_stream(int8_t *p, vb v)
{
    _mm256_stream_si256((void *)p, (__m256i)v);
}

QNT_INLINE void v_stream_end(void)
{
    _mm_sfence();
}

QNT_INLINE vb vb_lanes(const int8_t *p, const size_t at[V_LANES])
{
    return (vb)_mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(p + at[0]))),
                                       _mm_loadu_si128((const __m128i *)(p + at[1])), 1);
}

QNT_INLINE void vb_put(int8_t *p, const size_t at[V_LANES], vb v)
{
    _mm_storeu_si128((__m128i *)(p + at[0]), _mm256_castsi256_si128((__m256i)v));
    _mm_storeu_si128((__m128i *)(p + at[1]), _mm256_extracti128_si256((__m256i)v, 1));
}

QNT_INLINE vb vb_zip8(vb a, vb b, const int high)
{
    return (vb)(high ? _mm256_unpackhi_epi8((__m256i)a, (__m256i)b) : _mm256_unpacklo_epi8((__m256i)a, (__m256i)b));
}

QNT_INLINE vb vb_zip32(vb a, vb b, const int high)
{
    return (vb)(high ? _mm256_unpackhi_epi32((__m256i)a, (__m256i)b) : _mm256_unpacklo_epi32((__m256i)a, (__m256i)b));
}

QNT_INLINE vb vb_max(vb a, vb b)
{
    return (vb)_mm256_max_epi8((__m256i)a, (__m256i)b);
}

QNT_INLINE vb vb_min(vb a, vb b)
{
    return (vb)_mm256_min_epi8((__m256i)a, (__m256i)b);
}

QNT_INLINE vh vh_pack(vi a, vi b)
{
    return (vh)_mm256_packs_epi32((__m256i)a, (__m256i)b);
}

/* The packs work within 128-bit halves: the dwords come out as a0 b0 c0 d0 a1 b1 c1 d1. */
QNT_INLINE vb vb_narrow(vh ab, vh cd, vh zab, vh zcd)
{
    __m256i x = _mm256_adds_epi16((__m256i)ab, (__m256i)zab), y = _mm256_adds_epi16((__m256i)cd, (__m256i)zcd);
    return (vb)_mm256_permutevar8x32_epi32(_mm256_packs_epi16(x, y), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

QNT_INLINE vb vb_pack(const vi v[4], int32_t zero)
{
    const vh z = (vh)_mm256_set1_epi16((short)zero);
    return vb_narrow(vh_pack(v[0], v[1]), vh_pack(v[2], v[3]), z, z);
}

/* What the conversion cannot represent (NaN, 2^31 and more) becomes -2^31, which packs to the smallest 16-bit number.
 * That is rare, so one test for it over the block replaces two steps in each vector. */
QNT_INLINE vb vb_quant(const vf v[4], const vh zero[2])
{
    vh ab = vh_pack(vi_near(v[0]), vi_near(v[1])), cd = vh_pack(vi_near(v[2]), vi_near(v[3]));
    __m256i least = _mm256_min_epi16((__m256i)ab, (__m256i)cd);
    if (__builtin_expect(_mm256_movemask_epi8(_mm256_cmpeq_epi16(least, _mm256_set1_epi16(INT16_MIN))) != 0, 0)) {
        ab = vh_pack(vi_quant(v[0]), vi_quant(v[1]));
        cd = vh_pack(vi_quant(v[2]), vi_quant(v[3]));
    }
    return vb_narrow(ab, cd, zero[0], zero[1]);
}

QNT_INLINE vb vb_within(const vi *v, const vi *lo, const vi *hi, const int W)
{
    vi out[4] = {{0}};
    QNT_UNROLL
    for (int k = 0; k < W; k++)
        out[k] = (v[k] < lo[k]) | (v[k] > hi[k]); /* -1 */
    return vb_pack(out, 0) + 1;
}

QNT_INLINE vh vh_add_s8(vh h, const int8_t *p, size_t n)
{
    return h + (vh)_mm256_cvtepi8_epi16(v_load16(p, n));
}

QNT_INLINE uint64_t vf_below(const vf x[4], const vf t[4])
{
    uint64_t bits = 0;
    QNT_UNROLL
    for (int k = 0; k < 4; k++)
        bits |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(x[k], t[k], _CMP_LT_OQ)) << 8 * k;
    return bits;
}

QNT_INLINE uint64_t vb_below(vb x, vb t)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi8((__m256i)t, (__m256i)x));
}
#endif
