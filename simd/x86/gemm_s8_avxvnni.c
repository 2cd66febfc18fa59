/* 8-bit tiles on vpdpbusd with 256-bit vectors: four products of u8 x s8 into each s32, no saturation.
 *
 * A panel [k/4][MR][4] holds a ^ 0x80 as u8 (that is a + 128: w_bias), W panel [k/4][16][4] holds s8. One step of k:
 * two vectors of W (8 columns each), each of MR dwords of A broadcast once and used twice. Registers:
 *
 *   6x16  12 sums + 2 of W + 1 broadcast; for 8 bits of W it is in gemm_rows_avxvnni.c
 *   4x16   8 + 2 + 1      few rows
 *   1x16   2 x 4 + ...    one row: four steps have sums of their own to hide the latency
 *
 * W of 4 and 2 bits: as for AVX-512 a code is left in the upper bits of its byte, and the sums are 16 or 64 times too
 * large until the end.
 *
 * The intrinsic is the one of AVX-512 VL, so that a test can have the same code in EVEX encoding. */
#include <immintrin.h>
#include <stdbool.h>
#include "pack_low.h"
#include "x86/pack_u8_avx2.h"
#include "x86/tile_avx2.h"

enum { NR = 16 };

/* Codes 32 v .. of a step of 64, times 2^(8 - BITS). */
QNT_INLINE __m256i load_w(const uint8_t *w, const int v, const int BITS)
{
    const __m256i top = _mm256_set1_epi8((char)(0xff << (8 - BITS)));
    __m256i x;
    if (BITS == 8)
        return _mm256_loadu_si256((const __m256i *)w + v);
    if (BITS == 4) {
        x = _mm256_loadu_si256((const __m256i *)w);
        return _mm256_and_si256(v ? _mm256_slli_epi32(x, 4) : x, top);
    }
    const int s = 4 * v, t = s + 2;
    x = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)w));
    return _mm256_and_si256(_mm256_sllv_epi32(x, _mm256_setr_epi32(s, s, s, s, t, t, t, t)), top);
}

/* KU steps, step u into its own set of sums. */
QNT_INLINE void steps(__m256i *acc, const int8_t *a, const uint8_t *w, const int MR, const int KU, const int BITS)
{
    QNT_UNROLL
    for (int u = 0; u < KU; u++) {
        const uint8_t *wu = w + 8 * BITS * u;
        __m256i w0 = load_w(wu, 0, BITS), w1 = load_w(wu, 1, BITS);
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            __m256i *s = &acc[2 * (u * MR + i)], av = qnt_dword_avx2(a + 4 * (u * MR + i));
            s[0] = _mm256_dpbusd_epi32(s[0], av, w0);
            s[1] = _mm256_dpbusd_epi32(s[1], av, w1);
        }
    }
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR, const int KU,
                     const int BITS)
{
    const bool late = BITS < 8; /* the bias comes after the sums are brought to scale */
    const int8_t *pa = a;
    const uint8_t *pw = w;
    const __m256i bias[2] = {qnt_tile_bias_avx2(t, 0), qnt_tile_bias_avx2(t, 1)};
    __m256i acc[12];
    QNT_UNROLL
    for (int i = 0; i < 2 * MR * KU; i++)
        acc[i] = i < 2 * MR && !late ? bias[i % 2] : _mm256_setzero_si256();
    size_t left = k / 4;
    for (; left >= (size_t)KU; left -= (size_t)KU, pa += 4 * MR * KU, pw += 8 * BITS * KU)
        steps(acc, pa, pw, MR, KU, BITS);
    QNT_UNROLL
    for (int i = 0; i < 2 * MR * KU; i++)
        __asm__("" : "+x"(acc[i])); /* gcc 12 would store them in the loop for what comes after it */
    if (KU > 1) {
        for (; left; left--, pa += 4 * MR, pw += 8 * BITS)
            steps(acc, pa, pw, MR, 1, BITS);
        QNT_UNROLL
        for (int i = 2 * MR; i < 2 * MR * KU; i++)
            acc[i % (2 * MR)] = _mm256_add_epi32(acc[i % (2 * MR)], acc[i]);
    }
    if (late) {
        QNT_UNROLL
        for (int i = 0; i < 2 * MR; i++)
            acc[i] = _mm256_add_epi32(_mm256_srai_epi32(acc[i], 8 - BITS), bias[i % 2]);
    }
    qnt_tile_store_avx2(t, acc, MR);
}

#define PACK(name, R, flip)                                                                                            \
    static void name(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,          \
                     void *panel)                                                                                      \
    {                                                                                                                  \
        qnt_pack_u8_avx2(rows, tap_k, k0, k, used, in_xor ^ (flip), panel, R);                                         \
    }
PACK(pack_a4, 4, 0x80)
PACK(pack_a6, 6, 0x80)
PACK(pack_w16, 16, 0)

static void pack_a1(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                    void *panel)
{
    qnt_pack_row_u8_avx2(rows, tap_k, k0, k, used, in_xor ^ 0x80, panel);
}

QNT_PACK_LOW(pack_w16_s4, pack_w16, NR, 4, 4)
QNT_PACK_LOW(pack_w16_s2, pack_w16, NR, 4, 2)

#define TILE(op, MR, KU, BITS, packw, step, start)                                                                     \
    static void run_##op##_##MR(size_t k, const void *a, const void *w, const struct qnt_tile *t)                      \
    {                                                                                                                  \
        tile(k, a, w, t, MR, KU, BITS);                                                                                \
    }                                                                                                                  \
    const struct qnt_gemm qnt_##op##_##MR##x16_avxvnni = {                                                             \
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
    };
/* Costs in 1/16 cycle, measured in EVEX encoding on a Zen 4 core, with half of the packing of A in the step. */
TILE(gemm_s8, 1, 4, 8, pack_w16, 48, 900)
TILE(gemm_s8, 4, 1, 8, pack_w16, 104, 1200)
TILE(gemm_s4s8, 1, 4, 4, pack_w16_s4, 60, 900)
TILE(gemm_s4s8, 4, 1, 4, pack_w16_s4, 116, 1200)
TILE(gemm_s4s8, 6, 1, 4, pack_w16_s4, 151, 1600)
TILE(gemm_s2s8, 1, 4, 2, pack_w16_s2, 66, 900)
TILE(gemm_s2s8, 4, 1, 2, pack_w16_s2, 120, 1200)
TILE(gemm_s2s8, 6, 1, 2, pack_w16_s2, 155, 1600)
