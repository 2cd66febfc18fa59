/* Loop nests to tiles: merge loops, take the rows in blocks whose operands and sums stay in the second-level cache, cut
 * k where the tile wants its W panel in the first one, tile the inner rows. */
#include "nest.h"

enum {
    ROWS = 112,      /* of a block: W is read once for each, A once for each panel of W */
    SPREAD_RUN = 256 /* steps of k where W is no packed panel: all panels together pass through the cache */
};

/* Merges each loop into the one inside it where the strides allow, and drops loops of one step (the innermost only when
 * allowed). What is left moves inwards; outer places become single steps. */
static void flatten(struct qnt_level l[3], bool keep_inner)
{
    struct qnt_level in = l[2];
    int at = 2;
    for (int i = 1; i >= 0; i--) {
        if (l[i].n == 1)
            continue;
        if (at == 2 && in.n == 1 && !keep_inner)
            in = l[i];
        else if (l[i].s == (ptrdiff_t)in.n * in.s && l[i].t == (ptrdiff_t)in.n * in.t)
            in.n *= l[i].n;
        else {
            l[at--] = in;
            in = l[i];
        }
    }
    l[at] = in;
    while (at > 0)
        l[--at] = (struct qnt_level){1, 0, 0};
}

/* A block of rows, all columns, one stretch of k. */
struct block {
    struct qnt_f32_operands at;
    float *c;
    size_t n[3]; /* rows of the block by level */
    size_t per;  /* rows of a tile: the inner rows in even shares, so that no tile is left with a row or two */
};

/* The tile of rows i.. of an inner loop and the columns j.. with their panel w; o and t are at its first row. */
static void tile(const struct qnt_nest *p, const struct block *b, struct qnt_f32_operands *o, struct qnt_tile *t,
                 size_t i, size_t j, const float *w)
{
    size_t rows = b->n[2], nr = p->g->nr;
    o->w = w;
    t->m = (uint32_t)(rows - i < b->per ? rows - i : b->per);
    t->n = (uint32_t)(p->n - j < nr ? p->n - j : nr);
    t->col = (uint32_t)j;
    p->g->run_f32(o, t);
}

/* All rows of the block, `n` columns from j on. */
static void panels(const struct qnt_nest *p, const struct block *b, struct qnt_tile *t, size_t j, size_t n,
                   const float *from)
{
    struct qnt_f32_operands o = b->at;
    size_t nr = p->g->nr;
    for (size_t i0 = 0; i0 < b->n[0]; i0++)
        for (size_t i1 = 0; i1 < b->n[1]; i1++) {
            const float *a = b->at.a + (ptrdiff_t)i0 * p->row[0].s + (ptrdiff_t)i1 * p->row[1].s;
            float *c = b->c + (ptrdiff_t)i0 * p->row[0].t + (ptrdiff_t)i1 * p->row[1].t;
            for (size_t i = 0; i < b->n[2]; i += b->per) {
                const float *w = from;
                o.a = a + (ptrdiff_t)i * p->row[2].s;
                for (size_t at = j; at < j + n; at += nr, w += p->w_panel) {
                    t->c = c + (ptrdiff_t)i * p->row[2].t + (ptrdiff_t)at;
                    tile(p, b, &o, t, i, at, w);
                }
            }
        }
}

