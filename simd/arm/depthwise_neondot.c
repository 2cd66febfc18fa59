/* 16 channels x 1 pixel. Zips of bytes and of their pairs put the four taps of a channel side by side, as the weights
 * lie: SDOT adds them. 4 sums, 12 vectors of weights (3 x 3), 8 for the taps in flight. */
#include "arm/v_neon.h"

#undef V_FN
#define V_FN(op) qnt_##op##_neondot

enum { DW_V = 4, DW_P = 1 };
typedef struct {
    int8x16_t v[4];
} dw_w;

QNT_INLINE dw_w dw_weights(const int8_t *p, size_t n)
{
    return (dw_w){{vb_load(p, 4 * n), vb_load(p + 16, 4 * v_left(n, 4)), vb_load(p + 32, 4 * v_left(n, 8)),
                   vb_load(p + 48, 4 * v_left(n, 12))}};
}

QNT_INLINE void dw_start(vi start[DW_V], const int32_t *bias, size_t n)
{
    QNT_UNROLL
    for (size_t k = 0; k < DW_V; k++)
        start[k] = vreinterpretq_s32_f32(vf_load((const float *)(const void *)bias + k * VL, v_left(n, k * VL)));
}

QNT_INLINE void dw_settle(vi start[DW_V], dw_w w)
{
    (void)start;
    (void)w;
}

QNT_INLINE int16x8_t dw_lo(int8x16_t a, int8x16_t b)
{
    return vreinterpretq_s16_s8(vzip1q_s8(a, b));
}

QNT_INLINE int16x8_t dw_hi(int8x16_t a, int8x16_t b)
{
    return vreinterpretq_s16_s8(vzip2q_s8(a, b));
}

QNT_INLINE void dw_quad(vi acc[DW_V], const int8_t *const x[4], size_t n, dw_w w, const size_t taps)
{
    int8x16_t a = vb_load(x[0], n), b = a, c = a, d = a; /* of taps that are not there the weight is 0 */
    if (taps > 1) {
        b = vb_load(x[1], n);
        c = vb_load(x[2], n);
        d = vb_load(x[3], n);
    }
    int16x8_t ab = dw_lo(a, b), cd = dw_lo(c, d);
    acc[0] = vdotq_s32(acc[0], vreinterpretq_s8_s16(vzip1q_s16(ab, cd)), w.v[0]);
    acc[1] = vdotq_s32(acc[1], vreinterpretq_s8_s16(vzip2q_s16(ab, cd)), w.v[1]);
    if (n <= 8)
        return;
    ab = dw_hi(a, b);
    cd = dw_hi(c, d);
    acc[2] = vdotq_s32(acc[2], vreinterpretq_s8_s16(vzip1q_s16(ab, cd)), w.v[2]);
    acc[3] = vdotq_s32(acc[3], vreinterpretq_s8_s16(vzip2q_s16(ab, cd)), w.v[3]);
}

QNT_INLINE void dw_store(int8_t *dst, size_t ldd, vb v, const int pixels, size_t n)
{
    (void)ldd;
    (void)pixels;
    vb_store(dst, v, n);
}
#include "tmpl/depthwise_tmpl.h"
