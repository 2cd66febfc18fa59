#ifndef X86_DEPTHWISE_COLUMNS_AVX2_H
#define X86_DEPTHWISE_COLUMNS_AVX2_H
/* 3 x 3 and 5 x 5 windows one or two columns apart, 16 channels of a pixel and a column of the window at a time. Codes
 * are widened to 16 bits once a column and serve every output that sees it: two lines at a time zipped (`zip`), for
 * VPMADDWD of two taps, and the lowest line zipped with what it had a column before (the last zip).
 *
 *   3 x 3: output = zip[x] * (w00, w10) + zip[x + 1] * (w01, w11) + zip[x + 2] * (w02, w12)
 *                 + last[x + 1] * (w20, w21) + last[x + 2] * (0, w22)
 *
 * A zip's first vector has channels 0..3 and 8..11, its second 4..7 and 12..15: weights, starts and scales are brought
 * into that order once a run, and sums pack back to the order of memory. What of the weights has no register is an
 * operand in memory. */
#include "tmpl/depthwise_columns.h"
#include "tmpl/requant_step.h"

enum { COL_C = 16, COL_V = 2, COL_SIDE = 5, COL_ZIPS = COL_SIDE / 2 + 1 };

struct col_run {
    __m256i w[COL_SIDE][COL_ZIPS][COL_V], start[COL_V]; /* of a window's column, by zip */
    __m256 scale[COL_V];
    struct requant rq;
    const int8_t *line[COL_SIDE]; /* first column of the first output */
    size_t col, ldd;              /* to the next column, in src, and to the next output, in dst */
};
/* The sums of what is begun, the output at hand first, and the lowest line of the last column read. */
struct col_sums {
    __m256i sum[COL_SIDE][COL_V], low;
};

/* 16 dwords in the order of a zip, or 8 for both pixels. */
QNT_INLINE void col_words(__m256i v[COL_V], const void *words, const size_t channels)
{
    const __m128i *p = words;
    QNT_UNROLL
    for (int j = 0; j < COL_V; j++)
        v[j] = _mm256_loadu2_m128i(channels == 8 ? p + j : p + 2 + j, p + j);
}

/* Byte i of each dword of x (-1: 0) and byte k of y, as two s16. */
QNT_INLINE __m256i col_pair(__m256i x, const int i, __m256i y, const int k)
{
    const __m256i at = _mm256_broadcastsi128_si256(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c));
    const __m256i first = _mm256_set1_epi32(i < 0 ? (int)0x80808080u : (int)(0x80800080u | (unsigned)i << 8));
    const __m256i second = _mm256_set1_epi32((int)(0x00808080u | (unsigned)k << 24));
    const __m256i both = _mm256_or_si256(_mm256_shuffle_epi8(x, _mm256_or_si256(at, first)),
                                         _mm256_shuffle_epi8(y, _mm256_or_si256(at, second)));
    return _mm256_srai_epi16(both, 8);
}

/* w = taps t and u of a channel, -1: 0; four taps of a channel lie together. */
QNT_INLINE void col_weight(__m256i w[COL_V], const struct qnt_depthwise *d, size_t c, const size_t channels,
                           const int t, const int u)
{
    __m256i x[COL_V], y[COL_V];
    col_words(x, d->w + ((size_t)(t < 0 ? 0 : t / 4) * d->channels + c) * 4, channels);
    col_words(y, d->w + ((size_t)(u / 4) * d->channels + c) * 4, channels);
    QNT_UNROLL
    for (int j = 0; j < COL_V; j++)
        w[j] = col_pair(x[j], t < 0 ? t : t % 4, y[j], u % 4);
}

QNT_INLINE void col_block_start(struct col_run *g, const struct qnt_depthwise *d, const struct qnt_requant *r, size_t c,
                                const size_t channels, const int side)
{
    const int last = side / 2, low = side * (side - 1);
    __m256i scale[COL_V];
    col_words(g->start, d->bias + c, channels);
    if (r->per_channel)
        col_words(scale, r->scale + c, channels);
    QNT_UNROLL
    for (int j = 0; j < COL_V; j++)
        g->scale[j] = r->per_channel ? _mm256_castsi256_ps(scale[j]) : _mm256_set1_ps(r->scale[0]);
    QNT_UNROLL
    for (int k = 0; k < side; k++) {
        QNT_UNROLL
        for (int z = 0; z < last; z++)
            col_weight(g->w[k][z], d, c, channels, 2 * z * side + k, (2 * z + 1) * side + k);
        if (k % 2)
            col_weight(g->w[k][last], d, c, channels, low + k - 1, low + k);
        else if (k == side - 1)
            col_weight(g->w[k][last], d, c, channels, -1, low + k);
    }
}

