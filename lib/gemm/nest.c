/* Loop nests to tiles: merge loops, take the rows in blocks whose operands and sums stay in the second-level cache, cut
 * k where the tile wants its W panel in the first one, tile the inner rows. */
#include "nest.h"

enum {
    ROWS = 112,          /* of a block: W is read once for each, A once for each panel of W; */
    NEAR_ROWS = 8192,    /* more where so many floats hold them */
    SPREAD_RUN = 256,    /* steps of k where W is no packed panel: all panels together pass through the cache */
    NEAR_FLOATS = 6144,  /* of results stay in the first-level cache, */
    FAR_FLOATS = 1 << 17 /* more of weights are not in the second-level cache when they are wanted */
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
    struct qnt_f32_operands at; /* of the tile; not copied: that would wait for the stores of what was just written */
    const float *a, *w;         /* of the first row, */
    ptrdiff_t place;            /* in a frame from here on */
    size_t runs;
    float *c;
    size_t n[3]; /* rows of the block by level */
    bool asks;   /* for the next panel of W, which does not stay near, beside the products of one that many rows take */
    size_t per;  /* rows of a tile: the inner rows in even shares, so that no tile is left with a row or two, */
    size_t more; /* and how many tiles take one row more */
    size_t line; /* of the result: the first one, in a frame; */
    size_t ky0, ky1; /* lines of taps that the stretch takes, */
    bool from, to;   /* and whether it has the begin of the first one and the end of the last one */
};

/* The tile of t->m rows and the columns j.. with their panel w; o and t are at its first row. */
static void tile(const struct qnt_nest *p, struct qnt_f32_operands *o, struct qnt_tile *t, size_t j, const float *w)
{
    size_t nr = p->g->nr;
    o->w = w;
    t->n = (uint32_t)(p->n - j < nr ? p->n - j : nr);
    t->col = (uint32_t)j;
    p->g->run_f32(o, t);
}

/* Divisions are for the few lines that need them. */
void qnt_taps_inside(ptrdiff_t at, size_t dil, size_t taps, size_t size, size_t *from, size_t *to)
{
    const ptrdiff_t past = (ptrdiff_t)size - at;
    *from = at < 0 ? qnt_least(((size_t)-at + dil - 1) / dil, taps) : 0;
    if (taps == 0 || (ptrdiff_t)((taps - 1) * dil) < past)
        *to = taps;
    else
        *to = past > 0 ? ((size_t)past + dil - 1) / dil : 0;
    if (*to < *from)
        *to = *from;
}

/* The operands of line y of the result, the block's first one being at o, and whether the stretch is the first and the
 * last one of that line. False: it has none of its taps. */
static bool enter(const struct qnt_nest *p, const struct block *b, size_t y, struct qnt_f32_operands *o,
                  struct qnt_tile *t, const float **w)
{
    const struct qnt_frame *f = p->frame;
    const size_t taps = p->k[0].n;
    size_t ky0, ky1;
    qnt_taps_inside(f->line + (ptrdiff_t)((b->line + y) * f->step_h), f->dil_h, taps, f->lines, &ky0, &ky1);
    if (ky0 == ky1) { /* what there is to do is done with the first stretch */
        o->runs = 0;
        t->first = !p->more;
        t->last = 1;
        return b->ky0 == 0 && b->from;
    }
    const size_t from = ky0 > b->ky0 ? ky0 : b->ky0, to = qnt_least(ky1, b->ky1);
    if (from >= to)
        return false;
    o->a += (f->line + (ptrdiff_t)((b->line + y) * f->step_h + from * f->dil_h)) * (ptrdiff_t)f->pitch;
    *w += (ptrdiff_t)(from - b->ky0) * p->k[0].t;
    o->runs = b->ky1 - b->ky0 > 1 ? to - from : b->runs;
    t->first = !p->more && from == ky0 && b->from;
    t->last = to == ky1 && b->to;
    return true;
}

