/* The sequences of ref/function_one.h, a vector at a time; after math_tmpl.h, whose exp they use. Where the reference
 * chooses a way, both are gone, on operands limited to where each is defined. */

QNT_INLINE vf vf_abs(vf x)
{
    return (vf)((vi)x & INT32_MAX);
}

QNT_INLINE vf with_sign(vf y, vf x) /* y >= 0 */
{
    return (vf)((vi)y | ((vi)x & INT32_MIN));
}

QNT_INLINE vf limit(vf x, float lo, float hi)
{
    return vf_max(vf_set(lo), vf_min(vf_set(hi), x));
}

QNT_INLINE vf leaky_relu_v(vf x, vf a, vf b)
{
    (void)b;
    return vf_if_lt(x, vf_set(0.0f), x * a, x);
}

QNT_INLINE vf hard_swish_v(vf x, vf a, vf b)
{
    (void)a;
    (void)b;
    return x * limit(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f);
}

QNT_INLINE vf hard_sigmoid_v(vf x, vf a, vf b)
{
    return limit(x * a + b, 0.0f, 1.0f);
}

QNT_INLINE vf expm1_v(vf x)
{
    vi q;
    vf p = exp_reduced_v(vf_min(vf_max(x, vf_set(-40.0f)), vf_set(0.0f)), &q);
    vf s = vf_ldexp(vf_set(1.0f), q);
    return vf_fma(p, s, s - 1.0f);
}

QNT_INLINE vf elu_v(vf x, vf a, vf b)
{
    (void)b;
    return vf_if_lt(x, vf_set(0.0f), a * expm1_v(x), x);
}

QNT_INLINE vf erf_below_one_v(vf t)
{
    vf z = t * t, p = vf_set(7.85401935e-05f);
    p = vf_fma(p, z, vf_set(-0.000801024609f));
    p = vf_fma(p, z, vf_set(0.00518833427f));
    p = vf_fma(p, z, vf_set(-0.0268538166f));
    p = vf_fma(p, z, vf_set(0.112835854f));
    p = vf_fma(p, z, vf_set(-0.37612626f));
    p = vf_fma(p, z, vf_set(1.12837911f));
    return p * t;
}

QNT_INLINE vf erfc_above_one_v(vf t)
{
    vf c = vf_min(t, vf_set(12.0f)), u = (c - 2.0f) / (c + 2.0f), s = c * c;
    vf q = vf_set(-0.00146729662f);
    q = vf_fma(q, u, vf_set(0.00105621561f));
    q = vf_fma(q, u, vf_set(0.00876337383f));
    q = vf_fma(q, u, vf_set(-0.00799904857f));
    q = vf_fma(q, u, vf_set(-0.0542272292f));
    q = vf_fma(q, u, vf_set(0.164049104f));
    q = vf_fma(q, u, vf_set(-0.166030064f));
    q = vf_fma(q, u, vf_set(-0.092763789f));
    q = vf_fma(q, u, vf_set(1.27697837f));
    vf e = exp_v(-s);
    return vf_fma(vf_fma(c, -c, s), e, e) * (q / (c + c + 1.0f));
}

QNT_INLINE vf erf_v(vf x, vf a, vf b)
{
    (void)a;
    (void)b;
    vf t = vf_abs(x);
    vf y = vf_if_lt(t, vf_set(1.0f), erf_below_one_v(t), 1.0f - erfc_above_one_v(t));
    return vf_or_nan(x, with_sign(y, x));
}

QNT_INLINE vf gelu_v(vf x, vf a, vf b)
{
    (void)a;
    (void)b;
    vf m = vf_abs(x), t = m * 0.707106781186547524f;
    vf c = vf_if_lt(t, vf_set(1.0f), 1.0f - erf_below_one_v(t), erfc_above_one_v(t));
    vf h = vf_min(m, vf_set(20.0f)) * 0.5f * c;
    return vf_or_nan(x, vf_if_lt(x, vf_set(0.0f), -h, x - h));
}

QNT_INLINE vf gelu_tanh_v(vf x, vf a, vf b)
{
    (void)a;
    (void)b;
    vf y = x * vf_fma(x * x, vf_set(0.0713548162726f), vf_set(1.59576912161f));
    return vf_max(vf_set(-20.0f), x) / (exp_v(-y) + 1.0f);
}

