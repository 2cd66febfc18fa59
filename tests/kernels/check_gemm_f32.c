/* f32 tiles and their packing against plain loops: every m, edges of n, runs and jumps of k, A by rows and by columns,
 * first and later blocks of k, bias, clamp. Only which NaN comes out may differ. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "ck.h"

void check_gemm_f32(struct ck *c);

enum { MR_MOST = 100, NR_MOST = 128, TAPS_MOST = 9 };

static bool same_or_nan(struct ck *c, size_t row, float *want, const float *got, size_t n)
{
    for (size_t j = 0; j < n; j++)
        if (isnan(want[j]) && isnan(got[j]))
            want[j] = got[j];
    char what[32];
    snprintf(what, sizeof what, "row %zu", row);
    return ck_same(c, CK_F32, what, want, got, n);
}

/* What the tile must leave in row i; `old` is what the row held before. */
static void reference_row(const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t i, const float *old,
                          float *want)
{
    const struct qnt_epilogue *e = t->e;
    for (size_t j = 0; j < t->n; j++) {
        const float *a = o->a, *w = o->w + j;
        const ptrdiff_t row = o->at + (ptrdiff_t)i * o->a_row, width = (ptrdiff_t)o->width;
        float x = !t->first ? old[j] : e->bias_f32 ? e->bias_f32[t->col + j] : 0.0f;
        for (size_t r = 0; r < o->runs; r++, a += o->a_jump, w += o->w_jump)
            for (ptrdiff_t p = 0, at = row; p < (ptrdiff_t)o->run; p++, at += o->a_k)
                if (!width || (at >= 0 && at < width))
                    x = fmaf(a[at], w[p * o->w_k], x);
        want[j] = !t->last ? x : x < e->lo ? e->lo : x > e->hi ? e->hi : x;
    }
}

struct shape {
    size_t m, n, run, runs;
    enum ck_fill fill;
    enum ck_place place;
};

static size_t pick(struct ck *c, const size_t *from, size_t count)
{
    return from[ck_below(c, count)];
}

/* Strides that are dense, padded, or make rows (or runs) share elements. */
static void operands(struct ck *c, const struct shape *s, struct qnt_f32_operands *o)
{
    bool columns = ck_below(c, 3) == 0;
    size_t nr = c->gemm->nr, wide = ck_below(c, 3) ? 0 : 5, along = s->run + wide, across = s->m + wide;
    *o = (struct qnt_f32_operands){.run = s->run, .runs = s->runs, .a_row = 1, .a_k = 1};
    if (columns)
        o->a_k = (ptrdiff_t)across;
    else
        o->a_row = (ptrdiff_t)(ck_below(c, 4) == 0 ? ck_below(c, 3) : along * (ck_below(c, 4) ? 1 : s->runs + 1));
    const size_t a_jumps[] = {along, columns ? across * s->run : along * s->m, 1, 0};
    o->a_jump = (ptrdiff_t)pick(c, a_jumps, 4);
    o->w_k = (ptrdiff_t)(ck_below(c, 3) ? nr : nr + 1 + ck_below(c, 20));
    o->w_jump = (ptrdiff_t)(ck_below(c, 4) ? s->run * (size_t)o->w_k : ck_below(c, 3) * nr);
}

/* Windows on lines: rows a pixel or two apart, as many of them as may be outside at either end, wholly or in part. */
static void windows(struct ck *c, const struct shape *s, struct qnt_f32_operands *o)
{
    const size_t pixel = pick(c, (const size_t[]){1, 3, 4, 16}, 4), apart = pixel * (1 + ck_below(c, 2));
    const size_t all = (s->m - 1) * apart + s->run,
                 before = ck_below(c, 4) ? ck_below(c, 3) * pixel : ck_below(c, all + 9);
    const size_t after = ck_below(c, 4) ? ck_below(c, 3) * pixel : ck_below(c, all + 9);
    o->a_row = ck_below(c, 8) ? (ptrdiff_t)apart : 0;
    o->a_k = 1;
    o->at = ck_below(c, 8) ? -(ptrdiff_t)before : (ptrdiff_t)before;
    o->width = before + after < all ? all - before - after : 1 + ck_below(c, 3);
    o->a_jump = (ptrdiff_t)(ck_below(c, 4) ? o->width : 0);
}

static size_t span(size_t a, ptrdiff_t a_step, size_t b, ptrdiff_t b_step, size_t d, ptrdiff_t d_step)
{
    return a && b && d ? (a - 1) * (size_t)a_step + (b - 1) * (size_t)b_step + (d - 1) * (size_t)d_step + 1 : 0;
}

