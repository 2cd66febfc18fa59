/* Linear interpolation, vectors over channels, pixel by pixel. Products of a code difference (9 bits) and a weight (15
 * bits) sum below 2^22 in magnitude, so the zero point is taken off the sum of the four at once. */
#include "tmpl/requant_step.h"

/* w: weights of the left and, in the upper halves, of the right pixel; of the top line and of the bottom one. */
QNT_INLINE vi sums(const int8_t *const p[4], const vi w[2], const vi zero, size_t c, size_t n)
{
    vi upper = vi_mix(vi_load_s8(p[0] + c, n), vi_load_s8(p[1] + c, n), w[0]);
    vi lower = vi_mix(vi_load_s8(p[2] + c, n), vi_load_s8(p[3] + c, n), w[1]);
    return upper + lower - zero;
}

QNT_INLINE void pixel_s8(const int8_t *const p[4], const vi w[2], const vi zero, int8_t *dst, size_t channels, vf scale,
                         const struct requant *q)
{
    const vf scales[4] = {scale, scale, scale, scale};
    size_t c = 0;
    vi acc[4];
    for (; channels - c >= 4 * VL; c += 4 * VL) {
        QNT_UNROLL
        for (size_t k = 0; k < 4; k++)
            acc[k] = sums(p, w, zero, c + k * VL, VL);
        vb_store(dst + c, requant_step(acc, scales, q), 4 * VL);
    }
    if (c == channels)
        return;
    const size_t left = channels - c;
    QNT_UNROLL
    for (size_t k = 0; k < 4; k++)
        acc[k] = k * VL < left ? sums(p, w, zero, c + k * VL, left - k * VL) : zero;
    vb_store(dst + c, requant_step(acc, scales, q), left);
}

void V_FN(bilinear_s8)(const int8_t *top, const int8_t *bottom, int8_t *dst, size_t pixels, size_t channels,
                       const struct qnt_bilinear *x, int32_t y, int32_t in_zero, const struct qnt_requant *r)
{
    const struct requant q = requant_load(r);
    const vf scale = vf_set(r->scale[0]);
    const vi zero = (vi){0} + in_zero * QNT_BILINEAR_ONE;
    for (; pixels > 0; pixels--, x++, dst += channels) {
        const int32_t both = qnt_bilinear_corner(x->code, y);
        const int8_t *const p[4] = {top + x->left, top + x->right, bottom + x->left, bottom + x->right};
        const vi w[2] = {(vi){0} + (QNT_BILINEAR_ONE - x->code - y + both) + (x->code - both) * 65536,
                         (vi){0} + (y - both) + both * 65536};
        pixel_s8(p, w, zero, dst, channels, scale, &q);
    }
}

QNT_INLINE vf between_f32(const float *const p[4], vf x, vf y, size_t c, size_t n)
{
    vf upper = vf_fma(vf_load(p[1] + c, n), x, vf_load(p[0] + c, n) * (1.0f - x));
    vf lower = vf_fma(vf_load(p[3] + c, n), x, vf_load(p[2] + c, n) * (1.0f - x));
    vf v = vf_fma(lower, y, upper * (1.0f - y));
    return vf_or_nan(v, v);
}

void V_FN(bilinear_f32)(const float *top, const float *bottom, float *dst, size_t pixels, size_t channels,
                        const struct qnt_bilinear *x, float y)
{
    for (; pixels > 0; pixels--, x++, dst += channels) {
        const float *const p[4] = {top + x->left, top + x->right, bottom + x->left, bottom + x->right};
        const vf part = vf_set(x->part), lower = vf_set(y);
        size_t c = 0;
        for (; channels - c >= VL; c += VL)
            vf_store(dst + c, between_f32(p, part, lower, c, VL), VL);
        if (c < channels)
            vf_store(dst + c, between_f32(p, part, lower, c, channels - c), channels - c);
    }
}
