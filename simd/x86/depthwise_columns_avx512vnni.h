#ifndef X86_DEPTHWISE_COLUMNS_AVX512VNNI_H
#define X86_DEPTHWISE_COLUMNS_AVX512VNNI_H
/* 3 x 3 windows, 64 channels of a pixel and a column of the window at a time: the bytes that three lines have at one
 * column are zipped, so that the three taps of a channel lie side by side, and serve every output whose window has that
 * column. Where windows are one column apart this is one zip and three VPDPBUSD for an output.
 *
 *   zip: part L (16 bytes) of v[j] = the taps of channels 16 L + 4 j .. + 3; the fourth byte has weight 0
 *
 * Weights, starts and scales are brought into that order once a run, and sums pack back to the order of memory without
 * a permutation. Pixels of 8, 16 or 32 channels without gaps between count as one of 64 where windows are a pixel
 * apart. 4 sums of this output, 4 of the next, 4 for the zip; what of the weights has no register is an operand in
 * memory. */
#include "tmpl/depthwise_columns.h"
#include "tmpl/requant_step.h"

enum { COL_C = 64, COL_V = 4 };

struct col_out {
    vf scale[COL_V];
    struct requant rq;
};
struct col_run {
    __m512i w[3][COL_V], start[COL_V];
    struct col_out out;
    const int8_t *line[3]; /* first column of the first output */
    size_t col;            /* bytes to the next column of a window */
    size_t step, ldd;      /* to the next output, in src and in dst */
};

/* 64 words in the order of a zip, words of 16 channels and fewer again and again. */
QNT_INLINE void col_words(__m512i v[COL_V], const void *words, size_t channels)
{
    const int32_t *p = words;
    QNT_UNROLL
    for (size_t j = 0; j < COL_V; j++) {
        __m512i x = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(p + 4 * j % channels)));
        x = _mm512_inserti32x4(x, _mm_loadu_si128((const __m128i *)(p + (16 + 4 * j) % channels)), 1);
        x = _mm512_inserti32x4(x, _mm_loadu_si128((const __m128i *)(p + (32 + 4 * j) % channels)), 2);
        v[j] = _mm512_inserti32x4(x, _mm_loadu_si128((const __m128i *)(p + (48 + 4 * j) % channels)), 3);
    }
}

/* to, with byte i of each word taken from byte from[i] of that word of x where it is not -1. */
QNT_INLINE __m512i col_bytes(__m512i to, __m512i x, const int from0, const int from1, const int from2, const int from3)
{
    const int pattern = (from0 & 3) | (from1 & 3) << 8 | (from2 & 3) << 16 | (from3 & 3) << 24;
    const int places = (from0 >= 0) | (from1 >= 0) << 1 | (from2 >= 0) << 2 | (from3 >= 0) << 3;
    const __m512i word = _mm512_broadcast_i32x4(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c));
    return _mm512_mask_shuffle_epi8(to, 0x1111111111111111 * (uint64_t)places, x,
                                    _mm512_or_si512(word, _mm512_set1_epi32(pattern)));
}

/* Taps 0..3, 4..7 and 8 of a channel lie together; a column wants k, 3 + k and 6 + k. What xor'ing the codes by 0x80
 * will add, 128 times each weight, is taken off the start. */
QNT_INLINE void col_weights(struct col_run *g, const struct qnt_depthwise *d, size_t c, size_t channels)
{
    __m512i taps[3][COL_V];
    QNT_UNROLL
    for (size_t q = 0; q < 3; q++)
        col_words(taps[q], d->w + (q * d->channels + c) * 4, channels);
    col_words(g->start, d->bias + c, channels);
    QNT_UNROLL
    for (int j = 0; j < COL_V; j++) {
        const __m512i none = _mm512_setzero_si512(), a = taps[0][j], b = taps[1][j];
        __m512i added = none;
        g->w[0][j] = col_bytes(col_bytes(none, a, 0, 3, -1, -1), b, -1, -1, 2, -1);
        g->w[1][j] = col_bytes(col_bytes(none, a, 1, -1, -1, -1), b, -1, 0, 3, -1);
        g->w[2][j] = col_bytes(col_bytes(none, a, 2, -1, -1, -1), b, -1, 1, -1, -1);
        g->w[2][j] = col_bytes(g->w[2][j], taps[2][j], -1, -1, 0, -1);
        QNT_UNROLL
        for (int k = 0; k < 3; k++)
            added = _mm512_dpbusd_epi32(added, _mm512_set1_epi8(-128), g->w[k][j]);
        g->start[j] = _mm512_sub_epi32(g->start[j], added);
    }
}

