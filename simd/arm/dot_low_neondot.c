/* The parted codes by SDOT. */
#include "arm/dot_low_neon.h"

QNT_INLINE int32x4_t products(int32x4_t s, const int8x16_t *x, const int8x16_t *y, const int n)
{
    QNT_UNROLL
    for (int j = 0; j < n; j++)
        s = vdotq_s32(s, x[j], y[j]);
    return s;
}

int32_t qnt_dot_s4s8_neondot(const uint8_t *w, const int8_t *a, size_t n)
{
    return qnt_dot_s4s8_over(w, a, n, products);
}

int32_t qnt_dot_s2s8_neondot(const uint8_t *w, const int8_t *a, size_t n)
{
    return qnt_dot_s2s8_over(w, a, n, products);
}