static void tile(struct ck *c, const struct shape *s)
{
    static const float bounds[][2] = {
        {-INFINITY, INFINITY}, {0.0f, INFINITY}, {0.0f, 6.0f}, {-1.5f, 2.5f}, {-0.0f, 1.0f}};
    const float *b = bounds[ck_below(c, 5)];
    const struct qnt_gemm *d = c->gemm;
    struct qnt_f32_operands o;
    float want[NR_MOST], old[MR_MOST * NR_MOST];
    operands(c, s, &o);
    if (ck_below(c, 3) == 0)
        windows(c, s, &o);
    size_t ldc = s->n + ck_below(c, 2) * ck_below(c, 40), col = ck_below(c, 2) * ck_below(c, 100);
    bool first = ck_below(c, 3) > 0, last = ck_below(c, 3) > 0, bias = ck_below(c, 2);
    ck_case(c,
            "m=%zu n=%zu run=%zu runs=%zu a=%td,%td,%td at=%td of %zu w=%td,%td ldc=%zu col=%zu first=%d last=%d "
            "bias=%d lo=%g hi=%g "
            "fill=%s place=%s",
            s->m, s->n, s->run, s->runs, o.a_row, o.a_k, o.a_jump, o.at, o.width, o.w_k, o.w_jump, ldc, col, first,
            last, bias, (double)b[0], (double)b[1], ck_fill_name(s->fill), ck_place_name(s->place));
    const size_t a_span =
        o.width ? span(o.width, 1, 1, 0, s->runs, o.a_jump) : span(s->m, o.a_row, s->run, o.a_k, s->runs, o.a_jump);
    o.a = ck_in(c, 0, CK_F32, a_span, s->fill, s->place);
    size_t w_span = span(1, 0, s->run, o.w_k, s->runs, o.w_jump);
    o.w = ck_in(c, 1, CK_F32, w_span ? w_span + d->nr - 1 : 0, s->fill, s->place);
    float *out = ck_out_2d(c, 2, CK_F32, s->m, s->n, ldc, s->place);
    for (size_t i = 0; i < s->m; i++) {
        if (!first)
            ck_fill(c, out + i * ldc, CK_F32, s->n, s->fill);
        memcpy(old + i * s->n, out + i * ldc, s->n * sizeof *old);
    }
    struct qnt_epilogue e = {.kind = QNT_EPI_F32, .lo = b[0], .hi = b[1]};
    if (bias) /* only the columns of this tile exist */
        e.bias_f32 = (const float *)ck_in(c, 3, CK_F32, s->n, s->fill, s->place) - col;
    if (ck_below(c, 2)) { /* asked for, never read: 4096 floats that are nowhere */
        o.ahead = (const float *)(uintptr_t)4096;
        o.ahead_end = o.ahead + 4096;
    }
    const struct qnt_tile t = {out, ldc, (uint32_t)s->m, (uint32_t)s->n, 7, (uint32_t)col, first, last, &e};
    CK_CALL(c, d->run_f32(&o, &t));
    for (size_t i = 0; i < s->m; i++) {
        reference_row(&o, &t, i, old + i * s->n, want);
        if (!same_or_nan(c, i, want, out + i * ldc, s->n))
            break;
    }
}

/* Panel element (p, j) is [p][nr]; from `used` on 0 or the last one again. */
static void check_panel(struct ck *c, const float *panel, size_t k, size_t used,
                        const float *(*at)(const void *, size_t, size_t), const void *source)
{
    const float zero = 0.0f;
    float want[NR_MOST];
    for (size_t p = 0; p < k; p++, panel += c->gemm->nr) {
        for (size_t j = 0; j < c->gemm->nr; j++)
            want[j] = j < used ? *at(source, p, j) : !memcmp(panel + used, &zero, sizeof zero) ? zero : want[used - 1];
        if (!ck_same(c, CK_F32, "panel", want, panel, c->gemm->nr))
            break;
    }
}

struct rows {
    const float *taps[TAPS_MOST];
    size_t ld, tap_k, k0;
};

static const float *row_element(const void *source, size_t p, size_t j)
{
    const struct rows *s = source;
    return s->taps[(s->k0 + p) / s->tap_k] + j * s->ld + (s->k0 + p) % s->tap_k;
}

static void packing(struct ck *c, size_t taps, size_t tap_k, enum ck_fill fill, enum ck_place place)
{
    const struct qnt_gemm *d = c->gemm;
    const void *rows[TAPS_MOST * NR_MOST];
    size_t used = 1 + ck_below(c, d->nr), whole = taps * tap_k, k0 = ck_below(c, 2) * ck_below(c, whole);
    size_t k = ck_below(c, 2) ? whole - k0 : 1 + ck_below(c, whole - k0);
    struct rows source = {.ld = tap_k + ck_below(c, 2) * 3, .tap_k = tap_k, .k0 = k0};
    ck_case(c, "pack taps=%zu tap_k=%zu k0=%zu k=%zu used=%zu ld=%zu fill=%s place=%s", taps, tap_k, k0, k, used,
            source.ld, ck_fill_name(fill), ck_place_name(place));
    for (size_t t = 0; t < taps; t++) { /* each tap has buffers of its own: nothing past its last row may be read */
        source.taps[t] = ck_in_2d(c, (unsigned)t, CK_F32, used, tap_k, source.ld, fill, place);
        for (size_t j = 0; j < used; j++)
            rows[t * used + j] = source.taps[t] + j * source.ld;
    }
    float *panel = ck_out(c, TAPS_MOST, CK_F32, k * d->nr, place);
    CK_CALL(c, d->pack_w(rows, tap_k, k0, k, used, 0, panel));
    check_panel(c, panel, k, used, row_element, &source);
}