QNT_INLINE void col_zip(__m512i v[COL_V], const struct col_run *g, size_t at)
{
    __m512i x[3];
    QNT_UNROLL
    for (int k = 0; k < 3; k++)
        x[k] = _mm512_xor_si512(_mm512_loadu_si512(g->line[k] + at), _mm512_set1_epi8(-128));
    __m512i ab0 = _mm512_unpacklo_epi8(x[0], x[1]), ab1 = _mm512_unpackhi_epi8(x[0], x[1]);
    __m512i cc0 = _mm512_unpacklo_epi8(x[2], x[2]), cc1 = _mm512_unpackhi_epi8(x[2], x[2]);
    v[0] = _mm512_unpacklo_epi16(ab0, cc0);
    v[1] = _mm512_unpackhi_epi16(ab0, cc0);
    v[2] = _mm512_unpacklo_epi16(ab1, cc1);
    v[3] = _mm512_unpackhi_epi16(ab1, cc1);
}

/* to = from + v * w */
QNT_INLINE void col_add(__m512i to[COL_V], const __m512i from[COL_V], const __m512i v[COL_V], const __m512i w[COL_V])
{
    QNT_UNROLL
    for (int j = 0; j < COL_V; j++)
        to[j] = _mm512_dpbusd_epi32(from[j], v[j], w[j]);
}

QNT_INLINE void col_scales(struct col_out *g, const struct qnt_requant *r, size_t c, size_t channels)
{
    __m512i scale[COL_V];
    if (r->per_channel)
        col_words(scale, r->scale + c, channels);
    QNT_UNROLL
    for (int j = 0; j < COL_V; j++)
        g->scale[j] = r->per_channel ? _mm512_castsi512_ps(scale[j]) : vf_set(r->scale[0]);
}

/* Scales are below 1 (col_small), so no sum is too large for the conversion. */
QNT_INLINE void col_store(const struct col_out *g, int8_t *dst, const __m512i sum[COL_V])
{
    vi c[COL_V];
    QNT_UNROLL
    for (int j = 0; j < COL_V; j++)
        c[j] = vi_near(vf_of((vi)sum[j]) * g->scale[j]);
    const __m512i zero = _mm512_set1_epi16((short)g->rq.zero);
    __m512i ab = _mm512_adds_epi16(_mm512_packs_epi32((__m512i)c[0], (__m512i)c[1]), zero);
    __m512i cd = _mm512_adds_epi16(_mm512_packs_epi32((__m512i)c[2], (__m512i)c[3]), zero);
    vb v = (vb)_mm512_packs_epi16(ab, cd);
    vb_store(dst, vb_max(vb_min(v, g->rq.hi), g->rq.lo) ^ g->rq.flip, COL_C);
}

/* n outputs from the one at p on; apart: columns between two outputs where windows overlap (1 or 2), else 0. */
QNT_INLINE void col_outputs(const struct col_run *g, int8_t *dst, size_t p, size_t n, const int apart)
{
    __m512i a[COL_V], b[COL_V], v[COL_V];
    size_t at = p * g->step;
    col_zip(v, g, at);
    col_add(a, g->start, v, g->w[0]);
    if (apart == 1) {
        col_zip(v, g, at + g->col);
        col_add(a, a, v, g->w[1]);
        col_add(b, g->start, v, g->w[0]);
    }
    for (dst += p * g->ldd; n; n--, at += g->step, dst += g->ldd) {
        if (apart != 1) {
            col_zip(v, g, at + g->col);
            col_add(a, a, v, g->w[1]);
        }
        col_zip(v, g, at + 2 * g->col);
        col_add(a, a, v, g->w[2]);
        col_store(&g->out, dst, a);
        if (apart == 1) {
            col_add(a, b, v, g->w[1]);
            col_add(b, g->start, v, g->w[0]);
        } else if (apart == 2) {
            col_add(a, g->start, v, g->w[0]);
        } else if (n > 1) {
            col_zip(v, g, at + g->step);
            col_add(a, g->start, v, g->w[0]);
        }
    }
}

/* Groups of pixels side by side whose windows are a pixel apart: what 64 bytes from one or two pixels on hold is in two
 * zips already. Reads the 64 bytes after the last group. */
