#ifndef ARM_V_NEON_H
#define ARM_V_NEON_H
/* The vector vocabulary (tmpl/v_common.h) in Advanced SIMD: 4 lanes. Conversions saturate and send NaN to 0 by
 * themselves; FMAX/FMIN treat NaN and zeros otherwise than a > b ? a : b, so comparisons select. */
#include <arm_neon.h>
#include "tmpl/v_common.h"

#define V_FN(op) qnt_##op##_neon
enum { VL = 4, V_LANES = 1, V_REGS = 32, V_STREAMS = 0 };
typedef float32x4_t vf;
typedef int32x4_t vi;
typedef int16x8_t vh;
typedef int8x16_t vb;

QNT_INLINE vf vf_set(float x)
{
    return vdupq_n_f32(x);
}

QNT_INLINE vf vf_load(const float *p, size_t n)
{
    if (n >= VL)
        return vld1q_f32(p);
    vf v = vdupq_n_f32(0.0f);
    if (n > 0)
        v = vld1q_lane_f32(p, v, 0);
    if (n > 1)
        v = vld1q_lane_f32(p + 1, v, 1);
    if (n > 2)
        v = vld1q_lane_f32(p + 2, v, 2);
    return v;
}

QNT_INLINE void vf_store(float *p, vf v, size_t n)
{
    if (n >= VL) {
        vst1q_f32(p, v);
        return;
    }
    if (n > 0)
        vst1q_lane_f32(p, v, 0);
    if (n > 1)
        vst1q_lane_f32(p + 1, v, 1);
    if (n > 2)
        vst1q_lane_f32(p + 2, v, 2);
}

QNT_INLINE vf vf_first(size_t n, vf a, vf b)
{
    const uint32x4_t lane = {0, 1, 2, 3};
    return n >= VL ? a : vbslq_f32(vcltq_u32(lane, vdupq_n_u32((uint32_t)n)), a, b);
}

QNT_INLINE vf vf_sqrt(vf x)
{
    return vsqrtq_f32(x);
}

QNT_INLINE vf vf_max(vf a, vf b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

QNT_INLINE vf vf_min(vf a, vf b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

QNT_INLINE vf vf_if_lt(vf a, vf b, vf x, vf y)
{
    return vbslq_f32(vcltq_f32(a, b), x, y);
}

QNT_INLINE vf vf_if_eq(vf a, vf b, vf x, vf y)
{
    return vbslq_f32(vceqq_f32(a, b), x, y);
}

QNT_INLINE vf vf_or_nan(vf x, vf y)
{
    return vbslq_f32(vceqq_f32(x, x), y, vdupq_n_f32(__builtin_nanf("")));
}

QNT_INLINE bool vf_nans(const vf *v, const int n)
{
    uint32x4_t none = vceqq_f32(v[0], v[0]);
    QNT_UNROLL
    for (int i = 1; i < n; i++)
        none = vandq_u32(none, vceqq_f32(v[i], v[i]));
    return vminvq_u32(none) == 0;
}

QNT_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return vfmaq_f32(c, a, b);
}

QNT_INLINE vf vf_of(vi v)
{
    return vcvtq_f32_s32(v);
}

QNT_INLINE vf vf_ldexp(vf x, vi e)
{
    vi half = e >> 1;
    return x * (vf)((half + 127) << 23) * (vf)((e - half + 127) << 23);
}

QNT_INLINE vi vi_near(vf v)
{
    return vcvtnq_s32_f32(v);
}

QNT_INLINE vi vi_round(vf v)
{
    return vcvtnq_s32_f32(v);
}

QNT_INLINE void vi_widen(vi v[2], vh h)
{
    v[0] = vmovl_s16(vget_low_s16(h));
    v[1] = vmovl_high_s16(h);
}

QNT_INLINE vi vi_min(vi a, vi b)
{
    return vminq_s32(a, b);
}

QNT_INLINE vi vi_max(vi a, vi b)
{
    return vmaxq_s32(a, b);
}

QNT_INLINE vi vi_load_u8(const uint8_t *p, size_t n)
{
    uint8x8_t b = vcreate_u8(v_load_bytes(p, n < VL ? n : VL));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(b))));
}

QNT_INLINE vi vi_load_s8(const int8_t *p, size_t n)
{
    int8x8_t b = vcreate_s8(v_load_bytes(p, n < VL ? n : VL));
    return vmovl_s16(vget_low_s16(vmovl_s8(b)));
}

QNT_INLINE vi vi_mix(vi a, vi b, vi w)
{
    return a * (w << 16 >> 16) + b * (w >> 16);
}

