#ifndef X86_ROW_AVX2_H
#define X86_ROW_AVX2_H
/* Tiles of one row, bound by the stream of weights: all but the products. They are wide: panels side by side come by a
 * stream each, because one stream alone waits for the far end of it, and share what is read of the row.
 *
 * The includer gives row_products(P, BITS, k, a, w, panel, acc): adds k of the row to the sums of P panels, the first
 * at w, `panel` bytes from each to the next; acc[2 i] and acc[2 i + 1] are those of panel i. */
#include <immintrin.h>
#include "x86/pack_u8_avx2.h"
#include "x86/tile_avx2.h"

enum { NR = 16, WIDE = 4 };

QNT_INLINE void row_products(const int P, const int BITS, size_t k, const int8_t *a, const uint8_t *w, size_t panel,
                             __m256i *acc);

QNT_INLINE __m256i row_load(const void *p)
{
    return _mm256_loadu_si256(p);
}

/* The sum of eight dwords in each of them. */
QNT_INLINE __m256i row_across(__m256i x)
{
    x = _mm256_add_epi32(x, _mm256_permute2x128_si256(x, x, 1));
    x = _mm256_add_epi32(x, _mm256_shuffle_epi32(x, 0x4e));
    return _mm256_add_epi32(x, _mm256_shuffle_epi32(x, 0xb1));
}

/* t->n <= 16 columns. */
static __attribute__((noinline)) void row_store(const struct qnt_tile *t, __m256i left, __m256i right)
{
    __m256i acc[2] = {left, right};
    qnt_tile_store_avx2(t, acc, 1);
}

/* The columns of P panels from t's first one on; more: added to all sums. */
QNT_INLINE void row_columns(const int P, const int BITS, size_t k, const int8_t *a, const uint8_t *w, __m256i more,
                            const struct qnt_tile *t)
{
    const size_t step = NR * (t->e->kind == QNT_EPI_S8 ? 1 : sizeof(int32_t));
    struct qnt_tile part = *t;
    __m256i acc[2 * WIDE];
    QNT_UNROLL
    for (int i = 0; i < 2 * P; i++) {
        part.n = P > 1 ? NR : t->n;
        part.col = t->col + NR * (uint32_t)(i / 2);
        acc[i] = _mm256_add_epi32(qnt_tile_bias_avx2(&part, i % 2), more);
    }
    row_products(P, BITS, k, a, w, k * NR * (size_t)BITS / 8, acc);
    part.col = t->col;
    QNT_UNROLL
    for (int i = 0; i < P; i++, part.col += NR, part.c = (char *)part.c + step)
        row_store(&part, acc[2 * i], acc[2 * i + 1]);
}

QNT_INLINE void row_run(const int BITS, size_t k, const int8_t *a, const uint8_t *w, __m256i more,
                        const struct qnt_tile *t)
{
    const size_t size = t->e->kind == QNT_EPI_S8 ? 1 : sizeof(int32_t);
    struct qnt_tile part = *t;
    for (uint32_t left = t->n; left; left -= part.n) {
        part.n = left < NR ? left : left < WIDE * NR ? NR : WIDE * NR;
        if (part.n == WIDE * NR)
            row_columns(WIDE, BITS, k, a, w, more, &part);
        else
            row_columns(1, BITS, k, a, w, more, &part);
        w += part.n / NR * k * NR * (size_t)BITS / 8;
        part.col += part.n;
        part.c = (char *)part.c + part.n * size;
    }
    _mm256_zeroupper(); /* compilers leave it out behind a call that takes vectors */
}

/* The row in [0, padded k), padded with zeros. */
static void row_pack(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                     void *panel)
{
    qnt_pack_row_u8_avx2(rows, tap_k, k0, k, used, in_xor, panel);
    memset((int8_t *)panel + k, 0, (size_t)-k % 4);
}

static void row_pack_w(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                       void *panel)
{
    qnt_pack_u8_avx2(rows, tap_k, k0, k, used, in_xor, panel, NR);
}
#endif