QNT_INLINE void col_side_by_side(const struct col_run *g, int8_t *dst, size_t n, const size_t channels)
{
    __m512i lo[COL_V], hi[COL_V], v[COL_V], a[COL_V];
    col_zip(lo, g, 0);
    for (size_t at = 0; n; n--, at += COL_C) {
        col_zip(hi, g, at + COL_C);
        col_add(a, g->start, lo, g->w[0]);
        QNT_UNROLL
        for (int j = 0; j < COL_V; j++)
            v[j] = channels == 32 ? _mm512_alignr_epi64(hi[j], lo[j], 4) : _mm512_alignr_epi64(hi[j], lo[j], 2);
        col_add(a, a, v, g->w[1]);
        QNT_UNROLL
        for (int j = 0; j < COL_V; j++) {
            v[j] = channels == 32 ? hi[j] : _mm512_alignr_epi64(hi[j], lo[j], 4);
            lo[j] = hi[j];
        }
        col_add(a, a, v, g->w[2]);
        col_store(&g->out, dst + at, a);
    }
}

/* One run of col_block. */
QNT_INLINE void col_line(struct col_run *g, const struct qnt_depthwise *d, int8_t *dst, size_t channels)
{
    const size_t at_once = COL_C / channels, n = d->pixels / at_once;
    if (channels == 32 && g->col == 32)
        col_side_by_side(g, dst, n, 32);
    else if (channels == 16 && g->col == 16) {
        col_side_by_side(g, dst, n - 1, 16);
        col_outputs(g, dst, n - 1, 1, 0);
    } else if (g->step == g->col)
        col_outputs(g, dst, 0, n, 1);
    else if (g->step == 2 * g->col)
        col_outputs(g, dst, 0, n, 2);
    else
        col_outputs(g, dst, 0, n, 0);
    if (n * at_once < d->pixels) { /* the last ones, with some of those before */
        g->line[0] += (d->pixels - at_once) * channels;
        g->line[1] += (d->pixels - at_once) * channels;
        g->line[2] += (d->pixels - at_once) * channels;
        col_outputs(g, dst + (d->pixels - at_once) * channels, 0, 1, 0);
    }
}

/* 64 channels from c on, or `channels` of them (8, 16, 32) of 64 / channels pixels at once. */
QNT_INLINE void col_block(struct col_run *g, const struct qnt_depthwise *d, int8_t *dst, const struct qnt_requant *r,
                          size_t c, size_t channels)
{
    const size_t out = d->pixels * (channels < COL_C ? channels : g->ldd);
    col_weights(g, d, c, channels);
    col_scales(&g->out, r, c, channels);
    for (size_t l = 0; l < d->lines; l++) {
        for (size_t k = 0; k < 3; k++)
            g->line[k] = d->tap[3 * k] + c + l * d->line;
        col_line(g, d, dst + c + l * out, channels);
    }
}

static inline bool col_small(const struct qnt_requant *r, size_t channels)
{
    __mmask16 large = 0;
    for (size_t c = 0; c < (r->per_channel ? channels : 1); c += VL) {
        size_t n = r->per_channel ? channels - c : 1;
        large |= _mm512_cmp_ps_mask(vf_load(r->scale + c, n), vf_set(1.0f), _CMP_NLT_UQ);
    }
    return !large;
}

/* Does the run, or says that it is not one of these. */
static inline bool col_serves(const struct qnt_depthwise *d, int8_t *dst, size_t ldd, const struct qnt_requant *r)
{
    const size_t channels = d->channels;
    struct col_run g = {.out.rq = requant_load(r)};
    if (d->taps != 9 || !d->pixels || !col_lines(d, 3, &g.col) || !col_small(r, channels))
        return false;
    if (channels >= COL_C) { /* the last block overlaps the one before */
        g.step = d->step;
        g.ldd = ldd;
        for (size_t c = 0; c + COL_C <= channels; c += COL_C)
            col_block(&g, d, dst, r, c, COL_C);
        if (channels % COL_C)
            col_block(&g, d, dst, r, channels - COL_C, COL_C);
        return true;
    }
    if ((channels != 8 && channels != 16 && channels != 32) || d->step != channels || ldd != channels ||
        d->pixels < COL_C / channels)
        return false;
    g.step = g.ldd = COL_C;
    col_block(&g, d, dst, r, 0, channels);
    return true;
}
#endif
