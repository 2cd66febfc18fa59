#ifndef X86_DEPTHWISE_COLUMNS5_AVX512VNNI_H
#define X86_DEPTHWISE_COLUMNS5_AVX512VNNI_H
/* 5 x 5 windows one or two columns apart, as those of 3 x 3: 64 channels, a zip of the first four lines at each column.
 * Of the fifth line the zip of four columns, those after the output's first, is shared with the next output, whose
 * first it has, too. So an output takes two zips (three, two columns apart) and 28 VPDPBUSD. 4 sums of this output, 16
 * of the next four (4 of the next one), 8 for two zips; weights are operands in memory. */
#include "x86/depthwise_columns_avx512vnni.h"

struct col5_run {
    __m512i w[5][COL_V], after[COL_V], first[COL_V], start[COL_V];
    struct col_out out;
    const int8_t *line[5];
    size_t col, step, ldd;
};

/* Tap t at byte `place` of each word. */
QNT_INLINE __m512i col5_tap(__m512i to, __m512i taps[7][COL_V], const int j, const int t, const int place)
{
    const int from = t % 4;
    return col_bytes(to, taps[t / 4][j], place == 0 ? from : -1, place == 1 ? from : -1, place == 2 ? from : -1,
                     place == 3 ? from : -1);
}

QNT_INLINE void col5_weights(struct col5_run *g, const struct qnt_depthwise *d, size_t c, const int apart)
{
    __m512i taps[7][COL_V];
    QNT_UNROLL
    for (size_t q = 0; q < 7; q++)
        col_words(taps[q], d->w + (q * d->channels + c) * 4, COL_C);
    col_words(g->start, d->bias + c, COL_C);
    QNT_UNROLL
    for (int j = 0; j < COL_V; j++) {
        const __m512i none = _mm512_setzero_si512(), each = _mm512_set1_epi8(-128);
        __m512i added = none, after = none;
        QNT_UNROLL
        for (int x = 0; x < 5; x++) {
            __m512i w = none;
            QNT_UNROLL
            for (int y = 0; y < 4; y++)
                w = col5_tap(w, taps, j, 5 * y + x, y);
            g->w[x][j] = w;
            added = _mm512_dpbusd_epi32(added, each, w);
        }
        QNT_UNROLL
        for (int x = 0; x < 4; x++)
            after = col5_tap(after, taps, j, 21 + x, x);
        g->after[j] = after;
        g->first[j] = col5_tap(none, taps, j, 20, apart - 1);
        added = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(added, each, after), each, g->first[j]);
        g->start[j] = _mm512_sub_epi32(g->start[j], added);
    }
}

QNT_INLINE void col_zip4(__m512i v[COL_V], const int8_t *a, const int8_t *b, const int8_t *c, const int8_t *d)
{
    const __m512i flip = _mm512_set1_epi8(-128);
    __m512i xa = _mm512_xor_si512(_mm512_loadu_si512(a), flip), xb = _mm512_xor_si512(_mm512_loadu_si512(b), flip);
    __m512i xc = _mm512_xor_si512(_mm512_loadu_si512(c), flip), xd = _mm512_xor_si512(_mm512_loadu_si512(d), flip);
    __m512i ab0 = _mm512_unpacklo_epi8(xa, xb), ab1 = _mm512_unpackhi_epi8(xa, xb);
    __m512i cd0 = _mm512_unpacklo_epi8(xc, xd), cd1 = _mm512_unpackhi_epi8(xc, xd);
    v[0] = _mm512_unpacklo_epi16(ab0, cd0);
    v[1] = _mm512_unpackhi_epi16(ab0, cd0);
    v[2] = _mm512_unpacklo_epi16(ab1, cd1);
    v[3] = _mm512_unpackhi_epi16(ab1, cd1);
}

QNT_INLINE void col5_zip(__m512i v[COL_V], const struct col5_run *g, size_t at)
{
    col_zip4(v, g->line[0] + at, g->line[1] + at, g->line[2] + at, g->line[3] + at);
}

/* Of the fifth line, the columns after the one at `at`. */
QNT_INLINE void col5_after(__m512i v[COL_V], const struct col5_run *g, size_t at)
{
    const int8_t *p = g->line[4] + at;
    col_zip4(v, p + g->col, p + 2 * g->col, p + 3 * g->col, p + 4 * g->col);
}

