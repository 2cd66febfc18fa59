/* The loops around the tile: rows in blocks of mc (their packed form fits the second-level cache), k in blocks of kc
 * (an A and a W panel fit the first level), then panels of W, then panels of A. The fifth loop, over blocks of n, is
 * not needed: W is packed once at prepare, and packing A again per block of n would cost more than reading W from the
 * next cache. */
#include <string.h>
#include "rows.h"

enum {
    PANEL_BYTES = 48 << 10, /* one A panel and one W panel: first level, W streaming */
    BLOCK_BYTES = 96 << 10, /* the packed rows of A: part of the second level */
    PITCH_PAD = 16,         /* f32 rows gathered side by side must not fall into the same cache sets */
    LINES = 256,            /* lines gathered at a time */
    ROWS = 64               /* at least those of a tall tile */
};

struct blocks {
    size_t kc, mc;
};

static size_t ceil_div(size_t n, size_t by)
{
    return (n + by - 1) / by;
}

/* A wide tile has one row, which stays near. */
static bool one_k_block(const struct qnt_gemm *g, const struct qnt_epilogue *e)
{
    return g->wide || (e->kind != QNT_EPI_S32 && !g->run_f32);
}

/* For m rows at most. A small product pays for no division here: that is a good part of its time. */
static struct blocks choose_blocks(const struct qnt_gemm *g, size_t m, size_t k, bool whole_k)
{
    size_t kp = qnt_round_up(k, g->kr), step = (size_t)g->mr * g->a_size + (size_t)g->nr * g->w_bits / 8;
    struct blocks b = {kp ? kp : g->kr, g->mr};
    if (!whole_k && kp * step > PANEL_BYTES)
        b.kc = qnt_round_up(ceil_div(kp, ceil_div(kp, PANEL_BYTES / step)), g->kr);
    if (m <= g->mr)
        return b;
    size_t rows = BLOCK_BYTES / (b.kc * g->a_size);
    if (rows > g->mr)
        b.mc = rows / g->mr * g->mr;
    return b;
}

double qnt_gemm_full_tiles(const struct qnt_gemm *g, uint32_t least, size_t m)
{
    const double tiles = (double)ceil_div(m, g->mr), rows = tiles * least;
    return least ? ((double)m > rows ? (double)m : rows) / g->mr : tiles;
}

static double cost_of(const struct qnt_gemm_list *list, uint32_t i, size_t m, size_t n, size_t k)
{
    const struct qnt_gemm *g = list->v[i];
    const struct qnt_tile_cost *c = &list->cost[i];
    const double tiles = (double)ceil_div(m, g->mr), steps = (double)ceil_div(k, g->kr);
    return (double)ceil_div(n, g->nr) *
               ((qnt_gemm_full_tiles(g, c->least, m) * c->step + c->unpack) * steps + tiles * c->tile) +
           (double)m * steps * c->row;
}

double qnt_gemm_cost(const struct qnt_gemm_list *list, const struct qnt_gemm *g, size_t m, size_t n, size_t k)
{
    uint32_t i = 0;
    while (list->v[i] != g)
        i++;
    return cost_of(list, i, m, n, k);
}

const struct qnt_gemm *qnt_gemm_choose(const struct qnt_gemm_list *list, size_t m, size_t n, size_t k)
{
    uint32_t best = 0;
    double least = cost_of(list, 0, m, n, k);
    for (uint32_t i = 1; i < list->count; i++) {
        const double cost = cost_of(list, i, m, n, k);
        if (cost <= least) {
            least = cost;
            best = i;
        }
    }
    return list->v[best];
}

size_t qnt_gemm_packed_bytes(const struct qnt_gemm *g, size_t n, size_t k)
{
    return qnt_round_up(n, g->nr) / g->nr * qnt_panel_w_bytes(g, qnt_round_up(k, g->kr));
}

