/* USDOT takes u8 * s8 as it is, where SDOT needs a sum of b to correct a - 128. Two accumulators hide the latency.
 * (For s8 * s8 half of what SMMLA computes would be thrown away: there SDOT stays.) */
#include <arm_neon.h>
#include "kernels.h"

int32_t qnt_dot_u8s8_neoni8mm(const uint8_t *a, const int8_t *b, size_t n)
{
    int32x4_t s = vdupq_n_s32(0), t = s;
    size_t i = 0;
    for (; n - i >= 32; i += 32) {
        s = vusdotq_s32(s, vld1q_u8(a + i), vld1q_s8(b + i));
        t = vusdotq_s32(t, vld1q_u8(a + i + 16), vld1q_s8(b + i + 16));
    }
    int32_t sum = vaddvq_s32(vaddq_s32(s, t));
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}
