#ifndef X86_PACK_AVX512_H
#define X86_PACK_AVX512_H
/* Panels [k/4][R][4] of bytes, 16 bytes of k at a time: dwords are transposed within 128-bit lanes, four rows a lane.
 *
 *   row 4l+q, bytes 0..15 -> x[q] lane l       x[0] lane l: a0 a1 a2 a3  ->  y[0] lane l: a0 b0 c0 d0
 *   (q = 0..3, dwords a b c d of four rows)    x[1] lane l: b0 b1 b2 b3  ->  y[1] lane l: a1 b1 c1 d1 ...
 *
 * so y[g] holds 16 rows of step g in order. When short taps cut the 16 bytes into pieces, they are put together from
 * one masked load each, at an address moved back so that the bytes land in place; masked-off bytes are not read. Rows
 * past the last one repeat it: their results are not stored. */
#include <immintrin.h>
#include <string.h>
#include "kernels.h"

enum { QNT_PACK_BLOCK = 16 }; /* rows of a vector */
struct qnt_pieces_avx512 {
    size_t n;
    struct {
        const void *const *rows; /* the block's rows of one tap */
        ptrdiff_t move;
        __mmask16 mask;
    } v[16];
    const void *edge[16][QNT_PACK_BLOCK];
};

/* The block's rows of one tap; `edge` gives room when the last one must be repeated. */
QNT_INLINE const void *const *qnt_block_rows_avx512(const void *const *tap, size_t row0, size_t rows, size_t used,
                                                    const void **edge)
{
    if (row0 + rows <= used)
        return tap + row0;
    for (size_t i = 0; i < rows; i++)
        edge[i] = tap[row0 + i < used ? row0 + i : used - 1];
    return edge;
}

/* Where `bytes` (1..16) of rows row0.. come from, starting at byte `off` of the first tap. */
static __attribute__((noinline)) void qnt_pieces_cut_avx512(struct qnt_pieces_avx512 *p, const void *const *tap,
                                                            size_t off, size_t tap_k, size_t used, size_t bytes,
                                                            size_t row0, size_t rows)
{
    size_t n = 0;
    for (size_t at = 0, run; at < bytes; at += run, n++, off = 0, tap += used) {
        run = tap_k - off < bytes - at ? tap_k - off : bytes - at;
        p->v[n].rows = qnt_block_rows_avx512(tap, row0, rows, used, p->edge[n]);
        p->v[n].move = (ptrdiff_t)off - (ptrdiff_t)at;
        p->v[n].mask = (__mmask16)(((1u << run) - 1) << at);
    }
    p->n = n;
}

QNT_INLINE void qnt_pieces_load_avx512(const struct qnt_pieces_avx512 *p, __m512i *x, const int LANES)
{
    __m128i row[QNT_PACK_BLOCK];
    QNT_UNROLL
    for (int i = 0; i < QNT_PACK_BLOCK; i++)
        row[i] = _mm_setzero_si128();
    for (size_t j = 0; j < p->n; j++) {
        const void *const *rows = p->v[j].rows;
        const uintptr_t move = (uintptr_t)p->v[j].move;
        const __mmask16 mask = p->v[j].mask;
        QNT_UNROLL
        for (int i = 0; i < 4 * LANES; i++)
            row[i] = _mm_mask_loadu_epi8(row[i], mask, (const void *)((uintptr_t)rows[i] + move));
    }
    QNT_UNROLL
    for (int q = 0; q < 4; q++) {
        x[q] = _mm512_zextsi128_si512(row[q]);
        if (LANES > 1)
            x[q] = _mm512_inserti32x4(x[q], row[4 + q], 1);
        if (LANES > 2)
            x[q] = _mm512_inserti32x4(_mm512_inserti32x4(x[q], row[8 + q], 2), row[12 + q], 3);
    }
}

QNT_INLINE void qnt_rows_load_avx512(const void *const *rows, size_t off, __m512i *x, const int LANES)
{
    QNT_UNROLL
    for (int q = 0; q < 4; q++) {
        x[q] = _mm512_setzero_si512();
        QNT_UNROLL
        for (int l = 0; l < LANES; l++) {
            const void *src = (const int8_t *)rows[4 * l + q] + off;
            x[q] = _mm512_mask_broadcast_i32x4(x[q], (__mmask16)(0xf << 4 * l), _mm_loadu_si128(src));
        }
    }
}

