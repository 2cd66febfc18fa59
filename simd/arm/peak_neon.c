/* 8-bit products as in the tiles (arm/gemm_s8_neon.c): 16 in SMULL, SMLSL2 with the upper half of a complemented, which
 * adds b.hi too much, and SADALP. The operand is made opaque each time, or the product, which is always the same, would
 * be taken out of the loop. Binary: 128 values in EOR, CNT and ADD; the bytes count up to 8 a step and are added up
 * before they overflow. */
#include "arm/v_neon.h"
#include "tmpl/peak_tmpl.h"

enum { CHAINS = 12, COUNTERS = 16, ROUNDS = QNT_PEAK / (128 * COUNTERS) };

int32_t qnt_peak_s8_neon(const int8_t *a, const int8_t *b, size_t n)
{
    const int8x16_t up = vcombine_s8(vdup_n_s8(0), vdup_n_s8(-1));
    int8x16_t av = veorq_s8(vld1q_s8(a), up), bv = vld1q_s8(b);
    int32x4_t sum[CHAINS];
    QNT_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = vdupq_n_s32(0);
    for (size_t left = n / (16 * CHAINS); left; left--)
        QNT_UNROLL
    for (int i = 0; i < CHAINS; i += 4) { /* four at a time, for cores that run in order */
        int16x8_t t[4];
        QNT_UNROLL
        for (int k = 0; k < 4; k++) {
            __asm__("" : "+w"(av));
            t[k] = vmull_s8(vget_low_s8(av), vget_low_s8(bv));
        }
        QNT_UNROLL
        for (int k = 0; k < 4; k++)
            t[k] = vmlsl_high_s8(t[k], av, bv);
        QNT_UNROLL
        for (int k = 0; k < 4; k++)
            sum[i + k] = vpadalq_s16(sum[i + k], t[k]);
    }
    QNT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        sum[0] = vaddq_s32(sum[0], sum[i]);
    uint32_t over = (uint32_t)vaddlv_s8(vget_high_s8(bv)) * (uint32_t)(n / 16);
    return (int32_t)((uint32_t)vaddvq_s32(sum[0]) - over);
}

int32_t qnt_peak_b1_neon(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint8x16_t av = vld1q_u8(a), bv = vld1q_u8(b), count[COUNTERS];
    uint32x4_t sum = vdupq_n_u32(0);
    for (size_t left = n / QNT_PEAK, some; left; left -= some) {
        size_t rounds = some = left < 10 ? left : 10; /* 10 * ROUNDS * 8 fits a byte */
        QNT_UNROLL
        for (int i = 0; i < COUNTERS; i++)
            count[i] = vdupq_n_u8(0);
        for (rounds *= ROUNDS; rounds; rounds--)
            QNT_UNROLL
        for (int i = 0; i < COUNTERS; i += 4) {
            uint8x16_t t[4];
            QNT_UNROLL
            for (int k = 0; k < 4; k++) {
                __asm__("" : "+w"(av));
                t[k] = veorq_u8(av, bv);
            }
            QNT_UNROLL
            for (int k = 0; k < 4; k++)
                t[k] = vcntq_u8(t[k]);
            QNT_UNROLL
            for (int k = 0; k < 4; k++)
                count[i + k] = vaddq_u8(count[i + k], t[k]);
        }
        QNT_UNROLL
        for (int i = 0; i < COUNTERS; i++)
            sum = vpadalq_u16(sum, vpaddlq_u8(count[i]));
    }
    return (int32_t)vaddvq_u32(sum);
}
