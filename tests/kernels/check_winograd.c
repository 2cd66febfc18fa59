/* Winograd's ways of a tile that has some, against its definition (simd/winograd.h), step by step; that the
 * steps make a convolution is test_winograd's. */
#include <string.h>
#include "check_gemm.h"

enum { IMAGE, ZERO, CODES, W, SUMS, BIAS, SCALE, LINES, TILES = 15, MOST = 96 };
/* By side / 2 - 1: B', A' and what products of A' come to. */
static const struct matrices {
    int32_t b[6][6], a[4][6];
    uint32_t odd_inverse, shift; /* scale = odd << shift */
    int32_t codes, weights;      /* magnitudes */
} of_side[2] = {
    {{{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}}, {{1, 1, 1, 0}, {0, 1, -1, -1}}, 1, 2, 512, 1152},
    {{{4, 0, -5, 0, 1, 0},
      {0, -4, -4, 1, 1, 0},
      {0, 4, -4, -1, 1, 0},
      {0, -2, -1, 2, 1, 0},
      {0, 2, -1, -2, 1, 0},
      {0, 4, 0, -5, 0, 1}},
     {{6, -4, -4, 1, 1, 0}, {0, -4, 4, 2, -2, 0}, {0, -4, -4, 4, 4, 0}, {0, -4, 4, 8, -8, 24}},
     0x38e38e39,
     6,
     12800,
     6272},
};

static const struct matrices *matrices_of(const struct qnt_winograd *way)
{
    return &of_side[way->side / 2 - 1];
}

static size_t points_of(const struct qnt_winograd *way)
{
    return (way->side + 2) * (way->side + 2);
}

static size_t channels_of(struct ck *c, const struct qnt_winograd *way)
{
    return way->channels * (1 + ck_below(c, MOST / way->channels));
}

static int32_t code_at(const struct qnt_winograd_row *r, size_t i, size_t x, size_t c)
{
    return x < r->width ? r->line[i][x * r->step[i] + c] : r->zero[c];
}

/* One point of one tile, all channels. */
static void input_want(const struct qnt_winograd *way, const struct qnt_winograd_row *r, size_t tile, size_t point,
                       int16_t *want)
{
    const struct matrices *m = matrices_of(way);
    const size_t n = way->side + 2;
    for (size_t c = 0; c < r->channels; c++) {
        int32_t sum = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                sum += m->b[point / n][i] * m->b[point % n][j] * code_at(r, i, r->first + way->side * tile + j, c);
        want[c] = (int16_t)sum;
    }
}

static void check_input(struct ck *c, const struct qnt_winograd *way)
{
    const enum ck_place place = (enum ck_place)ck_below(c, CK_PLACES);
    const enum ck_fill fill = (enum ck_fill)ck_below(c, CK_INT_FILLS);
    const size_t channels = channels_of(c, way), width = 1 + ck_below(c, 12), tiles = 1 + ck_below(c, TILES);
    struct qnt_winograd_row r = {.channels = channels, .width = width, .first = ck_below(c, 6) - 3};
    const size_t point = tiles * channels + ck_below(c, 3) * 8;
    ck_case(c, "%s: input %zu tiles of %zu channels, width=%zu first=%td fill=%s place=%s", way->name, tiles, channels,
            width, (ptrdiff_t)r.first, ck_fill_name(fill), ck_place_name(place));
    const int8_t *image = ck_in(c, IMAGE, CK_S8, (way->side + 2) * width * channels, fill, place);
    r.zero = ck_in(c, ZERO, CK_S8, channels, CK_NOISE, place);
    for (size_t i = 0; i < way->side + 2; i++) {
        const bool inside = ck_below(c, 4);
        r.line[i] = inside ? image + i * width * channels : r.zero;
        r.step[i] = inside ? channels : 0;
    }
    uint8_t *dst = ck_out_2d(c, CODES, CK_U8, points_of(way), tiles * channels * 2, point * 2, CK_START);
    CK_CALL(c, way->input(&r, tiles, (int16_t *)(void *)dst, point));
    for (size_t p = 0; p < points_of(way); p++)
        for (size_t t = 0; t < tiles; t++) {
            int16_t want[MOST];
            input_want(way, &r, t, p, want);
            if (!ck_same(c, CK_U8, "codes of a tile", want, dst + (p * point + t * channels) * 2, channels * 2))
                return;
        }
}