/* The inner rows, `n` columns from j on; o is at the first row. */
static void pixels(const struct qnt_nest *p, const struct block *b, struct qnt_f32_operands *o, struct qnt_tile *t,
                   float *c, size_t j, size_t n, const float *from)
{
    const float *const a = o->a;
    const ptrdiff_t place = b->place;
    for (size_t i = 0, left = b->more; i < b->n[2]; i += t->m) {
        const float *w = from;
        const ptrdiff_t on = (ptrdiff_t)i * p->row[2].s;
        if (p->frame)
            o->at = place + on;
        else
            o->a = a + on;
        t->m = (uint32_t)b->per;
        if (left > 0) {
            t->m++;
            left--;
        }
        for (size_t at = j; at < j + n; at += p->g->nr, w += p->w_panel) {
            t->c = c + (ptrdiff_t)i * p->row[2].t + (ptrdiff_t)at;
            tile(p, o, t, at, w);
        }
    }
}

/* All rows of the block, `n` columns from j on. */
static void panels(const struct qnt_nest *p, struct block *b, struct qnt_tile *t, size_t j, size_t n, const float *from)
{
    struct qnt_f32_operands *o = &b->at;
    for (size_t i0 = 0; i0 < b->n[0]; i0++)
        for (size_t i1 = 0; i1 < b->n[1]; i1++) {
            const float *w = from;
            float *c = b->c + (ptrdiff_t)i0 * p->row[0].t + (ptrdiff_t)i1 * p->row[1].t;
            o->a = b->a + (ptrdiff_t)i0 * p->row[0].s;
            if (!p->frame)
                o->a += (ptrdiff_t)i1 * p->row[1].s;
            else if (!enter(p, b, i1, o, t, &w))
                continue;
            pixels(p, b, o, t, c, j, n, w);
        }
}

/* One stretch of k for the block. */
static void stretch(const struct qnt_nest *p, struct block *b, struct qnt_tile *t)
{
    const float *w = b->w;
    size_t step = p->rows_first ? p->n : p->g->nr;
    for (size_t j = 0; j < p->n; j += step, w += p->w_panel) {
        if (b->asks) {
            b->at.ahead = j + step < p->n ? w + p->w_panel : NULL;
            b->at.ahead_end = b->at.ahead ? b->at.ahead + b->at.run * b->runs * p->g->nr : NULL;
        }
        panels(p, b, t, j, p->n - j < step ? p->n - j : step, w);
    }
}

/* How k is cut: the innermost run in parts of at most k_run steps; uncut, a tile takes the loop around it as well:
 * level 1, or lines of taps where each is one run. */
struct cuts {
    size_t part, runs, n0, n1;
};

static struct cuts cut(const struct qnt_nest *p)
{
    size_t most = p->k[2].t == p->g->nr ? p->g->k_run : qnt_least(p->g->k_run, SPREAD_RUN);
    size_t run = p->k[2].n, n;
    if (run <= most && p->frame && p->k[1].n == 1)
        return (struct cuts){run, p->k[0].n, 1, 1};
    if (run <= most)
        return (struct cuts){run, p->k[1].n, p->k[0].n, 1};
    n = (run + most - 1) / most;
    return (struct cuts){(run + n - 1) / n, 1, p->k[0].n, p->k[1].n};
}

