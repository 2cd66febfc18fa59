/* Wrong arithmetic of what works by channel. Each function is the reference with one mistake. */
#include <math.h>
#include "mutants.h"

static void shift_unfused(const float *src, float *dst, size_t rows, size_t channels, const float *scale,
                          const float *shift, float lo, float hi)
{
    for (size_t i = 0; i < rows * channels; i++) {
        float v = src[i] * scale[i % channels] + shift[i % channels];
        dst[i] = v != v ? __builtin_nanf("") : v < lo ? lo : v > hi ? hi : v;
    }
}

static void shift_clamps_nan(const float *src, float *dst, size_t rows, size_t channels, const float *scale,
                             const float *shift, float lo, float hi)
{
    for (size_t i = 0; i < rows * channels; i++)
        dst[i] = fminf(fmaxf(fmaf(src[i], scale[i % channels], shift[i % channels]), lo), hi);
}

static void moments_unfused(const float *a, const float *b, size_t rows, size_t channels, const float *pivot,
                            float *sums)
{
    qnt_channel_moments_f32_ref(a, b, rows, channels, pivot, sums);
    for (size_t c = 0; c < channels; c++) {
        float s = 0.0f;
        for (size_t r = 0; r < rows; r++)
            s += a[r * channels + c] * (b[r * channels + c] - pivot[c]);
        sums[channels + c] = s != s ? __builtin_nanf("") : s;
    }
}

static void moments_backward(const float *a, const float *b, size_t rows, size_t channels, const float *pivot,
                             float *sums)
{
    qnt_channel_moments_f32_ref(a, b, rows, channels, pivot, sums);
    for (size_t c = 0; c < channels; c++) {
        float s = 0.0f;
        for (size_t r = rows; r-- > 0;)
            s += a[r * channels + c];
        sums[c] = s != s ? __builtin_nanf("") : s;
    }
}

static void moments_of_both(const float *a, const float *b, size_t rows, size_t channels, const float *pivot,
                            float *sums)
{
    qnt_channel_moments_f32_ref(b, a, rows, channels, pivot, sums);
}

static void mix_other_order(const float *a, const float *b, float *dst, size_t rows, size_t channels,
                            const float *factors)
{
    for (size_t i = 0; i < rows * channels; i++) {
        size_t c = i % channels;
        float v = fmaf(b[i], factors[channels + c], fmaf(a[i], factors[c], factors[2 * channels + c]));
        dst[i] = v != v ? __builtin_nanf("") : v;
    }
}

static void mix_any_nan(const float *a, const float *b, float *dst, size_t rows, size_t channels, const float *factors)
{
    for (size_t i = 0; i < rows * channels; i++) {
        float v = a[i] != a[i] ? a[i] : 0.0f;
        qnt_channel_mix_f32_ref(a + i, b + i, dst + i, 1, 1,
                                (const float[]){factors[i % channels], factors[channels + i % channels],
                                                factors[2 * channels + i % channels]});
        dst[i] = v != v ? v : dst[i];
    }
}

#define M(op, what, fn)                                                                                                \
    {                                                                                                                  \
#op, what, (qnt_any_fn *)fn                                                                                    \
    }
const struct mutant channel_mutants[] = {
    M(scale_shift_f32, "product and sum rounded apart", shift_unfused),
    M(scale_shift_f32, "NaN clamped", shift_clamps_nan),
    M(channel_moments_f32, "product and sum rounded apart", moments_unfused),
    M(channel_moments_f32, "rows from the last", moments_backward),
    M(channel_moments_f32, "operands exchanged", moments_of_both),
    M(channel_mix_f32, "the other product first", mix_other_order),
    M(channel_mix_f32, "NaN passed through", mix_any_nan),
    {NULL, NULL, NULL},
};
