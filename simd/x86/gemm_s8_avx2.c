/* 8-bit tiles on vpmaddwd: two products of s16 x s16 into each s32, exact.
 *
 * Bytes are widened while packing: A panel [k/2][MR][2] and W panel [k/2][16][2] of s16. A pair of k:
 * two vectors of W (8 columns each), MR pairs of A broadcast, each used twice. Registers of 6x16: 12 sums, 2 of W, one
 * broadcast, one product. The tile for one row is bound by the stream of weights, so its W stays s8 and is widened on
 * the way in. */
#include <immintrin.h>
#include "pack_rows.h"
#include "ref/gemm_tile.h"
#include "x86/tile_avx2.h"

enum { NR = 16 };

QNT_INLINE __m256i bcast(const int16_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm256_set1_epi32(v);
}

QNT_INLINE __m256i load_w(const void *w, int v, const int w_size)
{
    return w_size == 2 ? _mm256_loadu_si256((const __m256i *)w + v)
                       : _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)w + v));
}

QNT_INLINE void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, const int MR, const int w_size)
{
    const int16_t *pa = a;
    const char *pw = w;
    __m256i acc[12], w0, w1;
    QNT_UNROLL
    for (int i = 0; i < 2 * MR; i++)
        acc[i] = qnt_tile_bias_avx2(t, i % 2);
    for (; k; k -= 2, pa += 2 * MR, pw += 2 * NR * w_size) {
        w0 = load_w(pw, 0, w_size);
        w1 = load_w(pw, 1, w_size);
        QNT_UNROLL
        for (int i = 0; i < MR; i++) {
            __m256i av = bcast(pa + 2 * i);
            acc[2 * i] = _mm256_add_epi32(acc[2 * i], _mm256_madd_epi16(av, w0));
            acc[2 * i + 1] = _mm256_add_epi32(acc[2 * i + 1], _mm256_madd_epi16(av, w1));
        }
    }
    qnt_tile_store_avx2(t, acc, MR);
}

/* Four rows (or the first two of them), 8 bytes of k: widened, and their 4 x 4 pairs transposed. */
QNT_INLINE void pack_block(const void *const *rows, size_t at, __m128i flip, int16_t *out, size_t pairs, const int R,
                           const int n)
{
    __m128i x[4];
    QNT_UNROLL
    for (int i = 0; i < 4; i++)
        x[i] = _mm_cvtepi8_epi16(
            _mm_xor_si128(_mm_loadl_epi64((const __m128i *)((const int8_t *)rows[i < n ? i : 0] + at)), flip));
    __m128i ab0 = _mm_unpacklo_epi32(x[0], x[1]), ab1 = _mm_unpackhi_epi32(x[0], x[1]);
    __m128i cd0 = _mm_unpacklo_epi32(x[2], x[3]), cd1 = _mm_unpackhi_epi32(x[2], x[3]);
    __m128i y[4] = {_mm_unpacklo_epi64(ab0, cd0), _mm_unpackhi_epi64(ab0, cd0), _mm_unpacklo_epi64(ab1, cd1),
                    _mm_unpackhi_epi64(ab1, cd1)};
    QNT_UNROLL
    for (size_t g = 0; g < 4; g++) {
        if (g >= pairs)
            break;
        if (n == 4)
            _mm_storeu_si128((__m128i *)(out + 2 * g * (size_t)R), y[g]);
        else
            _mm_storel_epi64((__m128i *)(out + 2 * g * (size_t)R), y[g]);
    }
}

QNT_INLINE void pack_blocks(const struct qnt_rows *r, size_t at, __m128i flip, int16_t *out, size_t pairs, const int R)
{
    int s = 0;
    for (; s + 4 <= R; s += 4)
        pack_block(r->row + s, r->at + at, flip, out + 2 * s, pairs, R, 4);
    if (R % 4)
        pack_block(r->row + s, r->at + at, flip, out + 2 * s, pairs, R, 2);
}

QNT_INLINE void pack(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                     void *panel, const int R)
{
    const uint64_t flips = 0x0101010101010101u * in_xor; /* the padding of k is never flipped */
    struct qnt_rows r;
    int16_t *out = panel;
    qnt_rows_init(&r, rows, tap_k, k0, k, used, R);
    while (qnt_rows_next(&r, 8)) {
        size_t j = 0;
        for (; j + 8 <= r.bytes; j += 8, out += 8 * R)
            pack_blocks(&r, j, _mm_cvtsi64_si128((int64_t)flips), out, 4, R);
        if (j < r.bytes)
            pack_blocks(&r, j, _mm_cvtsi64_si128((int64_t)(flips >> 8 * (8 - (r.bytes - j)))), out,
                        (r.bytes - j + 1) / 2, R);
    }
}

#define PACK(name, R)                                                                                                  \
    static void name(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,          \
                     void *panel)                                                                                      \
    {                                                                                                                  \
        pack(rows, tap_k, k0, k, used, in_xor, panel, R);                                                              \
    }
PACK(pack_a4, 4)
PACK(pack_a6, 6)
PACK(pack_w16, 16)

/* One row: its pairs in order. */
static void pack_a1(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                    void *panel)
{
    int16_t *out = panel;
    struct qnt_rows r;
    const __m128i flip = _mm_set1_epi8((char)in_xor); /* A's padding meets zeros of W */
    qnt_rows_init(&r, rows, tap_k, k0, k, used, 1);
    while (qnt_rows_next(&r, 8)) {
        for (size_t j = 0; j < r.bytes; j += 8, out += 8) {
            __m128i x = _mm_loadl_epi64((const __m128i *)((const int8_t *)r.row[0] + r.at + j));
            x = _mm_cvtepi8_epi16(_mm_xor_si128(x, flip));
            if (r.bytes - j >= 8) {
                _mm_storeu_si128((__m128i *)out, x);
            } else {
                int16_t part[8];
                _mm_storeu_si128((__m128i *)part, x);
                memcpy(out, part, (r.bytes - j + 1) / 2 * 4);
            }
        }
    }
}

/* s8 pairs [k/2][16][2]. */
static void pack_w16_s8(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                        void *panel)
{
    uint8_t *out = panel;
    for (size_t s = 0; s < k; s += 2)
        for (size_t i = 0; i < NR; i++)
            for (size_t j = s; j < s + 2; j++)
                *out++ = i < used && j < k ? qnt_row_byte(rows, tap_k, used, i, k0 + j) ^ in_xor : 0;
}

#define TILE(MR, wsize, packw, step, start)                                                                            \
    static void run_##MR(size_t k, const void *a, const void *w, const struct qnt_tile *t)                             \
    {                                                                                                                  \
        tile(k, a, w, t, MR, wsize);                                                                                   \
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
        .w_size = wsize,                                                                                               \
        .w_bias = 0,                                                                                                   \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
    };
/* Costs in 1/16 cycle, measured on a Zen 4 core, with half of the packing of A in the step. */
TILE(1, 1, pack_w16_s8, 43, 900)
TILE(4, 2, pack_w16, 105, 1200)
TILE(6, 2, pack_w16, 155, 1600)