/* to = from + v * w */
QNT_INLINE void col_add(__m256i to[COL_V], const __m256i from[COL_V], const __m256i v[COL_V], const __m256i w[COL_V])
{
    QNT_UNROLL
    for (int j = 0; j < COL_V; j++)
        to[j] = _mm256_add_epi32(from[j], _mm256_madd_epi16(v[j], w[j]));
}

QNT_INLINE void col_zip(__m256i zip[COL_V], __m256i a, __m256i b)
{
    zip[0] = _mm256_unpacklo_epi16(a, b);
    zip[1] = _mm256_unpackhi_epi16(a, b);
}

/* Line k at the column `at` bytes on. */
QNT_INLINE __m256i col_read(const struct col_run *g, const int k, size_t at)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(g->line[k] + at)));
}

/* Column q of the window at hand, `at` bytes on, into all sums that it is of. Loops over them count to COL_SIDE: one of
 * a single step would hide the loops around it from clang, which then keeps the sums in memory. */
QNT_INLINE void col_column(struct col_sums *s, const struct col_run *g, size_t at, const int q, const int side,
                           const int apart)
{
    const int last = side / 2;
    __m256i zip[COL_V];
    QNT_UNROLL
    for (int z = 0; z < last; z++) {
        col_zip(zip, col_read(g, 2 * z, at), col_read(g, 2 * z + 1, at));
        QNT_UNROLL
        for (int i = 0; i < COL_SIDE; i++)
            if (i * apart <= q)
                col_add(s->sum[i], z == 0 && q == i * apart ? g->start : s->sum[i], zip, g->w[q - i * apart][z]);
    }
    const __m256i low = col_read(g, side - 1, at);
    col_zip(zip, s->low, low);
    s->low = low;
    QNT_UNROLL
    for (int i = 0; i < COL_SIDE; i++) {
        const int k = q - i * apart;
        if (k >= 0 && (k % 2 || k == side - 1))
            col_add(s->sum[i], s->sum[i], zip, g->w[k][last]);
    }
}

/* 16 codes of 16 bits. Scales are below 1, so no sum is too large for the conversion. */
QNT_INLINE __m256i col_codes(const struct col_run *g, const __m256i sum[COL_V])
{
    __m256i c[COL_V];
    QNT_UNROLL
    for (int j = 0; j < COL_V; j++)
        c[j] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sum[j]), g->scale[j]));
    return _mm256_adds_epi16(_mm256_packs_epi32(c[0], c[1]), _mm256_set1_epi16((short)g->rq.zero));
}

/* Two outputs, or the same one twice. */
QNT_INLINE void col_store(const struct col_run *g, int8_t *dst, __m256i one, __m256i two, const bool both)
{
    vb v = (vb)_mm256_permute4x64_epi64(_mm256_packs_epi16(one, two), 0xd8);
    v = vb_max(vb_min(v, g->rq.hi), g->rq.lo) ^ g->rq.flip;
    _mm_storeu_si128((__m128i *)dst, _mm256_castsi256_si128((__m256i)v));
    if (both)
        _mm_storeu_si128((__m128i *)(dst + g->ldd), _mm256_extracti128_si256((__m256i)v, 1));
}

/* The codes of the output whose window begins at `at`: all but its last columns were read. */
QNT_INLINE __m256i col_output(struct col_sums *s, const struct col_run *g, size_t at, const int side, const int apart)
{
    QNT_UNROLL
    for (int q = side - apart; q < side; q++)
        col_column(s, g, at + (size_t)q * g->col, q, side, apart);
    const __m256i codes = col_codes(g, s->sum[0]);
    QNT_UNROLL
    for (int i = 1; i * apart < side; i++) {
        QNT_UNROLL
        for (int j = 0; j < COL_V; j++)
            s->sum[i - 1][j] = s->sum[i][j];
    }
    return codes;
}

