#ifndef X86_PACK_U8_AVX2_H
#define X86_PACK_U8_AVX2_H
/* Panels [k/4][R][4] of bytes: dwords of four rows and 16 bytes of k are transposed at a time. */
#include <immintrin.h>
#include "pack_rows.h"
#include "x86/dwords_avx2.h"

/* x in the first n (1..16) bytes, 0 after them: the padding of k is not flipped. */
QNT_INLINE __m128i qnt_flip_avx2(uint8_t x, size_t n)
{
    const __m128i at = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm_and_si128(_mm_cmpgt_epi8(_mm_set1_epi8((char)n), at), _mm_set1_epi8((char)x));
}

/* Four rows (or the first two of them), 16 bytes of k: their 4 x 4 dwords transposed. */
QNT_INLINE void qnt_pack_block_u8_avx2(const void *const *rows, size_t at, __m128i flip, int8_t *out, size_t steps,
                                       const int R, const int n)
{
    __m128i x[4];
    QNT_UNROLL
    for (int i = 0; i < 4; i++)
        x[i] = _mm_xor_si128(_mm_loadu_si128((const __m128i *)((const int8_t *)rows[i < n ? i : 0] + at)), flip);
    qnt_store_dwords_avx2(x, out, steps, R, n);
}

/* `flip` is xor'ed to the bytes of the matrix, never to the padding of k. R is a multiple of 4, or one of 4 and 2 more.
 */
QNT_INLINE void qnt_pack_u8_avx2(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t flip,
                                 void *panel, const int R)
{
    struct qnt_rows r;
    int8_t *out = panel;
    qnt_rows_init(&r, rows, tap_k, k0, k, used, R);
    while (qnt_rows_next(&r, 16))
        for (size_t j = 0; j < r.bytes; j += 16, out += 16 * R) {
            const size_t bytes = r.bytes - j < 16 ? r.bytes - j : 16;
            const __m128i f = qnt_flip_avx2(flip, bytes);
            int s = 0;
            for (; s + 4 <= R; s += 4)
                qnt_pack_block_u8_avx2(r.row + s, r.at + j, f, out + 4 * s, (bytes + 3) / 4, R, 4);
            if (R % 4)
                qnt_pack_block_u8_avx2(r.row + s, r.at + j, f, out + 4 * s, (bytes + 3) / 4, R, 2);
        }
}

/* A panel of one row is the row itself, padded to 4 bytes. */
QNT_INLINE void qnt_pack_row_u8_avx2(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used,
                                     uint8_t flips, void *panel)
{
    const __m128i flip = _mm_set1_epi8((char)flips); /* A's padding meets zeros of W */
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
#endif
