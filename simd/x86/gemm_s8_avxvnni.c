/* 8-bit tiles on vpdpbusd with 256-bit vectors: four products of u8 x s8 into each s32, no saturation.
 *
 * A panel [k/4][MR][4] holds a ^ 0x80 as u8 (that is a + 128: w_bias), W panel [k/4][16][4] holds s8. One step of k:
 * two vectors of W (8 columns each), each of MR dwords of A broadcast once and used twice. Registers:
 *
 *   6x16  12 sums + 2 of W + 1 broadcast
 *   4x16   8 + 2 + 1      few rows
 *   1x16   2 x 4 + ...    one row: four steps have sums of their own to hide the latency
 *
 * The intrinsic is the one of AVX-512 VL, so that a test can have the same code in EVEX encoding. */
#include <immintrin.h>
#include "pack_rows.h"
#include "x86/tile_avx2.h"

enum { NR = 16 };

QNT_INLINE __m256i bcast(const int8_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm256_set1_epi32(v);
}

/* KU steps, step u into its own set of sums. */
QNT_INLINE void steps(__m256i *acc, const int8_t *a, const int8_t *w, const int MR, const int KU)
{
    QNT_UNROLL
    for (int u = 0; u < KU; u++) {
        const __m256i *wv = (const __m256i *)w + 2 * u;
        __m256i w0 = _mm256_loadu_si256(wv), w1 = _mm256_loadu_si256(wv + 1);
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            __m256i *s = &acc[2 * (u * MR + i)], av = bcast(a + 4 * (u * MR + i));
            s[0] = _mm256_dpbusd_epi32(s[0], av, w0);
            s[1] = _mm256_dpbusd_epi32(s[1], av, w1);
        }
    }
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR, const int KU)
{
    const int8_t *pa = a, *pw = w;
    const __m256i bias[2] = {qnt_tile_bias_avx2(t, 0), qnt_tile_bias_avx2(t, 1)};
    __m256i acc[12];
    QNT_UNROLL
    for (int i = 0; i < 2 * MR * KU; i++)
        acc[i] = i < 2 * MR ? bias[i % 2] : _mm256_setzero_si256();
    size_t left = k / 4;
    for (; left >= (size_t)KU; left -= (size_t)KU, pa += 4 * MR * KU, pw += 4 * NR * KU)
        steps(acc, pa, pw, MR, KU);
    if (KU > 1) {
        for (; left; left--, pa += 4 * MR, pw += 4 * NR)
            steps(acc, pa, pw, MR, 1);
        QNT_UNROLL
        for (int i = 2 * MR; i < 2 * MR * KU; i++)
            acc[i % (2 * MR)] = _mm256_add_epi32(acc[i % (2 * MR)], acc[i]);
    }
    qnt_tile_store_avx2(t, acc, MR);
}

/* x in the first n (1..16) bytes, 0 after them: the padding of k is not flipped. */
QNT_INLINE __m128i flip_first(uint8_t x, size_t n)
{
    const __m128i at = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm_and_si128(_mm_cmpgt_epi8(_mm_set1_epi8((char)n), at), _mm_set1_epi8((char)x));
}

/* Four rows (or the first two of them), 16 bytes of k: their 4 x 4 dwords transposed. */
QNT_INLINE void pack_block(const void *const *rows, size_t at, __m128i flip, int8_t *out, size_t steps, const int R,
                           const int n)
{
    __m128i x[4];
    QNT_UNROLL
    for (int i = 0; i < 4; i++)
        x[i] = _mm_xor_si128(_mm_loadu_si128((const __m128i *)((const int8_t *)rows[i < n ? i : 0] + at)), flip);
    __m128i ab0 = _mm_unpacklo_epi32(x[0], x[1]), ab1 = _mm_unpackhi_epi32(x[0], x[1]);
    __m128i cd0 = _mm_unpacklo_epi32(x[2], x[3]), cd1 = _mm_unpackhi_epi32(x[2], x[3]);
    __m128i y[4] = {_mm_unpacklo_epi64(ab0, cd0), _mm_unpackhi_epi64(ab0, cd0), _mm_unpacklo_epi64(ab1, cd1),
                    _mm_unpackhi_epi64(ab1, cd1)};
    QNT_UNROLL
    for (size_t g = 0; g < 4; g++) {
        if (g >= steps)
            break;
        if (n == 4)
            _mm_storeu_si128((__m128i *)(out + 4 * g * (size_t)R), y[g]);
        else
            _mm_storel_epi64((__m128i *)(out + 4 * g * (size_t)R), y[g]);
    }
}

