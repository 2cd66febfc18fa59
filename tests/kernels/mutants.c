/* Wrong arithmetic. Each function is the reference with one mistake. */
#include <float.h>
#include <math.h>
#include "mutants.h"
#include "simd/ref/math_one.h"
#include "simd/ref/scalar.h"

/* ---- quantize ---- */
static int32_t clamped(float v, const struct qnt_quant *q, int32_t lo, int32_t hi, float (*round)(float))
{
    float vlo = (float)(lo - q->zero), vhi = (float)(hi - q->zero);
    v = v < vlo ? vlo : v > vhi ? vhi : v;
    return v != v ? q->zero : (int32_t)round(v) + q->zero;
}

static void quantize_half_away(const float *src, int8_t *dst, size_t n, const struct qnt_quant *q)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (int8_t)clamped(src[i] / q->scale, q, -128, 127, roundf);
}

static void quantize_reciprocal(const float *src, int8_t *dst, size_t n, const struct qnt_quant *q)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (int8_t)clamped(isfinite(q->recip) ? src[i] * q->recip : src[i] / q->scale, q, -128, 127, rintf);
}

/* The sum without its low product, which is less than a unit in the last place. */
static void quantize_high(const float *src, int8_t *dst, size_t n, const struct qnt_quant *q)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (int8_t)clamped(q->high > 0.0f ? src[i] * q->high : src[i] / q->scale, q, -128, 127, rintf);
}

static void quantize_nan_low(const float *src, uint8_t *dst, size_t n, const struct qnt_quant *q)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = isnan(src[i]) ? 0 : (uint8_t)clamped(src[i] / q->scale, q, 0, 255, rintf);
}

static void quantize_large_wraps(const float *src, uint8_t *dst, size_t n, const struct qnt_quant *q)
{
    for (size_t i = 0; i < n; i++) /* as a conversion that gives INT32_MIN past its range */
        dst[i] = src[i] / q->scale > 2147483520.0f ? 0 : (uint8_t)clamped(src[i] / q->scale, q, 0, 255, rintf);
}

static void quantize_zero_before_rounding(const float *src, int8_t *dst, size_t n, const struct qnt_quant *q)
{
    for (size_t i = 0; i < n; i++) {
        float v = src[i] / q->scale + (float)q->zero;
        v = v < -128.0f ? -128.0f : v > 127.0f ? 127.0f : v;
        dst[i] = (int8_t)(v != v ? q->zero : (int32_t)rintf(v));
    }
}

static void quantize_first_channel(const float *src, int8_t *dst, size_t rows, size_t channels,
                                   const struct qnt_quant *q)
{
    qnt_quantize_f32_s8_ref(src, dst, rows * channels, q);
}

static void quantize_channels_run_on(const float *src, int8_t *dst, size_t rows, size_t channels,
                                     const struct qnt_quant *q)
{
    for (size_t i = 0; i < rows * channels; i++) { /* channel of a lane taken from the block, 16 wide */
        size_t c = channels > 16 && i / channels == 1 ? (i % channels + 1) % channels : i % channels;
        qnt_quantize_f32_s8_ref(src + i, dst + i, 1, q + c);
    }
}

static void dequantize_fused(const int8_t *src, float *dst, size_t n, const struct qnt_quant *q)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = fmaf((float)src[i], q->scale, -(float)q->zero * q->scale);
}

static void dequantize_as_s8(const uint8_t *src, float *dst, size_t n, const struct qnt_quant *q)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (float)((int8_t)src[i] - q->zero) * q->scale;
}

static void dequantize_16_bits(const int8_t *src, float *dst, size_t rows, size_t channels, const struct qnt_quant *q)
{
    for (size_t i = 0; i < rows * channels; i++)
        dst[i] = (float)(int8_t)(src[i] - q[i % channels].zero) * q[i % channels].scale;
}

/* ---- requantize ---- */
#define REQUANTIZE(name, expression)                                                                                   \
    static void name(const int32_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols,                \
                     const struct qnt_requant *r)                                                                      \
    {                                                                                                                  \
        for (size_t i = 0; i < rows; i++)                                                                              \
            for (size_t c = 0; c < cols; c++) {                                                                        \
                int32_t acc = src[i * lds + c];                                                                        \
                float scale = r->scale[r->per_channel ? c : 0];                                                        \
                dst[i * ldd + c] = (int8_t)(expression);                                                               \
            }                                                                                                          \
    }

