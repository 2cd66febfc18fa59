/* Products of bytes are s16 (SMULL; -128 * -128 = 2^14, so two of them must not be added in s16), added in pairs to s32
 * sums (SADALP). u8 * s8: a ^ 0x80 is a - 128 as s8, the missing 128 * sum(b) is summed beside. */
#include <arm_neon.h>
#include "kernels.h"

QNT_INLINE int32x4_t products(int32x4_t s, int8x16_t a, int8x16_t b)
{
    s = vpadalq_s16(s, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
    return vpadalq_s16(s, vmull_high_s8(a, b));
}

int32_t qnt_dot_s8_neon(const int8_t *a, const int8_t *b, size_t n)
{
    int32x4_t s = vdupq_n_s32(0), t = s;
    size_t i = 0;
    for (; n - i >= 32; i += 32) {
        s = products(s, vld1q_s8(a + i), vld1q_s8(b + i));
        t = products(t, vld1q_s8(a + i + 16), vld1q_s8(b + i + 16));
    }
    int32_t sum = vaddvq_s32(vaddq_s32(s, t));
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

int32_t qnt_dot_u8s8_neon(const uint8_t *a, const int8_t *b, size_t n)
{
    const uint8x16_t high = vdupq_n_u8(0x80);
    int32x4_t s = vdupq_n_s32(0), sum_b = s;
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        int8x16_t y = vld1q_s8(b + i);
        s = products(s, vreinterpretq_s8_u8(veorq_u8(vld1q_u8(a + i), high)), y);
        sum_b = vpadalq_s16(sum_b, vpaddlq_s8(y));
    }
    int32_t sum = vaddvq_s32(vmlaq_n_s32(s, sum_b, 128));
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

int32_t qnt_sum_s8_neon(const int8_t *a, size_t n)
{
    int32x4_t s = vdupq_n_s32(0);
    size_t i = 0;
    for (; n - i >= 16; i += 16)
        s = vpadalq_s16(s, vpaddlq_s8(vld1q_s8(a + i)));
    int32_t sum = vaddvq_s32(s);
    for (; i < n; i++)
        sum += a[i];
    return sum;
}
