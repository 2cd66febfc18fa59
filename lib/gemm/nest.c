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

/* Rows [i, i + m) of the inner row loop, one panel of W. */
static void tile(const struct qnt_nest *p, struct qnt_f32_operands *o, struct qnt_tile *t, size_t i, size_t m, size_t j)
{
    struct qnt_f32_operands at = *o;
    at.a += (ptrdiff_t)i * p->row[2].s;
    at.w += (ptrdiff_t)(j / p->g->nr) * p->w_panel;
    struct qnt_tile to = *t;
    to.c = (float *)t->c + (ptrdiff_t)i * p->row[2].t + (ptrdiff_t)j;
    to.m = (uint32_t)m;
    to.n = (uint32_t)(p->n - j < p->g->nr ? p->n - j : p->g->nr);
    to.col = (uint32_t)j;
    p->g->run_f32(&at, &to);
}

/* The inner row loop in even shares, so that no tile is left with a row or two. */
static void rows_of(const struct qnt_nest *p, struct qnt_f32_operands *o, struct qnt_tile *t)
{
    size_t m = p->row[2].n, tiles = (m + p->g->mr - 1) / p->g->mr, per = tiles ? (m + tiles - 1) / tiles : 0;
    if (p->rows_first) {
        for (size_t i = 0; i < m; i += per)
            for (size_t j = 0; j < p->n; j += p->g->nr)
                tile(p, o, t, i, m - i < per ? m - i : per, j);
        return;
    }
    for (size_t j = 0; j < p->n; j += p->g->nr)
        for (size_t i = 0; i < m; i += per)
            tile(p, o, t, i, m - i < per ? m - i : per, j);
}

/* One stretch of k, for all rows. */
static void stretch(const struct qnt_nest *p, const struct qnt_f32_operands *from, struct qnt_tile *t)
{
    struct qnt_f32_operands o = *from;
    for (size_t i0 = 0; i0 < p->row[0].n; i0++)
        for (size_t i1 = 0; i1 < p->row[1].n; i1++) {
            o.a = from->a + (ptrdiff_t)i0 * p->row[0].s + (ptrdiff_t)i1 * p->row[1].s;
            t->c = p->c + (ptrdiff_t)i0 * p->row[0].t + (ptrdiff_t)i1 * p->row[1].t;
            rows_of(p, &o, t);
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