/* One stretch of k for the block. */
static void stretch(const struct qnt_nest *p, const struct block *b, struct qnt_tile *t)
{
    const float *w = b->at.w;
    size_t step = p->rows_first ? p->n : p->g->nr;
    for (size_t j = 0; j < p->n; j += step, w += p->w_panel)
        panels(p, b, t, j, p->n - j < step ? p->n - j : step, w);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How k is cut: the innermost run in parts of at most k_run steps; uncut, a tile takes the loop around it as well. */
struct cuts {
    size_t part, runs, n1;
};

static struct cuts cut(const struct qnt_nest *p)
{
    size_t most = p->k[2].t == p->g->nr ? p->g->k_run : least(p->g->k_run, SPREAD_RUN);
    size_t run = p->k[2].n, n;
    if (run <= most)
        return (struct cuts){run, p->k[1].n, 1};
    n = (run + most - 1) / most;
    return (struct cuts){(run + n - 1) / n, 1, p->k[1].n};
}

/* All of k for the block whose first row has its operands at a and its results at c. */
static void block(const struct qnt_nest *p, const struct cuts *k, struct block *b, const float *a, float *c)
{
    const size_t rows = b->n[2], tiles = rows <= p->g->mr ? 1 : (rows + p->g->mr - 1) / p->g->mr, run = p->k[2].n;
    struct qnt_tile t = {.ldc = (size_t)p->row[2].t, .e = p->e, .first = !p->more};
    struct qnt_f32_operands *o = &b->at;
    b->per = tiles == 1 ? rows : (rows + tiles - 1) / tiles;
    b->c = c;
    for (size_t i0 = 0; i0 < p->k[0].n; i0++)
        for (size_t i1 = 0; i1 < k->n1; i1++)
            for (size_t at = 0; at < run; at += k->part) {
                o->a = a + (ptrdiff_t)i0 * p->k[0].s + (ptrdiff_t)i1 * p->k[1].s + (ptrdiff_t)at * p->k[2].s;
                o->w = p->w + (ptrdiff_t)i0 * p->k[0].t + (ptrdiff_t)i1 * p->k[1].t + (ptrdiff_t)at * p->k[2].t;
                o->run = run - at < k->part ? run - at : k->part;
                t.last = i0 + 1 == p->k[0].n && i1 + 1 == k->n1 && at + k->part >= run;
                stretch(p, b, &t);
                t.first = 0;
            }
}

/* Steps of a loop in even shares of at most `most`, each a multiple of `by`. Divisions would be a good part of a small
 * product's time. */
static size_t share(size_t n, size_t most, size_t by)
{
    if (n <= by)
        return by;
    if (most < by)
        most = by;
    size_t parts = (n + most - 1) / most;
    return parts ? ((n + parts - 1) / parts + by - 1) / by * by : by;
}

void qnt_nest_run(const struct qnt_nest *nest)
{
    struct qnt_nest p = *nest;
    bool by_k = p.k[2].s == 1;
    flatten(p.row, !by_k);
    flatten(p.k, by_k);
    const struct cuts k = cut(&p);
    struct block b = {.at = {.a_row = p.row[2].s,
                             .a_k = p.k[2].s,
                             .w_k = p.k[2].t,
                             .runs = k.runs,
                             .a_jump = p.k[1].s,
                             .w_jump = p.k[1].t}};
    size_t rows = p.rows_first ? SIZE_MAX / 2 : ROWS, step[3];
    step[2] = share(p.row[2].n, rows, p.g->mr);
    step[1] = step[2] < p.row[2].n || p.row[1].n == 1 ? 1 : share(p.row[1].n, rows / step[2], 1);
    step[0] = step[1] < p.row[1].n || p.row[0].n == 1 ? 1 : share(p.row[0].n, rows / (step[2] * step[1]), 1);
    for (size_t i0 = 0; i0 < p.row[0].n; i0 += step[0])
        for (size_t i1 = 0; i1 < p.row[1].n; i1 += step[1])
            for (size_t i2 = 0; i2 < p.row[2].n; i2 += step[2]) {
                b.n[0] = least(p.row[0].n - i0, step[0]);
                b.n[1] = least(p.row[1].n - i1, step[1]);
                b.n[2] = least(p.row[2].n - i2, step[2]);
                block(&p, &k, &b,
                      p.a + (ptrdiff_t)i0 * p.row[0].s + (ptrdiff_t)i1 * p.row[1].s + (ptrdiff_t)i2 * p.row[2].s,
                      p.c + (ptrdiff_t)i0 * p.row[0].t + (ptrdiff_t)i1 * p.row[1].t + (ptrdiff_t)i2 * p.row[2].t);
            }
}
