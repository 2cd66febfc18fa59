#include <math.h>
#include "kernels.h"

void qnt_depthwise_f32_ref(const struct qnt_depthwise_f32 *d, float *dst, size_t ldd, float lo, float hi)
{
    for (size_t p = 0; p < d->pixels; p++)
        for (size_t c = 0; c < d->channels; c++) {
            float x = d->bias ? d->bias[c] : 0.0f;
            for (size_t t = 0; t < d->taps; t++)
                x = fmaf(d->tap[t][p * d->step + c], d->w[t * d->channels + c], x);
            dst[p * ldd + c] = x != x ? __builtin_nanf("") : x < lo ? lo : x > hi ? hi : x;
        }
}

void qnt_depthwise_image_f32_ref(const struct qnt_depthwise_image_f32 *d, float *dst, size_t ldd, size_t line0,
                                 size_t line1, float lo, float hi)
{
    for (size_t y = line0; y < line1; y++)
        for (size_t p = 0; p < d->pixels; p++, dst += ldd)
            for (size_t c = 0; c < d->channels; c++) {
                float x = d->bias ? d->bias[c] : 0.0f;
                for (size_t t = 0; t < d->side * d->side; t++) {
                    const size_t i = y * d->step + t / d->side - d->top, j = p * d->step + t % d->side - d->left;
                    if (i < d->height && j < d->width) /* they wrap before the first */
                        x = fmaf(d->src[(i * d->width + j) * d->channels + c], d->w[t * d->channels + c], x);
                }
                dst[c] = x != x ? __builtin_nanf("") : x < lo ? lo : x > hi ? hi : x;
            }
}

void qnt_depthwise_grad_f32_ref(const struct qnt_depthwise_f32 *d, const float *dy, size_t ldy, float *sums)
{
    for (size_t t = 0; t < d->taps; t++, sums += d->channels)
        for (size_t c = 0; c < d->channels; c++) {
            for (size_t p = 0; p < d->pixels; p++)
                sums[c] = fmaf(d->tap[t][p * d->step + c], dy[p * ldy + c], sums[c]);
            sums[c] = sums[c] != sums[c] ? __builtin_nanf("") : sums[c];
        }
}
