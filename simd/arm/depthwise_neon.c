/* 8 channels x 2 pixels. Codes and weights are widened to 16 bits; SMLAL adds a tap of four channels. 4 sums, up to 12
 * vectors of weights (3 x 3, as bytes when they do not fit), one for the tap in flight. */
#include "arm/v_neon.h"

enum { DW_V = 2, DW_P = 2 };
typedef struct {
    int8x8_t tap[4];
} dw_w;

QNT_INLINE dw_w dw_weights(const int8_t *p, size_t n)
{
    int8_t part[32] = {0};
    if (n < 8) {
        memcpy(part, p, 4 * n);
        p = part;
    }
    int8x8x4_t w = vld4_s8(p);
    return (dw_w){{w.val[0], w.val[1], w.val[2], w.val[3]}};
}

QNT_INLINE void dw_start(vi start[DW_V], const int32_t *bias, size_t n)
{
    start[0] = vreinterpretq_s32_f32(vf_load((const float *)(const void *)bias, n));
    start[1] = vreinterpretq_s32_f32(vf_load((const float *)(const void *)bias + VL, v_left(n, VL)));
}

QNT_INLINE void dw_settle(vi start[DW_V], dw_w w)
{
    (void)start;
    (void)w;
}

QNT_INLINE void dw_quad(vi acc[DW_V], const int8_t *const x[4], size_t n, dw_w w, const size_t taps)
{
    QNT_UNROLL
    for (size_t i = 0; i < 4; i++)
        if (i < taps) {
            int16x8_t a = vmovl_s8(v_load8(x[i], n)), b = vmovl_s8(w.tap[i]);
            acc[0] = vmlal_s16(acc[0], vget_low_s16(a), vget_low_s16(b));
            acc[1] = vmlal_high_s16(acc[1], a, b);
        }
}

QNT_INLINE void dw_store8(int8_t *dst, int8x8_t x, size_t n)
{
    if (n >= 8)
        vst1_s8(dst, x);
    else
        v_store_bytes(dst, vget_lane_u64(vreinterpret_u64_s8(x), 0), n);
}

QNT_INLINE void dw_store(int8_t *dst, size_t ldd, vb v, const int pixels, size_t n)
{
    dw_store8(dst, vget_low_s8(v), n);
    if (pixels == 2)
        dw_store8(dst + ldd, vget_high_s8(v), n);
}
#include "tmpl/depthwise_tmpl.h"