static int8_t requantize(double v, float (*round)(float), const struct qnt_requant *r)
{
    double lo = r->lo - r->zero, hi = r->hi - r->zero;
    v = v < lo ? lo : v > hi ? hi : v;
    return (int8_t)(uint8_t)((uint8_t)((int32_t)round((float)v) + r->zero) ^ r->out_xor);
}

REQUANTIZE(requantize_half_away, requantize((double)((float)acc *scale), roundf, r))
REQUANTIZE(requantize_in_double, requantize((double)acc *(double)scale, rintf, r))
REQUANTIZE(requantize_first_scale, qnt_requantize_one(acc, r->per_channel ? r->scale[0] : scale, r))
REQUANTIZE(requantize_no_xor, qnt_requantize_one(acc, scale, r) ^ (int8_t)r->out_xor)
REQUANTIZE(requantize_no_clamp,
           qnt_requantize_one(acc, scale,
                              &(struct qnt_requant){.zero = r->zero, .lo = -128, .hi = 127, .out_xor = r->out_xor}))

/* ---- dot ---- */
static int32_t saturate(int32_t x)
{
    return x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x;
}

static int32_t dot_pairs_saturate(const uint8_t *a, const int8_t *b, size_t n) /* vpmaddubsw */
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i += 2)
        sum += saturate(a[i] * b[i] + (i + 1 < n ? a[i + 1] * b[i + 1] : 0));
    return sum;
}

static int32_t dot_minus_128(const int8_t *a, const int8_t *b, size_t n) /* |a| of -128 as 127 */
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (a[i] == -128 ? -127 : a[i]) * b[i];
    return sum;
}

static int32_t dot_low_unsigned(const uint8_t *w, const int8_t *a, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (w[i / 2] >> 4 * (i % 2) & 15) * a[i];
    return sum;
}

static int32_t dot_low_high_first(const uint8_t *w, const int8_t *a, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((int8_t)(w[i / 4] << 2 * (i % 4)) >> 6) * a[i];
    return sum;
}

static int32_t dot_low_spare_counts(const uint8_t *w, const int8_t *a, size_t n)
{
    int32_t sum = qnt_dot_s4s8_ref(w, a, n);
    return n % 2 ? sum + (((int8_t)w[n / 2] >> 4) != 0) : sum;
}

static int32_t dot_in_floats(const int8_t *a, const int8_t *b, size_t n)
{
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++)
        sum = fmaf(a[i], b[i], sum);
    return (int32_t)sum;
}

static int32_t sum_in_16_bits(const int8_t *a, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum = saturate(sum + a[i]);
    return sum;
}

/* ---- pool ---- */
#define TAPS(w, p, c, body)                                                                                            \
    for (size_t p = 0; p < (w)->pixels; p++)                                                                           \
        for (size_t c = 0; c < (w)->channels; c++)                                                                     \
    body

static void maxpool_ignores_nan(const float *src, float *dst, size_t ldd, const struct qnt_window *w)
{
    TAPS(w, p, c, {
        float max = src[p * w->step + c];
        for (size_t t = 0; t < w->kh * w->kw; t++)
            max = fmaxf(max, src[p * w->step + t / w->kw * w->row + t % w->kw * w->col + c]);
        dst[p * ldd + c] = max;
    })
}

static void maxpool_swapped(const float *src, float *dst, size_t ldd, const struct qnt_window *w)
{
    TAPS(w, p, c, {
        float max = src[p * w->step + c];
        for (size_t t = 0; t < w->kh * w->kw; t++) {
            float x = src[p * w->step + t / w->kw * w->row + t % w->kw * w->col + c];
            max = max > x ? max : x;
        }
        dst[p * ldd + c] = max;
    })
}

