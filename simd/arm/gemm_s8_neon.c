/* 8-bit tiles on SMULL, exact without saturation.
 *
 * Panels [k/16][rows][16]. Two products of s8 x s8 need 17 bits when all four codes are -128, so the upper 8 bytes of
 * each 16 of A are stored complemented (~a = -a - 1) and their product is subtracted:
 *
 *   t  = a.lo * w.lo           SMULL   [-16256, 16384]
 *   t -= ~a.hi * w.hi          SMLSL2  within +-32640: fits s16; adds a.hi * w.hi + w.hi
 *   acc += t.even + t.odd      SADALP  four partial sums of one output
 *
 * What is too much, the sum of w.hi, depends on the column alone: it is summed on the side and subtracted at the end.
 * Three instructions give 16 products, where SMULL + SADALP alone need four. Registers of 4x4: 16 sums, 4 side sums, 4
 * of A, one of W, one product.
 *
 * W of 4 and 2 bits: a column's 16 codes are a field of a vector, which one or two shifts make s8. */
#include <arm_neon.h>
#include "arm/low_neon.h"
#include "arm/tile_neon.h"
#include "pack_low.h"
#include "pack_rows.h"

enum { KR = 16, SIDE_STEPS = 255 }; /* 255 * 128 fits s16 */

/* The codes of column j of a step. */
QNT_INLINE int8x16_t load_w(const int8_t *w, const int j, const int NR, const int BITS)
{
    const int bytes = KR * NR * BITS / 8;
    return qnt_field_neon(vld1q_s8(w + KR * j % bytes), KR * j / bytes, BITS);
}

QNT_INLINE void steps(int32x4_t *acc, int32x4_t *side, const int8_t *a, const int8_t *w, size_t n, const int MR,
                      const int NR, const int BITS)
{
    int16x8_t part[8], t[4];
    QNT_UNROLL
    for (int j = 0; j < NR; j++)
        part[j] = vdupq_n_s16(0);
    for (; n; n--, a += KR * MR, w += KR * NR * BITS / 8) {
        int8x16_t av[4], wv[4];
        QNT_UNROLL
        for (int i = 0; i < MR; i++)
            av[i] = vld1q_s8(a + KR * i);
        QNT_UNROLL
        for (int j = 0; j < NR; j += 4 / MR) { /* four products at a time, for cores that run in order */
            QNT_UNROLL
            for (int i = 0; i < 4; i++) {
                wv[i] = load_w(w, j + i / MR, NR, BITS);
                t[i] = vmull_s8(vget_low_s8(av[i % MR]), vget_low_s8(wv[i]));
            }
            QNT_UNROLL
            for (int i = 0; i < 4; i++)
                t[i] = vmlsl_high_s8(t[i], av[i % MR], wv[i]);
            QNT_UNROLL
            for (int i = 0; i < 4; i += MR)
                part[j + i / MR] = vaddw_high_s8(part[j + i / MR], wv[i]);
            QNT_UNROLL
            for (int i = 0; i < 4; i++)
                acc[i % MR * NR + j + i / MR] = vpadalq_s16(acc[i % MR * NR + j + i / MR], t[i]);
        }
    }
    QNT_UNROLL
    for (int j = 0; j < NR; j++)
        side[j] = vpadalq_s16(side[j], part[j]);
}

/* The sums of four vectors. */
QNT_INLINE int32x4_t fold(const int32x4_t *v)
{
    return vpaddq_s32(vpaddq_s32(v[0], v[1]), vpaddq_s32(v[2], v[3]));
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR, const int NR,
                     const int BITS)
{
    const int8_t *pa = a, *pw = w;
    int32x4_t acc[16], side[8], bias[2], out[4];
    QNT_UNROLL
    for (int i = 0; i < MR * NR; i++)
        acc[i] = vdupq_n_s32(0);
    QNT_UNROLL
    for (int j = 0; j < NR; j++)
        side[j] = vdupq_n_s32(0);
    for (size_t left = k / KR, n; left; left -= n, pa += n * KR * MR, pw += n * KR * (size_t)NR * (size_t)BITS / 8) {
        n = left < SIDE_STEPS ? left : SIDE_STEPS;
        steps(acc, side, pa, pw, n, MR, NR, BITS);
    }
    qnt_tile_bias_neon(t, bias, NR / 4);
    QNT_UNROLL
    for (int v = 0; v < NR / 4; v++) {
        int32x4_t start = vsubq_s32(bias[v], fold(side + 4 * v));
        QNT_UNROLL
        for (int i = 0; i < MR; i++)
            out[i * NR / 4 + v] = vaddq_s32(fold(acc + i * NR + 4 * v), start);
    }
    qnt_tile_end_neon(t, out, MR, NR / 4);
}

