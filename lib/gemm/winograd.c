/* A block of tiles at a time: its codes are transformed once, then each panel of columns takes its products, whose
 * results are read while they are near. */
#include <stdlib.h>
#include <string.h>
#include "winograd.h"

enum {
    TILES_LEAST = 12,        /* of a block: each weight that is read serves as many */
    CODES_BYTES = 256 << 10, /* of a block's transformed codes: part of the second-level cache */
    WEIGHTS_BYTES = 1 << 20, /* of all panels: more come from beyond the second-level cache in each block */
    LANES = 32,              /* of a panel's codes side by side, at a time */
    LINE = 64,               /* between the points, which else would share few sets of the cache */
    CHANNELS_MOST = 3584     /* 9 * 2^14 * channels < 2^29: all weights are exact with side 2 */
};

/* By side / 2 - 1: G, and the most that the magnitudes of a channel's weights may add up to: 2^7 times as much is what
 * sums may reach. */
static const int8_t G[2][6][3] = {
    {{2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}},
    {{1, 0, 0}, {1, 1, 1}, {1, -1, 1}, {1, 2, 4}, {1, -2, 4}, {0, 0, 1}},
};
static const uint32_t magnitudes[2] = {(1 << 22) - 1, (1 << 18) - 1};

static size_t points_of(const struct qnt_winograd *way)
{
    return (way->side + 2) * (way->side + 2);
}

static size_t lines_of(const struct qnt_winograd *way, const struct qnt_conv_geom *g)
{
    return (g->oh + way->side - 1) / way->side;
}

static size_t columns_of(const struct qnt_winograd *way, const struct qnt_conv_geom *g)
{
    return (g->ow + way->side - 1) / way->side;
}

static size_t tiles_of(const struct qnt_winograd *way, const struct qnt_conv_geom *g, size_t images)
{
    return images * lines_of(way, g) * columns_of(way, g);
}

/* In a block, where there are enough. */
static size_t block_of(const struct qnt_winograd *way, const struct qnt_conv_geom *g)
{
    const size_t fit = CODES_BYTES / (points_of(way) * g->c * sizeof(int16_t));
    return fit > way->tiles ? way->tiles : fit < TILES_LEAST ? TILES_LEAST : fit;
}

static bool serves(const struct qnt_winograd *way, const struct qnt_conv_geom *g)
{
    return g->kh == 3 && g->kw == 3 && g->stride_h == 1 && g->stride_w == 1 && g->dil_h == 1 && g->dil_w == 1 &&
           g->groups == 1 && g->c % way->channels == 0 && g->c <= CHANNELS_MOST;
}

/* Codes of one panel of columns. */
static size_t panel_of(const struct qnt_gemm *g, const struct qnt_winograd *way, const struct qnt_conv_geom *geom)
{
    return points_of(way) * geom->c * g->nr;
}

static double cost_of(const struct qnt_gemm *g, const struct qnt_winograd *way, const struct qnt_conv_geom *geom,
                      size_t images)
{
    const size_t tiles = tiles_of(way, geom, images), block = block_of(way, geom);
    const double channels = (double)geom->c, panels = (double)((geom->oc + g->nr - 1) / g->nr);
    const double weights = panels * (double)panel_of(g, way, geom), blocks = (double)((tiles + block - 1) / block);
    const double far = weights * sizeof(int16_t) > WEIGHTS_BYTES ? blocks * weights / 32 * way->cost_far : 0;
    return (double)tiles * (panels * (channels * way->cost_step + way->cost_tile) + channels * way->cost_row) + far;
}

static bool exact(const struct qnt_winograd *way, const struct qnt_conv_geom *g, const int8_t *w)
{
    for (size_t o = 0; o < g->oc; o++) {
        uint32_t sum = 0;
        for (size_t i = 0; i < 9 * g->c; i++)
            sum += (uint32_t)abs(*w++);
        if (sum > magnitudes[way->side / 2 - 1])
            return false;
    }
    return true;
}