static void maxpool_from_zero(const int8_t *src, int8_t *dst, size_t ldd, const struct qnt_window *w)
{
    TAPS(w, p, c, {
        int8_t max = -127;
        for (size_t t = 0; t < w->kh * w->kw; t++) {
            int8_t x = src[p * w->step + t / w->kw * w->row + t % w->kw * w->col + c];
            max = x > max ? x : max;
        }
        dst[p * ldd + c] = max;
    })
}

static void avgpool_column_order(const float *src, float *dst, size_t ldd, const struct qnt_window *w)
{
    TAPS(w, p, c, {
        float sum = 0.0f;
        for (size_t t = 0; t < w->kh * w->kw; t++)
            sum += src[p * w->step + t % w->kh * w->row + t / w->kh * w->col + c];
        sum /= (float)(w->kh * w->kw);
        dst[p * ldd + c] = isnan(sum) ? __builtin_nanf("") : sum;
    })
}

static void avgpool_reciprocal(const float *src, float *dst, size_t ldd, const struct qnt_window *w)
{
    TAPS(w, p, c, {
        float sum = 0.0f;
        for (size_t t = 0; t < w->kh * w->kw; t++)
            sum += src[p * w->step + t / w->kw * w->row + t % w->kw * w->col + c];
        sum *= 1.0f / (float)(w->kh * w->kw);
        dst[p * ldd + c] = isnan(sum) ? __builtin_nanf("") : sum;
    })
}

static void avgpool_16_bits(const int8_t *src, int8_t *dst, size_t ldd, const struct qnt_window *w, int32_t in_zero,
                            const struct qnt_requant *r)
{
    TAPS(w, p, c, {
        int32_t acc = 0;
        for (size_t t = 0; t < w->kh * w->kw; t++)
            acc = (int16_t)(acc + 32 * (src[p * w->step + t / w->kw * w->row + t % w->kw * w->col + c] - in_zero));
        dst[p * ldd + c] = qnt_requantize_one(acc / 32, r->scale[0], r);
    })
}

/* ---- clamp ---- */
static void clamp_unsigned(const int8_t *src, int8_t *dst, size_t n, int8_t lo, int8_t hi)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)src[i] < (uint8_t)lo ? lo : (uint8_t)src[i] > (uint8_t)hi ? hi : src[i];
}

static void clamp_drops_nan(const float *src, float *dst, size_t n, float lo, float hi)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = fminf(fmaxf(src[i], lo), hi);
}

static void clamp_minus_zero(const float *src, float *dst, size_t n, float lo, float hi)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = src[i] <= lo ? lo : src[i] > hi ? hi : src[i];
}

/* ---- functions ---- */
static void exp_libm(const float *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = isnan(src[i]) ? __builtin_nanf("") : expf(src[i]);
}

static void exp_flushes(const float *src, float *dst, size_t n)
{
    qnt_exp_f32_ref(src, dst, n);
    for (size_t i = 0; i < n; i++)
        dst[i] = dst[i] < FLT_MIN ? 0.0f : dst[i];
}

static void exp_keeps_nan(const float *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = isnan(src[i]) ? src[i] : qnt_exp_one(src[i]);
}

static void exp_low_cut(const float *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = src[i] < -103.0f ? 0.0f : qnt_exp_one(src[i]);
}

static void tanh_other_switch(const float *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x = src[i], a = fabsf(x);
        dst[i] = a >= 0.62f && a < 0.625f ? copysignf(1.0f - 2.0f / (qnt_exp_one(a + a) + 1.0f), x) : qnt_tanh_one(x);
    }
}

static void tanh_loses_sign_of_zero(const float *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = qnt_tanh_one(src[i]) + 0.0f;
}

static void sigmoid_other_form(const float *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float e = qnt_exp_one(src[i]);
        dst[i] = src[i] < 0.0f ? e / (1.0f + e) : qnt_sigmoid_one(src[i]);
    }
}

