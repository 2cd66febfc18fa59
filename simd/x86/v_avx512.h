#ifndef X86_V_AVX512_H
#define X86_V_AVX512_H
/* The vector vocabulary (tmpl/v_common.h) in AVX-512: 16 lanes, mask registers for all parts of vectors. */
#include <immintrin.h>
#include "tmpl/v_common.h"

#define V_FN(op) qnt_##op##_avx512
enum { VL = 16, V_LANES = 4, V_REGS = 32, V_STREAMS = 1 };
typedef __m512 vf;
typedef int32_t vi __attribute__((vector_size(64)));
typedef int16_t vh __attribute__((vector_size(64)));
typedef int8_t vb __attribute__((vector_size(64)));

QNT_INLINE vf vf_set(float x)
{
    return _mm512_set1_ps(x);
}

QNT_INLINE __mmask16 v_mask(size_t n) /* n < 16 */
{
    return (__mmask16)_bzhi_u32(0xffff, (unsigned)n);
}

QNT_INLINE vf vf_load(const float *p, size_t n)
{
    return n >= VL ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(v_mask(n), p);
}

QNT_INLINE void vf_store(float *p, vf v, size_t n)
{
    if (n >= VL)
        _mm512_storeu_ps(p, v);
    else
        _mm512_mask_storeu_ps(p, v_mask(n), v);
}

QNT_INLINE vf vf_first(size_t n, vf a, vf b)
{
    return n >= VL ? a : _mm512_mask_blend_ps(v_mask(n), b, a);
}

QNT_INLINE vf vf_sqrt(vf x)
{
    return _mm512_sqrt_ps(x);
}

QNT_INLINE vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

QNT_INLINE vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}

QNT_INLINE vf vf_if_lt(vf a, vf b, vf x, vf y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}

QNT_INLINE vf vf_if_eq(vf a, vf b, vf x, vf y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), y, x);
}

QNT_INLINE vf vf_or_nan(vf x, vf y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), y, _mm512_set1_ps(__builtin_nanf("")));
}

QNT_INLINE bool vf_nans(const vf *v, const int n)
{
    __mmask16 none = 0xffff; /* one comparison for two of them */
    QNT_UNROLL
    for (int i = 0; i < n; i += 2)
        none = _mm512_mask_cmp_ps_mask(none, v[i], v[i + 1 < n ? i + 1 : i], _CMP_ORD_Q);
    return none != 0xffff;
}

QNT_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

QNT_INLINE vf vf_of(vi v)
{
    return _mm512_cvtepi32_ps((__m512i)v);
}

QNT_INLINE vi vi_near(vf v)
{
    return (vi)_mm512_cvtps_epi32(v);
}

QNT_INLINE vf vf_ldexp(vf x, vi e)
{
    return _mm512_scalef_ps(x, vf_of(e));
}

/* Below -2^31 the conversion gives -2^31, which is the saturated value; above 2^31 it would too, hence the min. */
QNT_INLINE vi vi_round(vf v)
{
    return vi_near(_mm512_min_ps(v, _mm512_set1_ps(2147483520.0f)));
}

QNT_INLINE vi vi_quant(vf v)
{
    return (vi)_mm512_maskz_cvtps_epi32(_mm512_cmp_ps_mask(v, v, _CMP_ORD_Q),
                                        _mm512_min_ps(v, _mm512_set1_ps(2147483520.0f)));
}

QNT_INLINE vi vi_min(vi a, vi b)
{
    return (vi)_mm512_min_epi32((__m512i)a, (__m512i)b);
}

QNT_INLINE vi vi_max(vi a, vi b)
{
    return (vi)_mm512_max_epi32((__m512i)a, (__m512i)b);
}

QNT_INLINE vi vi_load_u8(const uint8_t *p, size_t n)
{
    return (vi)_mm512_cvtepu8_epi32(n >= VL ? _mm_loadu_si128((const __m128i *)p) : _mm_maskz_loadu_epi8(v_mask(n), p));
}

QNT_INLINE vi vi_load_s8(const int8_t *p, size_t n)
{
    return (vi)_mm512_cvtepi8_epi32(n >= VL ? _mm_loadu_si128((const __m128i *)p) : _mm_maskz_loadu_epi8(v_mask(n), p));
}

