/* Wrong arithmetic of depthwise convolutions and of what works on two tensors. Each function is the reference with one
 * mistake. */
#include "mutants.h"
#include "simd/ref/function_one.h"
#include "simd/ref/scalar.h"

/* ---- depthwise ---- */
static void depthwise_fewer_taps(const struct qnt_depthwise *d, int8_t *dst, int32_t *acc, size_t ldd,
                                 const struct qnt_requant *r)
{
    struct qnt_depthwise less = *d; /* the lone last tap of 3 x 3 */
    less.taps -= d->taps % 4 == 1 && d->taps > 1;
    qnt_depthwise_s8_ref(&less, dst, acc, ldd, r);
}

static void depthwise_16_bits(const struct qnt_depthwise *d, int8_t *dst, int32_t *acc, size_t ldd,
                              const struct qnt_requant *r)
{
    for (size_t p = 0; p < d->lines * d->pixels; p++)
        for (size_t c = 0; c < d->channels; c++) {
            const size_t at = p / d->pixels * d->line + p % d->pixels * d->step + c;
            int16_t sum = 0;
            for (size_t t = 0; t < d->taps; t++)
                sum = (int16_t)(sum + d->tap[t][at] * d->w[(t / 4 * d->channels + c) * 4 + t % 4]);
            int32_t all = d->bias[c] + sum;
            if (acc)
                acc[p * ldd + c] = all;
            dst[p * ldd + c] = qnt_requantize_one(all, r->scale[r->per_channel ? c : 0], r);
        }
}

static void depthwise_first_scale(const struct qnt_depthwise *d, int8_t *dst, int32_t *acc, size_t ldd,
                                  const struct qnt_requant *r)
{
    struct qnt_requant one = *r;
    one.per_channel = 0;
    qnt_depthwise_s8_ref(d, dst, acc, ldd, &one);
}

static void depthwise_no_sums(const struct qnt_depthwise *d, int8_t *dst, int32_t *acc, size_t ldd,
                              const struct qnt_requant *r)
{
    (void)acc;
    qnt_depthwise_s8_ref(d, dst, NULL, ldd, r);
}

static void depthwise_one_line(const struct qnt_depthwise *d, int8_t *dst, int32_t *acc, size_t ldd,
                               const struct qnt_requant *r)
{
    struct qnt_depthwise same = *d;
    same.line = 0;
    qnt_depthwise_s8_ref(&same, dst, acc, ldd, r);
}

static void depthwise_f32_bias_last(const struct qnt_depthwise_f32 *d, float *dst, size_t ldd, float lo, float hi)
{
    struct qnt_depthwise_f32 bare = *d;
    bare.bias = NULL;
    qnt_depthwise_f32_ref(&bare, dst, ldd, -INFINITY, INFINITY);
    for (size_t i = 0; i < d->pixels * d->channels; i++) {
        float *y = dst + i / d->channels * ldd + i % d->channels, x = *y + (d->bias ? d->bias[i % d->channels] : 0.0f);
        *y = x != x ? __builtin_nanf("") : x < lo ? lo : x > hi ? hi : x;
    }
}

static float depthwise_f32_sum(const struct qnt_depthwise_f32 *d, size_t p, size_t c, int unfused, int reversed)
{
    float x = d->bias ? d->bias[c] : 0.0f;
    for (size_t i = 0; i < d->taps; i++) {
        const size_t t = reversed ? d->taps - 1 - i : i;
        const float a = d->tap[t][p * d->step + c], b = d->w[t * d->channels + c];
        x = unfused ? x + a * b : fmaf(a, b, x);
    }
    return x != x ? __builtin_nanf("") : x;
}

static void depthwise_f32_unfused(const struct qnt_depthwise_f32 *d, float *dst, size_t ldd, float lo, float hi)
{
    for (size_t p = 0; p < d->pixels; p++)
        for (size_t c = 0; c < d->channels; c++) {
            float x = depthwise_f32_sum(d, p, c, 1, 0);
            dst[p * ldd + c] = x < lo ? lo : x > hi ? hi : x;
        }
}

static void depthwise_f32_reversed(const struct qnt_depthwise_f32 *d, float *dst, size_t ldd, float lo, float hi)
{
    for (size_t p = 0; p < d->pixels; p++)
        for (size_t c = 0; c < d->channels; c++) {
            float x = depthwise_f32_sum(d, p, c, 0, 1);
            dst[p * ldd + c] = x < lo ? lo : x > hi ? hi : x;
        }
}

