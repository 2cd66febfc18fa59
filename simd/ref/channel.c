#include <math.h>
#include "kernels.h"

void qnt_scale_shift_f32_ref(const float *src, float *dst, size_t rows, size_t channels, const float *scale,
                             const float *shift, float lo, float hi)
{
    for (size_t r = 0; r < rows; r++, src += channels, dst += channels)
        for (size_t c = 0; c < channels; c++) {
            float v = fmaf(src[c], scale[c], shift[c]);
            dst[c] = v != v ? __builtin_nanf("") : v < lo ? lo : v > hi ? hi : v;
        }
}

void qnt_channel_moments_f32_ref(const float *a, const float *b, size_t rows, size_t channels, const float *pivot,
                                 float *sums)
{
    for (size_t c = 0; c < channels; c++) {
        float first = 0.0f, second = 0.0f;
        for (size_t r = 0; r < rows; r++) {
            float x = a[r * channels + c];
            first += x;
            second = fmaf(x, b[r * channels + c] - pivot[c], second);
        }
        sums[c] = first != first ? __builtin_nanf("") : first;
        sums[channels + c] = second != second ? __builtin_nanf("") : second;
    }
}

void qnt_channel_mix_f32_ref(const float *a, const float *b, float *dst, size_t rows, size_t channels,
                             const float *factors)
{
    const float *fa = factors, *fb = factors + channels, *one = factors + 2 * channels;
    for (size_t r = 0; r < rows; r++, a += channels, b += channels, dst += channels)
        for (size_t c = 0; c < channels; c++) {
            float v = fmaf(a[c], fa[c], fmaf(b[c], fb[c], one[c]));
            dst[c] = v != v ? __builtin_nanf("") : v;
        }
}
