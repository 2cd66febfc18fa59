#ifndef ARM_REQUANT_NEON_H
#define ARM_REQUANT_NEON_H
/* The vector step of struct qnt_requant: sixteen sums to sixteen bytes. A conversion and the narrowings saturate by
 * themselves, so the clamp is of bytes, one for all sixteen: rounding is monotone, the order does not matter. */
#include <arm_neon.h>
#include "kernels.h"

struct qnt_requant_neon {
    int16x8_t zero;
    int8x16_t lo, hi, flip;
};

QNT_INLINE struct qnt_requant_neon qnt_requant_load_neon(const struct qnt_requant *r)
{
    return (struct qnt_requant_neon){vdupq_n_s16((int16_t)r->zero), vdupq_n_s8((int8_t)r->lo),
                                     vdupq_n_s8((int8_t)r->hi), vdupq_n_s8((int8_t)r->out_xor)};
}

QNT_INLINE int32x4_t qnt_requant_round_neon(int32x4_t acc, float32x4_t scale)
{
    return vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(acc), scale));
}

QNT_INLINE int16x8_t qnt_requant_half_neon(const int32x4_t *acc, float32x4_t s0, float32x4_t s1, int16x8_t zero)
{
    int16x4_t low = vqmovn_s32(qnt_requant_round_neon(acc[0], s0));
    return vqaddq_s16(vqmovn_high_s32(low, qnt_requant_round_neon(acc[1], s1)), zero);
}

/* Vector v has the scales scale[v % NV]. */
QNT_INLINE int8x16_t qnt_requant_bytes_neon(const int32x4_t *acc, const float32x4_t *scale, const int first,
                                            const int NV, const struct qnt_requant_neon *p)
{
    int16x8_t a = qnt_requant_half_neon(acc, scale[first % NV], scale[(first + 1) % NV], p->zero);
    int16x8_t b = qnt_requant_half_neon(acc + 2, scale[(first + 2) % NV], scale[(first + 3) % NV], p->zero);
    int8x16_t bytes = vqmovn_high_s16(vqmovn_s16(a), b);
    return veorq_s8(vminq_s8(vmaxq_s8(bytes, p->lo), p->hi), p->flip);
}
#endif
