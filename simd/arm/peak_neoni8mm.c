/* SMMLA, 32 products: two rows of 8 by two columns. Both rows and both columns are the lower half of the operands in
 * one sum, the upper half in the next. Sums start from different values, or compilers would keep one for each half. */
#include <arm_neon.h>
#include "kernels.h"

enum { CHAINS = 24 };

QNT_INLINE int8x16_t twice(const int8_t *p)
{
    int8x8_t x = vld1_s8(p);
    return vcombine_s8(x, x);
}

int32_t qnt_peak_s8_neoni8mm(const int8_t *a, const int8_t *b, size_t n)
{
    int8x16_t av[2] = {twice(a), twice(a + 8)}, bv[2] = {twice(b), twice(b + 8)};
    int32x4_t sum[CHAINS];
    QNT_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = vdupq_n_s32(i);
    for (size_t left = n / (32 * CHAINS); left; left--)
        QNT_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = vmmlaq_s32(sum[i], av[i % 2], bv[i % 2]);
    QNT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        sum[0] = vaddq_s32(sum[0], sum[i]);
    return (int32_t)((uint32_t)vaddvq_s32(sum[0]) - 4 * CHAINS * (CHAINS - 1) / 2);
}