/* Stores steps [0, steps), at most 4; `panel` is the place of the first of these rows in a panel of R. */
QNT_INLINE void qnt_pack_block_avx512(__m512i *x, __m512i flip, int8_t *panel, size_t steps, const int R,
                                      const int LANES)
{
    const __mmask16 part = (__mmask16)((1u << 4 * LANES) - 1);
    __m512i y[4];
    QNT_UNROLL
    for (int q = 0; q < 4; q++)
        x[q] = _mm512_xor_si512(x[q], flip);
    __m512i ab0 = _mm512_unpacklo_epi32(x[0], x[1]), ab1 = _mm512_unpackhi_epi32(x[0], x[1]);
    __m512i cd0 = _mm512_unpacklo_epi32(x[2], x[3]), cd1 = _mm512_unpackhi_epi32(x[2], x[3]);
    y[0] = _mm512_unpacklo_epi64(ab0, cd0);
    y[1] = _mm512_unpackhi_epi64(ab0, cd0);
    y[2] = _mm512_unpacklo_epi64(ab1, cd1);
    y[3] = _mm512_unpackhi_epi64(ab1, cd1);
    QNT_UNROLL
    for (size_t g = 0; g < 4; g++)
        if (g < steps)
            _mm512_mask_storeu_epi32(panel + 4 * g * (size_t)R, part, y[g]);
}

/* flip is xor'ed to the bytes of the matrix, never to the padding of k. R is 4, 12 or a multiple of 16. */
QNT_INLINE void qnt_pack_rows_avx512(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used,
                                     uint8_t flip, void *panel, const int R)
{
    const int LANES = R < QNT_PACK_BLOCK ? R / 4 : 4;
    int8_t *out = panel;
    const void *const *tap = rows + (k0 ? k0 / tap_k : 0) * used;
    size_t off = k0 ? k0 % tap_k : 0;
    for (size_t bytes; k; k -= bytes, out += 16 * R) {
        bytes = k < 16 ? k : 16;
        const __m512i f = _mm512_broadcast_i32x4(_mm_maskz_set1_epi8((__mmask16)((1u << bytes) - 1), (char)flip));
        for (size_t row0 = 0; row0 < (size_t)R; row0 += QNT_PACK_BLOCK) {
            __m512i x[4];
            struct qnt_pieces_avx512 p;
            if (bytes == 16 && tap_k - off >= 16) {
                qnt_rows_load_avx512(qnt_block_rows_avx512(tap, row0, 4 * (size_t)LANES, used, p.edge[0]), off, x,
                                     LANES);
            } else {
                qnt_pieces_cut_avx512(&p, tap, off, tap_k, used, bytes, row0, 4 * (size_t)LANES);
                qnt_pieces_load_avx512(&p, x, LANES);
            }
            qnt_pack_block_avx512(x, f, out + 4 * row0, (bytes + 3) / 4, R, LANES);
        }
        for (off += bytes; off >= tap_k; off -= tap_k)
            tap += used;
    }
}

/* A panel of one row is the row itself, padded to 4 bytes. */
QNT_INLINE void qnt_pack_row_avx512(const void *const *rows, size_t tap_k, size_t k0, size_t k, uint8_t flip,
                                    void *panel)
{
    const __m512i f = _mm512_set1_epi8((char)flip);
    int8_t *out = panel, *end = out + (k + 3) / 4 * 4;
    const void *const *tap = rows + (k0 ? k0 / tap_k : 0);
    size_t off = k0 ? k0 % tap_k : 0;
    for (size_t run; k; k -= run, off = 0, tap++) {
        run = tap_k - off < k ? tap_k - off : k;
        const int8_t *src = (const int8_t *)*tap + off;
        for (size_t j = 0, bytes; j < run; j += bytes, out += bytes) {
            bytes = run - j < 64 ? run - j : 64;
            __mmask64 m = ~(__mmask64)0 >> (64 - bytes);
            _mm512_mask_storeu_epi8(out, m, _mm512_xor_si512(_mm512_maskz_loadu_epi8(m, src + j), f));
        }
    }
    while (out < end)
        *out++ = 0;
}
#endif
