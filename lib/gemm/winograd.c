/* A block of tiles at a time: its codes are transformed once, then each panel of columns takes its products, whose
 * results are read while they are in the first cache. */
#include "winograd.h"

enum {
    TILES = 24, /* of a block: each weight that is read serves as many */
    TILES_LEAST = 12,
    CODES_BYTES = 256 << 10, /* of a block's transformed codes: part of the second-level cache */
    LINE = 64                /* between the points, which else would share few sets of the cache */
};

static size_t lines_of(const struct qnt_conv_geom *g)
{
    return (g->oh + 1) / 2;
}

static size_t columns_of(const struct qnt_conv_geom *g)
{
    return (g->ow + 1) / 2;
}

static size_t tiles_of(const struct qnt_conv_geom *g, size_t images)
{
    return images * lines_of(g) * columns_of(g);
}

static bool serves(const struct qnt_conv_geom *g)
{
    return g->kh == 3 && g->kw == 3 && g->stride_h == 1 && g->stride_w == 1 && g->dil_h == 1 && g->dil_w == 1 &&
           g->groups == 1 && g->c % QNT_WINOGRAD_CHANNELS == 0 && g->c <= QNT_WINOGRAD_MOST;
}

bool qnt_winograd_pays(const struct qnt_gemm *g, const struct qnt_conv_geom *geom, size_t images)
{
    const struct qnt_winograd *w = g->winograd;
    if (!w || !serves(geom))
        return false;
    struct qnt_gemm_list one = {0};
    qnt_gemm_list_add(&one, g);
    const double tiles = (double)tiles_of(geom, images), channels = (double)geom->c;
    const double panels = (double)((geom->oc + g->nr - 1) / g->nr);
    const double cost = tiles * (panels * (channels * w->cost_step + w->cost_tile) + channels * w->cost_row);
    return cost < qnt_gemm_cost(&one, g, images * geom->oh * geom->ow, geom->oc, 9 * geom->c);
}

/* Codes of one panel of columns. */
static size_t panel_of(const struct qnt_gemm *g, const struct qnt_conv_geom *geom)
{
    return QNT_WINOGRAD_POINTS * geom->c * g->nr;
}

size_t qnt_winograd_packed_bytes(const struct qnt_gemm *g, const struct qnt_conv_geom *geom)
{
    return (geom->oc + g->nr - 1) / g->nr * panel_of(g, geom) * sizeof(int16_t);
}

/* G w G' of a channel, whose taps lie `step` bytes apart. */
static void transform(const int8_t *w, size_t step, int16_t out[QNT_WINOGRAD_POINTS])
{
    int32_t r[4][3]; /* G w */
    for (size_t j = 0; j < 3; j++) {
        const int32_t a = w[j * step], b = w[(3 + j) * step], c = w[(6 + j) * step];
        r[0][j] = 2 * a;
        r[1][j] = a + b + c;
        r[2][j] = a - b + c;
        r[3][j] = 2 * c;
    }
    for (size_t i = 0; i < 4; i++, out += 4) {
        out[0] = (int16_t)(2 * r[i][0]);
        out[1] = (int16_t)(r[i][0] + r[i][1] + r[i][2]);
        out[2] = (int16_t)(r[i][0] - r[i][1] + r[i][2]);
        out[3] = (int16_t)(2 * r[i][2]);
    }
}

void qnt_winograd_pack_w(const struct qnt_gemm *g, const struct qnt_conv_geom *geom, const int8_t *w, int16_t *packed)
{
    const size_t channels = geom->c, nr = g->nr, point = channels * nr;
    int16_t out[QNT_WINOGRAD_POINTS] = {0};
    for (size_t n = 0; n < qnt_round_up(geom->oc, nr); n++)
        for (size_t c = 0; c < channels; c++) {
            int16_t *to = packed + n / nr * panel_of(g, geom) + (c / 2 * nr + n % nr) * 2 + c % 2;
            if (n < geom->oc)
                transform(w + n * 9 * channels + c, channels, out);
            for (size_t p = 0; p < QNT_WINOGRAD_POINTS; p++, to += point)
                *to = n < geom->oc ? out[p] : 0;
        }
}

void qnt_winograd_fold_bias(const struct qnt_ctx *ctx, const struct qnt_conv_geom *g, const int8_t *w, int32_t a_zero,
                            const int32_t *bias, int32_t *out)
{
    const struct qnt_gemm plain = {0}; /* sums have nothing too much */
    qnt_gemm_fold_bias(ctx, &plain, w, g->oc, 9 * g->c, a_zero, bias, out);
}

static size_t block_of(const struct qnt_conv_geom *g)
{
    const size_t fit = CODES_BYTES / (QNT_WINOGRAD_POINTS * g->c * sizeof(int16_t));
    return fit > TILES ? TILES : fit < TILES_LEAST ? TILES_LEAST : fit;
}