QNT_INLINE void vi_load4(vi v[4], const void *p, const int is_u8)
{
    if (is_u8) {
        uint8x16_t b = vld1q_u8(p);
        vi_widen(v, vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(b))));
        vi_widen(v + 2, vreinterpretq_s16_u16(vmovl_high_u8(b)));
    } else {
        int8x16_t b = vld1q_s8(p);
        vi_widen(v, vmovl_s8(vget_low_s8(b)));
        vi_widen(v + 2, vmovl_high_s8(b));
    }
}

QNT_INLINE int8x8_t v_load8(const int8_t *p, size_t n)
{
    return n >= 8 ? vld1_s8(p) : vcreate_s8(v_load_bytes(p, n));
}

QNT_INLINE vb vb_load(const int8_t *p, size_t n)
{
    if (n >= 16)
        return vld1q_s8(p);
    return vcombine_s8(v_load8(p, n), n > 8 ? v_load8(p + 8, n - 8) : vcreate_s8(0));
}

QNT_INLINE void vb_store(int8_t *p, vb v, size_t n)
{
    if (n >= 16) {
        vst1q_s8(p, v);
        return;
    }
    int8x8_t x = vget_low_s8(v);
    if (n & 8) {
        vst1_s8(p, x);
        x = vget_high_s8(v);
        p += 8;
    }
    if (n & 7)
        v_store_bytes(p, vget_lane_u64(vreinterpret_u64_s8(x), 0), n & 7);
}

QNT_INLINE void vf_stream(float *p, vf v)
{
    vst1q_f32(p, v);
}

QNT_INLINE void vb_stream(int8_t *p, vb v)
{
    vst1q_s8(p, v);
}

QNT_INLINE void v_stream_end(void)
{
}

QNT_INLINE vb vb_lanes(const int8_t *p, const size_t at[V_LANES])
{
    return vld1q_s8(p + at[0]);
}

QNT_INLINE void vb_put(int8_t *p, const size_t at[V_LANES], vb v)
{
    vst1q_s8(p + at[0], v);
}

QNT_INLINE vb vb_zip8(vb a, vb b, const int high)
{
    return high ? vzip2q_s8(a, b) : vzip1q_s8(a, b);
}

QNT_INLINE vb vb_zip32(vb a, vb b, const int high)
{
    int32x4_t x = vreinterpretq_s32_s8(a), y = vreinterpretq_s32_s8(b);
    return vreinterpretq_s8_s32(high ? vzip2q_s32(x, y) : vzip1q_s32(x, y));
}

QNT_INLINE vb vb_max(vb a, vb b)
{
    return vmaxq_s8(a, b);
}

QNT_INLINE vb vb_min(vb a, vb b)
{
    return vminq_s8(a, b);
}

QNT_INLINE vh vh_pack(vi a, vi b)
{
    return vqmovn_high_s32(vqmovn_s32(a), b);
}

QNT_INLINE vb vb_narrow(vh ab, vh cd, vh zab, vh zcd)
{
    return vqmovn_high_s16(vqmovn_s16(vqaddq_s16(ab, zab)), vqaddq_s16(cd, zcd));
}

QNT_INLINE vb vb_pack(const vi v[4], int32_t zero)
{
    const vh z = vdupq_n_s16((int16_t)zero);
    return vb_narrow(vh_pack(v[0], v[1]), vh_pack(v[2], v[3]), z, z);
}

/* The conversion saturates and makes NaN 0. */
QNT_INLINE vb vb_quant(const vf v[4], const vh zero[2])
{
    vh ab = vh_pack(vi_near(v[0]), vi_near(v[1])), cd = vh_pack(vi_near(v[2]), vi_near(v[3]));
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
    return vaddw_s8(h, v_load8(p, n));
}

/* Lanes of all ones or zeros to a bit each. */
QNT_INLINE uint64_t v_bits(uint8x16_t m)
{
    const uint8x16_t weight = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    m = vandq_u8(m, weight);
    return (uint64_t)vaddv_u8(vget_low_u8(m)) | (uint64_t)vaddv_u8(vget_high_u8(m)) << 8;
}

QNT_INLINE uint64_t vf_below(const vf x[4], const vf t[4])
{
    uint16x8_t ab = vmovn_high_u32(vmovn_u32(vcltq_f32(x[0], t[0])), vcltq_f32(x[1], t[1]));
    uint16x8_t cd = vmovn_high_u32(vmovn_u32(vcltq_f32(x[2], t[2])), vcltq_f32(x[3], t[3]));
    return v_bits(vmovn_high_u16(vmovn_u16(ab), cd));
}

QNT_INLINE uint64_t vb_below(vb x, vb t)
{
    return v_bits(vcltq_s8(x, t));
}
#endif
