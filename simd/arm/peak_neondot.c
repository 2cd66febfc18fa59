/* SDOT, 16 products. Sums start from different values, or compilers would keep one for all. */
#include <arm_neon.h>
#include "kernels.h"

enum { CHAINS = 24 };

int32_t qnt_peak_s8_neondot(const int8_t *a, const int8_t *b, size_t n)
{
    int8x16_t av = vld1q_s8(a), bv = vld1q_s8(b);
    int32x4_t sum[CHAINS];
    QNT_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = vdupq_n_s32(i);
    for (size_t left = n / (16 * CHAINS); left; left--)
        QNT_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = vdotq_s32(sum[i], av, bv);
    QNT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        sum[0] = vaddq_s32(sum[0], sum[i]);
    return (int32_t)((uint32_t)vaddvq_s32(sum[0]) - 4 * CHAINS * (CHAINS - 1) / 2);
}
