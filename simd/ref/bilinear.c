#include "ref/scalar.h"

void qnt_bilinear_s8_ref(const int8_t *top, const int8_t *bottom, int8_t *dst, size_t pixels, size_t channels,
                         const struct qnt_bilinear *x, int32_t y, int32_t in_zero, const struct qnt_requant *r)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            const size_t left = x[p].left + c, right = x[p].right + c;
            int32_t both = qnt_bilinear_corner(x[p].code, y), one = QNT_BILINEAR_ONE;
            int32_t acc = (one - x[p].code - y + both) * (top[left] - in_zero) +
                          (x[p].code - both) * (top[right] - in_zero) + (y - both) * (bottom[left] - in_zero) +
                          both * (bottom[right] - in_zero);
            dst[p * channels + c] = qnt_requantize_one(acc, r->scale[0], r);
        }
}

void qnt_bilinear_f32_ref(const float *top, const float *bottom, float *dst, size_t pixels, size_t channels,
                          const struct qnt_bilinear *x, float y)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            const size_t left = x[p].left + c, right = x[p].right + c;
            float upper = fmaf(top[right], x[p].part, top[left] * (1.0f - x[p].part));
            float lower = fmaf(bottom[right], x[p].part, bottom[left] * (1.0f - x[p].part));
            float v = fmaf(lower, y, upper * (1.0f - y));
            dst[p * channels + c] = v != v ? __builtin_nanf("") : v;
        }
}