/* 16-bit codes up to `most`, or that alone with any sign, or with one for all: what sums of side 4 wrap by. */
static int16_t *codes(struct ck *c, unsigned slot, size_t n, size_t most, enum ck_place place)
{
    int16_t *to = ck_in(c, slot, CK_U8, 2 * n, CK_NOISE, place);
    enum { SIGNS, SIGN, KINDS = 4 };
    const size_t kind = ck_below(c, KINDS), sign = ck_below(c, 2);
    for (size_t i = 0; i < n; i++) {
        const size_t at = kind == SIGNS  ? most * 2 * ck_below(c, 2)
                          : kind == SIGN ? most * 2 * sign
                                         : ck_below(c, 2 * most + 1);
        const int32_t code = (int32_t)at - (int32_t)most;
        const int16_t value = (int16_t)code;
        memcpy(to + i, &value, sizeof value);
    }
    return to;
}

static void check_products(struct ck *c, const struct qnt_winograd *way)
{
    const struct matrices *a = matrices_of(way);
    const enum ck_place place = ck_below(c, 2) ? CK_END : CK_START;
    const size_t nr = c->gemm->nr, points = points_of(way), channels = channels_of(c, way);
    const size_t tiles = 1 + ck_below(c, TILES), point = tiles * channels + ck_below(c, 3) * 8;
    ck_case(c, "%s: products of %zu tiles of %zu channels, place=%s", way->name, tiles, channels, ck_place_name(place));
    const int16_t *v = codes(c, CODES, (points - 1) * point + tiles * channels, (size_t)a->codes, place);
    const int16_t *w = codes(c, W, points * channels * nr, (size_t)a->weights, place);
    int32_t *m = ck_out(c, SUMS, CK_S32, points * tiles * nr, place);
    CK_CALL(c, way->products(v, points, point, w, channels, tiles, m));
    for (size_t i = 0; i < points * tiles; i++) {
        const size_t p = i / tiles, t = i % tiles;
        int32_t want[UINT8_MAX];
        for (size_t j = 0; j < nr; j++) {
            uint32_t sum = 0;
            for (size_t k = 0; k < channels; k++)
                sum += (uint32_t)(v[p * point + t * channels + k] *
                                  w[(p * channels + k - k % way->kr) * nr + j * way->kr + k % way->kr]);
            want[j] = (int32_t)sum;
        }
        if (!ck_same(c, CK_S32, "sums of a tile", want, m + i * nr, nr))
            return;
    }
}

static int32_t sum_at(const struct qnt_winograd *way, const int32_t *m, size_t point, size_t y, size_t x, int32_t bias)
{
    const struct matrices *a = matrices_of(way);
    uint32_t sum = 0;
    for (size_t i = 0; i < way->side + 2; i++)
        for (size_t j = 0; j < way->side + 2; j++, m += point)
            sum += (uint32_t)(a->a[y][i] * a->a[x][j]) * (uint32_t)*m;
    return (int32_t)((uint32_t)((int32_t)(sum * a->odd_inverse) >> a->shift) + (uint32_t)bias);
}

