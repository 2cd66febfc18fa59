/* Tiles that read A where it lies, called directly: what run_rows makes of runs and strides. */
#include <string.h>
#include "check_gemm.h"

enum { A, W, C, BIAS, FROM, TO, CODES, MOST = 256, LINE = 64 };

/* The panel that the tile reads, of codes [nr][k]: its own, or where it has unpack the s8 panel. */
static void make_panel(const struct qnt_gemm *d, const int8_t *codes, size_t k, int8_t *panel)
{
    const void *ptr[MOST];
    for (size_t j = 0; j < d->nr; j++) {
        ptr[j] = codes + j * k;
        for (size_t p = 0; d->unpack && p < k; p++)
            panel[(p / d->kr * d->nr + j) * d->kr + p % d->kr] = codes[j * k + p];
    }
    if (!d->unpack && k)
        d->pack_w(ptr, k, 0, k, d->nr, 0, panel);
}

/* What a tile that reads rows must leave in row i, from bytes of its own representation. */
static void rows_want(struct ck *c, const struct qnt_s8_operands *o, const struct qnt_tile *t, const int8_t *codes,
                      size_t i, const int32_t *old, int32_t *want)
{
    const struct qnt_gemm *d = c->gemm;
    for (size_t j = 0; j < t->n; j++) {
        uint32_t sum = (t->first ? 0 : (uint32_t)old[j]) + (t->last ? (uint32_t)t->e->bias[t->col + j] : 0);
        for (size_t r = 0; r < o->runs; r++)
            for (size_t p = 0; p < o->run; p++) {
                const ptrdiff_t row = (ptrdiff_t)i * o->a_row + (o->line && i >= o->line ? o->line_jump : 0);
                uint8_t byte = o->a[row + (ptrdiff_t)r * o->a_jump + (ptrdiff_t)p];
                int a = d->w_bias ? byte : (int8_t)byte;
                int8_t w = codes[(j * o->runs + r) * o->run + p];
                sum += (uint32_t)(a * w + (d->w_negative && w < 0 ? w : 0));
            }
        want[j] = (int32_t)sum;
    }
}

/* The ends of runs that the tile is told of. */
static void zero_edges(const struct qnt_s8_operands *o, size_t m, uint8_t *a)
{
    for (size_t r = 0; r < o->runs; r++, a += o->a_jump) {
        memset(a, 0, o->head);
        memset(a + (ptrdiff_t)(m - 1) * o->a_row + (o->line && m > o->line ? o->line_jump : 0) + (o->run - o->tail), 0,
               o->tail);
    }
}

/* Rows of two lines, for tiles that take such: after none of m rows, or some, or past them. */
static void second_line(struct ck *c, struct qnt_s8_operands *o, size_t m)
{
    if (!c->gemm->lines || ck_below(c, 2))
        return;
    o->line = 4 * ck_below(c, m / 4 + 2);
    o->line_jump = (ptrdiff_t)ck_below(c, 90);
}

/* Lines to copy, for tiles that do: as many as k allows, fewer or none. */
static void lines_to_copy(struct ck *c, struct qnt_s8_operands *o, enum ck_place place)
{
    if (!c->gemm->beside || o->runs > 1 || o->head || o->tail || o->line)
        return;
    o->copy_lines = ck_below(c, 2) ? o->run / 8 : ck_below(c, o->run / 8 + 1);
    o->copy_flip = ck_below(c, 2) ? 0x80 : 0;
    o->copy_from = ck_in(c, FROM, CK_U8, o->copy_lines * LINE, CK_NOISE, place);
    o->copy_to = ck_out(c, TO, CK_U8, o->copy_lines * LINE, place);
}

static bool lines_are_copied(struct ck *c, const struct qnt_s8_operands *o)
{
    uint8_t want[LINE];
    for (size_t l = 0; l < o->copy_lines; l++) {
        for (size_t i = 0; i < LINE; i++)
            want[i] = o->copy_from[l * LINE + i] ^ o->copy_flip;
        if (!ck_same(c, CK_U8, "copied line", want, o->copy_to + l * LINE, LINE))
            return false;
    }
    return true;
}

