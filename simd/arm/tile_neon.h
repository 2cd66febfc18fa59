#ifndef ARM_TILE_NEON_H
#define ARM_TILE_NEON_H
/* The end of an 8-bit tile of NV vectors a row: row i, columns 4 v .. are acc[i * NV + v], put down in memory so that
 * the sums of the k loop surely live in registers and the epilogue is a short loop over rows. Columns past t->n are
 * neither read nor written. */
#include <string.h>
#include "arm/requant_neon.h"

/* The first n of 4 values, zeros after them. */
QNT_INLINE int32x4_t qnt_load4_neon(const void *p, uint32_t n)
{
    int32_t v[4] = {0};
    if (n >= 4)
        return vld1q_s32(p);
    memcpy(v, p, n * sizeof *v);
    return vld1q_s32(v);
}

QNT_INLINE void qnt_store4_neon(int32_t *p, int32x4_t x, uint32_t n)
{
    int32_t v[4];
    if (n >= 4) {
        vst1q_s32(p, x);
        return;
    }
    vst1q_s32(v, x);
    memcpy(p, v, n * sizeof *v);
}

QNT_INLINE void qnt_store_bytes_neon(int8_t *p, int8x16_t x, uint32_t n)
{
    int8_t v[16];
    if (n >= 16) {
        vst1q_s8(p, x);
    } else if (n == 8) {
        vst1_s8(p, vget_low_s8(x));
    } else if (n == 4) {
        int32_t four = vgetq_lane_s32(vreinterpretq_s32_s8(x), 0);
        memcpy(p, &four, 4);
    } else {
        vst1q_s8(v, x);
        memcpy(p, v, n);
    }
}

/* x in the first n (1..16) bytes, 0 after them: the padding of k is not flipped. */
QNT_INLINE int8x16_t qnt_flip_neon(uint8_t x, size_t n)
{
    static const uint8_t at[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return vreinterpretq_s8_u8(vandq_u8(vcltq_u8(vld1q_u8(at), vdupq_n_u8((uint8_t)n)), vdupq_n_u8(x)));
}

QNT_INLINE uint32_t qnt_left_neon(uint32_t n, int v)
{
    return n > 4u * (uint32_t)v ? n - 4u * (uint32_t)v : 0;
}

/* What the sums of a column start from: the bias, or 0 when a later k block adds it. */
QNT_INLINE int32x4_t qnt_tile_bias_neon(const struct qnt_tile *t, int v)
{
    return qnt_load4_neon(t->e->bias + t->col + 4 * v, t->last ? qnt_left_neon(t->n, v) : 0);
}

/* Sums of one row before the requantization. */
QNT_INLINE void qnt_tile_row_neon(const struct qnt_tile *t, const int32x4_t *acc, size_t i, int32x4_t *x, const int NV)
{
    const struct qnt_epilogue *e = t->e;
    const int32_t *c = (const int32_t *)t->c + i * t->ldc;
    QNT_UNROLL
    for (int v = 0; v < NV; v++) {
        uint32_t left = qnt_left_neon(t->n, v);
        x[v] = acc[v];
        if (!t->first)
            x[v] = vaddq_s32(x[v], qnt_load4_neon(c + 4 * v, left));
        if (t->last && e->has_row_term)
            x[v] =
                vmlsq_s32(x[v], qnt_load4_neon(e->w_zero + t->col + 4 * v, left), vdupq_n_s32(e->row_term[t->row + i]));
    }
}

QNT_INLINE void qnt_tile_store_s8_neon(const struct qnt_tile *t, const int32x4_t *acc, const int NV)
{
    const struct qnt_requant *r = &t->e->rq;
    const struct qnt_requant_neon p = qnt_requant_load_neon(r);
    const int8x16_t flip = vdupq_n_s8((int8_t)r->out_xor);
    float32x4_t scale[4];
    QNT_UNROLL
    for (int v = 0; v < NV; v++)
        scale[v] = r->per_channel
                       ? vreinterpretq_f32_s32(qnt_load4_neon(r->scale + t->col + 4 * v, qnt_left_neon(t->n, v)))
                       : vdupq_n_f32(r->scale[0]);
    int8_t *c = t->c;
    for (size_t i = 0; i < t->m; i++, c += t->ldc, acc += NV) {
        int32x4_t x[4];
        int16x4_t h[4];
        qnt_tile_row_neon(t, acc, i, x, NV);
        QNT_UNROLL
        for (int v = 0; v < 4; v++)
            h[v] = v < NV ? vmovn_s32(qnt_requant_step_neon(x[v], scale[v], &p)) : vdup_n_s16(0);
        int8x16_t b = vcombine_s8(vmovn_s16(vcombine_s16(h[0], h[1])), vmovn_s16(vcombine_s16(h[2], h[3])));
        qnt_store_bytes_neon(c, veorq_s8(b, flip), t->n);
    }
}

QNT_INLINE void qnt_tile_store_neon(const struct qnt_tile *t, const int32x4_t *acc, const int NV)
{
    if (t->e->kind == QNT_EPI_S8) {
        qnt_tile_store_s8_neon(t, acc, NV);
        return;
    }
    int32_t *c = t->c;
    for (size_t i = 0; i < t->m; i++, c += t->ldc, acc += NV) {
        int32x4_t x[4];
        qnt_tile_row_neon(t, acc, i, x, NV);
        QNT_UNROLL
        for (int v = 0; v < NV; v++)
            qnt_store4_neon(c + 4 * v, x[v], qnt_left_neon(t->n, v));
    }
}

#define QNT_TILE_STORE_NEON(NV)                                                                                        \
    static __attribute__((noinline)) void store##NV(const struct qnt_tile *t, const int32x4_t *acc)                    \
    {                                                                                                                  \
        qnt_tile_store_neon(t, acc, NV);                                                                               \
    }
#endif