static const float *line_element(const void *source, size_t p, size_t j)
{
    const struct rows *s = source;
    return s->taps[0] + p * s->ld + j;
}

static void packing_columns(struct ck *c, size_t k, enum ck_fill fill, enum ck_place place)
{
    const struct qnt_gemm *d = c->gemm;
    const void *lines[256];
    size_t used = 1 + ck_below(c, d->nr);
    struct rows source = {.ld = used + ck_below(c, 2) * 3};
    ck_case(c, "pack columns k=%zu used=%zu ld=%zu fill=%s place=%s", k, used, source.ld, ck_fill_name(fill),
            ck_place_name(place));
    source.taps[0] = ck_in_2d(c, 0, CK_F32, k, used, source.ld, fill, place);
    for (size_t p = 0; p < k; p++)
        lines[p] = source.taps[0] + p * source.ld;
    float *panel = ck_out(c, 1, CK_F32, k * d->nr, place);
    CK_CALL(c, d->pack_w_cols(lines, k, used, panel));
    check_panel(c, panel, k, used, line_element, &source);
}

static void check_packing(struct ck *c)
{
    static const size_t depths[] = {1, 2, 3, 5, 8, 16, 17, 31, 33, 64, 100};
    for (size_t i = 0; i < 20 * sizeof depths / sizeof *depths; i++) {
        size_t k = depths[i % (sizeof depths / sizeof *depths)];
        enum ck_fill fill = (enum ck_fill)ck_below(c, CK_FLOAT_FILLS);
        enum ck_place place = (enum ck_place)(i % CK_PLACES);
        packing(c, ck_below(c, 2) ? 1 : 1 + ck_below(c, TAPS_MOST), k, fill, place);
        packing_columns(c, k, fill, place);
    }
}

static void bench(struct ck *c)
{
    enum { K = 256 };
    const struct qnt_gemm *d = c->gemm;
    const struct qnt_epilogue e = {.kind = QNT_EPI_F32, .lo = -INFINITY, .hi = INFINITY};
    ck_case(c, "bench");
    const float *a = ck_in(c, 0, CK_F32, d->mr * (size_t)K, CK_NOISE, CK_START);
    const float *w = ck_in(c, 1, CK_F32, d->nr * (size_t)K, CK_NOISE, CK_START);
    float *out = ck_out(c, 2, CK_F32, (size_t)d->mr * d->nr, CK_START);
    const struct qnt_f32_operands o = {.a = a, .w = w, .a_row = K, .a_k = 1, .w_k = d->nr, .run = K, .runs = 1};
    const struct qnt_tile t = {out, d->nr, d->mr, d->nr, 0, 0, 1, 1, &e};
    CK_BENCH(c, "k=256", CK_MACS, (double)d->mr * d->nr * K, d->run_f32(&o, &t));
}

void check_gemm_f32(struct ck *c)
{
    static const size_t depths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 64, 67, 300};
    const struct qnt_gemm *d = c->gemm;
    size_t count = sizeof depths / sizeof *depths - (c->quick ? 1 : 0);
    const size_t most = d->tall ? 3u * d->mr + 13 : d->mr; /* of rows */
    if (most > MR_MOST || d->nr > NR_MOST || d->kr != 1)
        ck_die(c, "tile larger than the checker's arrays, or kr is not 1");
    ck_plain(c);
    for (size_t i = 0; i < (c->quick ? 2 : 6) * count * CK_FLOAT_FILLS; i++)
        for (size_t m = 1; m <= most; m++) {
            const size_t edges[] = {d->nr, d->nr, 1, d->nr - 1u, d->nr / 2u, 1 + ck_below(c, d->nr)};
            const struct shape s = {.m = m,
                                    .n = pick(c, edges, 6),
                                    .run = depths[i % count],
                                    .runs = 1 + ck_below(c, 2) * ck_below(c, 4),
                                    .fill = (enum ck_fill)(i / count % CK_FLOAT_FILLS),
                                    .place = (enum ck_place)ck_below(c, CK_PLACES)};
            tile(c, &s);
        }
    check_packing(c);
    bench(c);
}