/* Codes from point to point. */
static size_t point_of(const struct qnt_conv_geom *g, size_t tiles)
{
    return tiles * g->c + LINE / sizeof(int16_t);
}

size_t qnt_winograd_scratch_bytes(const struct qnt_gemm *g, const struct qnt_conv_geom *geom)
{
    const size_t tiles = block_of(geom);
    return QNT_WINOGRAD_POINTS * (tiles * g->nr * sizeof(int32_t) + point_of(geom, tiles) * sizeof(int16_t));
}

/* `n` tiles side by side from tile t on. */
struct stretch {
    size_t image, y, x, n;
};

static struct stretch stretch_of(const struct qnt_conv_geom *g, size_t t, size_t t1)
{
    const size_t columns = columns_of(g), line = t / columns;
    struct stretch s = {line / lines_of(g), line % lines_of(g), t % columns, columns - t % columns};
    s.n = s.n < t1 - t ? s.n : t1 - t;
    return s;
}

static void input(const struct qnt_winograd_call *call, const struct stretch *s, int16_t *dst, size_t point)
{
    const struct qnt_conv_geom *g = call->geom;
    const int8_t *image = call->images + s->image * g->h * g->w * g->c;
    struct qnt_winograd_row r = {
        .zero = call->zero_row, .channels = g->c, .width = g->w, .first = 2 * s->x - g->pad_left};
    for (size_t i = 0; i < 4; i++) {
        const size_t y = 2 * s->y + i - g->pad_top; /* wraps above the image */
        const bool inside = y < g->h;
        r.line[i] = inside ? image + y * g->w * g->c : call->zero_row;
        r.step[i] = inside ? g->c : 0;
    }
    call->g->winograd->input(&r, s->n, dst, point);
}

static void output(const struct qnt_winograd_call *call, const struct stretch *s, const int32_t *m, size_t point,
                   struct qnt_tile *t)
{
    const struct qnt_conv_geom *g = call->geom;
    const size_t size = call->e->kind == QNT_EPI_S8 ? 1 : sizeof(int32_t), line = g->ow * g->oc * size;
    const size_t y = s->image * g->oh + 2 * s->y, left = g->ow - 2 * s->x;
    char *c = (char *)call->c + y * line + (2 * s->x * g->oc + t->col) * size;
    t->c = c;
    call->g->winograd->output(m, point, s->n, t, 2 * s->y + 1 < g->oh ? c + line : NULL,
                              left < 2 * s->n ? left : 2 * s->n);
}

/* At most as many tiles as a block has. */
static void block(const struct qnt_winograd_call *call, size_t t0, size_t t1, size_t c0, size_t c1, int32_t *m)
{
    const struct qnt_conv_geom *g = call->geom;
    const size_t nr = call->g->nr, tiles = t1 - t0, point = point_of(g, tiles);
    int16_t *codes = (int16_t *)(void *)(m + QNT_WINOGRAD_POINTS * block_of(g) * nr);
    struct qnt_tile t = {.ldc = g->oc, .first = 1, .last = 1, .e = call->e};
    struct stretch s;
    for (size_t i = t0; i < t1; i += s.n) {
        s = stretch_of(g, i, t1);
        input(call, &s, codes + (i - t0) * g->c, point);
    }
    for (size_t col = c0; col < c1; col += nr) {
        t.n = (uint32_t)(c1 - col < nr ? c1 - col : nr);
        t.col = (uint32_t)col;
        call->g->winograd->products(codes, point, call->packed + col / nr * panel_of(call->g, g), g->c, tiles, m);
        for (size_t i = t0; i < t1; i += s.n) {
            s = stretch_of(g, i, t1);
            output(call, &s, m + (i - t0) * nr, tiles * nr, &t);
        }
    }
}

void qnt_winograd_run(const struct qnt_winograd_call *call, const struct qnt_winograd_share *own, void *scratch)
{
    const size_t most = block_of(call->geom);
    size_t t = own->t0;
    for (size_t blocks = (own->t1 - t + most - 1) / most, n; blocks > 0; blocks--, t += n) {
        n = (own->t1 - t + blocks - 1) / blocks; /* even shares */
        block(call, t, t + n, own->c0, own->c1, scratch);
    }
}

struct qnt_winograd_share qnt_winograd_share_of(const struct qnt_gemm *g, const struct qnt_conv_geom *geom,
                                                size_t images, uint32_t part, uint32_t parts, bool channels)
{
    struct qnt_winograd_share s = {.t1 = tiles_of(geom, images), .c1 = geom->oc};
    if (!channels && s.t1 >= (size_t)parts * TILES_LEAST) {
        qnt_share(s.t1, part, parts, &s.t0, &s.t1);
        return s;
    }
    qnt_share((geom->oc + g->nr - 1) / g->nr, part, parts, &s.c0, &s.c1);
    s.c0 *= g->nr;
    s.c1 = s.c1 * g->nr < geom->oc ? s.c1 * g->nr : geom->oc;
    return s;
}
