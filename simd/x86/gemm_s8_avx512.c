/* Tiles on vpmaddwd for one row and for W of few bits, for AVX-512 without VNNI: two products of s16 x s16 into each
 * s32, exact. Other 8-bit ones are in gemm_rows_avx512.c.
 *
 * A is widened while packing, panel [k/2][MR][2] of s16. W [k/2][NR][2] is widened on the way in: the stream of weights
 * is what one row waits for. A pair of k: NV = NR / 16 vectors of W, MR pairs of A broadcast, each used NV times.
 * Products and sums share two ports, so only the number of loads and the width of the store tell the tiles apart.
 * Registers: MR * NV sums + NV + one broadcast + one product:
 *
 *   12x32  24 + 2 + 2   the general one
 *   16x16  16 + 1 + 2   few output channels
 *   4x32    8 + 2 + 2   few rows
 *   1x32    2 + 2 + 2
 *
 * W of few bits: bytes become words, a shift to the left brings a code to the top, one to the right extends its sign.
 * Where a step is less than a vector, its bytes are taken twice or four times. */
#include <immintrin.h>
#include "pack_low.h"
#include "x86/pack_s16_avx2.h"
#include "x86/tile_avx512.h"

QNT_INLINE __m512i bcast(const int16_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}

/* Codes 32 v .. of a step of 32 NV, as s16. */
QNT_INLINE __m512i load_w(const char *w, const int v, const int NV, const int BITS)
{
    const int bytes = 4 * NV * BITS, s = 8 + BITS * (32 * v / bytes), t = s + BITS, u = t + BITS, r = u + BITS;
    __m512i y;
    if (BITS == 8)
        return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(w + 32 * v)));
    if (bytes == 32) {
        y = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)w));
        y = _mm512_slli_epi16(y, (unsigned)s);
    } else if (bytes == 16) { /* what comes over from the next word stays below the code */
        y = _mm512_cvtepu8_epi16(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)w)));
        y = _mm512_sllv_epi32(y, _mm512_setr_epi32(s, s, s, s, s, s, s, s, t, t, t, t, t, t, t, t));
    } else {
        y = _mm512_cvtepu8_epi16(_mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)(const void *)w)));
        y = _mm512_sllv_epi32(y, _mm512_setr_epi32(s, s, s, s, t, t, t, t, u, u, u, u, r, r, r, r));
    }
    return _mm512_srai_epi16(y, 16 - (unsigned)BITS);
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR, const int NV,
                     const int BITS)
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
    for (; k; k -= 2, pa += 2 * MR, pw += 4 * NV * BITS) {
        QNT_UNROLL
        for (int v = 0; v < NV; v++)
            wv[v] = load_w(pw, v, NV, BITS);
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

static void pack_a1(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                    void *panel)
{
    qnt_pack_row_s16_avx2(rows, tap_k, k0, k, used, in_xor, panel);
}

static void pack_w16_s8(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                        void *panel)
{
    qnt_pack_s8_pairs_avx2(rows, tap_k, k0, k, used, in_xor, panel, 16);
}

static void pack_w32_s8(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                        void *panel)
{
    qnt_pack_s8_pairs_avx2(rows, tap_k, k0, k, used, in_xor, panel, 32);
}

#define TILE(op, MR, NR, BITS, packw, step, start)                                                                     \
    static void run_##op##_##MR##x##NR(size_t k, const void *a, const void *w, const struct qnt_tile *t)               \
    {                                                                                                                  \
        tile(k, a, w, t, MR, NR / 16, BITS);                                                                           \
    }                                                                                                                  \
    const struct qnt_gemm qnt_##op##_##MR##x##NR##_avx512 = {                                                          \
        .name = #MR "x" #NR,                                                                                           \
        .run = run_##op##_##MR##x##NR,                                                                                 \
        .pack_a = pack_a##MR,                                                                                          \
        .pack_w = packw,                                                                                               \
        .winograd = MR == 12 ? qnt_winograd_avx512 : NULL,                                                             \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 2,                                                                                                       \
        .a_size = 2,                                                                                                   \
        .w_bits = BITS,                                                                                                \
        .w_bias = 0,                                                                                                   \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
    };
/* Costs in 1/16 cycle of a core with two 512-bit ports, by counting, with half of the packing of A in the step (cores
 * with twice 256 bits run these at the speed of AVX2's). */
TILE(gemm_s8, 1, 32, 8, pack_w32_s8, 60, 900)
QNT_PACK_LOW(pack_w16_s4, pack_w16_s8, 16, 2, 4)
QNT_PACK_LOW(pack_w32_s4, pack_w32_s8, 32, 2, 4)
TILE(gemm_s4s8, 1, 32, 4, pack_w32_s4, 96, 900)
TILE(gemm_s4s8, 4, 32, 4, pack_w32_s4, 205, 1400)
TILE(gemm_s4s8, 16, 16, 4, pack_w16_s4, 390, 2000)
TILE(gemm_s4s8, 12, 32, 4, pack_w32_s4, 530, 3100)
QNT_PACK_LOW(pack_w16_s2, pack_w16_s8, 16, 2, 2)
QNT_PACK_LOW(pack_w32_s2, pack_w32_s8, 32, 2, 2)
TILE(gemm_s2s8, 1, 32, 2, pack_w32_s2, 103, 900)
TILE(gemm_s2s8, 4, 32, 2, pack_w32_s2, 205, 1400)
TILE(gemm_s2s8, 16, 16, 2, pack_w16_s2, 392, 2000)
TILE(gemm_s2s8, 12, 32, 2, pack_w32_s2, 540, 3100)