/* All of k for the block whose first row has its operands at a and its results at c. */
static void block(const struct qnt_nest *p, const struct cuts *k, struct block *b, const float *a, float *c)
{
    const size_t rows = b->n[2], run = p->k[2].n;
    const size_t tiles = rows <= p->g->mr || p->g->tall ? 1 : (rows + p->g->mr - 1) / p->g->mr;
    const ptrdiff_t line = p->frame ? 0 : p->k[0].s, place = b->place;
    struct qnt_tile t = {.ldc = (size_t)p->row[2].t, .e = p->e, .first = !p->more};
    b->per = tiles == 1 ? rows : rows / tiles;
    b->more = rows - tiles * b->per;
    b->c = c;
    for (size_t i0 = 0; i0 < k->n0; i0++)
        for (size_t i1 = 0; i1 < k->n1; i1++)
            for (size_t at = 0; at == 0 || at < run; at += run ? k->part : 1) {
                const ptrdiff_t on = (ptrdiff_t)i1 * p->k[1].s + (ptrdiff_t)at * p->k[2].s;
                b->a = a + (ptrdiff_t)i0 * line + (p->frame ? 0 : on);
                b->place = place + (p->frame ? on : 0);
                b->w = p->w + (ptrdiff_t)i0 * p->k[0].t + (ptrdiff_t)i1 * p->k[1].t + (ptrdiff_t)at * p->k[2].t;
                b->at.run = run - at < k->part ? run - at : k->part;
                b->ky0 = i0;
                b->ky1 = k->n0 == 1 ? p->k[0].n : i0 + 1;
                b->from = i1 == 0 && at == 0;
                b->to = i1 + 1 == k->n1 && at + k->part >= run;
                t.last = i0 + 1 == k->n0 && b->to;
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

/* The operands of a block but for what its rows and its stretch of k tell. */
static struct block make_block(const struct qnt_nest *p, const struct cuts *k)
{
    struct block b = {.at = {.a_row = p->row[2].s,
                             .a_k = p->k[2].s,
                             .w_k = p->k[2].t,
                             .runs = k->runs,
                             .a_jump = p->k[1].s,
                             .w_jump = p->k[1].t,
                             .far = p->row[0].n * p->row[1].n * p->row[2].n > NEAR_FLOATS / p->n}};
    if (p->frame && p->k[1].n == 1) {
        b.at.a_jump = (ptrdiff_t)(p->frame->dil_h * p->frame->pitch);
        b.at.w_jump = p->k[0].t;
    }
    if (p->frame)
        b.at.width = p->frame->width;
    b.runs = b.at.runs;
    const size_t rows = p->row[0].n * p->row[1].n * p->row[2].n, steps = p->k[0].n * p->k[1].n * p->k[2].n;
    b.asks = p->k[2].t == p->g->nr && rows > p->g->mr && steps * p->n > FAR_FLOATS;
    return b;
}

/* Rows of a block. Tiles that take any number of rows take the next panel after a block's. */
static size_t rows_of(const struct qnt_nest *p, const struct cuts *k)
{
    if (p->rows_first && (p->frame || !p->g->tall))
        return SIZE_MAX / 2;
    const size_t near = p->g->tall ? NEAR_ROWS / (k->part * k->runs + 1) : 0;
    return near > ROWS ? near : ROWS;
}

void qnt_nest_run(const struct qnt_nest *nest)
{
    struct qnt_nest p = *nest;
    bool by_k = p.k[2].s == 1;

    if (!p.frame) {
        flatten(p.row, !by_k);
        flatten(p.k, by_k);
    }
    const struct cuts k = cut(&p);
    struct block b = make_block(&p, &k);
    size_t rows = rows_of(&p, &k), step[3];
    step[2] = share(p.row[2].n, rows, p.g->mr);
    step[1] = step[2] < p.row[2].n || p.row[1].n == 1 ? 1 : share(p.row[1].n, rows / step[2], 1);
    step[0] = step[1] < p.row[1].n || p.row[0].n == 1 ? 1 : share(p.row[0].n, rows / (step[2] * step[1]), 1);
    for (size_t i0 = 0; i0 < p.row[0].n; i0 += step[0])
        for (size_t i1 = 0; i1 < p.row[1].n; i1 += step[1])
            for (size_t i2 = 0; i2 < p.row[2].n; i2 += step[2]) {
                const ptrdiff_t on = (ptrdiff_t)i1 * p.row[1].s + (ptrdiff_t)i2 * p.row[2].s;
                b.n[0] = qnt_least(p.row[0].n - i0, step[0]);
                b.n[1] = qnt_least(p.row[1].n - i1, step[1]);
                b.n[2] = qnt_least(p.row[2].n - i2, step[2]);
                b.line = i1;
                b.place = p.frame ? p.frame->at + (ptrdiff_t)i2 * p.row[2].s : 0;
                block(&p, &k, &b, p.a + (ptrdiff_t)i0 * p.row[0].s + (p.frame ? 0 : on),
                      p.c + (ptrdiff_t)i0 * p.row[0].t + (ptrdiff_t)i1 * p.row[1].t + (ptrdiff_t)i2 * p.row[2].t);
            }
}
