/* SDOT adds four s8 * s8 products to each s32. u8 * s8: a ^ 0x80 is a - 128 as s8, and a second SDOT with ones gives
 * the sum(b) of which 128 times is missing. Two accumulators hide the latency. */
#include <arm_neon.h>
#include "kernels.h"

int32_t qnt_dot_s8_neondot(const int8_t *a, const int8_t *b, size_t n)
{
    int32x4_t s = vdupq_n_s32(0), t = s;
    size_t i = 0;
    for (; n - i >= 32; i += 32) {
        s = vdotq_s32(s, vld1q_s8(a + i), vld1q_s8(b + i));
        t = vdotq_s32(t, vld1q_s8(a + i + 16), vld1q_s8(b + i + 16));
    }
    int32_t sum = vaddvq_s32(vaddq_s32(s, t));
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

int32_t qnt_dot_u8s8_neondot(const uint8_t *a, const int8_t *b, size_t n)
{
    const uint8x16_t high = vdupq_n_u8(0x80);
    const int8x16_t one = vdupq_n_s8(1);
    int32x4_t s = vdupq_n_s32(0), sum_b = s;
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        int8x16_t y = vld1q_s8(b + i);
        s = vdotq_s32(s, vreinterpretq_s8_u8(veorq_u8(vld1q_u8(a + i), high)), y);
        sum_b = vdotq_s32(sum_b, one, y);
    }
    int32_t sum = vaddvq_s32(vmlaq_n_s32(s, sum_b, 128));
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

int32_t qnt_sum_s8_neondot(const int8_t *a, size_t n)
{
    const int8x16_t one = vdupq_n_s8(1);
    int32x4_t s = vdupq_n_s32(0), t = s;
    size_t i = 0;
    for (; n - i >= 32; i += 32) {
        s = vdotq_s32(s, one, vld1q_s8(a + i));
        t = vdotq_s32(t, one, vld1q_s8(a + i + 16));
    }
    int32_t sum = vaddvq_s32(vaddq_s32(s, t));
    for (; i < n; i++)
        sum += a[i];
    return sum;
}
