/* 8-bit tiles on SMMLA: a 2 x 2 block of s32 gets the products of 2 rows of A with 2 rows of W, 8 bytes of k each,
 * which is twice the work of an SDOT.
 *
 * A panel [k/8][MR][8], W panel [k/8][NR][8]. One step of k: MR / 2 vectors of A stay, each of NR / 2 of W is loaded
 * and used by all of them; sums of rows 2i, 2i+1 and columns 2j, 2j+1 are acc[i * NR / 2 + j], row by row. Registers:
 *
 *   8x12  24 sums + 4 of A + 1..4 of W   the general one
 *   8x8   16 + 4 + 1..                   channels by 8 and 16
 *   4x16  16 + 2 + 1..                   few rows
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

/* Step u of a group. */
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

QNT_INLINE int32x4_t halves(int32x4_t x, int32x4_t y, const int which)
{
    int64x2_t a = vreinterpretq_s64_s32(x), b = vreinterpretq_s64_s32(y);
    return vreinterpretq_s32_s64(which ? vzip2q_s64(a, b) : vzip1q_s64(a, b));
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR, const int NR,
                     const int BITS, void store(const struct qnt_tile *, int32_t *))
{
    const int8_t *pa = a, *pw = w;
    int32x4_t acc[24], bias[4];
    int32_t out[96];
    qnt_tile_bias_neon(t, bias, NR / 4);
    QNT_UNROLL
    for (int i = 0; i < MR / 2; i++) {
        QNT_UNROLL
        for (int j = 0; j < NR / 2; j++)
            acc[i * NR / 2 + j] = halves(bias[j / 2], bias[j / 2], j % 2);
    }
    const int group = KR * steps_of(BITS);
    for (; k; k -= (size_t)group, pa += group * MR, pw += group * NR * BITS / 8) {
        QNT_UNROLL
        for (int u = 0; u < steps_of(BITS); u++)
            step(acc, pa, pw, u, MR, NR, BITS);
    }
    QNT_UNROLL
    for (int i = 0; i < MR; i++) {
        QNT_UNROLL
        for (int v = 0; v < NR / 4; v++) {
            const int32x4_t *pair = acc + i / 2 * NR / 2 + 2 * v;
            vst1q_s32(out + i * NR + 4 * v, halves(pair[0], pair[1], i % 2));
        }
    }
    store(t, out);
}

/* Two rows, 16 bytes of k. */
QNT_INLINE void pack_pair(const void *const *rows, size_t at, int8x16_t flip, int8_t *out, size_t steps, const int R)
{
    int64x2_t x = vreinterpretq_s64_s8(veorq_s8(vld1q_s8((const int8_t *)rows[0] + at), flip));
    int64x2_t y = vreinterpretq_s64_s8(veorq_s8(vld1q_s8((const int8_t *)rows[1] + at), flip));
    vst1q_s8(out, vreinterpretq_s8_s64(vzip1q_s64(x, y)));
    if (steps > 1)
        vst1q_s8(out + 8 * R, vreinterpretq_s8_s64(vzip2q_s64(x, y)));
}

QNT_INLINE void pack(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                     void *panel, const int R, const size_t kr)
{
    struct qnt_rows r;
    int8_t *out = panel;
    qnt_rows_init(&r, rows, tap_k, k0, k, used, R);
    while (qnt_rows_next(&r, 16))
        for (size_t j = 0; j < r.bytes; j += 16, out += 16 * R) {
            const size_t bytes = r.bytes - j < 16 ? r.bytes - j : 16;
            const int8x16_t flip = qnt_flip_neon(in_xor, bytes);
            for (int s = 0; s < R; s += 2)
                pack_pair(r.row + s, r.at + j, flip, out + 8 * s, (bytes + kr - 1) / kr * (kr / KR), R);
        }
}

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

#define TILE(op, MR, NR, BITS, packa, packw, store, step, start)                                                       \
    static void run_##op##_##MR##x##NR(size_t k, const void *a, const void *w, const struct qnt_tile *t)               \
    {                                                                                                                  \
        tile(k, a, w, t, MR, NR, BITS, store);                                                                         \
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
    };
QNT_TILE_STORE_NEON(store2, 2, 2)
QNT_TILE_STORE_NEON(store3, 3, 1)
QNT_TILE_STORE_NEON(store4, 4, 1)
QNT_PACK_LOW(pack8_s4, pack8, 8, KR, 4)
QNT_PACK_LOW(pack12_s4, pack12, 12, KR, 4)
QNT_PACK_LOW(pack16_s4, pack16, 16, KR, 4)
QNT_PACK_LOW(pack8_s2, pack8, 8, 2 * KR, 2)
QNT_PACK_LOW(pack12_s2, pack12, 12, 2 * KR, 2)
QNT_PACK_LOW(pack16_s2, pack16, 16, 2 * KR, 2)
/* Costs in 1/16 cycle of a core with two SMMLA a cycle, with half of the packing of A in the step. */
TILE(gemm_s8, 4, 16, 8, pack4, pack16, store4, 165, 1500)
TILE(gemm_s8, 8, 8, 8, pack8, pack8, store2, 190, 1400)
TILE(gemm_s8, 8, 12, 8, pack8, pack12, store3, 255, 2000)
TILE(gemm_s4s8, 4, 16, 4, pack4, pack16_s4, store4, 260, 1500)
TILE(gemm_s4s8, 8, 8, 4, pack8, pack8_s4, store2, 240, 1400)
TILE(gemm_s4s8, 8, 12, 4, pack8, pack12_s4, store3, 330, 2000)
TILE(gemm_s2s8, 4, 16, 2, pack4_two, pack16_s2, store4, 560, 1500)
TILE(gemm_s2s8, 8, 8, 2, pack8_two, pack8_s2, store2, 500, 1400)
TILE(gemm_s2s8, 8, 12, 2, pack8_two, pack12_s2, store3, 690, 2000)
