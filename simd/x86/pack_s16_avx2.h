#ifndef X86_PACK_S16_AVX2_H
#define X86_PACK_S16_AVX2_H
/* Panels [k/2][R][2] of s16 for vpmaddwd: bytes are widened and their pairs transposed, four rows and 16 or 8 bytes of
 * k at a time. R is a multiple of 4, or one of 4 and 2 more. */
#include <immintrin.h>
#include <stdbool.h>
#include "pack_rows.h"
#include "ref/gemm_tile.h"
#include "x86/dwords_avx2.h"

/* Four rows (or the first two of them), 8 bytes of k: widened, and their 4 x 4 pairs transposed. */
QNT_INLINE void qnt_pack_block_s16_avx2(const void *const *rows, size_t at, __m128i flip, int16_t *out, size_t pairs,
                                        const int R, const int n)
{
    __m128i x[4];
    QNT_UNROLL
    for (int i = 0; i < 4; i++)
        x[i] = _mm_cvtepi8_epi16(
            _mm_xor_si128(_mm_loadl_epi64((const __m128i *)((const int8_t *)rows[i < n ? i : 0] + at)), flip));
    qnt_store_dwords_avx2(x, out, pairs, R, n);
}

QNT_INLINE void qnt_pack_blocks_s16_avx2(const struct qnt_rows *r, size_t at, __m128i flip, int16_t *out, size_t pairs,
                                         const int R, const int n)
{
    int s = 0;
    for (; s + 4 <= n; s += 4)
        qnt_pack_block_s16_avx2(r->row + s, r->at + at, flip, out + 2 * s, pairs, R, 4);
    if (n % 4)
        qnt_pack_block_s16_avx2(r->row + s, r->at + at, flip, out + 2 * s, pairs, R, 2);
}

/* Four rows (or two), 16 bytes of k: as above in both halves of the vectors. */
QNT_INLINE void qnt_pack_wide_s16_avx2(const void *const *rows, size_t at, __m128i flip, int16_t *out, const int R,
                                       const int n)
{
    __m256i x[4];
    QNT_UNROLL
    for (int i = 0; i < n; i++)
        x[i] =
            _mm256_cvtepi8_epi16(_mm_xor_si128(_mm_loadu_si128((const __m128i *)((const int8_t *)rows[i] + at)), flip));
    const __m256i ab[2] = {_mm256_unpacklo_epi32(x[0], x[1]), _mm256_unpackhi_epi32(x[0], x[1])};
    if (n == 2) {
        QNT_UNROLL
        for (int g = 0; g < 8; g++) { /* pairs 0, 1 and 4, 5; 2, 3 and 6, 7 */
            const __m256i two = ab[g / 2 % 2];
            const __m128i y = g < 4 ? _mm256_castsi256_si128(two) : _mm256_extracti128_si256(two, 1);
            if (g % 2)
                _mm_storeh_pd((double *)(void *)(out + 2 * g * R), _mm_castsi128_pd(y));
            else
                _mm_storel_epi64((__m128i *)(out + 2 * g * R), y);
        }
        return;
    }
    const __m256i cd[2] = {_mm256_unpacklo_epi32(x[2], x[3]), _mm256_unpackhi_epi32(x[2], x[3])};
    QNT_UNROLL
    for (int g = 0; g < 4; g++) {
        const __m256i y =
            g % 2 ? _mm256_unpackhi_epi64(ab[g / 2], cd[g / 2]) : _mm256_unpacklo_epi64(ab[g / 2], cd[g / 2]);
        _mm_storeu_si128((__m128i *)(out + 2 * g * R), _mm256_castsi256_si128(y));
        _mm_storeu_si128((__m128i *)(out + 2 * (g + 4) * R), _mm256_extracti128_si256(y, 1));
    }
}

QNT_INLINE void qnt_pack_wides_s16_avx2(const struct qnt_rows *r, size_t at, __m128i flip, int16_t *out, const int R,
                                        const int n)
{
    int s = 0;
    for (; s + 4 <= n; s += 4)
        qnt_pack_wide_s16_avx2(r->row + s, r->at + at, flip, out + 2 * s, R, 4);
    if (n % 4)
        qnt_pack_wide_s16_avx2(r->row + s, r->at + at, flip, out + 2 * s, R, 2);
}

QNT_INLINE void qnt_pack_s16_avx2(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used,
                                  uint8_t in_xor, void *panel, const int R)
{
    const uint64_t flips = 0x0101010101010101u * in_xor; /* the padding of k is never flipped */
    struct qnt_rows r;
    for (int row0 = 0; row0 < R; row0 += QNT_BLOCK_ROWS) {
        const int n = R - row0 < QNT_BLOCK_ROWS ? R - row0 : QNT_BLOCK_ROWS;
        const size_t skip = (size_t)row0 < used ? (size_t)row0 : used - 1;
        int16_t *out = (int16_t *)panel + 2 * row0;
        qnt_rows_init(&r, rows, tap_k, k0, k, used, n);
        r.tap += skip;
        r.known -= skip;
        while (qnt_rows_next(&r, 8)) {
            size_t j = 0;
            for (; j + 16 <= r.bytes; j += 16, out += 16 * R)
                qnt_pack_wides_s16_avx2(&r, j, _mm_set1_epi8((char)in_xor), out, R, n);
            for (; j + 8 <= r.bytes; j += 8, out += 8 * R)
                qnt_pack_blocks_s16_avx2(&r, j, _mm_cvtsi64_si128((int64_t)flips), out, 4, R, n);
            if (j < r.bytes)
                qnt_pack_blocks_s16_avx2(&r, j, _mm_cvtsi64_si128((int64_t)(flips >> 8 * (8 - (r.bytes - j)))), out,
                                         (r.bytes - j + 1) / 2, R, n);
        }
    }
}

/* One row: its pairs in order. */
QNT_INLINE void qnt_pack_row_s16_avx2(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used,
                                      uint8_t in_xor, void *panel)
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

/* The same panel in s8, [k/2][R][2]. */
QNT_INLINE void qnt_pack_s8_pairs_avx2(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used,
                                       uint8_t in_xor, void *panel, const int R)
{
    const uint16_t flip = (uint16_t)(0x0101u * in_xor);
    uint8_t *out = panel;
    uint16_t pair;
    for (size_t s = 0; s < k; s += 2, out += 2 * R) {
        const size_t off = (k0 + s) % tap_k, tap = (k0 + s) / tap_k * used;
        const bool whole = s + 2 <= k && off + 2 <= tap_k;
        for (size_t i = 0; i < (size_t)R; i++) {
            uint8_t b[2] = {0, 0};
            if (i < used && whole) {
                memcpy(&pair, (const uint8_t *)rows[tap + i] + off, sizeof pair);
                pair ^= flip;
                memcpy(b, &pair, sizeof pair);
            } else if (i < used) {
                for (size_t j = s; j < s + 2 && j < k; j++)
                    b[j - s] = qnt_row_byte(rows, tap_k, used, i, k0 + j) ^ in_xor;
            }
            memcpy(out + 2 * i, b, sizeof b);
        }
    }
}
#endif
