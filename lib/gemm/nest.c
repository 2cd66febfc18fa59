/* Loop nests to tiles: merge loops, cut long k runs so that a W panel stays in the first-level cache, tile the inner
 * rows. */
#include "nest.h"

enum { PANEL_BYTES = 32 << 10 };

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

/* One group of inner rows: where its operands and results start. */
struct group {
    struct qnt_f32_operands at;
    float *c;
    size_t per; /* rows of a tile: the inner rows in even shares, so that no tile is left with a row or two */
};

/* The tile of rows i.. and the columns j.. with their panel w. */
static void tile(const struct qnt_nest *p, const struct group *g, struct qnt_f32_operands *o, struct qnt_tile *t,
                 size_t i, size_t j, const float *w)
{
    size_t rows = p->row[2].n, nr = p->g->nr;
    o->a = g->at.a + (ptrdiff_t)i * p->row[2].s;
    o->w = w;
    t->c = g->c + (ptrdiff_t)i * p->row[2].t + (ptrdiff_t)j;
    t->m = (uint32_t)(rows - i < g->per ? rows - i : g->per);
    t->n = (uint32_t)(p->n - j < nr ? p->n - j : nr);
    t->col = (uint32_t)j;
    p->g->run_f32(o, t);
}

static void inner_rows(const struct qnt_nest *p, const struct group *g, struct qnt_tile *t)
{
    struct qnt_f32_operands o = g->at;
    const float *w = g->at.w;
    size_t rows = p->row[2].n, nr = p->g->nr;
    if (p->rows_first) {
        for (size_t i = 0; i < rows; i += g->per, w = g->at.w)
            for (size_t j = 0; j < p->n; j += nr, w += p->w_panel)
                tile(p, g, &o, t, i, j, w);
        return;
    }
    for (size_t j = 0; j < p->n; j += nr, w += p->w_panel)
        for (size_t i = 0; i < rows; i += g->per)
            tile(p, g, &o, t, i, j, w);
}

/* One stretch of k, for all rows. */
static void stretch(const struct qnt_nest *p, const struct qnt_f32_operands *from, struct qnt_tile *t)
{
    struct group g = {.at = *from};
    size_t rows = p->row[2].n, tiles = (rows + p->g->mr - 1) / p->g->mr;
    g.per = tiles ? (rows + tiles - 1) / tiles : 0;
    for (size_t i0 = 0; i0 < p->row[0].n; i0++)
        for (size_t i1 = 0; i1 < p->row[1].n; i1++) {
            g.at.a = from->a + (ptrdiff_t)i0 * p->row[0].s + (ptrdiff_t)i1 * p->row[1].s;
            g.c = p->c + (ptrdiff_t)i0 * p->row[0].t + (ptrdiff_t)i1 * p->row[1].t;
            inner_rows(p, &g, t);
        }
}

void qnt_nest_run(const struct qnt_nest *nest)
{
    struct qnt_nest p = *nest;
    bool by_k = p.k[2].s == 1;
    flatten(p.row, !by_k);
    flatten(p.k, by_k);
    size_t most = PANEL_BYTES / (p.g->nr * sizeof(float)), run = p.k[2].n, cuts = (run + most - 1) / most;
    bool cut = cuts > 1;
    size_t part = cut ? (run + cuts - 1) / cuts : run;
    struct qnt_f32_operands o = {.a_row = p.row[2].s, .a_k = p.k[2].s, .w_k = p.k[2].t};
    o.runs = cut ? 1 : p.k[1].n;
    o.a_jump = p.k[1].s;
    o.w_jump = p.k[1].t;
    struct qnt_tile t = {.ldc = (size_t)p.row[2].t, .e = p.e, .first = !p.more};
    size_t n1 = cut ? p.k[1].n : 1;
    for (size_t i0 = 0; i0 < p.k[0].n; i0++)
        for (size_t i1 = 0; i1 < n1; i1++)
            for (size_t b = 0; b < run; b += part) {
                o.a = p.a + (ptrdiff_t)i0 * p.k[0].s + (ptrdiff_t)i1 * p.k[1].s + (ptrdiff_t)b * p.k[2].s;
                o.w = p.w + (ptrdiff_t)i0 * p.k[0].t + (ptrdiff_t)i1 * p.k[1].t + (ptrdiff_t)b * p.k[2].t;
                o.run = run - b < part ? run - b : part;
                t.last = i0 + 1 == p.k[0].n && i1 + 1 == n1 && b + part >= run;
                stretch(&p, &o, &t);
                t.first = 0;
            }
}
