#ifndef ARM_TILE_NEON_H
#define ARM_TILE_NEON_H
/* What 8-bit tiles of NV vectors a row have in common: the loads of their panels and both ends. Sums of a full tile go
 * from registers to c; those of a part of one, or with terms of rows, are put down in memory, [rows][4 * NV], for a
 * loop of four vectors, sixteen bytes of output, at a time. */
#include "arm/requant_neon.h"
#include "ref/gemm_tile.h"

/* The next n (1..4) vectors of a panel. One LD1 loads them and moves the pointer on; a compiler that sees the sum of
 * several such moves makes them additions of their own, so it is kept from seeing it. */
QNT_INLINE void qnt_take_neon(int8x16_t *v, const int8_t **from, const int n)
{
    const int8_t *p = *from;
    __asm__("" : "+r"(p));
    if (n == 4) {
        int8x16x4_t x = vld1q_s8_x4(p);
        QNT_UNROLL
        for (int i = 0; i < 4; i++)
            v[i] = x.val[i];
    } else if (n == 3) {
        int8x16x3_t x = vld1q_s8_x3(p);
        QNT_UNROLL
        for (int i = 0; i < 3; i++)
            v[i] = x.val[i];
    } else if (n == 2) {
        int8x16x2_t x = vld1q_s8_x2(p);
        v[0] = x.val[0];
        v[1] = x.val[1];
    } else {
        v[0] = vld1q_s8(p);
    }
    *from = p + 16 * n;
}

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

QNT_INLINE void qnt_put32_neon(int8_t *p, int8x16_t v, const int lane)
{
    const int32x4_t s = vreinterpretq_s32_s8(v);
    const int32_t x = lane == 0   ? vgetq_lane_s32(s, 0)
                      : lane == 1 ? vgetq_lane_s32(s, 1)
                      : lane == 2 ? vgetq_lane_s32(s, 2)
                                  : vgetq_lane_s32(s, 3);
    memcpy(p, &x, sizeof x);
}

QNT_INLINE void qnt_put64_neon(int8_t *p, int8x16_t v, const int half)
{
    const int64x2_t d = vreinterpretq_s64_s8(v);
    const int64_t x = half ? vgetq_lane_s64(d, 1) : vgetq_lane_s64(d, 0);
    memcpy(p, &x, sizeof x);
}

/* Rows whose bytes fill whole vectors. */
#define QNT_TILE_ROWS_NEON(NV) ((NV) == 4 ? 1 : (NV) == 2 ? 2 : 4)

/* The bytes of as many rows of c, one row after the other in b. */
QNT_INLINE void qnt_tile_bytes_neon(int8_t *c, size_t ldc, const int8x16_t *b, const int NV)
{
    if (NV == 4) {
        vst1q_s8(c, b[0]);
    } else if (NV == 2) {
        qnt_put64_neon(c, b[0], 0);
        qnt_put64_neon(c + ldc, b[0], 1);
    } else if (NV == 3) {
        qnt_put64_neon(c, b[0], 0);
        qnt_put32_neon(c + 8, b[0], 2);
        c += ldc;
        qnt_put32_neon(c, b[0], 3);
        qnt_put64_neon(c + 4, b[1], 0);
        c += ldc;
        qnt_put64_neon(c, b[1], 1);
        qnt_put32_neon(c + 8, b[2], 0);
        c += ldc;
        qnt_put32_neon(c, b[2], 1);
        qnt_put64_neon(c + 4, b[2], 1);
    } else {
        QNT_UNROLL
        for (int i = 0; i < 4; i++)
            qnt_put32_neon(c + (size_t)i * ldc, b[0], i);
    }
}

/* The scales of a tile's columns. */
QNT_INLINE void qnt_tile_scale_neon(const struct qnt_tile *t, float32x4_t *scale, const int NV)
{
    const struct qnt_requant *r = &t->e->rq;
    int32_t tmp[16];
    const float *from = r->per_channel ? qnt_padded_neon(r->scale + t->col, t->n, 4u * (uint32_t)NV, tmp) : r->scale;
    QNT_UNROLL
    for (int v = 0; v < NV; v++)
        scale[v] = r->per_channel ? vld1q_f32(from + 4 * v) : vdupq_n_f32(from[0]);
}

/* All columns have a place in c, and nothing but the bias is to be added to the sums. */
QNT_INLINE int qnt_tile_whole_neon(const struct qnt_tile *t, const int NV)
{
    return t->n == 4u * (uint32_t)NV && t->first && t->last && !t->e->has_row_term;
}

/* What the columns of such a tile start from. */
QNT_INLINE void qnt_tile_start_neon(const struct qnt_tile *t, int32x4_t *acc, const int MR, const int NV)
{
    QNT_UNROLL
    for (int i = 0; i < MR * NV; i++)
        acc[i] = i < NV ? vld1q_s32(t->e->bias + t->col + 4 * i) : acc[i % NV];
}