/* Runs and strides: rows that lie apart, side by side, in one another or all in one place; sums, whole or continued. */
static void rows(struct ck *c)
{
    const struct qnt_gemm *d = c->gemm;
    const size_t m = 1 + ck_below(c, d->tall ? 3u * d->mr + 1 : d->mr), n = 1 + ck_below(c, d->nr),
                 run = d->kr * ck_below(c, 12), ldc = n + 3;
    const size_t strides[] = {run, run + 5, run / 2 + 3, 1, 0, 2 * run + 64}, jumps[] = {run, 3 * run + 7, 5, 0};
    struct qnt_s8_operands o = {.run = run, .runs = ck_below(c, 2) ? 1 : 1 + ck_below(c, 5)};
    const enum ck_place place = (enum ck_place)ck_below(c, CK_PLACES);
    o.a_row = (ptrdiff_t)strides[ck_below(c, 6)];
    o.a_jump = (ptrdiff_t)jumps[ck_below(c, 4)];
    o.head = run % 8 ? 0 : 8 * ck_below(c, 2) * ck_below(c, run / 8 + 1);
    o.tail = run % 8 ? 0 : 8 * ck_below(c, 2) * ck_below(c, (run - o.head) / 8 + 1);
    second_line(c, &o, m);
    ck_case(c, "rows m=%zu n=%zu run=%zu runs=%zu a=%td,%td edges=%zu,%zu line=%zu,%td place=%s", m, n, run, o.runs,
            o.a_row, o.a_jump, o.head, o.tail, o.line, o.line_jump, ck_place_name(place));
    const size_t further = o.line && m > o.line ? (size_t)o.line_jump : 0;
    const size_t span = (m - 1) * (size_t)o.a_row + (o.runs - 1) * (size_t)o.a_jump + run + further;
    uint8_t *a = ck_in(c, A, CK_U8, run ? span : 0, CK_NOISE, place);
    zero_edges(&o, m, a);
    o.a = a;
    o.ahead = ck_below(c, 2) ? a : NULL;
    const size_t k = o.runs * run;
    int8_t *codes = ck_in(c, CODES, CK_S8, k * d->nr, CK_NOISE, place);
    for (size_t i = 0; d->w_bits < 8 && i < k * d->nr; i++)
        codes[i] = (int8_t)(codes[i] >> (8 - d->w_bits)); /* those of the width */
    int8_t *w = ck_in(c, W, CK_S8, d->unpack ? k * d->nr : qnt_panel_w_bytes(d, k), CK_ZERO, place);
    make_panel(d, codes, k, w);
    o.w = w;
    lines_to_copy(c, &o, place);
    const int32_t *bias = ck_in(c, BIAS, CK_S32, n, CK_NOISE, place);
    const struct qnt_epilogue e = {.kind = QNT_EPI_S32, .bias = bias};
    int32_t *out = ck_out_2d(c, C, CK_S32, m, n, ldc, place), old[MOST * MOST / 8], want[MOST];
    const struct qnt_tile t = {
        out, ldc, (uint32_t)m, (uint32_t)n, 0, 0, (uint32_t)ck_below(c, 2), (uint32_t)ck_below(c, 2), &e};
    for (size_t i = 0; i < m; i++) {
        ck_fill(c, out + i * ldc, CK_S32, n, CK_NOISE);
        memcpy(old + i * n, out + i * ldc, n * sizeof *old);
    }
    CK_CALL(c, d->run_rows(&o, &t));
    for (size_t i = 0; i < m; i++) {
        rows_want(c, &o, &t, codes, i, old + i * n, want);
        if (!ck_same(c, CK_S32, "row of the tile", want, out + i * ldc, n))
            return;
    }
    lines_are_copied(c, &o);
}

void ck_gemm_rows(struct ck *c)
{
    for (int i = 0; i < (c->quick ? 500 : 4000); i++)
        rows(c);
}