static void depthwise_f32_drops_nan(const struct qnt_depthwise_f32 *d, float *dst, size_t ldd, float lo, float hi)
{
    for (size_t p = 0; p < d->pixels; p++)
        for (size_t c = 0; c < d->channels; c++)
            dst[p * ldd + c] = fminf(fmaxf(depthwise_f32_sum(d, p, c, 0, 0), lo), hi);
}

/* What lies outside of the image: zeros, which are multiplied, or what is there in memory. */
enum padding { ZEROS, NEIGHBOURS };

static void depthwise_image_padded(const struct qnt_depthwise_image_f32 *d, float *dst, size_t ldd, size_t line0,
                                   size_t line1, float lo, float hi, enum padding kind)
{
    for (size_t p = line0 * d->pixels; p < line1 * d->pixels; p++, dst += ldd)
        for (size_t c = 0; c < d->channels; c++) {
            float x = d->bias ? d->bias[c] : 0.0f;
            for (size_t t = 0; t < d->side * d->side; t++) {
                const size_t i = p / d->pixels * d->step + t / d->side - d->top;
                const size_t j = p % d->pixels * d->step + t % d->side - d->left, at = i * d->width + j;
                const bool inside =
                    kind == NEIGHBOURS ? i < d->height && at < d->height * d->width : i < d->height && j < d->width;
                if (inside || kind == ZEROS)
                    x = fmaf(inside ? d->src[at * d->channels + c] : 0.0f, d->w[t * d->channels + c], x);
            }
            dst[c] = x != x ? __builtin_nanf("") : x < lo ? lo : x > hi ? hi : x;
        }
}

static void depthwise_image_adds(const struct qnt_depthwise_image_f32 *d, float *dst, size_t ldd, size_t line0,
                                 size_t line1, float lo, float hi)
{
    depthwise_image_padded(d, dst, ldd, line0, line1, lo, hi, ZEROS);
}

static void depthwise_image_wraps(const struct qnt_depthwise_image_f32 *d, float *dst, size_t ldd, size_t line0,
                                  size_t line1, float lo, float hi)
{
    depthwise_image_padded(d, dst, ldd, line0, line1, lo, hi, NEIGHBOURS);
}

static void depthwise_image_top(const struct qnt_depthwise_image_f32 *d, float *dst, size_t ldd, size_t line0,
                                size_t line1, float lo, float hi)
{
    qnt_depthwise_image_f32_ref(d, dst, ldd, 0, line1 - line0, lo, hi);
}

/* ---- two operands ---- */
static void add_unfused(const int8_t *a, const int8_t *b, int8_t *dst, size_t n, const struct qnt_pair *p,
                        const struct qnt_requant *r)
{
    for (size_t i = 0; i < n; i++) {
        float x = (float)(a[i * p->a_step] - p->a_zero) * p->a_factor;
        dst[i] = qnt_code_one(x + (float)(b[i * p->b_step] - p->b_zero) * p->b_factor, r);
    }
}

static void add_rounds_each(const int8_t *a, const int8_t *b, int8_t *dst, size_t n, const struct qnt_pair *p,
                            const struct qnt_requant *r)
{
    for (size_t i = 0; i < n; i++) {
        float x = rintf((float)(a[i * p->a_step] - p->a_zero) * p->a_factor);
        dst[i] = qnt_code_one(x + rintf((float)(b[i * p->b_step] - p->b_zero) * p->b_factor), r);
    }
}

static void mul_16_bits(const int8_t *a, const int8_t *b, int8_t *dst, size_t n, const struct qnt_pair *p,
                        const struct qnt_requant *r)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = qnt_requantize_one((int16_t)((a[i * p->a_step] - p->a_zero) * (b[i * p->b_step] - p->b_zero)),
                                    p->a_factor, r);
}

static void add_any_nan(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo,
                        float hi)
{
    for (size_t i = 0; i < n; i++) {
        float v = a[i * p->a_step] != a[i * p->a_step] ? a[i * p->a_step]
                                                       : fmaf(b[i * p->b_step], p->b_factor, a[i * p->a_step]);
        dst[i] = v < lo ? lo : v > hi ? hi : v;
    }
}

static void mul_drops_nan(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo,
                          float hi)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = fminf(fmaxf(a[i * p->a_step] * b[i * p->b_step], lo), hi);
}

static void div_by_reciprocal(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo,
                              float hi)
{
    for (size_t i = 0; i < n; i++) {
        const float v = a[i * p->a_step] * (1.0f / b[i * p->b_step]);
        dst[i] = v != v ? __builtin_nanf("") : v < lo ? lo : v > hi ? hi : v;
    }
}

static void min_drops_nan(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo,
                          float hi)
{
    for (size_t i = 0; i < n; i++) {
        const float x = a[i * p->a_step], y = b[i * p->b_step], v = x < y ? x : y;
        dst[i] = v != v ? __builtin_nanf("") : v < lo ? lo : v > hi ? hi : v;
    }
}