QNT_INLINE void pack(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t flip, void *panel,
                     const int R)
{
    struct qnt_rows r;
    int8_t *out = panel;
    qnt_rows_init(&r, rows, tap_k, k0, k, used, R);
    while (qnt_rows_next(&r, 16))
        for (size_t j = 0; j < r.bytes; j += 16, out += 16 * R) {
            const size_t bytes = r.bytes - j < 16 ? r.bytes - j : 16;
            const __m128i f = flip_first(flip, bytes);
            int s = 0;
            for (; s + 4 <= R; s += 4)
                pack_block(r.row + s, r.at + j, f, out + 4 * s, (bytes + 3) / 4, R, 4);
            if (R % 4)
                pack_block(r.row + s, r.at + j, f, out + 4 * s, (bytes + 3) / 4, R, 2);
        }
}

/* A panel of one row is the row itself, padded to 4 bytes. */
static void pack_a1(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                    void *panel)
{
    const __m128i flip = _mm_set1_epi8((char)(in_xor ^ 0x80)); /* A's padding meets zeros of W */
    struct qnt_rows r;
    int8_t *out = panel, part[16];
    qnt_rows_init(&r, rows, tap_k, k0, k, used, 1);
    while (qnt_rows_next(&r, 16))
        for (size_t j = 0; j < r.bytes; j += 16, out += 16) {
            __m128i x = _mm_loadu_si128((const __m128i *)((const int8_t *)r.row[0] + r.at + j));
            x = _mm_xor_si128(x, flip);
            if (r.bytes - j >= 16) {
                _mm_storeu_si128((__m128i *)out, x);
            } else {
                _mm_storeu_si128((__m128i *)part, x);
                memcpy(out, part, (r.bytes - j + 3) / 4 * 4);
            }
        }
}

#define PACK(name, R, flip)                                                                                            \
    static void name(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,          \
                     void *panel)                                                                                      \
    {                                                                                                                  \
        pack(rows, tap_k, k0, k, used, in_xor ^ (flip), panel, R);                                                     \
    }
PACK(pack_a4, 4, 0x80)
PACK(pack_a6, 6, 0x80)
PACK(pack_w16, 16, 0)

#define TILE(MR, KU, step, start)                                                                                      \
    static void run_##MR(size_t k, const void *a, const void *w, const struct qnt_tile *t)                             \
    {                                                                                                                  \
        tile(k, a, w, t, MR, KU);                                                                                      \
    }                                                                                                                  \
    const struct qnt_gemm qnt_gemm_s8_##MR##x16_avxvnni = {                                                            \
        .name = #MR "x16",                                                                                             \
        .run = run_##MR,                                                                                               \
        .pack_a = pack_a##MR,                                                                                          \
        .pack_w = pack_w16,                                                                                            \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 4,                                                                                                       \
        .a_size = 1,                                                                                                   \
        .w_bits = 8,                                                                                                   \
        .w_bias = 128,                                                                                                 \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
    };
/* Costs in 1/16 cycle, measured in EVEX encoding on a Zen 4 core, with half of the packing of A in the step. */
TILE(1, 4, 48, 900)
TILE(4, 1, 104, 1200)
TILE(6, 1, 139, 1600)