QNT_INLINE void col_line(const struct col_run *g, int8_t *dst, size_t n, const int side, const int apart)
{
    const size_t step = (size_t)apart * g->col;
    struct col_sums s;
    size_t at = 0;
    s.low = _mm256_setzero_si256();
    QNT_UNROLL
    for (int q = 0; q < side - apart; q++)
        col_column(&s, g, (size_t)q * g->col, q, side, apart);
    for (; n > 1; n -= 2, at += 2 * step, dst += 2 * g->ldd) {
        const __m256i one = col_output(&s, g, at, side, apart), two = col_output(&s, g, at + step, side, apart);
        col_store(g, dst, one, two, true);
    }
    if (n) {
        const __m256i one = col_output(&s, g, at, side, apart);
        col_store(g, dst, one, one, false);
    }
}

QNT_INLINE void col_block(struct col_run *g, const struct qnt_depthwise *d, int8_t *dst, const struct qnt_requant *r,
                          size_t c, const int side)
{
    col_block_start(g, d, r, c, COL_C, side);
    for (size_t l = 0; l < d->lines; l++, dst += d->pixels * g->ldd) {
        for (int k = 0; k < side; k++)
            g->line[k] = d->tap[k * side] + c + l * d->line;
        if (d->step == g->col)
            col_line(g, dst + c, d->pixels, side, 1);
        else
            col_line(g, dst + c, d->pixels, side, 2);
    }
}

/* Pixels of 8 channels whose windows are a pixel apart: two at a time, whose next ones are two columns further. The
 * last two are taken again where there is an odd one. */
QNT_INLINE void col_pairs(struct col_run *g, const struct qnt_depthwise *d, int8_t *dst, const struct qnt_requant *r,
                          const int side)
{
    const size_t pairs = d->pixels / 2, back = (d->pixels - 2) * g->col;
    col_block_start(g, d, r, 0, 8, side);
    for (size_t l = 0; l < d->lines; l++, dst += d->pixels * g->col) {
        for (int k = 0; k < side; k++)
            g->line[k] = d->tap[k * side] + l * d->line;
        col_line(g, dst, pairs, side, 2);
        for (int k = 0; k < side; k++)
            g->line[k] += back;
        if (d->pixels % 2)
            col_line(g, dst + back, 1, side, 2);
    }
}

/* The last block overlaps the one before. */
QNT_INLINE void col_blocks(struct col_run *g, const struct qnt_depthwise *d, int8_t *dst, const struct qnt_requant *r,
                           const int side)
{
    for (size_t c = 0; c + COL_C <= d->channels; c += COL_C)
        col_block(g, d, dst, r, c, side);
    if (d->channels % COL_C)
        col_block(g, d, dst, r, d->channels - COL_C, side);
}

static inline bool col_small(const struct qnt_requant *r, size_t channels)
{
    bool small = true;
    for (size_t c = 0; c < (r->per_channel ? channels : 1); c++)
        small &= r->scale[c] < 1.0f;
    return small;
}

/* Does the run, or says that it is not one of these. */
static inline bool col_serves(const struct qnt_depthwise *d, int8_t *dst, size_t ldd, const struct qnt_requant *r)
{
    const size_t side = d->taps == 9 ? 3 : 5;
    struct col_run g = {.rq = requant_load(r), .ldd = ldd};
    if (d->taps != side * side || !d->pixels || !col_lines(d, side, &g.col) || !col_small(r, d->channels))
        return false;
    if (d->channels == 8 && d->step == 8 && g.col == 8 && ldd == 8 && d->pixels > 1) {
        g.ldd = COL_C;
        if (side == 3)
            col_pairs(&g, d, dst, r, 3);
        else
            col_pairs(&g, d, dst, r, 5);
        return true;
    }
    if (d->channels < COL_C || (d->step != g.col && d->step != 2 * g.col))
        return false;
    if (side == 3)
        col_blocks(&g, d, dst, r, 3);
    else
        col_blocks(&g, d, dst, r, 5);
    return true;
}
#endif
