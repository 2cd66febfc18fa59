/* The sequences of ref/math_one.h, a vector at a time. The operand of exp is limited to [-104, 100] instead of the
 * reference's two exits: the end points already give 0 and Inf, and every exponent stays in range. */
#include "tmpl/fold16.h"

/* e^r - 1, x = q ln2 + r. */
QNT_INLINE vf exp_reduced_v(vf x, vi *q)
{
    *q = vi_near(x * 1.442695040888963407f);
    vf k = vf_of(*q);
    vf r = vf_fma(k, vf_set(-0.693145751953125f), x);
    r = vf_fma(k, vf_set(-1.428606765330187045e-06f), r);
    vf u = vf_set(0.000198527617612853646278381f);
    u = vf_fma(u, r, vf_set(0.00139304355252534151077271f));
    u = vf_fma(u, r, vf_set(0.00833336077630519866943359f));
    u = vf_fma(u, r, vf_set(0.0416664853692054748535156f));
    u = vf_fma(u, r, vf_set(0.166666671633720397949219f));
    u = vf_fma(u, r, vf_set(0.5f));
    return vf_fma(r * r, u, r);
}

QNT_INLINE vf exp_v(vf x)
{
    vi q;
    vf c = vf_max(vf_min(x, vf_set(100.0f)), vf_set(-104.0f)); /* no NaN from here on */
    vf u = exp_reduced_v(c, &q) + 1.0f;
    return vf_or_nan(x, vf_ldexp(u, q));
}

QNT_INLINE vf tanh_v(vf x)
{
    vf a = (vf)((vi)x & INT32_MAX), z = x * x;
    vf p = vf_set(-5.70498872745e-3f);
    p = vf_fma(p, z, vf_set(2.06390887954e-2f));
    p = vf_fma(p, z, vf_set(-5.37397155531e-2f));
    p = vf_fma(p, z, vf_set(1.33314422036e-1f));
    p = vf_fma(p, z, vf_set(-3.33332819422e-1f));
    vf small = vf_fma(p * z, a, a), large = 1.0f - 2.0f / (exp_v(a + a) + 1.0f);
    vf y = vf_if_lt(a, vf_set(0.625f), small, large); /* >= 0, so the sign is or'ed */
    return vf_or_nan(x, (vf)((vi)y | ((vi)x & INT32_MIN)));
}

QNT_INLINE vf sigmoid_v(vf x)
{
    return 1.0f / (exp_v(-x) + 1.0f);
}

QNT_INLINE void map(const float *src, float *dst, size_t n, vf (*f)(vf))
{
    size_t i = 0;
    for (; n - i >= VL; i += VL)
        vf_store(dst + i, f(vf_load(src + i, VL)), VL);
    if (i < n)
        vf_store(dst + i, f(vf_load(src + i, n - i)), n - i);
}

void V_FN(exp_f32)(const float *src, float *dst, size_t n)
{
    map(src, dst, n, exp_v);
}

void V_FN(tanh_f32)(const float *src, float *dst, size_t n)
{
    map(src, dst, n, tanh_v);
}

void V_FN(sigmoid_f32)(const float *src, float *dst, size_t n)
{
    map(src, dst, n, sigmoid_v);
}

/* Lanes past the row are -Inf to the maximum and +0 to the sums. */
QNT_INLINE float row_max(const float *src, size_t cols)
{
    const vf none = vf_set(-INFINITY);
    float m[VL];
    vf max = none;
    size_t c = 0;
    for (; cols - c >= VL; c += VL)
        max = vf_max(vf_load(src + c, VL), max);
    if (c < cols)
        max = vf_max(vf_first(cols - c, vf_load(src + c, cols - c), none), max);
    vf_store(m, max, VL);
    QNT_UNROLL
    for (int half = VL / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            m[i] = m[i + half] > m[i] ? m[i + half] : m[i];
    return m[0];
}

QNT_INLINE void exp_step(const float *src, float *dst, size_t n, vf max, vf s[SUMS])
{
    QNT_UNROLL
    for (int k = 0; k < SUMS; k++) {
        size_t left = v_left(n, (size_t)k * VL);
        vf e = exp_v(vf_load(src + k * VL, left) - max);
        vf_store(dst + k * VL, e, left);
        s[k] += vf_first(left, e, vf_set(0.0f));
    }
}

QNT_INLINE float exp_row(const float *src, float *dst, size_t cols, float max)
{
    const vf m = vf_set(max);
    vf s[SUMS] = {{0}};
    size_t c = 0;
    for (; cols - c >= 16; c += 16)
        exp_step(src + c, dst + c, 16, m, s);
    if (c < cols)
        exp_step(src + c, dst + c, cols - c, m, s);
    return fold16(s);
}

void V_FN(softmax_f32)(const float *src, float *dst, size_t rows, size_t cols)
{
    for (size_t r = 0; r < rows; r++, src += cols, dst += cols) {
        const vf sum = vf_set(exp_row(src, dst, cols, row_max(src, cols)));
        size_t c = 0;
        for (; cols - c >= VL; c += VL) {
            vf y = vf_load(dst + c, VL) / sum;
            vf_store(dst + c, vf_or_nan(y, y), VL);
        }
        if (c < cols) {
            vf y = vf_load(dst + c, cols - c) / sum;
            vf_store(dst + c, vf_or_nan(y, y), cols - c);
        }
    }
}
