#include "kernels.h"
#include "ref/math_one.h"

void qnt_exp_f32_ref(const float *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = qnt_exp_one(src[i]);
}

void qnt_tanh_f32_ref(const float *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = qnt_tanh_one(src[i]);
}

void qnt_sigmoid_f32_ref(const float *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = qnt_sigmoid_one(src[i]);
}

void qnt_softmax_f32_ref(const float *src, float *dst, size_t rows, size_t cols)
{
    for (size_t r = 0; r < rows; r++, src += cols, dst += cols) {
        float max = -INFINITY, s[16] = {0.0f};
        for (size_t c = 0; c < cols; c++)
            max = src[c] > max ? src[c] : max;
        for (size_t c = 0; c < cols; c++) {
            float e = qnt_exp_one(src[c] - max);
            dst[c] = e;
            s[c % 16] += e;
        }
        for (int half = 8; half > 0; half /= 2)
            for (int i = 0; i < half; i++)
                s[i] += s[i + half];
        for (size_t c = 0; c < cols; c++) {
            float y = dst[c] / s[0];
            dst[c] = y != y ? __builtin_nanf("") : y;
        }
    }
}