void qnt_gemm_pack_w(const struct qnt_gemm *g, const struct qnt_operand *w, size_t n, size_t k, void *packed)
{
    const void *ptr[LINES]; /* nr < 256 rows */
    size_t kp = qnt_round_up(k, g->kr);
    for (size_t j = 0; j < n; j += g->nr) {
        size_t used = n - j < g->nr ? n - j : g->nr;
        char *panel = (char *)packed + j / g->nr * qnt_panel_w_bytes(g, kp);
        if (w->rows) {
            w->rows(w, j, used, ptr);
            g->pack_w(ptr, w->tap_k, 0, k, used, w->in_xor, panel);
            continue;
        }
        for (size_t k0 = 0; k0 < k; k0 += LINES) {
            size_t count = k - k0 < LINES ? k - k0 : LINES;
            w->lines(w, j, k0, count, ptr);
            g->pack_w_cols(ptr, count, used, panel + qnt_panel_w_bytes(g, k0));
        }
    }
}

void qnt_gemm_fold_bias(const struct qnt_ctx *ctx, const struct qnt_gemm *g, const int8_t *w, size_t n, size_t k,
                        int32_t a_zero, const int32_t *bias, int32_t *out)
{
    const bool by_code = g->w_more || g->w_negative;
    for (size_t j = 0; j < n; j++, w += k) { /* may wrap */
        uint32_t sum = (uint32_t)(a_zero + (by_code ? 0 : g->w_bias)) * (uint32_t)ctx->dsp.sum_s8(w, k);
        for (size_t l = 0; by_code && l < k; l++)
            sum += (uint32_t)qnt_gemm_extra(g, l, w[l]);
        out[j] = (int32_t)((uint32_t)(bias ? bias[j] : 0) - sum);
    }
}

/* A block of A in scratch: 8-bit panels, or for f32 the rows (lines) themselves, gathered at a pitch that spares the
 * cache. */
struct block {
    const struct qnt_gemm_call *call;
    const void **ptr;
    char *a;
    size_t row, rows, k0, k, pitch;
    size_t kp; /* k padded */
};

/* Rows addressed and packed at a time. */
static size_t rows_at_once(const struct qnt_gemm *g)
{
    return g->tall ? ROWS / g->mr * g->mr : g->mr;
}

static size_t pointer_bytes(const struct qnt_gemm *g, size_t taps)
{
    size_t n = rows_at_once(g) * taps;
    return qnt_round_up((n > LINES ? n : LINES) * sizeof(void *), 64);
}

size_t qnt_gemm_scratch_bytes(const struct qnt_gemm *g, size_t k, size_t taps)
{
    if (g->run_rows)
        return qnt_rows_scratch_bytes(g, k, taps);
    struct blocks part = choose_blocks(g, SIZE_MAX, k, false), whole = choose_blocks(g, SIZE_MAX, k, true);
    size_t a = (part.mc + PITCH_PAD) * (part.kc + PITCH_PAD) * g->a_size, b = whole.mc * whole.kc * g->a_size;
    return pointer_bytes(g, taps) + (g->run_f32 ? a : qnt_most(a, b));
}

static void pack_panels(const struct block *b)
{
    const struct qnt_operand *o = &b->call->a;
    const struct qnt_gemm *g = b->call->g;
    const size_t most = rows_at_once(g);
    char *panel = b->a;
    for (size_t i = 0; i < b->rows; i += most, panel += most * b->kp * g->a_size) {
        size_t used = b->rows - i < most ? b->rows - i : most;
        o->rows(o, b->row + i, used, b->ptr);
        g->pack_a(b->ptr, o->tap_k, b->k0, b->k, used, o->in_xor, panel);
    }
}

/* The k elements from k0 of a row given by its taps. */
static void gather_row(const void *const *taps, size_t step, size_t tap_k, size_t k0, size_t k, float *to)
{
    size_t tap = k0 / tap_k, at = k0 % tap_k;
    while (k) {
        size_t n = tap_k - at < k ? tap_k - at : k;
        memcpy(to, (const float *)taps[tap * step] + at, n * sizeof *to);
        to += n;
        k -= n;
        tap++;
        at = 0;
    }
}

