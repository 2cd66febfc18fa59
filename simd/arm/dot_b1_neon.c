/* Popcounts of a xor b: CNT counts bytes, which are added up in bytes over 31 vectors of 8 at most each. */
#include <arm_neon.h>
#include "kernels.h"

int32_t qnt_dot_b1_neon(const uint8_t *a, const uint8_t *b, size_t n)
{
    const size_t bytes = (n + 7) / 8;
    uint64x2_t total = vdupq_n_u64(0);
    size_t i = 0;
    while (bytes - i >= 16) {
        uint8x16_t part = vdupq_n_u8(0);
        for (int j = 0; j < 31 && bytes - i >= 16; j++, i += 16)
            part = vaddq_u8(part, vcntq_u8(veorq_u8(vld1q_u8(a + i), vld1q_u8(b + i))));
        total = vpadalq_u32(total, vpaddlq_u16(vpaddlq_u8(part)));
    }
    uint32_t sum = (uint32_t)vaddvq_u64(total);
    for (; i < bytes; i++)
        sum += vaddv_u8(vcnt_u8(vcreate_u8(a[i] ^ b[i])));
    return (int32_t)((uint32_t)n - 2 * sum);
}
