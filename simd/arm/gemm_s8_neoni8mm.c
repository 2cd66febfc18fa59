/* 8-bit tiles on SMMLA: a 2 x 2 block of s32 gets the products of 2 rows of A with 2 rows of W, 8 bytes of k each,
 * which is twice the work of an SDOT.
 *
 * A panel [k/8][MR][8], W panel [k/8][NR][8]. One step of k: MR / 2 vectors of A stay, each of NR / 2 of W is loaded
 * and used by all of them; sums of rows 2i, 2i+1 and columns 2j, 2j+1 are acc[i * NR / 2 + j], row by row. Registers:
 *
 *   8x12  24 sums + 4 of A + 3 of W      the general one
 *   8x8   16 + 4 + 4                     channels by 8 and 16
 *   4x16  16 + 2 + 4                     few rows
 *
 * At the end the two rows of a block are parted by ZIP1 and ZIP2 of 64-bit halves. One row alone would waste half of
 * each SMMLA: it is left to SDOT.
 *
 * W of 4 and 2 bits: the vectors of a step (for 2 bits of two, kr 16) are fields of as many bytes as they fill. */
#include <arm_neon.h>
#include "arm/low_neon.h"
#include "arm/tile_neon.h"
#include "pack_low.h"
#include "pack_rows.h"

enum { KR = 8 };

QNT_INLINE int steps_of(const int BITS)
{
    return BITS == 2 ? 2 : 1;
}

/* Vector j of a group of steps: columns 2j, 2j + 1 of the first, then those of the second. */
QNT_INLINE int8x16_t load_w(const int8_t *w, const int j, const int NR, const int BITS)
{
    const int bytes = KR * NR * steps_of(BITS) * BITS / 8;
    return qnt_field_neon(vld1q_s8(w + 16 * j % bytes), 16 * j / bytes, BITS);
}

/* Step u of a group of W of few bits. */
QNT_INLINE void step(int32x4_t *acc, const int8_t *a, const int8_t *w, const int u, const int MR, const int NR,
                     const int BITS)
{
    int8x16_t av[4];
    QNT_UNROLL
    for (int i = 0; i < MR / 2; i++)
        av[i] = vld1q_s8(a + KR * MR * u + 16 * i);
    QNT_UNROLL
    for (int j = 0; j < NR / 2; j++) {
        int8x16_t wv = load_w(w, u * NR / 2 + j, NR, BITS);
        QNT_UNROLL
        for (int i = 0; i < MR / 2; i++)
            acc[i * NR / 2 + j] = vmmlaq_s32(acc[i * NR / 2 + j], av[i], wv);
    }
}

/* A step of s8 by whole loads, which are the fewest instructions: m of MR rows, n of NR columns. */
QNT_INLINE void step_s8(int32x4_t *acc, const int8_t **a, const int8_t **w, const int MR, const int NR, const int m,
                        const int n)
{
    const int part = n == 12 ? 3 : 4;
    int8x16_t av[4], wv[4];
    qnt_take_neon(av, a, m / 2);
    *a += KR * (MR - m);
    QNT_UNROLL
    for (int j = 0; j < n / 2; j += part) {
        qnt_take_neon(wv, w, part);
        QNT_UNROLL
        for (int l = 0; l < part; l++) {
            QNT_UNROLL
            for (int i = 0; i < m / 2; i++)
                acc[i * n / 2 + j + l] = vmmlaq_s32(acc[i * n / 2 + j + l], av[i], wv[l]);
        }
    }
    *w += KR * (NR - n);
}

QNT_INLINE int32x4_t halves(int32x4_t x, int32x4_t y, const int which)
{
    int64x2_t a = vreinterpretq_s64_s32(x), b = vreinterpretq_s64_s32(y);
    return vreinterpretq_s32_s64(which ? vzip2q_s64(a, b) : vzip1q_s64(a, b));
}

/* The sums of the first m rows and n columns of a tile of MR and NR, from the bias on, row by row: with 8 bits 4 or
 * all, 8 or all; else all. */
