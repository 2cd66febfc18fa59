#ifndef ARM_TILE_NEON_H
#define ARM_TILE_NEON_H
/* The two ends of an 8-bit tile of NV vectors a row. Its sums are put down in memory, [rows][4 * NV], so that those of
 * the k loop surely live in registers and the epilogue is a loop of four vectors, sixteen bytes of output, at a time.
 */
#include "arm/requant_neon.h"
#include "ref/gemm_tile.h"

/* p[0 .. full) where only n values exist: p itself, or a copy with zeros. */
QNT_INLINE const void *qnt_padded_neon(const void *p, uint32_t n, uint32_t full, int32_t tmp[16])
{
    if (n == full)
        return p;
    memset(tmp, 0, full * sizeof *tmp);
    memcpy(tmp, p, n * sizeof *tmp);
    return tmp;
}

/* What the sums of a column start from: the bias, or 0 when a later k block adds it. */
QNT_INLINE void qnt_tile_bias_neon(const struct qnt_tile *t, int32x4_t *bias, const int NV)
{
    int32_t tmp[16];
    const int32_t *p = qnt_padded_neon(t->e->bias + t->col, t->last ? t->n : 0, 4u * (uint32_t)NV, tmp);
    QNT_UNROLL
    for (int v = 0; v < NV; v++)
        bias[v] = vld1q_s32(p + 4 * v);
}

/* x in the first n (1..16) bytes, 0 after them: the padding of k is not flipped. */
QNT_INLINE int8x16_t qnt_flip_neon(uint8_t x, size_t n)
{
    static const uint8_t at[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return vreinterpretq_s8_u8(vandq_u8(vcltq_u8(vld1q_u8(at), vdupq_n_u8((uint8_t)n)), vdupq_n_u8(x)));
}

/* The bytes of RP rows of NV vectors, 4 * NV bytes a row. */
QNT_INLINE int8x16_t qnt_tile_bytes_neon(const int32_t *acc, const float32x4_t *scale, const struct qnt_requant_neon *p,
                                         int16x8_t zero, const int NV, const int RP)
{
    int16x4_t h[4];
    QNT_UNROLL
    for (int v = 0; v < 4; v++)
        h[v] =
            v < NV * RP ? vmovn_s32(qnt_requant_round_neon(vld1q_s32(acc + 4 * v), scale[v % NV], p)) : vdup_n_s16(0);
    return vcombine_s8(vmovn_s16(vaddq_s16(vcombine_s16(h[0], h[1]), zero)),
                       vmovn_s16(vaddq_s16(vcombine_s16(h[2], h[3]), zero)));
}

QNT_INLINE void qnt_store32_neon(int8_t *p, int32_t v)
{
    memcpy(p, &v, sizeof v);
}

QNT_INLINE void qnt_store_full_neon(int8_t *c, size_t ldc, int8x16_t b, const int NV, const int RP)
{
    int64x2_t d = vreinterpretq_s64_s8(b);
    int32x4_t s = vreinterpretq_s32_s8(b);
    if (NV == 4) {
        vst1q_s8(c, b);
    } else if (NV == 3) {
        vst1_s8(c, vget_low_s8(b));
        qnt_store32_neon(c + 8, vgetq_lane_s32(s, 2));
    } else if (NV == 2) {
        vst1_s8(c, vreinterpret_s8_s64(vget_low_s64(d)));
        if (RP == 2)
            vst1_s8(c + ldc, vreinterpret_s8_s64(vget_high_s64(d)));
    } else {
        qnt_store32_neon(c, vgetq_lane_s32(s, 0));
        qnt_store32_neon(c + ldc, vgetq_lane_s32(s, 1));
        qnt_store32_neon(c + 2 * ldc, vgetq_lane_s32(s, 2));
        qnt_store32_neon(c + 3 * ldc, vgetq_lane_s32(s, 3));
    }
}

QNT_INLINE void qnt_tile_store_s8_neon(const struct qnt_tile *t, const int32_t *acc, const int NV, const int RP)
{
    const struct qnt_requant *r = &t->e->rq;
    const struct qnt_requant_neon p = qnt_requant_load_neon(r);
    const int16x8_t zero = vdupq_n_s16((int16_t)r->zero);
    const int8x16_t flip = vdupq_n_s8((int8_t)r->out_xor);
    const uint32_t full = 4u * (uint32_t)NV;
    int32_t tmp[16];
    const float *from = r->per_channel ? qnt_padded_neon(r->scale + t->col, t->n, full, tmp) : r->scale;
    float32x4_t scale[4];
    QNT_UNROLL
    for (int v = 0; v < NV; v++)
        scale[v] = r->per_channel ? vld1q_f32(from + 4 * v) : vdupq_n_f32(from[0]);
    const uint32_t m = t->m, n = t->n;
    const size_t ldc = t->ldc;
    int8_t *c = t->c;
    for (uint32_t i = 0; i < m; i += (uint32_t)RP, c += (size_t)RP * ldc, acc += 4 * NV * RP) {
        int8x16_t b = veorq_s8(qnt_tile_bytes_neon(acc, scale, &p, zero, NV, RP), flip);
        if (n == full && i + (uint32_t)RP <= m) {
            qnt_store_full_neon(c, ldc, b, NV, RP);
            continue;
        }
        int8_t rows[16];
        vst1q_s8(rows, b);
        for (uint32_t j = 0; j < (uint32_t)RP && i + j < m; j++)
            memcpy(c + j * ldc, rows + j * full, n);
    }
}

/* RP rows, NV * RP <= 4, are taken at a time; acc holds whole groups of them. */
QNT_INLINE void qnt_tile_store_neon(const struct qnt_tile *t, int32_t *acc, const int NV, const int RP)
{
    qnt_tile_terms_ref(t, acc, 4 * (size_t)NV);
    if (t->e->kind == QNT_EPI_S8) {
        qnt_tile_store_s8_neon(t, acc, NV, RP);
        return;
    }
    const uint32_t m = t->m, n = t->n;
    const size_t ldc = t->ldc;
    int32_t *c = t->c;
    for (uint32_t i = 0; i < m; i++, c += ldc, acc += 4 * NV) {
        if (n != 4u * (uint32_t)NV) {
            memcpy(c, acc, n * sizeof *c);
            continue;
        }
        QNT_UNROLL
        for (int v = 0; v < NV; v++)
            vst1q_s32(c + 4 * v, vld1q_s32(acc + 4 * v));
    }
}

#define QNT_TILE_STORE_NEON(name, NV, RP)                                                                              \
    static __attribute__((noinline)) void name(const struct qnt_tile *t, int32_t *acc)                                 \
    {                                                                                                                  \
        qnt_tile_store_neon(t, acc, NV, RP);                                                                           \
    }
#endif
