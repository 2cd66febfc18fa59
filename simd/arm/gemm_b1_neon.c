/* Binary tiles on CNT, popcounts of bytes.
 *
 * W panel [k/4][16][4], dword lanes are columns; A panel [k/4][rows][16], each dword four times (a_size 4), so that a
 * load of four vectors is all that a step needs of either. The four bytes of a lane count on their own for STEPS steps
 * (8 at most in each), then UADDLP and UADALP add them up. Registers of 4x16: 16 counters, 4 of W, 4 of A, 2 in flight;
 * the sums of the steps wait in memory. */
#include <arm_neon.h>
#include "pack_b1.h"
#include "ref/gemm_b1_tile.h"
#include "arm/tile_neon.h"

enum { STEPS = 31 };

QNT_INLINE void step(uint8x16_t *acc, const int8_t **a, const int8_t **w, const int MR)
{
    int8x16_t av[4], wv[4];
    qnt_take_neon(av, a, MR);
    qnt_take_neon(wv, w, 4);
    QNT_UNROLL
    for (int i = 0; i < MR; i++) {
        QNT_UNROLL
        for (int v = 0; v < 4; v++)
            acc[4 * i + v] = vaddq_u8(acc[4 * i + v], vreinterpretq_u8_s8(vcntq_s8(veorq_s8(av[i], wv[v]))));
    }
}

QNT_INLINE void count(uint8x16_t *acc, const int8_t **a, const int8_t **w, size_t n, const int MR)
{
    QNT_UNROLL
    for (int i = 0; i < 4 * MR; i++)
        acc[i] = vdupq_n_u8(0);
    for (; n; n--)
        step(acc, a, w, MR);
}

static __attribute__((noinline)) void store(const struct qnt_tile *t, int32_t *acc)
{
    const struct qnt_epilogue *e = t->e;
    if (e->kind == QNT_EPI_BITS || e->kind == QNT_EPI_F32) {
        qnt_tile_store_b1_ref(t, acc, 16);
        return;
    }
    qnt_tile_row_bias_ref(t, acc, 16);
    int32x4_t bias[4];
    qnt_tile_bias_neon(t, bias, 4);
    for (uint32_t i = 0; i < t->m; i++)
        QNT_UNROLL
    for (int v = 0; v < 4; v++)
        vst1q_s32(acc + 16 * i + 4 * v, vaddq_s32(vld1q_s32(acc + 16 * i + 4 * v), bias[v]));
    qnt_tile_store_neon(t, acc, 4);
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR)
{
    const int8_t *pa = a, *pw = w;
    uint8x16_t acc[16];
    uint32x4_t sum[16];
    int32_t out[64];
    QNT_UNROLL
    for (int i = 0; i < 4 * MR; i++)
        sum[i] = vdupq_n_u32(0);
    for (size_t left = k / 4, n; left; left -= n) {
        n = left < STEPS ? left : STEPS;
        count(acc, &pa, &pw, n, MR);
        QNT_UNROLL
        for (int i = 0; i < 4 * MR; i++)
            sum[i] = vpadalq_u16(sum[i], vpaddlq_u8(acc[i]));
    }
    QNT_UNROLL
    for (int i = 0; i < 4 * MR; i++)
        vst1q_s32(out + 4 * i, vreinterpretq_s32_u32(vsubq_u32(vdupq_n_u32(0), vshlq_n_u32(sum[i], 1))));
    store(t, out);
}

/* R rows of A, 4 * n bytes of k: rows side by side. */
QNT_INLINE void pack_part(const void *const *rows, size_t at, size_t n, uint8_t *out, const int R)
{
    for (; n; n--, at += 4, out += 16 * R) {
        QNT_UNROLL
        for (int i = 0; i < R; i++) {
            uint32_t word;
            memcpy(&word, (const uint8_t *)rows[i] + at, 4);
            vst1q_u8(out + 16 * i, vreinterpretq_u8_u32(vdupq_n_u32(word)));
        }
    }
}

QNT_INLINE void pack_a(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, void *panel,
                       const int R)
{
    struct qnt_rows r;
    uint8_t *out = panel;
    qnt_rows_init(&r, rows, tap_k, k0, k, used, R);
    while (qnt_rows_next(&r, 8)) {
        const size_t n = (r.bytes + 3) / 4;
        pack_part(r.row, r.at, n, out, R);
        out += 16 * n * (size_t)R;
    }
}

#define TILE(MR, step, start)                                                                                          \
    static void pack_a##MR(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,    \
                           void *panel)                                                                                \
    {                                                                                                                  \
        (void)in_xor;                                                                                                  \
        pack_a(rows, tap_k, k0, k, used, panel, MR);                                                                   \
    }                                                                                                                  \
    static void run_##MR##x16(size_t k, const void *a, const void *w, const struct qnt_tile *t)                        \
    {                                                                                                                  \
        tile(k, a, w, t, MR);                                                                                          \
    }                                                                                                                  \
    const struct qnt_gemm qnt_gemm_b1_##MR##x16_neon = {                                                               \
        .name = #MR "x16",                                                                                             \
        .run = run_##MR##x16,                                                                                          \
        .pack_a = pack_a##MR,                                                                                          \
        .pack_w = pack_w16,                                                                                            \
        .mr = MR,                                                                                                      \
        .nr = 16,                                                                                                      \
        .kr = 4,                                                                                                       \
        .a_size = 4,                                                                                                   \
        .w_bits = 8,                                                                                                   \
        .binary = 1,                                                                                                   \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
    };
QNT_PACK_B1(pack_w16, qnt_pack_b1_wide, 16, 0)
/* Costs in 1/16 cycle, estimated, with half of the packing of A in the step. */
TILE(1, 150, 1000)
TILE(4, 430, 2000)