QNT_INLINE void sums(int32x4_t *sum, const int32x4_t *bias, size_t k, const int8_t *pa, const int8_t *pw, const int MR,
                     const int NR, const int BITS, const int m, const int n)
{
    int32x4_t acc[24];
    QNT_UNROLL
    for (int i = 0; i < m / 2; i++) {
        QNT_UNROLL
        for (int j = 0; j < n / 2; j++)
            acc[i * n / 2 + j] = halves(bias[j / 2], bias[j / 2], j % 2);
    }
    if (BITS == 8) {
        for (size_t steps = k / (4 * KR); steps; steps--) {
            QNT_UNROLL
            for (int u = 0; u < 4; u++)
                step_s8(acc, &pa, &pw, MR, NR, m, n);
        }
        for (k %= 4 * KR; k; k -= KR)
            step_s8(acc, &pa, &pw, MR, NR, m, n);
    }
    const int group = KR * steps_of(BITS);
    for (; k; k -= (size_t)group, pa += group * MR, pw += group * NR * BITS / 8) {
        QNT_UNROLL
        for (int u = 0; u < steps_of(BITS); u++)
            step(acc, pa, pw, u, MR, NR, BITS);
    }
    QNT_UNROLL
    for (int i = 0; i < m; i++) {
        QNT_UNROLL
        for (int v = 0; v < n / 4; v++) {
            const int32x4_t *pair = acc + i / 2 * n / 2 + 2 * v;
            sum[i * n / 4 + v] = halves(pair[0], pair[1], i % 2);
        }
    }
}

QNT_INLINE void part(size_t k, const int8_t *a, const int8_t *w, const struct qnt_tile *t, const int MR, const int NR,
                     const int BITS, const int m, const int n)
{
    int32x4_t sum[24], bias[4];
    qnt_tile_bias_neon(t, bias, n / 4);
    sums(sum, bias, k, a, w, MR, NR, BITS, m, n);
    qnt_tile_end_neon(t, sum, m, n / 4);
}

/* The whole panels of a tall tile whose columns are whole; what is left is in p. Returns where its panel begins. */
QNT_INLINE const int8_t *whole_panels(size_t k, const int8_t *a, const int8_t *w, struct qnt_tile *p, const int MR,
                                      const int NR, const int BITS, const int n)
{
    for (; p->m >= (uint32_t)MR; p->m -= (uint32_t)MR, a += (size_t)MR * k) {
        int32x4_t sum[24], bias[4];
        qnt_tile_start_neon(p, bias, 1, n / 4);
        sums(sum, bias, k, a, w, MR, NR, BITS, MR, n);
        qnt_tile_put_neon(p, sum, MR, n / 4);
        qnt_tile_next_neon(p, MR);
    }
    return a;
}

/* What is left of a matrix past its last whole tile does not cost a whole one. */
QNT_INLINE void run(size_t k, const int8_t *a, const int8_t *w, const struct qnt_tile *t, const int MR, const int NR,
                    const int BITS)
{
    struct qnt_tile p = *t;
    if (qnt_tile_whole_neon(t, NR / 4))
        a = whole_panels(k, a, w, &p, MR, NR, BITS, NR);
    else if (BITS == 8 && NR == 12 && qnt_tile_whole_neon(t, 2))
        a = whole_panels(k, a, w, &p, MR, NR, BITS, 8);
    for (uint32_t left = p.m; left; left -= p.m, a += (size_t)MR * k, qnt_tile_next_neon(&p, MR)) {
        p.m = left < (uint32_t)MR ? left : (uint32_t)MR;
        if (BITS == 8 && MR == 8 && p.m <= 4)
            part(k, a, w, &p, MR, NR, BITS, 4, NR);
        else if (BITS == 8 && NR == 12 && p.n <= 8)
            part(k, a, w, &p, MR, NR, BITS, MR, 8);
        else
            part(k, a, w, &p, MR, NR, BITS, MR, NR);
    }
}

/* Four rows, 16 bytes of k from each, xor'ed with flip: the first `steps` steps, eight bytes of each row, R rows apart.
 */
QNT_INLINE void pack_block(const int8_t *const row[4], size_t at, int8x16_t flip, int8_t *out, size_t steps,
                           const int R)
{
    int64x2x4_t x;
    QNT_UNROLL
    for (int i = 0; i < 4; i++)
        x.val[i] = vreinterpretq_s64_s8(veorq_s8(vld1q_s8(row[i] + at), flip));
    vst4q_lane_s64((int64_t *)(void *)out, x, 0);
    if (steps > 1)
        vst4q_lane_s64((int64_t *)(void *)(out + KR * R), x, 1);
}

