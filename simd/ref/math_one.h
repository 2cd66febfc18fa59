#ifndef REF_MATH_ONE_H
#define REF_MATH_ONE_H
/* exp, tanh and sigmoid of one float: fixed sequences of fma, so every machine gives the same bits.
 * A NaN operand gives the NaN 0x7fc00000, whatever its payload. */
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float qnt_pow2i(int32_t e) /* 2^e, -126 <= e <= 127 */
{
    uint32_t u = (uint32_t)(e + 127) << 23;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* x = k ln2 + r with ln2 in two parts: k, and e^r - 1 by a polynomial. */
static inline float qnt_exp_reduced(float x, float *k)
{
    *k = rintf(x * 1.442695040888963407f);
    float r = fmaf(*k, -0.693145751953125f, x);
    r = fmaf(*k, -1.428606765330187045e-06f, r);
    float u = 0.000198527617612853646278381f;
    u = fmaf(u, r, 0.00139304355252534151077271f);
    u = fmaf(u, r, 0.00833336077630519866943359f);
    u = fmaf(u, r, 0.0416664853692054748535156f);
    u = fmaf(u, r, 0.166666671633720397949219f);
    u = fmaf(u, r, 0.5f);
    return fmaf(r * r, u, r);
}

/* 2^k applied in two halves, so denormals round only once. */
static inline float qnt_exp_one(float x)
{
    if (x != x)
        return __builtin_nanf("");
    if (x < -104.0f)
        return 0.0f;
    if (x > 100.0f)
        return INFINITY;
    float k, u = 1.0f + qnt_exp_reduced(x, &k);
    int32_t q = (int32_t)k, half = q >> 1;
    return u * qnt_pow2i(half) * qnt_pow2i(q - half);
}

/* |x| < 0.625: x + x^3 P(x^2); else 1 - 2 / (exp(2|x|) + 1) with the sign of x. */
static inline float qnt_tanh_one(float x)
{
    if (x != x)
        return __builtin_nanf("");
    float a = fabsf(x), y;
    if (a < 0.625f) {
        float z = x * x, p = -5.70498872745e-3f;
        p = fmaf(p, z, 2.06390887954e-2f);
        p = fmaf(p, z, -5.37397155531e-2f);
        p = fmaf(p, z, 1.33314422036e-1f);
        p = fmaf(p, z, -3.33332819422e-1f);
        y = fmaf(p * z, a, a);
    } else {
        y = 1.0f - 2.0f / (qnt_exp_one(a + a) + 1.0f);
    }
    return copysignf(y, x);
}

static inline float qnt_sigmoid_one(float x)
{
    return 1.0f / (1.0f + qnt_exp_one(-x));
}
#endif
