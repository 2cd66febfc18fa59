#include "kernels.h"

void qnt_clamp_s8_ref(const int8_t *src, int8_t *dst, size_t n, int8_t lo, int8_t hi)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = src[i] < lo ? lo : src[i] > hi ? hi : src[i];
}

void qnt_clamp_f32_ref(const float *src, float *dst, size_t n, float lo, float hi)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = src[i] < lo ? lo : src[i] > hi ? hi : src[i];
}