/* The same of 32 bytes, by the fewest instructions: ST4 moves its pointer on, which compilers do not make use of. */
QNT_INLINE int8_t *pack_two(const int8_t *row[4], int8_t *out, const ptrdiff_t R)
{
    __asm__ volatile("ldp q0, q4, [%[r0]], #32\n\t"
                     "ldp q1, q5, [%[r1]], #32\n\t"
                     "ldp q2, q6, [%[r2]], #32\n\t"
                     "ldp q3, q7, [%[r3]], #32\n\t"
                     "st4 {v0.d - v3.d}[0], [%[out]], %[step]\n\t"
                     "st4 {v0.d - v3.d}[1], [%[out]], %[step]\n\t"
                     "st4 {v4.d - v7.d}[0], [%[out]], %[step]\n\t"
                     "st4 {v4.d - v7.d}[1], [%[out]], %[step]"
                     : [out] "+r"(out), [r0] "+r"(row[0]), [r1] "+r"(row[1]), [r2] "+r"(row[2]), [r3] "+r"(row[3])
                     : [step] "r"(KR * R)
                     : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "memory");
    return out;
}

/* The whole blocks of a span. */
QNT_INLINE void pack_span(const void *const *rows, size_t at, size_t bytes, uint8_t in_xor, int8_t *out, const int R)
{
    for (int s = 0; s < R; s += 4, rows += 4, out += 4 * KR) {
        const int8_t *row[4];
        int8_t *to = out;
        size_t left = bytes;
        QNT_UNROLL
        for (int i = 0; i < 4; i++)
            row[i] = (const int8_t *)rows[i] + at;
        for (; !in_xor && left >= 32; left -= 32)
            to = pack_two(row, to, R);
        for (size_t j = 0; j < left; j += 16, to += 16 * R)
            pack_block(row, j, vdupq_n_s8((int8_t)in_xor), to, 2, R);
    }
}

#define PACK_STEP KR
#include "arm/pack_panels_neon.h"

#define PACK_AS(name, R, kr)                                                                                           \
    static void name(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,          \
                     void *panel)                                                                                      \
    {                                                                                                                  \
        pack(rows, tap_k, k0, k, used, in_xor, panel, R, kr);                                                          \
    }
PACK_AS(pack4, 4, KR)
PACK_AS(pack8, 8, KR)
PACK_AS(pack12, 12, KR)
PACK_AS(pack16, 16, KR)
PACK_AS(pack4_two, 4, 2 * KR)
PACK_AS(pack8_two, 8, 2 * KR)

#define TILE(op, MR, NR, BITS, packa, packw, step, start)                                                              \
    static void run_##op##_##MR##x##NR(size_t k, const void *a, const void *w, const struct qnt_tile *t)               \
    {                                                                                                                  \
        run(k, a, w, t, MR, NR, BITS);                                                                                 \
    }                                                                                                                  \
    const struct qnt_gemm qnt_##op##_##MR##x##NR##_neoni8mm = {                                                        \
        .name = #MR "x" #NR,                                                                                           \
        .run = run_##op##_##MR##x##NR,                                                                                 \
        .pack_a = packa,                                                                                               \
        .pack_w = packw,                                                                                               \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = BITS == 2 ? 2 * KR : KR,                                                                                 \
        .a_size = 1,                                                                                                   \
        .w_bits = BITS,                                                                                                \
        .w_bias = 0,                                                                                                   \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
        .tall = 1,                                                                                                     \
    };
QNT_PACK_LOW(pack8_s4, pack8, 8, KR, 4)
QNT_PACK_LOW(pack12_s4, pack12, 12, KR, 4)
QNT_PACK_LOW(pack16_s4, pack16, 16, KR, 4)
QNT_PACK_LOW(pack8_s2, pack8, 8, 2 * KR, 2)
QNT_PACK_LOW(pack12_s2, pack12, 12, 2 * KR, 2)
QNT_PACK_LOW(pack16_s2, pack16, 16, 2 * KR, 2)
/* Costs in 1/16 cycle of a core with two SMMLA a cycle, with half of the packing of A in the step. */
TILE(gemm_s8, 4, 16, 8, pack4, pack16, 160, 520)
TILE(gemm_s8, 8, 8, 8, pack8, pack8, 148, 520)
TILE(gemm_s8, 8, 12, 8, pack8, pack12, 207, 640)
TILE(gemm_s4s8, 4, 16, 4, pack4, pack16_s4, 260, 1500)
TILE(gemm_s4s8, 8, 8, 4, pack8, pack8_s4, 240, 1400)
TILE(gemm_s4s8, 8, 12, 4, pack8, pack12_s4, 330, 2000)
TILE(gemm_s2s8, 4, 16, 2, pack4_two, pack16_s2, 560, 1500)
TILE(gemm_s2s8, 8, 8, 2, pack8_two, pack8_s2, 500, 1400)
TILE(gemm_s2s8, 8, 12, 2, pack8_two, pack12_s2, 690, 2000)
