/* Binary tiles on CNT, popcounts of bytes.
 *
 * Panels [k/4][R][4], dword lanes are columns. The four bytes of a lane count on their own for STEPS steps (8 at most
 * in each), then UADDLP and UADALP add them up. Registers of 4x16: 16 counters, 4 of W, 4 of A, 2 in flight; the sums
 * of the steps wait in memory. */
#include <arm_neon.h>
#include "pack_b1.h"
#include "ref/gemm_b1_tile.h"
#include "arm/tile_neon.h"

enum { STEPS = 31 };

QNT_INLINE void count(uint8x16_t *acc, const uint8_t *a, const uint8_t *w, size_t n, const int MR)
{
    QNT_UNROLL
    for (int i = 0; i < 4 * MR; i++)
        acc[i] = vdupq_n_u8(0);
    for (; n; n--, a += 4 * MR, w += 64) {
        uint8x16_t wv[4];
        QNT_UNROLL
        for (int v = 0; v < 4; v++)
            wv[v] = vld1q_u8(w + 16 * v);
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            uint32_t word;
            memcpy(&word, a + 4 * i, 4);
            uint8x16_t av = vreinterpretq_u8_u32(vdupq_n_u32(word));
            QNT_UNROLL
            for (int v = 0; v < 4; v++)
                acc[4 * i + v] = vaddq_u8(acc[4 * i + v], vcntq_u8(veorq_u8(av, wv[v])));
        }
    }
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

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR, const int NV)
{
    const uint8_t *pa = a, *pw = w;
    uint8x16_t acc[16];
    uint32x4_t sum[16];
    int32_t out[64];
    (void)NV;
    QNT_UNROLL
    for (int i = 0; i < 4 * MR; i++)
        sum[i] = vdupq_n_u32(0);
    for (size_t left = k / 4, n; left; left -= n, pa += 4 * n * (size_t)MR, pw += 64 * n) {
        n = left < STEPS ? left : STEPS;
        count(acc, pa, pw, n, MR);
        QNT_UNROLL
        for (int i = 0; i < 4 * MR; i++)
            sum[i] = vpadalq_u16(sum[i], vpaddlq_u8(acc[i]));
    }
    QNT_UNROLL
    for (int i = 0; i < 4 * MR; i++)
        vst1q_s32(out + 4 * i, vreinterpretq_s32_u32(vsubq_u32(vdupq_n_u32(0), vshlq_n_u32(sum[i], 1))));
    store(t, out);
}

QNT_PACK_B1(pack_a1, qnt_pack_b1, 1, 0)
QNT_PACK_B1(pack_a4, qnt_pack_b1, 4, 0)
QNT_PACK_B1(pack_w16, qnt_pack_b1_wide, 16, 0)
/* Costs in 1/16 cycle, estimated, with half of the packing of A in the step. */
QNT_TILE_B1(1, 16, neon, 0, pack_a1, pack_w16, 150, 1000)
QNT_TILE_B1(4, 16, neon, 0, pack_a4, pack_w16, 480, 2000)
