/* Tiles with W of 4 and 2 bits on vpmaddubsw: two products of u8 x s8 into each s16. On s8 that would saturate; a + 128
 * times a code of 4 bits is within 255 * 8, and so the pairs of 8 steps within 8 * 2 * 255 * 8 = 32640, as those of 32
 * steps with 2 bits. So long they are added up in s16, then in s32: little more than half of the instructions that s8
 * takes here.
 *
 * A panel [k/4][MR][4] of a ^ 0x80 (w_bias), W panel [k/4][16][4] of codes (layout: kernels.h). A step: the codes of
 * two vectors (8 columns each), by a table that extends the sign; each of MR dwords of A broadcast and used twice.
 * Registers of 4x16: 8 sums of s16, 2 of W, one broadcast, one product; the sums of s32 wait in memory. */
#include <immintrin.h>
#include "pack_low.h"
#include "x86/codes_avx2.h"
#include "x86/pack_u8_avx2.h"
#include "x86/tile_avx2.h"

enum { NR = 16 };

/* n steps into `sum`, [MR][16]. */
QNT_INLINE void burst(int32_t *sum, const int8_t *a, const uint8_t *w, size_t n, const int MR, const int BITS)
{
    __m256i acc[8];
    QNT_UNROLL
    for (int i = 0; i < 2 * MR; i++)
        acc[i] = _mm256_setzero_si256();
    for (; n; n--, a += 4 * MR, w += 8 * BITS) {
        const __m256i w0 = qnt_codes_avx2(w, 0, BITS), w1 = qnt_codes_avx2(w, 1, BITS);
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            const __m256i av = qnt_dword_avx2(a + 4 * i);
            acc[2 * i] = _mm256_add_epi16(acc[2 * i], _mm256_maddubs_epi16(av, w0));
            acc[2 * i + 1] = _mm256_add_epi16(acc[2 * i + 1], _mm256_maddubs_epi16(av, w1));
            /* row by row: gcc 12 would compute all products first, and put sums on the stack */
            __asm__("" : "+x"(acc[2 * i]), "+x"(acc[2 * i + 1]) : : "memory");
        }
    }
    QNT_UNROLL
    for (int i = 0; i < 2 * MR; i++) {
        __m256i *s = (__m256i *)(void *)(sum + 8 * i);
        _mm256_store_si256(s, _mm256_add_epi32(_mm256_load_si256(s), _mm256_madd_epi16(acc[i], _mm256_set1_epi16(1))));
    }
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR, const int BITS)
{
    const size_t most = BITS == 4 ? 8 : 32;
    const int8_t *pa = a;
    const uint8_t *pw = w;
    _Alignas(32) int32_t sum[4 * NR];
    __m256i acc[8];
    QNT_UNROLL
    for (int i = 0; i < 2 * MR; i++)
        _mm256_store_si256((__m256i *)(void *)(sum + 8 * i), qnt_tile_bias_avx2(t, i % 2));
    for (size_t left = k / 4, n; left; left -= n, pa += 4 * MR * n, pw += 8 * BITS * n) {
        n = left < most ? left : most;
        burst(sum, pa, pw, n, MR, BITS);
    }
    QNT_UNROLL
    for (int i = 0; i < 2 * MR; i++)
        acc[i] = _mm256_load_si256((const __m256i *)(const void *)(sum + 8 * i));
    qnt_tile_store_avx2(t, acc, MR);
}

#define PACK(name, R, flip)                                                                                            \
    static void name(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,          \
                     void *panel)                                                                                      \
    {                                                                                                                  \
        qnt_pack_u8_avx2(rows, tap_k, k0, k, used, in_xor ^ (flip), panel, R);                                         \
    }
PACK(pack_a4, 4, 0x80)
PACK(pack_w16, 16, 0)
QNT_PACK_LOW(pack_w16_s4, pack_w16, NR, 4, 4)
QNT_PACK_LOW(pack_w16_s2, pack_w16, NR, 4, 2)

#define TILE(op, MR, BITS, packw, step, start, row)                                                                    \
    static void run_##op##_##MR(size_t k, const void *a, const void *w, const struct qnt_tile *t)                      \
    {                                                                                                                  \
        tile(k, a, w, t, MR, BITS);                                                                                    \
    }                                                                                                                  \
    const struct qnt_gemm qnt_##op##_##MR##x16_avx2 = {                                                                \
        .name = #MR "x16",                                                                                             \
        .run = run_##op##_##MR,                                                                                        \
        .pack_a = pack_a##MR,                                                                                          \
        .pack_w = packw,                                                                                               \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 4,                                                                                                       \
        .a_size = 1,                                                                                                   \
        .w_bits = BITS,                                                                                                \
        .w_bias = 128,                                                                                                 \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
        .cost_row = row,                                                                                               \
    };
/* Costs in 1/16 cycle, by qbench tune on a Zen 4 core. */
TILE(gemm_s4s8, 4, 4, pack_w16_s4, 115, 1600, 16)
TILE(gemm_s2s8, 4, 2, pack_w16_s2, 135, 1720, 20)