const struct qnt_winograd *qnt_winograd_choose(const struct qnt_gemm *g, const struct qnt_conv_geom *geom,
                                               size_t images, const int8_t *w)
{
    const struct qnt_winograd *best = NULL;
    struct qnt_gemm_list one = {0};
    qnt_gemm_list_add(&one, g);
    double least = qnt_gemm_cost(&one, g, images * geom->oh * geom->ow, geom->oc, 9 * geom->c);
    for (const struct qnt_winograd *way = g->winograd; way && way->name; way++) {
        const double cost = cost_of(g, way, geom, images);
        if (cost < least && serves(way, geom) && (!w || exact(way, geom, w))) {
            least = cost;
            best = way;
        }
    }
    return best;
}

size_t qnt_winograd_packed_bytes(const struct qnt_gemm *g, const struct qnt_conv_geom *geom)
{
    size_t most = 0;
    for (const struct qnt_winograd *way = g->winograd; way->name; way++) {
        const size_t bytes = (geom->oc + g->nr - 1) / g->nr * panel_of(g, way, geom) * sizeof(int16_t);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* G w G' of `lanes` codes at a time, side by side as the panel has them; point by point to `to`. */
static void transform(const struct qnt_winograd *way, int16_t taps[9][LANES], size_t lanes, int16_t *to, size_t point)
{
    const int8_t(*const m)[3] = G[way->side / 2 - 1];
    for (size_t i = 0; i < way->side + 2; i++) {
        int16_t r[3][LANES], out[LANES]; /* line i of G w */
        for (size_t j = 0; j < 3; j++)
            for (size_t l = 0; l < LANES; l++)
                r[j][l] = (int16_t)(m[i][0] * taps[j][l] + m[i][1] * taps[3 + j][l] + m[i][2] * taps[6 + j][l]);
        for (size_t j = 0; j < way->side + 2; j++, to += point) {
            for (size_t l = 0; l < LANES; l++)
                out[l] = (int16_t)(m[j][0] * r[0][l] + m[j][1] * r[1][l] + m[j][2] * r[2][l]);
            memcpy(to, out, lanes * sizeof *to);
        }
    }
}

void qnt_winograd_pack_w(const struct qnt_gemm *g, const struct qnt_winograd *way, const struct qnt_conv_geom *geom,
                         const int8_t *w, int16_t *packed)
{
    const size_t channels = geom->c, nr = g->nr, kr = way->kr, columns = qnt_least(nr, LANES / kr);
    for (size_t n = 0; n < qnt_round_up(geom->oc, nr); n += columns) {
        int16_t *to = packed + n / nr * panel_of(g, way, geom) + n % nr * kr;
        for (size_t c = 0; c < channels; c += kr, to += kr * nr) {
            int16_t taps[9][LANES] = {0};
            for (size_t j = 0; j < columns && n + j < geom->oc; j++)
                for (size_t t = 0; t < 9; t++)
                    for (size_t q = 0; q < kr; q++)
                        taps[t][j * kr + q] = w[((n + j) * 9 + t) * channels + c + q];
            transform(way, taps, columns * kr, to, channels * nr);
        }
    }
}

void qnt_winograd_fold_bias(const struct qnt_ctx *ctx, const struct qnt_conv_geom *g, const int8_t *w, int32_t a_zero,
                            const int32_t *bias, int32_t *out)
{
    const struct qnt_gemm plain = {0}; /* sums have nothing too much */
    qnt_gemm_fold_bias(ctx, &plain, w, g->oc, 9 * g->c, a_zero, bias, out);
}

/* Codes from point to point. */
static size_t point_of(const struct qnt_conv_geom *g, size_t tiles)
{
    return tiles * g->c + LINE / sizeof(int16_t);
}

/* The results of products, which come before the codes. */
static size_t results_of(const struct qnt_gemm *g, const struct qnt_winograd *way, const struct qnt_conv_geom *geom)
{
    return points_of(way) * block_of(way, geom) * g->nr;
}

size_t qnt_winograd_scratch_bytes(const struct qnt_gemm *g, const struct qnt_conv_geom *geom)
{
    size_t most = 0;
    for (const struct qnt_winograd *way = g->winograd; way->name; way++) {
        const size_t codes = points_of(way) * point_of(geom, block_of(way, geom));
        const size_t bytes = results_of(g, way, geom) * sizeof(int32_t) + codes * sizeof(int16_t);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* `n` tiles side by side. */
struct stretch {
    size_t image, y, x, n; /* y, x: in tiles */
};

static struct stretch stretch_of(const struct qnt_winograd_call *call, size_t t, size_t t1)
{
    const size_t columns = columns_of(call->way, call->geom), lines = lines_of(call->way, call->geom);
    struct stretch s = {t / columns / lines, t / columns % lines, t % columns, columns - t % columns};
    s.n = s.n < t1 - t ? s.n : t1 - t;
    return s;
}

static void input(const struct qnt_winograd_call *call, const struct stretch *s, int16_t *dst, size_t point)
{
    const struct qnt_conv_geom *g = call->geom;
    const size_t side = call->way->side;
    const int8_t *image = call->images + s->image * g->h * g->w * g->c;
    struct qnt_winograd_row r = {
        .zero = call->zero_row, .channels = g->c, .width = g->w, .first = side * s->x - g->pad_left};
    for (size_t i = 0; i < side + 2; i++) {
        const size_t y = side * s->y + i - g->pad_top; /* wraps above the image */
        const bool inside = y < g->h;
        r.line[i] = inside ? image + y * g->w * g->c : call->zero_row;
        r.step[i] = inside ? g->c : 0;
    }
    call->way->input(&r, s->n, dst, point);
}

static void output(const struct qnt_winograd_call *call, const struct stretch *s, const int32_t *m, size_t point,
                   const struct qnt_tile *t)
{
    const struct qnt_conv_geom *g = call->geom;
    const size_t side = call->way->side, size = call->e->kind == QNT_EPI_S8 ? 1 : sizeof(int32_t);
    const size_t y = side * s->y, x = side * s->x, pixels = qnt_least(g->ow - x, side * s->n);
    const size_t lines = qnt_least(g->oh - y, side);
    void *line[QNT_WINOGRAD_LINES - 2];
    for (size_t i = 0; i < lines; i++)
        line[i] = (char *)call->c + (((s->image * g->oh + y + i) * g->ow + x) * g->oc + t->col) * size;
    call->way->output(m, point, t, line, lines, pixels);
}

/* At most as many tiles as a block has. */
static void block(const struct qnt_winograd_call *call, size_t t0, size_t t1, size_t c0, size_t c1, int32_t *m)
{
    const struct qnt_conv_geom *g = call->geom;
    const struct qnt_winograd *way = call->way;
    const size_t nr = call->g->nr, tiles = t1 - t0, point = point_of(g, tiles);
    int16_t *codes = (int16_t *)(void *)(m + results_of(call->g, way, g));
    struct qnt_tile t = {.ldc = g->oc, .first = 1, .last = 1, .e = call->e};
    struct stretch s;
    for (size_t i = t0; i < t1; i += s.n) {
        s = stretch_of(call, i, t1);
        input(call, &s, codes + (i - t0) * g->c, point);
    }
    for (size_t col = c0; col < c1; col += nr) {
        t.n = (uint32_t)(c1 - col < nr ? c1 - col : nr);
        t.col = (uint32_t)col;
        way->products(codes, points_of(way), point, call->packed + col / nr * panel_of(call->g, way, g), g->c, tiles,
                      m);
        for (size_t i = t0; i < t1; i += s.n) {
            s = stretch_of(call, i, t1);
            output(call, &s, m + (i - t0) * nr, tiles * nr, &t);
        }
    }
}

void qnt_winograd_run(const struct qnt_winograd_call *call, const struct qnt_winograd_share *own, void *scratch)
{
    const size_t most = block_of(call->way, call->geom);
    size_t t = own->t0;
    for (size_t blocks = (own->t1 - t + most - 1) / most, n; blocks > 0; blocks--, t += n) {
        n = (own->t1 - t + blocks - 1) / blocks; /* even shares */
        block(call, t, t + n, own->c0, own->c1, scratch);
    }
}

struct qnt_winograd_share qnt_winograd_share_of(const struct qnt_winograd_call *call, size_t images, uint32_t part,
                                                uint32_t parts, bool channels)
{
    const size_t oc = call->geom->oc, nr = call->g->nr;
    struct qnt_winograd_share s = {.t1 = tiles_of(call->way, call->geom, images), .c1 = oc};
    if (!channels && s.t1 >= (size_t)parts * TILES_LEAST) {
        qnt_share(s.t1, part, parts, &s.t0, &s.t1);
        return s;
    }
    qnt_share((oc + nr - 1) / nr, part, parts, &s.c0, &s.c1);
    s.c0 *= nr;
    s.c1 = qnt_least(s.c1 * nr, oc);
    return s;
}