QNT_INLINE vf log_v(vf x, vf a, vf b)
{
    (void)a;
    (void)b;
    const vf none = vf_set(0.0f), tiny = vf_set(0x1p-126f);
    vf c = vf_min(vf_if_lt(none, x, x, vf_set(1.0f)), vf_set(0x1.fffffep127f));
    vi bits = (vi)vf_if_lt(c, tiny, c * 0x1p23f, c), e = (bits - 0x3f3504f3) >> 23;
    vf k = vf_of(e) - vf_if_lt(c, tiny, vf_set(23.0f), none), f = (vf)(bits - e * (1 << 23)) - 1.0f, z = f * f;
    vf p = vf_set(-0.0763442963f);
    p = vf_fma(p, f, vf_set(0.127615497f));
    p = vf_fma(p, f, vf_set(-0.131601945f));
    p = vf_fma(p, f, vf_set(0.142017618f));
    p = vf_fma(p, f, vf_set(-0.166233569f));
    p = vf_fma(p, f, vf_set(0.200012267f));
    p = vf_fma(p, f, vf_set(-0.250008225f));
    p = vf_fma(p, f, vf_set(0.333333313f));
    vf low = vf_fma(k, vf_set(1.428606765330187045e-06f), vf_fma(z * f, p, z * -0.5f));
    vf y = vf_fma(k, vf_set(0.693145751953125f), f + low);
    y = vf_if_eq(x, vf_set(INFINITY), x, y);
    y = vf_if_eq(x, none, vf_set(-INFINITY), y);
    return vf_or_nan(x, vf_if_lt(x, none, vf_set(__builtin_nanf("")), y));
}

QNT_INLINE vf sqrt_v(vf x, vf a, vf b)
{
    (void)a;
    (void)b;
    return vf_sqrt(x);
}

QNT_INLINE vf reciprocal_v(vf x, vf a, vf b)
{
    (void)a;
    (void)b;
    return 1.0f / x;
}

QNT_INLINE vf abs_v(vf x, vf a, vf b)
{
    (void)a;
    (void)b;
    return vf_abs(x);
}

QNT_INLINE vf neg_v(vf x, vf a, vf b)
{
    (void)a;
    (void)b;
    return -x;
}

QNT_INLINE vf sign_v(vf x, vf a, vf b)
{
    (void)a;
    (void)b;
    const vf none = vf_set(0.0f);
    return vf_or_nan(x, vf_if_lt(x, none, vf_set(-1.0f), vf_if_lt(none, x, vf_set(1.0f), none)));
}

/* The nearest whole number, moved by one where it lies on the wrong side; all floats from 2^23 on are whole. */
QNT_INLINE vf whole_v(vf x, const int below, const int above)
{
    const vf none = vf_set(0.0f), m = vf_abs(x), limit = vf_set(0x1p23f);
    vf r = vf_of(vi_near(vf_if_lt(m, limit, x, none)));
    if (below)
        r -= vf_if_lt(x, r, vf_set(1.0f), none);
    if (above)
        r += vf_if_lt(r, x, vf_set(1.0f), none);
    return vf_if_lt(m, limit, with_sign(vf_abs(r), x), x);
}

QNT_INLINE vf floor_v(vf x, vf a, vf b)
{
    (void)a;
    (void)b;
    return whole_v(x, 1, 0);
}

QNT_INLINE vf ceil_v(vf x, vf a, vf b)
{
    (void)a;
    (void)b;
    return whole_v(x, 0, 1);
}

QNT_INLINE vf round_v(vf x, vf a, vf b)
{
    (void)a;
    (void)b;
    return whole_v(x, 0, 0);
}

QNT_INLINE void map_with(const float *src, float *dst, size_t n, const struct qnt_function *p, vf (*f)(vf, vf, vf))
{
    const vf a = vf_set(p->a), b = vf_set(p->b);
    size_t i = 0;
    for (; n - i >= VL; i += VL) {
        vf y = f(vf_load(src + i, VL), a, b);
        vf_store(dst + i, vf_or_nan(y, y), VL);
    }
    if (i < n) {
        vf y = f(vf_load(src + i, n - i), a, b);
        vf_store(dst + i, vf_or_nan(y, y), n - i);
    }
}

#define FUNCTION(kind, f)                                                                                              \
    case kind:                                                                                                         \
        map_with(src, dst, n, p, f);                                                                                   \
        break;
void V_FN(function_f32)(const float *src, float *dst, size_t n, const struct qnt_function *p)
{
    switch (p->kind) {
        FUNCTION(QNT_LEAKY_RELU, leaky_relu_v)
        FUNCTION(QNT_HARD_SWISH, hard_swish_v)
        FUNCTION(QNT_HARD_SIGMOID, hard_sigmoid_v)
        FUNCTION(QNT_ELU, elu_v)
        FUNCTION(QNT_GELU, gelu_v)
        FUNCTION(QNT_GELU_TANH, gelu_tanh_v)
        FUNCTION(QNT_ERF, erf_v)
        FUNCTION(QNT_LOG, log_v)
        FUNCTION(QNT_SQRT, sqrt_v)
        FUNCTION(QNT_RECIPROCAL, reciprocal_v)
        FUNCTION(QNT_ABS, abs_v)
        FUNCTION(QNT_NEG, neg_v)
        FUNCTION(QNT_SIGN, sign_v)
        FUNCTION(QNT_FLOOR, floor_v)
        FUNCTION(QNT_CEIL, ceil_v)
    default:
        map_with(src, dst, n, p, round_v);
    }
}
#undef FUNCTION
