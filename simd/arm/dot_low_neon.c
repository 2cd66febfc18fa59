/* Products with codes of few bits are small: four or eight of them are added up in s16 (within 4 * 8 * 128 and 8 * 2 *
 * 128) before SADALP. */
#include "arm/dot_low_neon.h"

QNT_INLINE int32x4_t products(int32x4_t s, const int8x16_t *x, const int8x16_t *y, const int n)
{
    int16x8_t t = vmull_s8(vget_low_s8(x[0]), vget_low_s8(y[0]));
    QNT_UNROLL
    for (int j = 0; j < n; j++) {
        if (j)
            t = vmlal_s8(t, vget_low_s8(x[j]), vget_low_s8(y[j]));
        t = vmlal_high_s8(t, x[j], y[j]);
    }
    return vpadalq_s16(s, t);
}

int32_t qnt_dot_s4s8_neon(const uint8_t *w, const int8_t *a, size_t n)
{
    return qnt_dot_s4s8_over(w, a, n, products);
}

int32_t qnt_dot_s2s8_neon(const uint8_t *w, const int8_t *a, size_t n)
{
    return qnt_dot_s2s8_over(w, a, n, products);
}
