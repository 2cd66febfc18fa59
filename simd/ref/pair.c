#include "ref/scalar.h"

void qnt_add_s8_ref(const int8_t *a, const int8_t *b, int8_t *dst, size_t n, const struct qnt_pair *p,
                    const struct qnt_requant *r)
{
    for (size_t i = 0; i < n; i++) {
        float x = (float)(a[i * p->a_step] - p->a_zero), y = (float)(b[i * p->b_step] - p->b_zero) * p->b_factor;
        dst[i] = qnt_code_one(fmaf(x, p->a_factor, y), r);
    }
}

void qnt_mul_s8_ref(const int8_t *a, const int8_t *b, int8_t *dst, size_t n, const struct qnt_pair *p,
                    const struct qnt_requant *r)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = qnt_requantize_one((a[i * p->a_step] - p->a_zero) * (b[i * p->b_step] - p->b_zero), p->a_factor, r);
}

static float bounded(float v, float lo, float hi)
{
    return v != v ? __builtin_nanf("") : v < lo ? lo : v > hi ? hi : v;
}

void qnt_add_f32_ref(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo, float hi)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = bounded(fmaf(b[i * p->b_step], p->b_factor, a[i * p->a_step]), lo, hi);
}

void qnt_mul_f32_ref(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo, float hi)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = bounded(a[i * p->a_step] * b[i * p->b_step], lo, hi);
}

void qnt_div_f32_ref(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo, float hi)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = bounded(a[i * p->a_step] / b[i * p->b_step], lo, hi);
}

void qnt_min_f32_ref(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo, float hi)
{
    for (size_t i = 0; i < n; i++) {
        const float x = a[i * p->a_step], y = b[i * p->b_step];
        dst[i] = bounded(x != x || x < y ? x : y, lo, hi);
    }
}

void qnt_max_f32_ref(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo, float hi)
{
    for (size_t i = 0; i < n; i++) {
        const float x = a[i * p->a_step], y = b[i * p->b_step];
        dst[i] = bounded(x != x || x > y ? x : y, lo, hi);
    }
}

void qnt_prelu_f32_ref(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo,
                       float hi)
{
    for (size_t i = 0; i < n; i++) {
        const float x = a[i * p->a_step];
        dst[i] = bounded(x < 0.0f ? x * b[i * p->b_step] : x, lo, hi);
    }
}