QNT_INLINE vi vi_mix(vi a, vi b, vi w)
{
    __m512i both = _mm512_mask_blend_epi16(0xaaaaaaaa, (__m512i)a, _mm512_slli_epi32((__m512i)b, 16));
    return (vi)_mm512_madd_epi16(both, (__m512i)w);
}

QNT_INLINE void vi_load4(vi v[4], const void *p, const int is_u8)
{
    const int8_t *b = p;
    QNT_UNROLL
    for (int k = 0; k < 4; k++) {
        __m128i x = _mm_loadu_si128((const __m128i *)(b + 16 * k));
        v[k] = is_u8 ? (vi)_mm512_cvtepu8_epi32(x) : (vi)_mm512_cvtepi8_epi32(x);
    }
}

QNT_INLINE void vi_widen(vi v[2], vh h)
{
    v[0] = (vi)_mm512_cvtepi16_epi32(_mm512_castsi512_si256((__m512i)h));
    v[1] = (vi)_mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64((__m512i)h, 1));
}

/* The sizes of narrow layers take plain narrow moves: a 64-byte access would touch a second cache line for nothing. */
QNT_INLINE vb vb_load(const int8_t *p, size_t n)
{
    if (n >= 64)
        return (vb)_mm512_loadu_si512(p);
    if (n == 32)
        return (vb)_mm512_zextsi256_si512(_mm256_loadu_si256((const __m256i *)p));
    if (n == 16)
        return (vb)_mm512_zextsi128_si512(_mm_loadu_si128((const __m128i *)p));
    return (vb)_mm512_maskz_loadu_epi8(_bzhi_u64(~0ULL, (unsigned)n), p);
}

QNT_INLINE void vb_store(int8_t *p, vb v, size_t n)
{
    if (n >= 64)
        _mm512_storeu_si512(p, (__m512i)v);
    else if (n == 32)
        _mm256_storeu_si256((__m256i *)p, _mm512_castsi512_si256((__m512i)v));
    else if (n == 16)
        _mm_storeu_si128((__m128i *)p, _mm512_castsi512_si128((__m512i)v));
    else
        _mm512_mask_storeu_epi8(p, _bzhi_u64(~0ULL, (unsigned)n), (__m512i)v);
}

QNT_INLINE void vf_stream(float *p, vf v)
{
    _mm512_stream_ps(p, v);
}

QNT_INLINE void vb_stream(int8_t *p, vb v)
{
    _mm512_stream_si512((void *)p, (__m512i)v);
}

QNT_INLINE void v_stream_end(void)
{
    _mm_sfence();
}

QNT_INLINE vb vb_lanes(const int8_t *p, const size_t at[V_LANES])
{
    __m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(p + at[0])));
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(p + at[1])), 1);
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(p + at[2])), 2);
    return (vb)_mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(p + at[3])), 3);
}

QNT_INLINE void vb_put(int8_t *p, const size_t at[V_LANES], vb v)
{
    _mm_storeu_si128((__m128i *)(p + at[0]), _mm512_castsi512_si128((__m512i)v));
    _mm_storeu_si128((__m128i *)(p + at[1]), _mm512_extracti32x4_epi32((__m512i)v, 1));
    _mm_storeu_si128((__m128i *)(p + at[2]), _mm512_extracti32x4_epi32((__m512i)v, 2));
    _mm_storeu_si128((__m128i *)(p + at[3]), _mm512_extracti32x4_epi32((__m512i)v, 3));
}

QNT_INLINE vb vb_zip8(vb a, vb b, const int high)
{
    return (vb)(high ? _mm512_unpackhi_epi8((__m512i)a, (__m512i)b) : _mm512_unpacklo_epi8((__m512i)a, (__m512i)b));
}

QNT_INLINE vb vb_zip32(vb a, vb b, const int high)
{
    return (vb)(high ? _mm512_unpackhi_epi32((__m512i)a, (__m512i)b) : _mm512_unpacklo_epi32((__m512i)a, (__m512i)b));
}