static void check_line(struct ck *c, const struct qnt_winograd *way, const struct qnt_tile *t, const int32_t *m,
                       size_t point, size_t y, size_t pixels, const uint8_t *got)
{
    const size_t nr = c->gemm->nr, size = t->e->kind == QNT_EPI_S8 ? 1 : 4, side = way->side;
    struct qnt_requant rq = t->e->rq;
    rq.scale += rq.per_channel ? t->col : 0;
    for (size_t x = 0; x < pixels; x++, got += t->ldc * size) {
        int32_t sum[UINT8_MAX];
        int8_t code[UINT8_MAX];
        for (size_t j = 0; j < t->n; j++)
            sum[j] = sum_at(way, m + x / side * nr + j, point, y, x % side, t->e->bias[t->col + j]);
        qnt_requantize_s32_s8_ref(sum, t->n, code, t->n, 1, t->n, &rq);
        if (!ck_same(c, CK_U8, "pixel", size == 1 ? (void *)code : sum, got, t->n * size))
            return;
    }
}

static int32_t *results(struct ck *c, size_t n, enum ck_place place)
{
    int32_t *m = ck_in(c, SUMS, CK_S32, n, CK_NOISE, place);
    for (size_t i = 0, wide = ck_below(c, 4) == 0; i < n && !wide; i++)
        m[i] %= 1 << 16;
    return m;
}

static void check_output(struct ck *c, const struct qnt_winograd *way)
{
    const size_t nr = c->gemm->nr, tiles = 1 + ck_below(c, TILES), pixels = way->side * tiles - ck_below(c, way->side);
    const enum ck_place place = (enum ck_place)ck_below(c, CK_PLACES);
    const size_t lines = 1 + ck_below(c, way->side), codes8 = ck_below(c, 3);
    struct qnt_tile t = {.n = (uint32_t)(ck_below(c, 2) ? nr : 1 + ck_below(c, nr)), .first = 1, .last = 1};
    struct qnt_epilogue e = {.kind = codes8 ? QNT_EPI_S8 : QNT_EPI_S32};
    const size_t point = tiles * nr + ck_below(c, 2) * 8;
    t.col = (uint32_t)ck_below(c, 5);
    t.ldc = t.n + ck_below(c, 3);
    e.rq = (struct qnt_requant){.zero = (int32_t)ck_below(c, 256) - 128,
                                .lo = -128 + (int32_t)ck_below(c, 100),
                                .hi = 127 - (int32_t)ck_below(c, 100),
                                .out_xor = ck_below(c, 2) ? 0x80 : 0,
                                .per_channel = ck_below(c, 2)};
    ck_case(c, "%s: output of %zu tiles, %zu pixels x %u at %u, %s, %zu lines, place=%s", way->name, tiles, pixels, t.n,
            t.col, codes8 ? "s8" : "s32", lines, ck_place_name(place));
    const int32_t *m = results(c, (points_of(way) - 1) * point + tiles * nr, place);
    e.bias = ck_in(c, BIAS, CK_S32, t.col + t.n, CK_NOISE, place);
    float *scale = ck_in(c, SCALE, CK_F32, t.col + t.n, CK_NOISE, place);
    for (size_t i = 0; i < t.col + t.n; i++)
        scale[i] = ck_uniform(c, 0.0f, ck_below(c, 8) ? 1e-3f : 1.0f);
    e.rq.scale = scale;
    t.e = &e;
    void *line[QNT_WINOGRAD_LINES - 2];
    for (size_t l = 0; l < lines; l++)
        line[l] = ck_out_2d(c, LINES + (unsigned)l, codes8 ? CK_U8 : CK_S32, pixels, t.n, t.ldc, place);
    CK_CALL(c, way->output(m, point, &t, line, lines, pixels));
    for (size_t l = 0; l < lines; l++)
        check_line(c, way, &t, m, point, l, pixels, line[l]);
}

void ck_winograd(struct ck *c)
{
    for (const struct qnt_winograd *way = c->gemm->winograd; way->name; way++)
        for (size_t i = 0; i < (c->quick ? 60 : 600); i++) {
            check_input(c, way);
            check_products(c, way);
            check_output(c, way);
        }
}
