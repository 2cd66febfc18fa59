#ifndef ARM_REQUANT_NEON_H
#define ARM_REQUANT_NEON_H
/* The vector step of struct qnt_requant: four sums to four s32 codes in s8 terms (out_xor is the store's business). */
#include <arm_neon.h>
#include "kernels.h"

struct qnt_requant_neon {
    float32x4_t lo, hi; /* lo - zero, hi - zero */
    int32x4_t zero;
};

QNT_INLINE struct qnt_requant_neon qnt_requant_load_neon(const struct qnt_requant *r)
{
    return (struct qnt_requant_neon){vdupq_n_f32((float)(r->lo - r->zero)), vdupq_n_f32((float)(r->hi - r->zero)),
                                     vdupq_n_s32(r->zero)};
}

/* The code without zero: it may be added after narrowing. */
QNT_INLINE int32x4_t qnt_requant_round_neon(int32x4_t acc, float32x4_t scale, const struct qnt_requant_neon *p)
{
    float32x4_t v = vmulq_f32(vcvtq_f32_s32(acc), scale);
    return vcvtnq_s32_f32(vminq_f32(vmaxq_f32(v, p->lo), p->hi));
}

QNT_INLINE int32x4_t qnt_requant_step_neon(int32x4_t acc, float32x4_t scale, const struct qnt_requant_neon *p)
{
    return vaddq_s32(qnt_requant_round_neon(acc, scale, p), p->zero);
}
#endif