QNT_INLINE void col5_outputs_1(const struct col5_run *g, int8_t *dst, size_t n)
{
    __m512i a[COL_V], b[COL_V], c[COL_V], d[COL_V], v[COL_V];
    col_zip4(v, g->line[4], g->line[4], g->line[4], g->line[4]);
    col_add(a, g->start, v, g->first);
    col5_zip(v, g, 0);
    col_add(a, a, v, g->w[0]);
    col5_zip(v, g, g->col);
    col_add(a, a, v, g->w[1]);
    col_add(b, g->start, v, g->w[0]);
    col5_zip(v, g, 2 * g->col);
    col_add(a, a, v, g->w[2]);
    col_add(b, b, v, g->w[1]);
    col_add(c, g->start, v, g->w[0]);
    col5_zip(v, g, 3 * g->col);
    col_add(a, a, v, g->w[3]);
    col_add(b, b, v, g->w[2]);
    col_add(c, c, v, g->w[1]);
    col_add(d, g->start, v, g->w[0]);
    for (size_t at = 0; n; n--, at += g->step, dst += g->ldd) {
        __m512i last[COL_V];
        col5_zip(v, g, at + 4 * g->col);
        col5_after(last, g, at);
        col_add(a, a, v, g->w[4]);
        col_add(a, a, last, g->after);
        col_store(&g->out, dst, a);
        col_add(a, b, v, g->w[3]);
        col_add(a, a, last, g->first);
        col_add(b, c, v, g->w[2]);
        col_add(c, d, v, g->w[1]);
        col_add(d, g->start, v, g->w[0]);
    }
}

QNT_INLINE void col5_outputs_2(const struct col5_run *g, int8_t *dst, size_t n)
{
    __m512i a[COL_V], b[COL_V], v[COL_V];
    col_zip4(v, g->line[4], g->line[4], g->line[4], g->line[4]);
    col_add(a, g->start, v, g->first);
    col5_zip(v, g, 0);
    col_add(a, a, v, g->w[0]);
    col5_zip(v, g, g->col);
    col_add(a, a, v, g->w[1]);
    col5_zip(v, g, 2 * g->col);
    col_add(a, a, v, g->w[2]);
    col_add(b, g->start, v, g->w[0]);
    for (size_t at = 0; n; n--, at += g->step, dst += g->ldd) {
        col5_zip(v, g, at + 3 * g->col);
        col_add(a, a, v, g->w[3]);
        col_add(b, b, v, g->w[1]);
        col5_zip(v, g, at + 4 * g->col);
        col_add(a, a, v, g->w[4]);
        __m512i next[COL_V], last[COL_V];
        col_add(next, b, v, g->w[2]);
        col_add(b, g->start, v, g->w[0]);
        col5_after(last, g, at);
        col_add(a, a, last, g->after);
        col_store(&g->out, dst, a);
        col_add(a, next, last, g->first);
    }
}

QNT_INLINE void col5_block(struct col5_run *g, const struct qnt_depthwise *d, int8_t *dst, const struct qnt_requant *r,
                           size_t c, const int apart)
{
    col5_weights(g, d, c, apart);
    col_scales(&g->out, r, c, COL_C);
    dst += c;
    for (size_t l = 0; l < d->lines; l++, dst += d->pixels * g->ldd) {
        for (size_t k = 0; k < 5; k++)
            g->line[k] = d->tap[5 * k] + c + l * d->line;
        if (apart == 1)
            col5_outputs_1(g, dst, d->pixels);
        else
            col5_outputs_2(g, dst, d->pixels);
    }
}

QNT_INLINE void col5_all(struct col5_run *g, const struct qnt_depthwise *d, int8_t *dst, const struct qnt_requant *r,
                         const int apart)
{
    size_t c = 0;
    for (; c + COL_C <= d->channels; c += COL_C)
        col5_block(g, d, dst, r, c, apart);
    if (c < d->channels) /* overlaps the one before */
        col5_block(g, d, dst, r, d->channels - COL_C, apart);
}

/* Does the run, or says that it is not one of these. */
static inline bool col5_serves(const struct qnt_depthwise *d, int8_t *dst, size_t ldd, const struct qnt_requant *r)
{
    struct col5_run g = {.out.rq = requant_load(r), .step = d->step, .ldd = ldd};
    if (d->taps != 25 || !d->pixels || d->channels < COL_C || !col_lines(d, 5, &g.col) ||
        (g.step != g.col && g.step != 2 * g.col) || !col_small(r, d->channels))
        return false;
    if (g.step == g.col)
        col5_all(&g, d, dst, r, 1);
    else
        col5_all(&g, d, dst, r, 2);
    return true;
}
#endif
