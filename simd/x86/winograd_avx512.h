/* Winograd's ways of a tile of 32 columns with 512-bit vectors: after tile_rows_avx512.h and wg_add(sum, a, w), which
 * adds the products of the two s16 in each lane.
 * products: WIDE tiles x 32 columns. */
enum { WG_ROWS = WIDE, WG_NR = 32, WG_KR = 2, WG_CODES = 32, WG_SUMS = 16 };
typedef int16_t wg_codes __attribute__((vector_size(64)));
typedef uint32_t wg_sums __attribute__((vector_size(64)));

QNT_INLINE wg_codes wg_widen(const int8_t *p)
{
    return (wg_codes)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

QNT_INLINE wg_sums wg_signed(wg_sums x, const int s)
{
    return (wg_sums)_mm512_srai_epi32((__m512i)x, (unsigned)s);
}

typedef struct {
    bool codes;
    struct ends_s8 s8;
} wg_end;

QNT_INLINE wg_end wg_begin(const struct qnt_tile *t)
{
    wg_end end = {.codes = t->e->kind == QNT_EPI_S8};
    if (end.codes)
        end.s8 = ends_s8_load(2, t);
    return end;
}

QNT_INLINE wg_sums wg_bias(const struct qnt_tile *t, const int v)
{
    return (wg_sums)ends_bias(t, v);
}

QNT_INLINE void winograd_store(const int M, const wg_end *end, const struct qnt_tile *part, const wg_sums *sums)
{
    __m512i x[4], y[4];
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        x[i] = (__m512i)sums[2 * i];
        y[i] = (__m512i)sums[2 * i + 1];
    }
    if (end->codes)
        ends_s8_store(M, 2, &end->s8, part, x, y);
    else
        ends_store_s32(M, 2, part, x, y);
}

QNT_INLINE void wg_store(const wg_end *end, const struct qnt_tile *part, const wg_sums *y, const int rows)
{
    if (part->m == (uint32_t)rows)
        winograd_store(rows, end, part, y);
    else if (part->m == 3)
        winograd_store(3, end, part, y);
    else if (part->m == 2)
        winograd_store(2, end, part, y);
    else
        winograd_store(1, end, part, y);
}

/* Two channels of M rows, p bytes on; w: theirs. */
QNT_INLINE void winograd_step(const int M, const struct place *at, int p, const int8_t *w, __m512i *x, __m512i *y)
{
    const __m512i w0 = _mm512_loadu_si512(w), w1 = _mm512_loadu_si512(w + 64);
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        const __m512i a = bcast(at, i, p);
        x[i] = wg_add(x[i], a, w0);
        y[i] = wg_add(y[i], a, w1);
        __asm__("" : "+v"(x[i]), "+v"(y[i])); /* or gcc 12 would move the first sums to and fro */
    }
}

/* Few sums would wait for each other, as those of sums() would. W's next point goes to the second cache: with this
 * one's and the codes it may be more than the first holds, and a step is long enough to hide the way from there. */
QNT_INLINE void winograd_rows(const int M, const int16_t *v, const int16_t *w, size_t channels, int32_t *m,
                              size_t ahead)
{
    const bool few = 2 * M <= FEW;
    const ptrdiff_t r1 = (ptrdiff_t)(channels * sizeof *v);
    const int8_t *next = (const int8_t *)(w + ahead);
    struct place at = {.w = (const int8_t *)w, .r1 = r1, .r3 = 3 * r1};
    __m512i x[WG_ROWS], y[WG_ROWS], x2[WG_ROWS], y2[WG_ROWS];
    QNT_UNROLL
    for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
        at.q[g] = (const uint8_t *)v + g * GROUP * r1;
    QNT_UNROLL
    for (int i = 0; i < M; i++)
        x[i] = y[i] = x2[i] = y2[i] = _mm512_setzero_si512();
    settle(M, 2, x, y);
    if (few)
        settle(M, 2, x2, y2);
    for (size_t k = channels; k > 0; k -= 4, at.w += 256, next += 256) {
        QNT_UNROLL
        for (int i = 0; i < 256; i += 64)
            __builtin_prefetch(next + i, 0, 2);
        winograd_step(M, &at, 0, at.w, x, y);
        winograd_step(M, &at, 4, at.w + 128, few ? x2 : x, few ? y2 : y);
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            at.q[g] += 8;
    }
    QNT_UNROLL
    for (int i = 0; i < M; i++, m += WG_NR) {
        _mm512_storeu_si512(m, few ? _mm512_add_epi32(x[i], x2[i]) : x[i]);
        _mm512_storeu_si512(m + 16, few ? _mm512_add_epi32(y[i], y2[i]) : y[i]);
    }
}

typedef void winograd_fn(const int16_t *v, const int16_t *w, size_t channels, int32_t *m, size_t ahead);
#define WINOGRAD_ROWS_FN(m, v)                                                                                         \
    static void winograd_rows_##m(const int16_t *codes, const int16_t *w, size_t channels, int32_t *to, size_t ahead)  \
    {                                                                                                                  \
        winograd_rows(m, codes, w, channels, to, ahead);                                                               \
    }
#define WINOGRAD_NAME(m, v) winograd_rows_##m,
ROWS_WIDE(WINOGRAD_ROWS_FN, 2)
static winograd_fn *const wg_rows[WG_ROWS] = {ROWS_WIDE(WINOGRAD_NAME, 2)};
#include "tmpl/winograd_tmpl.h"
