/* Sums and products of two tensors. An operand of one value is spread once. Codes go in blocks of four vectors; what is
 * left runs through a buffer. */
#include "tmpl/requant_step.h"
enum { BLOCK = 4 * VL };

/* n codes less their zero point. */
QNT_INLINE void codes(vi v[4], const int8_t *p, size_t n, int32_t zero)
{
    int8_t whole[BLOCK];
    if (n < BLOCK) {
        vb_store(whole, vb_load(p, n), BLOCK);
        p = whole;
    }
    vi_load4(v, p, 0);
    QNT_UNROLL
    for (int k = 0; k < 4; k++)
        v[k] -= zero;
}

QNT_INLINE void spread(vi v[4], int32_t x)
{
    QNT_UNROLL
    for (int k = 0; k < 4; k++)
        v[k] = (vi){0} + x;
}

QNT_INLINE vb pair_block(const vi a[4], const vi b[4], const struct qnt_pair *p, const struct requant *q,
                         const int product)
{
    const vf fa = vf_set(p->a_factor), fb = vf_set(p->b_factor);
    vf v[4];
    QNT_UNROLL
    for (int k = 0; k < 4; k++)
        if (product)
            v[k] = vf_of(a[k] * b[k]) * fa;
        else
            v[k] = vf_fma(vf_of(a[k]), fa, vf_of(b[k]) * fb);
    return requant_codes(v, q);
}

QNT_INLINE void pair_s8(const int8_t *a, const int8_t *b, int8_t *dst, size_t n, const struct qnt_pair *settings,
                        const struct qnt_requant *r, const int product)
{
    const struct qnt_pair p = *settings; /* stores of bytes cannot change a copy */
    const struct requant q = requant_load(r);
    vi x[4], y[4];
    if (!n)
        return;
    spread(x, a[0] - p.a_zero);
    spread(y, b[0] - p.b_zero);
    size_t i = 0;
    for (; n - i >= BLOCK; i += BLOCK) {
        if (p.a_step)
            codes(x, a + i, BLOCK, p.a_zero);
        if (p.b_step)
            codes(y, b + i, BLOCK, p.b_zero);
        vb_store(dst + i, pair_block(x, y, &p, &q, product), BLOCK);
    }
    if (i == n)
        return;
    if (p.a_step)
        codes(x, a + i, n - i, p.a_zero);
    if (p.b_step)
        codes(y, b + i, n - i, p.b_zero);
    vb_store(dst + i, pair_block(x, y, &p, &q, product), n - i);
}

void V_FN(add_s8)(const int8_t *a, const int8_t *b, int8_t *dst, size_t n, const struct qnt_pair *p,
                  const struct qnt_requant *r)
{
    pair_s8(a, b, dst, n, p, r, 0);
}

void V_FN(mul_s8)(const int8_t *a, const int8_t *b, int8_t *dst, size_t n, const struct qnt_pair *p,
                  const struct qnt_requant *r)
{
    pair_s8(a, b, dst, n, p, r, 1);
}

enum pair_op { SUM, PRODUCT, QUOTIENT, LEAST, GREATEST, SLOPE };

/* A NaN of either operand is the result of each: where the comparison would take the other one, it is put back. */
QNT_INLINE vf pair_value(vf x, vf y, const struct qnt_pair *p, const enum pair_op op)
{
    switch (op) {
    case SUM:
        return vf_fma(y, vf_set(p->b_factor), x);
    case PRODUCT:
        return x * y;
    case QUOTIENT:
        return x / y;
    case LEAST:
        return vf_or_nan(x, vf_min(x, y));
    case GREATEST:
        return vf_or_nan(x, vf_max(x, y));
    default:
        return vf_if_lt(x, vf_set(0.0f), x * y, x);
    }
}

QNT_INLINE void pair_part(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, vf one_a,
                          vf one_b, vf lo, vf hi, const enum pair_op op)
{
    vf x = p->a_step ? vf_load(a, n) : one_a, y = p->b_step ? vf_load(b, n) : one_b;
    vf v = pair_value(x, y, p, op);
    v = vf_or_nan(v, v);
    vf_store(dst, vf_max(lo, vf_min(hi, v)), n); /* NaN is the second operand, which passes */
}

QNT_INLINE void pair_f32(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *settings,
                         float lo, float hi, const enum pair_op op)
{
    const struct qnt_pair p = *settings;
    const vf l = vf_set(lo), h = vf_set(hi);
    if (!n)
        return;
    const vf one_a = vf_set(a[0]), one_b = vf_set(b[0]);
    size_t i = 0;
    for (; n - i >= VL; i += VL)
        pair_part(a + i, b + i, dst + i, VL, &p, one_a, one_b, l, h, op);
    if (i < n)
        pair_part(a + i, b + i, dst + i, n - i, &p, one_a, one_b, l, h, op);
}

#define PAIR_F32(name, op)                                                                                             \
    void V_FN(name)(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo,          \
                    float hi)                                                                                          \
    {                                                                                                                  \
        pair_f32(a, b, dst, n, p, lo, hi, op);                                                                         \
    }
PAIR_F32(add_f32, SUM)
PAIR_F32(mul_f32, PRODUCT)
PAIR_F32(div_f32, QUOTIENT)
PAIR_F32(min_f32, LEAST)
PAIR_F32(max_f32, GREATEST)
PAIR_F32(prelu_f32, SLOPE)
#undef PAIR_F32
