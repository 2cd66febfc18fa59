/* 8-bit tiles on vpmaddwd, for AVX-512 without VNNI: two products of s16 x s16 into each s32, exact.
 *
 * Bytes are widened while packing: A panel [k/2][MR][2] and W panel [k/2][NR][2] of s16. A pair of k: NV = NR / 16
 * vectors of W, MR pairs of A broadcast, each used NV times. Products and sums share two ports, so only the number of
 * loads and the width of the store tell the tiles apart. Registers: MR * NV sums + NV + one broadcast + one product:
 *
 *   12x32  24 + 2 + 2   the general one
 *   16x16  16 + 1 + 2   few output channels
 *   4x32    8 + 2 + 2   few rows
 *   1x32    2 + 2 + 2   one row: bound by the stream of weights, so its W stays s8 and is widened on the way in */
#include <immintrin.h>
#include "x86/pack_s16_avx2.h"
#include "x86/tile_avx512.h"

QNT_INLINE __m512i bcast(const int16_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}

QNT_INLINE __m512i load_w(const void *w, int v, const int w_size)
{
    return w_size == 2 ? _mm512_loadu_si512((const __m512i *)w + v)
                       : _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)w + v));
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR, const int NV,
                     const int w_size)
{
    const int16_t *pa = a;
    const char *pw = w;
    __m512i acc[24], bias[2], wv[2];
    QNT_UNROLL
    for (int v = 0; v < NV; v++)
        bias[v] = qnt_tile_bias_avx512(t, v);
    QNT_UNROLL
    for (int i = 0; i < MR * NV; i++)
        acc[i] = bias[i % NV];
    for (; k; k -= 2, pa += 2 * MR, pw += 32 * NV * w_size) {
        QNT_UNROLL
        for (int v = 0; v < NV; v++)
            wv[v] = load_w(pw, v, w_size);
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            __m512i av = bcast(pa + 2 * i);
            QNT_UNROLL
            for (int v = 0; v < NV; v++)
                acc[i * NV + v] = _mm512_add_epi32(acc[i * NV + v], _mm512_madd_epi16(av, wv[v]));
        }
    }
    qnt_tile_store_avx512(t, acc, MR, NV);
}

#define PACK(name, R)                                                                                                  \
    static void name(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,          \
                     void *panel)                                                                                      \
    {                                                                                                                  \
        qnt_pack_s16_avx2(rows, tap_k, k0, k, used, in_xor, panel, R);                                                 \
    }
PACK(pack_a4, 4)
PACK(pack_a12, 12)
PACK(pack_a16, 16)
PACK(pack_w32, 32)

static void pack_a1(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                    void *panel)
{
    qnt_pack_row_s16_avx2(rows, tap_k, k0, k, used, in_xor, panel);
}

static void pack_w32_s8(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                        void *panel)
{
    qnt_pack_s8_pairs_avx2(rows, tap_k, k0, k, used, in_xor, panel, 32);
}

#define TILE(MR, NR, wsize, packw, step, start)                                                                        \
    static void run_##MR##x##NR(size_t k, const void *a, const void *w, const struct qnt_tile *t)                      \
    {                                                                                                                  \
        tile(k, a, w, t, MR, NR / 16, wsize);                                                                          \
    }                                                                                                                  \
    const struct qnt_gemm qnt_gemm_s8_##MR##x##NR##_avx512 = {                                                         \
        .name = #MR "x" #NR,                                                                                           \
        .run = run_##MR##x##NR,                                                                                        \
        .pack_a = pack_a##MR,                                                                                          \
        .pack_w = packw,                                                                                               \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 2,                                                                                                       \
        .a_size = 2,                                                                                                   \
        .w_size = wsize,                                                                                               \
        .w_bias = 0,                                                                                                   \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
    };
/* Costs in 1/16 cycle of a core with two 512-bit ports, by counting, with half of the packing of A in the step (cores
 * with twice 256 bits run these at the speed of AVX2's). */
TILE(1, 32, 1, pack_w32_s8, 60, 900)
TILE(4, 32, 2, pack_w32, 155, 1400)
TILE(16, 16, 2, pack_a16, 330, 2000)
TILE(12, 32, 2, pack_w32, 450, 3100)
