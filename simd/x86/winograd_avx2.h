/* Winograd's ways of a tile of 16 columns with 256-bit vectors: after tile_avx2.h.
 * products: 6 tiles x 16 columns: 12 sums, 2 vectors of W, 1 broadcast, 1 product: 16 registers. */
enum { WG_ROWS = 6, WG_NR = 16, WG_KR = 2, WG_CODES = 16, WG_SUMS = 8 };
typedef int16_t wg_codes __attribute__((vector_size(32)));
typedef uint32_t wg_sums __attribute__((vector_size(32)));

QNT_INLINE wg_codes wg_widen(const int8_t *p)
{
    return (wg_codes)_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p));
}

QNT_INLINE wg_sums wg_signed(wg_sums x, const int s)
{
    return (wg_sums)_mm256_srai_epi32((__m256i)x, s);
}

typedef struct {
    bool plain;
    struct qnt_plain_avx2 p;
} wg_end;

QNT_INLINE wg_end wg_begin(const struct qnt_tile *t)
{
    wg_end end = {.plain = t->n == WG_NR && qnt_tile_is_plain_avx2(t)};
    if (end.plain)
        end.p = qnt_plain_load_avx2(t);
    return end;
}

QNT_INLINE wg_sums wg_bias(const struct qnt_tile *t, const int v)
{
    return (wg_sums)qnt_tile_bias_avx2(t, v);
}

QNT_INLINE void wg_store(const wg_end *end, const struct qnt_tile *part, const wg_sums *y, const int rows)
{
    __m256i acc[8];
    QNT_UNROLL
    for (int i = 0; i < 2 * rows; i++)
        acc[i] = (__m256i)y[i];
    if (end->plain && part->m == (uint32_t)rows)
        qnt_plain_store_avx2(&end->p, acc, part->c, part->ldc, rows);
    else
        qnt_tile_store_avx2(part, acc, rows);
}
/* One step of two channels of M rows: three from q on, the others from q3. */
QNT_INLINE void winograd_step(const int M, const int16_t *q, const int16_t *q3, ptrdiff_t r1, const int16_t *w,
                              __m256i *acc)
{
    const __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)w);
    const __m256i w1 = _mm256_loadu_si256((const __m256i *)(const void *)w + 1);
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        const __m256i a = qnt_dword_avx2((i < 3 ? q : q3) + i % 3 * r1);
        acc[2 * i] = _mm256_add_epi32(acc[2 * i], _mm256_madd_epi16(a, w0));
        acc[2 * i + 1] = _mm256_add_epi32(acc[2 * i + 1], _mm256_madd_epi16(a, w1));
        __asm__(""
                : "+x"(acc[2 * i]),
                  "+x"(acc[2 * i + 1])); /* or products of two steps would be added first, and spill */
    }
}

QNT_INLINE void winograd_rows(const int M, const int16_t *v, const int16_t *w, size_t channels, int32_t *m,
                              size_t ahead)
{
    const ptrdiff_t r1 = (ptrdiff_t)channels;
    const int16_t *q = v, *q3 = M > 3 ? v + 3 * r1 : v;
    __m256i acc[2 * WG_ROWS];
    QNT_UNROLL
    for (int i = 0; i < 2 * M; i++)
        acc[i] = _mm256_setzero_si256();
    for (size_t k = channels; k > 0; k -= 4, q += 4, q3 += 4, w += 4 * WG_NR) {
        _mm_prefetch((const char *)(w + ahead), _MM_HINT_T0);
        _mm_prefetch((const char *)(w + ahead + 32), _MM_HINT_T0);
        winograd_step(M, q, q3, r1, w, acc);
        winograd_step(M, q + 2, q3 + 2, r1, w + 2 * WG_NR, acc);
    }
    QNT_UNROLL
    for (int i = 0; i < 2 * M; i++)
        _mm256_storeu_si256((__m256i *)(void *)m + i, acc[i]);
}

#define WINOGRAD_ROWS_FN(M)                                                                                            \
    static void winograd_rows_##M(const int16_t *v, const int16_t *w, size_t channels, int32_t *m, size_t ahead)       \
    {                                                                                                                  \
        winograd_rows(M, v, w, channels, m, ahead);                                                                    \
    }
WINOGRAD_ROWS_FN(1)
WINOGRAD_ROWS_FN(2)
WINOGRAD_ROWS_FN(3)
WINOGRAD_ROWS_FN(4)
WINOGRAD_ROWS_FN(5)
WINOGRAD_ROWS_FN(6)

static void (*const wg_rows[WG_ROWS])(const int16_t *v, const int16_t *w, size_t channels, int32_t *m, size_t ahead) = {
    winograd_rows_1, winograd_rows_2, winograd_rows_3, winograd_rows_4, winograd_rows_5, winograd_rows_6};
#include "tmpl/winograd_tmpl.h"

const struct qnt_winograd qnt_winograd_avx2[] = {
    WG_WAY(2, "4x16_avx2", 24, 181, 1800, 23, 0),
    WG_WAY(4, "4x16_avx2", 16, 406, 6840, 93, 0),
    {.name = NULL},
};
