#ifndef REF_FUNCTION_ONE_H
#define REF_FUNCTION_ONE_H
/* The functions of kernels.h, one float each. Like those of math_one.h they are fixed sequences; the polynomials are
 * minimax fits of our own. */
#include "kernels.h"
#include "ref/math_one.h"

/* exp(x) - 1 for x <= 0: 2^k p + (2^k - 1), p = e^r - 1, so that nothing cancels near 0. */
static inline float qnt_expm1_one(float x)
{
    float k;
    const float p = qnt_exp_reduced(x > -40.0f ? x : -40.0f, &k); /* from here on -1 */
    const float s = qnt_pow2i((int32_t)k);
    return fmaf(p, s, s - 1.0f);
}

/* t < 1: erf(t) = t P(t^2). */
static inline float qnt_erf_below_one(float t)
{
    const float z = t * t;
    float p = 7.85401935e-05f;
    p = fmaf(p, z, -0.000801024609f);
    p = fmaf(p, z, 0.00518833427f);
    p = fmaf(p, z, -0.0268538166f);
    p = fmaf(p, z, 0.112835854f);
    p = fmaf(p, z, -0.37612626f);
    p = fmaf(p, z, 1.12837911f);
    return p * t;
}

/* t >= 1: erfc(t) = exp(-t^2) Q((t - 2) / (t + 2)) / (1 + 2 t), t^2 with its rounding error. From 12 on it is 0. */
static inline float qnt_erfc_above_one(float t)
{
    const float c = t < 12.0f ? t : 12.0f, u = (c - 2.0f) / (c + 2.0f), s = c * c;
    float q = -0.00146729662f;
    q = fmaf(q, u, 0.00105621561f);
    q = fmaf(q, u, 0.00876337383f);
    q = fmaf(q, u, -0.00799904857f);
    q = fmaf(q, u, -0.0542272292f);
    q = fmaf(q, u, 0.164049104f);
    q = fmaf(q, u, -0.166030064f);
    q = fmaf(q, u, -0.092763789f);
    q = fmaf(q, u, 1.27697837f);
    const float e = qnt_exp_one(-s);
    return fmaf(fmaf(c, -c, s), e, e) * (q / (c + c + 1.0f));
}

static inline float qnt_erf_one(float x)
{
    const float a = fabsf(x);
    return x != x ? x : copysignf(a < 1.0f ? qnt_erf_below_one(a) : 1.0f - qnt_erfc_above_one(a), x);
}

/* With h = |x| / 2 * erfc(|x| / sqrt(2)) it is -h below 0 and x - h above: nothing cancels on either side. */
static inline float qnt_gelu_one(float x)
{
    const float a = fabsf(x), t = a * 0.707106781186547524f;
    const float c = t < 1.0f ? 1.0f - qnt_erf_below_one(t) : qnt_erfc_above_one(t);
    const float h = (a < 20.0f ? a : 20.0f) * 0.5f * c;
    return x < 0.0f ? -h : x - h;
}

/* x / (1 + exp(-2 y)), y what the hyperbolic tangent is of. Below -20 the quotient is -0. */
static inline float qnt_gelu_tanh_one(float x)
{
    const float y = x * fmaf(x * x, 0.0713548162726f, 1.59576912161f);
    return (x < -20.0f ? -20.0f : x) / (qnt_exp_one(-y) + 1.0f);
}

/* x = 2^k m, m in [sqrt(1/2), sqrt(2)), f = m - 1: k ln2 + f - f^2 / 2 + f^3 P(f), ln2 in two parts. */
static inline float qnt_log_one(float x)
{
    if (!(x > 0.0f))
        return x == 0.0f ? -INFINITY : __builtin_nanf("");
    if (x > 0x1.fffffep127f)
        return x;
    const int tiny = x < 0x1p-126f;
    const float whole = tiny ? x * 0x1p23f : x;
    int32_t bits;
    memcpy(&bits, &whole, sizeof bits);
    const int32_t e = (bits - 0x3f3504f3) >> 23;
    float m;
    bits -= e * (1 << 23);
    memcpy(&m, &bits, sizeof m);
    const float k = (float)e - (tiny ? 23.0f : 0.0f), f = m - 1.0f, z = f * f;
    float p = -0.0763442963f;
    p = fmaf(p, f, 0.127615497f);
    p = fmaf(p, f, -0.131601945f);
    p = fmaf(p, f, 0.142017618f);
    p = fmaf(p, f, -0.166233569f);
    p = fmaf(p, f, 0.200012267f);
    p = fmaf(p, f, -0.250008225f);
    p = fmaf(p, f, 0.333333313f);
    const float low = fmaf(k, 1.428606765330187045e-06f, fmaf(z * f, p, z * -0.5f));
    return fmaf(k, 0.693145751953125f, f + low);
}

static inline float qnt_limit_one(float x, float lo, float hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

static inline float qnt_function_one(float x, const struct qnt_function *f)
{
    switch (f->kind) {
    case QNT_LEAKY_RELU:
        return x < 0.0f ? x * f->a : x;
    case QNT_HARD_SWISH:
        return x * qnt_limit_one(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f);
    case QNT_HARD_SIGMOID:
        return qnt_limit_one(x * f->a + f->b, 0.0f, 1.0f);
    case QNT_ELU:
        return x < 0.0f ? f->a * qnt_expm1_one(x) : x;
    case QNT_GELU:
        return qnt_gelu_one(x);
    case QNT_GELU_TANH:
        return qnt_gelu_tanh_one(x);
    case QNT_ERF:
        return qnt_erf_one(x);
    case QNT_LOG:
        return qnt_log_one(x);
    case QNT_SQRT:
        return sqrtf(x);
    case QNT_RECIPROCAL:
        return 1.0f / x;
    case QNT_ABS:
        return fabsf(x);
    case QNT_NEG:
        return -x;
    case QNT_SIGN:
        return x != x ? x : x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f;
    case QNT_FLOOR:
        return floorf(x);
    case QNT_CEIL:
        return ceilf(x);
    default:
        return rintf(x);
    }
}
#endif
