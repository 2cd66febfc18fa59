/* 8-bit tiles on vpdpbusd: four products of u8 x s8 into each s32, no saturation.
 *
 * A panel [k/4][MR][4] holds a ^ 0x80 as u8 (that is a + 128: w_bias), so signed and unsigned sources cost the same; W
 * panel [k/4][NR][4] holds s8. One step of k: NV = NR / 16 vectors of W are loaded, each of MR dwords of A is broadcast
 * once and used NV times. Registers: MR * NV sums + NV of W + one broadcast:
 *
 *   12x32  24 + 2 + 1   the general one: 14 loads for 24 vpdpbusd
 *   16x16  16 + 1 + 1   few output channels; 16 rows are a full vector, the fastest to pack
 *   4x64   16 + 4 + 1   few rows
 *   4x16   4 x 2 + ...  few rows and columns: even and odd steps have sums of their own to hide the latency
 *   1x64   4 x 2        one row: bound by the stream of weights
 *   1x16   1 x 8
 */
#include "x86/pack_avx512.h"
#include "x86/tile_avx512.h"

QNT_INLINE __m512i bcast(const int8_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}

/* KU steps, step u into its own set of sums. */
QNT_INLINE void steps(__m512i *acc, const int8_t *a, const int8_t *w, const int MR, const int NV, const int KU)
{
    QNT_UNROLL
    for (int u = 0; u < KU; u++) {
        __m512i wv[4];
        QNT_UNROLL
        for (int v = 0; v < NV; v++)
            wv[v] = _mm512_loadu_si512(w + 64 * (u * NV + v));
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            __m512i av = bcast(a + 4 * (u * MR + i));
            QNT_UNROLL
            for (int v = 0; v < NV; v++) {
                __m512i *s = &acc[(u * MR + i) * NV + v];
                *s = _mm512_dpbusd_epi32(*s, av, wv[v]);
            }
        }
    }
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR, const int NV,
                     const int KU)
{
    const int8_t *pa = a, *pw = w;
    __m512i acc[32], bias[4];
    QNT_UNROLL
    for (int v = 0; v < NV; v++)
        bias[v] = qnt_tile_bias_avx512(t, v);
    QNT_UNROLL
    for (int i = 0; i < MR * NV; i++)
        acc[i] = KU > 1 ? _mm512_setzero_si512() : bias[i % NV];
    QNT_UNROLL
    for (int i = MR * NV; i < MR * NV * KU; i++)
        acc[i] = _mm512_setzero_si512();
    size_t left = k / 4;
    for (; left >= (size_t)KU; left -= (size_t)KU, pa += 4 * MR * KU, pw += 64 * NV * KU)
        steps(acc, pa, pw, MR, NV, KU);
    if (KU > 1) { /* short tiles: the bias stays out of the chain of sums */
        QNT_UNROLL
        for (int h = KU / 2; h; h /= 2) {
            if (!(left & (size_t)h))
                continue;
            steps(acc, pa, pw, MR, NV, h);
            pa += 4 * MR * h;
            pw += 64 * NV * h;
        }
        QNT_UNROLL
        for (int h = KU / 2; h; h /= 2)
            QNT_UNROLL
        for (int i = 0; i < MR * NV * h; i++)
            acc[i] = _mm512_add_epi32(acc[i], acc[MR * NV * h + i]);
        QNT_UNROLL
        for (int i = 0; i < MR * NV; i++)
            acc[i] = _mm512_add_epi32(acc[i], bias[i % NV]);
    }
    qnt_tile_store_avx512(t, acc, MR, NV);
}

#define PACK(R)                                                                                                        \
    static void pack_a##R(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,     \
                          void *panel)                                                                                 \
    {                                                                                                                  \
        qnt_pack_rows_avx512(rows, tap_k, k0, k, used, in_xor ^ 0x80, panel, R);                                       \
    }
#define PACK_W(R)                                                                                                      \
    static void pack_w##R(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,     \
                          void *panel)                                                                                 \
    {                                                                                                                  \
        qnt_pack_rows_avx512(rows, tap_k, k0, k, used, in_xor, panel, R);                                              \
    }
PACK(4)
PACK(12)
PACK(16)
PACK_W(16)
PACK_W(32)
PACK_W(64)

static void pack_a1(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                    void *panel)
{
    (void)used;
    qnt_pack_row_avx512(rows, tap_k, k0, k, in_xor ^ 0x80, panel);
}

#define TILE(MR, NR, KU, step, start)                                                                                  \
    static void run_##MR##x##NR(size_t k, const void *a, const void *w, const struct qnt_tile *t)                      \
    {                                                                                                                  \
        tile(k, a, w, t, MR, NR / 16, KU);                                                                             \
    }                                                                                                                  \
    const struct qnt_gemm qnt_gemm_s8_##MR##x##NR##_avx512vnni = {                                                     \
        .name = #MR "x" #NR,                                                                                           \
        .run = run_##MR##x##NR,                                                                                        \
        .pack_a = pack_a##MR,                                                                                          \
        .pack_w = pack_w##NR,                                                                                          \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 4,                                                                                                       \
        .a_size = 1,                                                                                                   \
        .w_size = 1,                                                                                                   \
        .w_bias = 128,                                                                                                 \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
    };
/* Costs in 1/16 cycle, measured on a Zen 4 core, with half of the packing of A in the step: how often A is packed for
 * one tile depends on n. */
TILE(1, 16, 8, 32, 900)
TILE(1, 64, 2, 115, 1200)
TILE(4, 16, 2, 90, 1000)
TILE(4, 64, 1, 300, 3400)
TILE(16, 16, 1, 306, 2000)
TILE(12, 32, 1, 445, 3100)