static void softmax_row(const float *src, float *dst, size_t cols, size_t lanes, bool reciprocal)
{
    float max = -INFINITY, s[16] = {0.0f};
    for (size_t c = 0; c < cols; c++)
        max = src[c] > max ? src[c] : max;
    for (size_t c = 0; c < cols; c++) {
        dst[c] = qnt_exp_one(src[c] - max);
        s[c % lanes] += dst[c];
    }
    for (size_t half = lanes / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            s[i] += s[i + half];
    for (size_t c = 0; c < cols; c++) {
        float y = reciprocal ? dst[c] * (1.0f / s[0]) : dst[c] / s[0];
        dst[c] = isnan(y) ? __builtin_nanf("") : y;
    }
}

static void softmax_8_lanes(const float *src, float *dst, size_t rows, size_t cols)
{
    for (size_t r = 0; r < rows; r++)
        softmax_row(src + r * cols, dst + r * cols, cols, 8, false);
}

static void softmax_reciprocal(const float *src, float *dst, size_t rows, size_t cols)
{
    for (size_t r = 0; r < rows; r++)
        softmax_row(src + r * cols, dst + r * cols, cols, 16, true);
}

#define M(op, what, fn)                                                                                                \
    {                                                                                                                  \
#op, what, (qnt_any_fn *)fn                                                                                    \
    }
const struct mutant mutants[] = {
    M(quantize_f32_s8, "half away from zero", quantize_half_away),
    M(quantize_f32_s8, "reciprocal without proof", quantize_reciprocal),
    M(quantize_f32_s8, "reciprocal's low part left out", quantize_high),
    M(quantize_f32_s8, "zero point added before rounding", quantize_zero_before_rounding),
    M(quantize_f32_u8, "NaN gives the lowest code", quantize_nan_low),
    M(quantize_f32_u8, "overflow of the conversion", quantize_large_wraps),
    M(quantize_pc_f32_s8, "first channel for all", quantize_first_channel),
    M(quantize_pc_f32_s8, "channels shifted in the second row", quantize_channels_run_on),
    M(dequantize_s8_f32, "fused", dequantize_fused),
    M(dequantize_u8_f32, "read as s8", dequantize_as_s8),
    M(dequantize_pc_s8_f32, "difference in 8 bits", dequantize_16_bits),
    M(requantize_s32_s8, "half away from zero", requantize_half_away),
    M(requantize_s32_s8, "product in double", requantize_in_double),
    M(requantize_s32_s8, "first scale for all", requantize_first_scale),
    M(requantize_s32_s8, "out_xor ignored", requantize_no_xor),
    M(requantize_s32_s8, "clamp ignored", requantize_no_clamp),
    M(dot_u8s8, "pairs saturate in 16 bits", dot_pairs_saturate),
    M(dot_s8, "-128 taken as -127", dot_minus_128),
    M(dot_s8, "summed in floats", dot_in_floats),
    M(dot_s4s8, "codes without sign", dot_low_unsigned),
    M(dot_s4s8, "what follows the last code counts", dot_low_spare_counts),
    M(dot_s2s8, "upper codes first", dot_low_high_first),
    M(sum_s8, "summed in 16 bits", sum_in_16_bits),
    M(maxpool_f32, "ignores NaN", maxpool_ignores_nan),
    M(maxpool_f32, "operands swapped", maxpool_swapped),
    M(maxpool_s8, "starts from -127", maxpool_from_zero),
    M(avgpool_f32, "sums by columns", avgpool_column_order),
    M(avgpool_f32, "reciprocal instead of division", avgpool_reciprocal),
    M(avgpool_s8, "summed in few bits", avgpool_16_bits),
    M(clamp_s8, "compares unsigned", clamp_unsigned),
    M(clamp_f32, "NaN dropped", clamp_drops_nan),
    M(clamp_f32, "-0 becomes +0", clamp_minus_zero),
    M(exp_f32, "libm's", exp_libm),
    M(exp_f32, "denormals flushed", exp_flushes),
    M(exp_f32, "NaN passed through", exp_keeps_nan),
    M(exp_f32, "cut at -103", exp_low_cut),
    M(tanh_f32, "switches elsewhere", tanh_other_switch),
    M(tanh_f32, "sign of zero", tanh_loses_sign_of_zero),
    M(sigmoid_f32, "other form for negatives", sigmoid_other_form),
    M(softmax_f32, "8 partial sums", softmax_8_lanes),
    M(softmax_f32, "reciprocal instead of division", softmax_reciprocal),
    {NULL, NULL, NULL},
};