QNT_INLINE vb vb_max(vb a, vb b)
{
    return (vb)_mm512_max_epi8((__m512i)a, (__m512i)b);
}

QNT_INLINE vb vb_min(vb a, vb b)
{
    return (vb)_mm512_min_epi8((__m512i)a, (__m512i)b);
}

QNT_INLINE vh vh_pack(vi a, vi b)
{
    return (vh)_mm512_packs_epi32((__m512i)a, (__m512i)b);
}

/* The packs work within 128-bit quarters: the dwords come out as a0 b0 c0 d0 a1 b1 c1 d1 ... */
QNT_INLINE vb vb_narrow(vh ab, vh cd, vh zab, vh zcd)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i x = _mm512_adds_epi16((__m512i)ab, (__m512i)zab), y = _mm512_adds_epi16((__m512i)cd, (__m512i)zcd);
    return (vb)_mm512_permutexvar_epi32(order, _mm512_packs_epi16(x, y));
}

QNT_INLINE vb vb_pack(const vi v[4], int32_t zero)
{
    const vh z = (vh)_mm512_set1_epi16((short)zero);
    return vb_narrow(vh_pack(v[0], v[1]), vh_pack(v[2], v[3]), z, z);
}

/* What the conversion cannot represent (NaN, 2^31 and more) becomes -2^31, which packs to the smallest 16-bit number.
 * That is rare, so one test for it over the block replaces two steps in each vector. */
QNT_INLINE vb vb_quant(const vf v[4], const vh zero[2])
{
    vh ab = vh_pack(vi_near(v[0]), vi_near(v[1])), cd = vh_pack(vi_near(v[2]), vi_near(v[3]));
    __m512i least = _mm512_min_epi16((__m512i)ab, (__m512i)cd);
    if (__builtin_expect(_mm512_cmpeq_epi16_mask(least, _mm512_set1_epi16(INT16_MIN)) != 0, 0)) {
        ab = vh_pack(vi_quant(v[0]), vi_quant(v[1]));
        cd = vh_pack(vi_quant(v[2]), vi_quant(v[3]));
    }
    return vb_narrow(ab, cd, zero[0], zero[1]);
}

QNT_INLINE __mmask16 v_within(vi v, vi lo, vi hi)
{
    return _mm512_mask_cmple_epi32_mask(_mm512_cmpge_epi32_mask((__m512i)v, (__m512i)lo), (__m512i)v, (__m512i)hi);
}

QNT_INLINE vb vb_within(const vi *v, const vi *lo, const vi *hi, const int W)
{
    __mmask16 a = v_within(v[0], lo[0], hi[0]);
    if (W == 1)
        return (vb)_mm512_zextsi128_si512(_mm_maskz_set1_epi8(a, 1));
    __mmask32 ab = _mm512_kunpackw(v_within(v[1], lo[1], hi[1]), a);
    if (W == 2)
        return (vb)_mm512_zextsi256_si512(_mm256_maskz_set1_epi8(ab, 1));
    __mmask32 cd = _mm512_kunpackw(v_within(v[3], lo[3], hi[3]), v_within(v[2], lo[2], hi[2]));
    return (vb)_mm512_maskz_set1_epi8(_mm512_kunpackd(cd, ab), 1);
}

QNT_INLINE vh vh_add_s8(vh h, const int8_t *p, size_t n)
{
    __m256i x =
        n >= 32 ? _mm256_loadu_si256((const __m256i *)p) : _mm256_maskz_loadu_epi8(_bzhi_u32(~0U, (unsigned)n), p);
    return h + (vh)_mm512_cvtepi8_epi16(x);
}

QNT_INLINE uint64_t vf_below(const vf x[4], const vf t[4])
{
    uint64_t bits = 0;
    QNT_UNROLL
    for (int k = 0; k < 4; k++)
        bits |= (uint64_t)_mm512_cmp_ps_mask(x[k], t[k], _CMP_LT_OQ) << 16 * k;
    return bits;
}

QNT_INLINE uint64_t vb_below(vb x, vb t)
{
    return _mm512_cmplt_epi8_mask((__m512i)x, (__m512i)t);
}
#endif
