#ifndef ARM_DOT_LOW_NEON_H
#define ARM_DOT_LOW_NEON_H
/* Weights of 4 and 2 bits: the j-th codes of 16 bytes are one field of them, and what they meet is every second or
 * fourth element of a, which LD2 and LD4 part. */
#include "arm/low_neon.h"
#include "kernels.h"
#include "ref/low.h"

/* s and the products of n pairs of 16 codes, |x| <= 8. */
typedef int32x4_t qnt_low_products_fn(int32x4_t s, const int8x16_t *x, const int8x16_t *y, const int n);

QNT_INLINE int32_t qnt_dot_s4s8_over(const uint8_t *w, const int8_t *a, size_t n, qnt_low_products_fn products)
{
    int32x4_t s = vdupq_n_s32(0);
    size_t i = 0;
    for (; n - i >= 32; i += 32) {
        const int8x16_t x = vreinterpretq_s8_u8(vld1q_u8(w + i / 2));
        const int8x16_t codes[2] = {qnt_field_neon(x, 1, 4), qnt_field_neon(x, 0, 4)};
        const int8x16x2_t y = vld2q_s8(a + i);
        s = products(s, codes, y.val, 2);
    }
    return vaddvq_s32(s) + qnt_low_dot(w, a, i, n, 4);
}

QNT_INLINE int32_t qnt_dot_s2s8_over(const uint8_t *w, const int8_t *a, size_t n, qnt_low_products_fn products)
{
    int32x4_t s = vdupq_n_s32(0);
    size_t i = 0;
    for (; n - i >= 64; i += 64) {
        const int8x16_t x = vreinterpretq_s8_u8(vld1q_u8(w + i / 4));
        const int8x16_t codes[4] = {qnt_field_neon(x, 3, 2), qnt_field_neon(x, 2, 2), qnt_field_neon(x, 1, 2),
                                    qnt_field_neon(x, 0, 2)};
        const int8x16x4_t y = vld4q_s8(a + i);
        s = products(s, codes, y.val, 4);
    }
    return vaddvq_s32(s) + qnt_low_dot(w, a, i, n, 2);
}
#endif