static void max_takes_first(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo,
                            float hi)
{
    for (size_t i = 0; i < n; i++) {
        const float x = a[i * p->a_step], y = b[i * p->b_step], v = y != y || y > x ? y : x; /* of both zeros */
        dst[i] = v != v ? __builtin_nanf("") : v < lo ? lo : v > hi ? hi : v;
    }
}

static void prelu_first_slope(const float *a, const float *b, float *dst, size_t n, const struct qnt_pair *p, float lo,
                              float hi)
{
    struct qnt_pair one = *p;
    one.b_step = 0;
    qnt_prelu_f32_ref(a, b, dst, n, &one, lo, hi);
}

/* ---- functions: one kind is wrong ---- */
static void with_kind(const float *src, float *dst, size_t n, const struct qnt_function *f, int32_t kind,
                      float (*wrong)(float))
{
    for (size_t i = 0; i < n; i++) {
        const float y = f->kind == kind ? wrong(src[i]) : qnt_function_one(src[i], f);
        dst[i] = y != y ? __builtin_nanf("") : y;
    }
}

static float gelu_cancels(float x)
{
    return 0.5f * x * (1.0f + qnt_erf_one(x * 0.707106781186547524f));
}

static float log_no_denormals(float x)
{
    return x > 0.0f && x < 0x1p-126f ? -INFINITY : qnt_log_one(x);
}

#define FUNCTION_MUTANT(name, kind, wrong)                                                                             \
    static void name(const float *src, float *dst, size_t n, const struct qnt_function *f)                             \
    {                                                                                                                  \
        with_kind(src, dst, n, f, kind, wrong);                                                                        \
    }
FUNCTION_MUTANT(function_gelu_cancels, QNT_GELU, gelu_cancels)
FUNCTION_MUTANT(function_log_flushes, QNT_LOG, log_no_denormals)
FUNCTION_MUTANT(function_round_away, QNT_ROUND, roundf)
FUNCTION_MUTANT(function_floor_truncates, QNT_FLOOR, truncf)

/* ---- table ---- */
static void lookup_signed(const int8_t *src, int8_t *dst, size_t n, const int8_t *table)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = table[src[i] + 128];
}

static void lookup_7_bits(const int8_t *src, int8_t *dst, size_t n, const int8_t *table)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = table[src[i] & 127];
}

#define M(op, what, fn)                                                                                                \
    {                                                                                                                  \
#op, what, (qnt_any_fn *)fn                                                                                    \
    }
const struct mutant layer_mutants[] = {
    M(depthwise_s8, "the lone last tap dropped", depthwise_fewer_taps),
    M(depthwise_s8, "products summed in 16 bits", depthwise_16_bits),
    M(depthwise_s8, "first scale for all", depthwise_first_scale),
    M(depthwise_s8, "sums not written", depthwise_no_sums),
    M(depthwise_s8, "all runs from the first line", depthwise_one_line),
    M(add_s8, "product and sum rounded apart", add_unfused),
    M(add_s8, "operands rounded before the sum", add_rounds_each),
    M(mul_s8, "product in 16 bits", mul_16_bits),
    M(depthwise_f32, "bias added last", depthwise_f32_bias_last),
    M(depthwise_f32, "two roundings", depthwise_f32_unfused),
    M(depthwise_f32, "taps from the last", depthwise_f32_reversed),
    M(depthwise_f32, "NaN dropped", depthwise_f32_drops_nan),
    M(depthwise_image_f32, "padding adds 0 * w", depthwise_image_adds),
    M(depthwise_image_f32, "columns of the line beside for padding", depthwise_image_wraps),
    M(depthwise_image_f32, "lines from the first", depthwise_image_top),
    M(add_f32, "NaN passed through", add_any_nan),
    M(mul_f32, "NaN dropped", mul_drops_nan),
    M(div_f32, "by the reciprocal", div_by_reciprocal),
    M(min_f32, "NaN of the first dropped", min_drops_nan),
    M(max_f32, "first of equal ones", max_takes_first),
    M(prelu_f32, "first slope for all", prelu_first_slope),
    M(function_f32, "gelu that cancels", function_gelu_cancels),
    M(function_f32, "log of denormals", function_log_flushes),
    M(function_f32, "halves away from zero", function_round_away),
    M(function_f32, "floor towards zero", function_floor_truncates),
    M(lookup_s8, "indexed from -128", lookup_signed),
    M(lookup_s8, "half of the table", lookup_7_bits),
    {NULL, NULL, NULL},
};