/* `high` is xor'ed to the upper 8 bytes, also of the padding: it meets zeros of W. */
QNT_INLINE void pack(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                     uint8_t high, void *panel, const int R)
{
    const int8x16_t up = vcombine_s8(vdup_n_s8(0), vdup_n_s8((int8_t)high));
    const int8x16_t flip = veorq_s8(vdupq_n_s8((int8_t)in_xor), up);
    struct qnt_rows r;
    int8_t *out = panel;
    qnt_rows_init(&r, rows, tap_k, k0, k, used, R);
    while (qnt_rows_next(&r, KR)) {
        size_t j = 0;
        for (; j + KR <= r.bytes; j += KR, out += KR * R) {
            QNT_UNROLL
            for (int i = 0; i < R; i++)
                vst1q_s8(out + KR * i, veorq_s8(vld1q_s8((const int8_t *)r.row[i] + r.at + j), flip));
        }
        if (j < r.bytes) {
            int8x16_t last = veorq_s8(qnt_flip_neon(in_xor, r.bytes - j), up);
            QNT_UNROLL
            for (int i = 0; i < R; i++)
                vst1q_s8(out + KR * i, veorq_s8(vld1q_s8((const int8_t *)r.row[i] + r.at + j), last));
        }
    }
}

#define PACK(name, R, high)                                                                                            \
    static void name(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,          \
                     void *panel)                                                                                      \
    {                                                                                                                  \
        pack(rows, tap_k, k0, k, used, in_xor, high, panel, R);                                                        \
    }
PACK(pack_a1, 1, 0xff)
PACK(pack_a4, 4, 0xff)
PACK(pack_w4, 4, 0)
PACK(pack_w8, 8, 0)

#define TILE(op, MR, NR, BITS, packw, step, start)                                                                     \
    static void run_##op##_##MR##x##NR(size_t k, const void *a, const void *w, const struct qnt_tile *t)               \
    {                                                                                                                  \
        tile(k, a, w, t, MR, NR, BITS);                                                                                \
    }                                                                                                                  \
    const struct qnt_gemm qnt_##op##_##MR##x##NR##_neon = {                                                            \
        .name = #MR "x" #NR,                                                                                           \
        .run = run_##op##_##MR##x##NR,                                                                                 \
        .pack_a = pack_a##MR,                                                                                          \
        .pack_w = packw,                                                                                               \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = KR,                                                                                                      \
        .a_size = 1,                                                                                                   \
        .w_bits = BITS,                                                                                                \
        .w_bias = 0,                                                                                                   \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
    };
QNT_PACK_LOW(pack_w4_s4, pack_w4, 4, KR, 4)
QNT_PACK_LOW(pack_w8_s4, pack_w8, 8, KR, 4)
QNT_PACK_LOW(pack_w4_s2, pack_w4, 4, KR, 2)
QNT_PACK_LOW(pack_w8_s2, pack_w8, 8, KR, 2)
/* Costs in 1/16 cycle, estimated, with half of the packing of A in the step. */
TILE(gemm_s8, 1, 8, 8, pack_w8, 450, 800)
TILE(gemm_s8, 4, 4, 8, pack_w4, 700, 1000)
TILE(gemm_s4s8, 1, 8, 4, pack_w8_s4, 500, 800)
TILE(gemm_s4s8, 4, 4, 4, pack_w4_s4, 750, 1000)
TILE(gemm_s2s8, 1, 8, 2, pack_w8_s2, 520, 800)
TILE(gemm_s2s8, 4, 4, 2, pack_w4_s2, 760, 1000)