static void gather(struct block *b)
{
    const struct qnt_operand *o = &b->call->a;
    size_t mr = b->call->g->mr;
    float *to = (float *)(void *)b->a;
    if (o->lines) {
        b->pitch = b->rows + PITCH_PAD;
        for (size_t j = 0; j < b->k; j += LINES) {
            size_t n = b->k - j < LINES ? b->k - j : LINES;
            o->lines(o, b->row, b->k0 + j, n, b->ptr);
            for (size_t l = 0; l < n; l++, to += b->pitch)
                memcpy(to, b->ptr[l], b->rows * sizeof *to);
        }
        return;
    }
    b->pitch = b->k + PITCH_PAD;
    for (size_t i = 0; i < b->rows; i += mr) {
        size_t used = b->rows - i < mr ? b->rows - i : mr;
        o->rows(o, b->row + i, used, b->ptr);
        for (size_t r = 0; r < used; r++, to += b->pitch)
            gather_row(b->ptr + r, used, o->tap_k, b->k0, b->k, to);
    }
}

/* One tile, of a tall one all rows: `row` counts from the block's first row, `w` is the k block of its W panel. */
static void tile(const struct block *b, size_t row, const void *w, const struct qnt_tile *t)
{
    const struct qnt_gemm *g = b->call->g;
    if (!g->run_f32) {
        g->run(b->kp, b->a + row * b->kp * g->a_size, w, t);
        return;
    }
    const float *a = (const float *)(const void *)b->a;
    struct qnt_f32_operands o = {.w = w, .w_k = g->nr, .run = b->k, .runs = 1};
    if (b->call->a.lines) {
        o.a = a + row;
        o.a_row = 1;
        o.a_k = (ptrdiff_t)b->pitch;
    } else {
        o.a = a + row * b->pitch;
        o.a_row = (ptrdiff_t)b->pitch;
        o.a_k = 1;
    }
    g->run_f32(&o, t);
}

static void run_block(const struct block *b)
{
    const struct qnt_gemm_call *call = b->call;
    const struct qnt_gemm *g = call->g;
    const size_t panel_k = call->panel_k ? call->panel_k : b->k == call->k ? b->kp : qnt_round_up(call->k, g->kr);
    const size_t panel = qnt_panel_w_bytes(g, panel_k);
    const char *w = (const char *)call->packed_w + qnt_panel_w_bytes(g, b->k0);
    const size_t per = g->wide && b->rows == 1 && panel == qnt_panel_w_bytes(g, b->kp) ? call->n : g->nr;
    const size_t across = g->nr * (call->e->kind == QNT_EPI_S8 ? 1 : sizeof(int32_t)); /* from tile to tile */
    struct qnt_tile t = {.ldc = call->ldc, .first = b->k0 == 0, .last = b->k0 + b->k >= call->k, .e = call->e};
    for (size_t col = 0; col < call->n; col += per, w += panel) {
        t.n = (uint32_t)(call->n - col < per ? call->n - col : per);
        t.col = (uint32_t)col;
        if (g->tall) {
            t.m = (uint32_t)b->rows;
            t.row = (uint32_t)b->row;
            t.c = col ? (char *)t.c + across : qnt_gemm_place(call, b->row, 0);
            tile(b, 0, w, &t);
            continue;
        }
        for (size_t i = 0; i < b->rows; i += g->mr) {
            t.m = (uint32_t)(b->rows - i < g->mr ? b->rows - i : g->mr);
            t.row = (uint32_t)(b->row + i);
            t.c = qnt_gemm_place(call, b->row + i, col);
            tile(b, i, w, &t);
        }
    }
}

void qnt_gemm_run(const struct qnt_gemm_call *call, size_t m0, size_t m1, void *scratch)
{
    const struct qnt_gemm *g = call->g;
    if (g->run_rows) {
        qnt_rows_run(call, m0, m1, scratch);
        return;
    }
    struct blocks size = choose_blocks(g, m1 - m0, call->k, one_k_block(g, call->e));
    struct block b = {.call = call, .ptr = scratch, .a = (char *)scratch + pointer_bytes(g, call->a.taps)};
    for (b.row = m0; b.row < m1; b.row += b.rows) {
        b.rows = m1 - b.row < size.mc ? m1 - b.row : size.mc;
        b.k0 = 0;
        do {
            b.k = call->k - b.k0 < size.kc ? call->k - b.k0 : size.kc;
            b.kp = b.k && !b.k0 ? size.kc : qnt_round_up(b.k, g->kr);
            if (g->run_f32)
                gather(&b);
            else
                pack_panels(&b);
            run_block(&b);
            b.k0 += b.k;
        } while (b.k0 < call->k);
    }
}
