/* TBL looks 16 codes up in 64 bytes of the table, TBX in the next 64, keeping what is out of their reach. 16 vectors of
 * table. */
#include "arm/v_neon.h"

QNT_INLINE int8x16_t lookup(const int8x16x4_t t[4], int8x16_t codes)
{
    uint8x16_t x = vreinterpretq_u8_s8(codes);
    int8x16_t y = vqtbl4q_s8(t[0], x);
    QNT_UNROLL
    for (int k = 1; k < 4; k++)
        y = vqtbx4q_s8(y, t[k], vsubq_u8(x, vdupq_n_u8((uint8_t)(64 * k))));
    return y;
}

void qnt_lookup_s8_neon(const int8_t *src, int8_t *dst, size_t n, const int8_t *table)
{
    const int8x16x4_t t[4] = {vld1q_s8_x4(table), vld1q_s8_x4(table + 64), vld1q_s8_x4(table + 128),
                              vld1q_s8_x4(table + 192)};
    size_t i = 0;
    for (; n - i >= 16; i += 16)
        vst1q_s8(dst + i, lookup(t, vld1q_s8(src + i)));
    if (i < n)
        vb_store(dst + i, lookup(t, vb_load(src + i, n - i)), n - i);
}