/* Stores a whole tile from registers. */
QNT_INLINE void qnt_tile_put_neon(const struct qnt_tile *t, const int32x4_t *acc, const int MR, const int NV)
{
    const size_t ldc = t->ldc;
    if (t->e->kind != QNT_EPI_S8) {
        int32_t *c = t->c;
        QNT_UNROLL
        for (int i = 0; i < MR; i++, c += ldc) {
            QNT_UNROLL
            for (int v = 0; v < NV; v++)
                vst1q_s32(c + 4 * v, acc[i * NV + v]);
        }
        return;
    }
    const struct qnt_requant_neon p = qnt_requant_load_neon(&t->e->rq);
    const int rows = QNT_TILE_ROWS_NEON(NV);
    float32x4_t scale[4];
    int8_t *c = t->c;
    qnt_tile_scale_neon(t, scale, NV);
    QNT_UNROLL
    for (int i = 0; i < MR; i += rows, c += (size_t)rows * ldc) {
        int8x16_t b[3];
        QNT_UNROLL
        for (int v = 0; v < rows * NV; v += 4)
            b[v / 4] = qnt_requant_bytes_neon(acc + i * NV + v, scale, v, NV, &p);
        qnt_tile_bytes_neon(c, ldc, b, NV);
    }
}

/* The bytes of QNT_TILE_ROWS_NEON(NV) rows of sums. */
QNT_INLINE void qnt_tile_round_neon(const int32_t *acc, const float32x4_t *scale, const struct qnt_requant_neon *p,
                                    int8x16_t *b, const int NV)
{
    const int rows = QNT_TILE_ROWS_NEON(NV);
    QNT_UNROLL
    for (int v = 0; v < rows * NV; v += 4) {
        int32x4_t sum[4];
        QNT_UNROLL
        for (int j = 0; j < 4; j++)
            sum[j] = vld1q_s32(acc + 4 * (v + j));
        b[v / 4] = qnt_requant_bytes_neon(sum, scale, v, NV, p);
    }
}

/* Any tile, from memory: acc has room for QNT_TILE_ROWS_NEON(NV) rows past the first m - 1. */
QNT_INLINE void qnt_tile_store_s8_neon(const struct qnt_tile *t, const int32_t *acc, const int NV)
{
    const struct qnt_requant_neon p = qnt_requant_load_neon(&t->e->rq);
    const uint32_t full = 4u * (uint32_t)NV, m = t->m, n = t->n;
    const int rows = QNT_TILE_ROWS_NEON(NV);
    const size_t ldc = t->ldc;
    float32x4_t scale[4];
    int8_t *c = t->c;
    qnt_tile_scale_neon(t, scale, NV);
    uint32_t i = 0;
    for (uint32_t whole = n == full ? m / (uint32_t)rows : 0; whole; whole--, i += (uint32_t)rows) {
        int8x16_t b[3];
        qnt_tile_round_neon(acc, scale, &p, b, NV);
        qnt_tile_bytes_neon(c, ldc, b, NV);
        c += (size_t)rows * ldc;
        acc += 4 * NV * rows;
    }
    for (; i < m; i += (uint32_t)rows, c += (size_t)rows * ldc, acc += 4 * NV * rows) {
        int8x16_t b[3];
        int8_t bytes[48];
        qnt_tile_round_neon(acc, scale, &p, b, NV);
        QNT_UNROLL
        for (int v = 0; v < rows * NV / 4; v++)
            vst1q_s8(bytes + 16 * v, b[v]);
        for (uint32_t j = 0; j < (uint32_t)rows && i + j < m; j++)
            memcpy(c + j * ldc, bytes + j * full, n);
    }
}

QNT_INLINE void qnt_tile_store_neon(const struct qnt_tile *t, int32_t *acc, const int NV)
{
    qnt_tile_terms_ref(t, acc, 4 * (size_t)NV);
    if (t->e->kind == QNT_EPI_S8) {
        qnt_tile_store_s8_neon(t, acc, NV);
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

#define QNT_TILE_STORE_NEON(NV)                                                                                        \
    static __attribute__((noinline, unused)) void qnt_tile_store##NV##_neon(const struct qnt_tile *t, int32_t *acc)    \
    {                                                                                                                  \
        qnt_tile_store_neon(t, acc, NV);                                                                               \
    }
QNT_TILE_STORE_NEON(1)
QNT_TILE_STORE_NEON(2)
QNT_TILE_STORE_NEON(3)
QNT_TILE_STORE_NEON(4)

/* The end of any tile of up to MR rows of NV vectors, MR * NV <= 24. */
QNT_INLINE void qnt_tile_end_neon(const struct qnt_tile *t, const int32x4_t *acc, const int MR, const int NV)
{
    int32_t out[96];
    QNT_UNROLL
    for (int i = 0; i < MR * NV; i++)
        vst1q_s32(out + 4 * i, acc[i]);
    if (NV == 1)
        qnt_tile_store1_neon(t, out);
    else if (NV == 2)
        qnt_tile_store2_neon(t, out);
    else if (NV == 3)
        qnt_tile_store3_neon(t, out);
    else
        qnt_tile_store4_neon(t, out);
}

/* Goes from panel to panel of a tall tile: p is the part of one panel, `rows` of it. */
QNT_INLINE void qnt_tile_next_neon(struct qnt_tile *p, const int rows)
{
    p->row += (uint32_t)rows;
    p->c = (char *)p->c + (size_t)rows * p->ldc * (p->e->kind == QNT_EPI_S8 ? 1 : sizeof(int32_t));
}
#endif
