/* 8-bit tiles on vpmaddwd: two products of s16 x s16 into each s32, exact.
 *
 * Bytes are widened while packing: A panel [k/2][MR][2] and W panel [k/2][16][2] of s16. A pair of k:
 * two vectors of W (8 columns each), MR pairs of A broadcast, each used twice. Registers of 6x16: 12 sums, 2 of W, one
 * broadcast, one product. The tile for one row is bound by the stream of weights, so its W stays s8 and is widened on
 * the way in. */
#include <immintrin.h>
#include "x86/pack_s16_avx2.h"
#include "x86/tile_avx2.h"

enum { NR = 16 };

QNT_INLINE __m256i bcast(const int16_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm256_set1_epi32(v);
}

/* Codes 16 v .. of a step of 32, as s16. */
QNT_INLINE __m256i load_w(const void *w, const int v, const int BITS)
{
    return BITS == 16 ? _mm256_loadu_si256((const __m256i *)w + v)
                      : _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)w + v));
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR, const int BITS)
{
    const int16_t *pa = a;
    const char *pw = w;
    const __m256i bias[2] = {qnt_tile_bias_avx2(t, 0), qnt_tile_bias_avx2(t, 1)};
    __m256i acc[12], w0, w1;
    QNT_UNROLL
    for (int i = 0; i < 2 * MR; i++)
        acc[i] = bias[i % 2];
    for (; k; k -= 2, pa += 2 * MR, pw += 4 * BITS) {
        w0 = load_w(pw, 0, BITS);
        w1 = load_w(pw, 1, BITS);
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            __m256i av = bcast(pa + 2 * i);
            acc[2 * i] = _mm256_add_epi32(acc[2 * i], _mm256_madd_epi16(av, w0));
            acc[2 * i + 1] = _mm256_add_epi32(acc[2 * i + 1], _mm256_madd_epi16(av, w1));
        }
    }
    qnt_tile_store_avx2(t, acc, MR);
}

#define PACK(name, R)                                                                                                  \
    static void name(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,          \
                     void *panel)                                                                                      \
    {                                                                                                                  \
        qnt_pack_s16_avx2(rows, tap_k, k0, k, used, in_xor, panel, R);                                                 \
    }
PACK(pack_a4, 4)
PACK(pack_a6, 6)
PACK(pack_w16, 16)

static void pack_a1(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                    void *panel)
{
    qnt_pack_row_s16_avx2(rows, tap_k, k0, k, used, in_xor, panel);
}

static void pack_w16_s8(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                        void *panel)
{
    qnt_pack_s8_pairs_avx2(rows, tap_k, k0, k, used, in_xor, panel, NR);
}

#define TILE(MR, BITS, packw, step, start)                                                                             \
    static void run_##MR(size_t k, const void *a, const void *w, const struct qnt_tile *t)                             \
    {                                                                                                                  \
        tile(k, a, w, t, MR, BITS);                                                                                    \
    }                                                                                                                  \
    const struct qnt_gemm qnt_gemm_s8_##MR##x16_avx2 = {                                                               \
        .name = #MR "x16",                                                                                             \
        .run = run_##MR,                                                                                               \
        .pack_a = pack_a##MR,                                                                                          \
        .pack_w = packw,                                                                                               \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 2,                                                                                                       \
        .a_size = 2,                                                                                                   \
        .w_bits = BITS,                                                                                                \
        .w_bias = 0,                                                                                                   \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
    };
/* Costs in 1/16 cycle, measured on a Zen 4 core, with half of the packing of A in the step. */
TILE(1, 8, pack_w16_s8, 43, 900)
TILE(4, 16, pack_w16, 105, 1200)
TILE(6, 16, pack_w16, 155, 1600)
