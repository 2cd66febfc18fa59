/* Panels of W outside, rows inside: a panel comes from a far cache once and is then in a near one for all rows of the
 * block, which the second-level cache holds. Sums of 32 bits are taken in stretches of k whose panels fit the first
 * level beside the rows of a tile. Rows that tiles cannot read as they are, and that meet weights which stay near, go
 * tile by tile instead: the next ones are copied beside the products. */
#include "rows.h"

enum {
    PANEL_BYTES = 128 << 10,
    BLOCK_BYTES = 256 << 10,   /* of rows: part of the second level */
    WEIGHTS_BYTES = 512 << 10, /* likewise, */
    NEAR_BYTES = 24 << 10,     /* when the copied rows and the results of a block stay in the first */
    POINTERS = 256,            /* rows addressed at a time, or as many as a tile has */
    SHORT_ROW = 256,
    LINE_BYTES = 64,
    STEP_BYTES = 8,         /* of k, for each of which a tile asks for a line */
    ASKING = 2,             /* panels whose tiles ask for as many lines as a block has */
    FEW_BYTES = 64 << 10,   /* of weights */
    FAR_BYTES = 1 << 20,    /* of rows and sums of 32 bits: with more they are asked for */
    BESIDE_BYTES = 1 << 20, /* of weights, which are read again for each tile of rows: part of the second level */
    FIRST_TILES = 4,        /* of a panel ask for all of the next one */
    BESIDE_LEAST = 64,      /* of k: shorter ones are copied in less time than two loops in a tile take */
    BESIDE_K = 4096         /* from which on the rows of a tile would share the sets of the cache */
};

static size_t ceil_div(size_t n, size_t by)
{
    return (n + by - 1) / by;
}

/* Even shares of n rows, so that no tile is left with a row or two; tall tiles share theirs. */
static size_t rows_of_tile(const struct qnt_gemm *g, size_t n)
{
    return n <= g->mr || g->tall ? n : ceil_div(n, ceil_div(n, g->mr));
}

void qnt_rows_line(const struct qnt_gemm_call *call, struct qnt_s8_operands *o, struct qnt_tile *t, size_t row,
                   size_t n, const uint8_t *past)
{
    const struct qnt_gemm *g = call->g;
    const size_t per = rows_of_tile(g, n);
    const size_t head = o->head, tail = o->tail;
    for (size_t i = 0; i < n; i += per, o->a += (ptrdiff_t)per * o->a_row) {
        o->head = i ? 0 : head;
        o->tail = i + per < n ? 0 : tail;
        t->m = (uint32_t)(n - i < per ? n - i : per);
        t->row = (uint32_t)(row + i);
        t->c = qnt_gemm_place(call, row + i, t->col);
        g->run_rows(o, t);
        if (o->ahead) {
            o->ahead += o->runs * o->run / STEP_BYTES * LINE_BYTES;
            if (past && o->ahead >= past)
                o->ahead = NULL;
        }
    }
}

size_t qnt_rows_room(const struct qnt_gemm *g, size_t k)
{
    return g->unpack ? qnt_round_up(g->nr * k, 64) : 0;
}

const void *qnt_rows_panel(const struct qnt_gemm *g, const void *packed, size_t k, void *room)
{
    if (!g->unpack)
        return packed;
    g->unpack(packed, k, room);
    return room;
}

size_t qnt_rows_panel_bytes(const struct qnt_gemm *g, size_t k)
{
    return g->unpack ? g->nr * k : qnt_panel_w_bytes(g, k);
}

struct blocks {
    size_t kc, mc;
};

static struct blocks choose_blocks(const struct qnt_gemm *g, size_t k, bool whole_k)
{
    const size_t kp = k ? qnt_round_up(k, g->kr) : g->kr, most = PANEL_BYTES / g->nr;
    struct blocks b = {kp, g->mr};
    if (!whole_k && kp > most)
        b.kc = qnt_round_up(ceil_div(kp, ceil_div(kp, most)), g->kr);
    const size_t rows = BLOCK_BYTES / qnt_rows_pitch(b.kc);
    if (rows > g->mr)
        b.mc = rows / g->mr * g->mr;
    return b;
}

static size_t pointer_bytes(const struct qnt_gemm *g, size_t taps)
{
    const size_t n = g->mr * taps;
    return qnt_round_up((n > POINTERS ? n : POINTERS) * sizeof(void *), 64);
}

size_t qnt_rows_scratch_bytes(const struct qnt_gemm *g, size_t k, size_t taps)
{
    const struct blocks part = choose_blocks(g, k, false), whole = choose_blocks(g, k, true);
    const size_t a = part.mc * qnt_rows_pitch(part.kc) + qnt_rows_room(g, part.kc),
                 b = whole.mc * qnt_rows_pitch(whole.kc) + qnt_rows_room(g, whole.kc);
    return pointer_bytes(g, taps) + qnt_most(a, b);
}

/* Plain rows without gaps and padding can be copied as one, and lie without gaps again. */
static bool is_dense(const struct qnt_gemm_call *call)
{
    return call->a.stride == call->k && call->k % call->g->kr == 0;
}

static void copy_as_one(const struct qnt_gemm_call *call, const uint8_t *from, size_t bytes, uint8_t *to)
{
    const void *row = from;
    call->g->pack_a(&row, bytes, 0, bytes, 1, call->a.in_xor, to);
}

/* Short ones are; longer ones get a pitch that spares the cache. */
static bool as_one(const struct qnt_gemm_call *call)
{
    return is_dense(call) && call->k <= SHORT_ROW;
}

static size_t pitch_of(const struct qnt_gemm_call *call, size_t k)
{
    return as_one(call) ? k : qnt_rows_pitch(k);
}

/* The k elements from k0 of `rows` rows. */
static void copy(const struct qnt_gemm_call *call, size_t row, size_t rows, size_t k0, size_t k, const void **ptr,
                 uint8_t *to)
{
    const struct qnt_operand *o = &call->a;
    const size_t most = pointer_bytes(call->g, o->taps) / sizeof *ptr / o->taps, pitch = qnt_rows_pitch(k);
    if (as_one(call)) {
        copy_as_one(call, (const uint8_t *)o->base + row * k, rows * k, to);
        return;
    }
    for (size_t i = 0, n; i < rows; i += n, to += n * pitch) {
        n = rows - i < most ? rows - i : most;
        o->rows(o, row + i, n, ptr);
        call->g->pack_a(ptr, o->tap_k, k0, k, n, o->in_xor, to);
    }
}

/* Plain rows that are as the tiles want them, to the last byte they read. */
static bool in_place(const struct qnt_gemm_call *call)
{
    return call->a.stride && call->a.in_xor == call->g->w_bias && call->k % call->g->kr == 0;
}

/* What the block before row `row` of `end` asks for: its sums, and the rows that follow (where plain ones are side by
 * side), while these do not stay near anyway. */
static const uint8_t *ahead_of(const struct qnt_gemm_call *call, size_t rows, size_t row, size_t end)
{
    if (call->e->kind != QNT_EPI_S32 || rows < FAR_BYTES / (call->n * sizeof(int32_t) + call->k))
        return NULL;
    return row < end && call->a.stride == call->k ? (const uint8_t *)call->a.base + row * call->k : call->packed_w;
}

const uint8_t *qnt_rows_next_panel(const struct qnt_gemm_call *call, size_t col, const void *panel, size_t bytes)
{
    if (call->n * call->k <= FEW_BYTES || col + call->g->nr >= call->n)
        return NULL;
    return (const uint8_t *)panel + bytes;
}

/* Rows [row, row + rows) of a block at o.a, for the stretch of k that begins in the first panel at o.w. The last panels
 * ask for what lies at o.ahead. */
static void block(const struct qnt_gemm_call *call, struct qnt_s8_operands o, struct qnt_tile t, size_t row,
                  size_t rows, void *room)
{
    const size_t nr = call->g->nr, panel = qnt_panel_w_bytes(call->g, qnt_round_up(call->k, call->g->kr));
    const size_t panels = ceil_div(call->n, nr), asking = panels > ASKING ? (panels - ASKING) * nr : 0;
    const uint8_t *a = o.a, *ahead = o.ahead;
    const char *w = o.w;
    for (size_t col = 0; col < call->n; col += nr, w += panel) {
        const uint8_t *const next = ahead ? NULL : qnt_rows_next_panel(call, col, w, panel);
        if (!ahead)
            o.ahead = next;
        else if (col <= asking)
            o.ahead = col < asking ? (const uint8_t *)w + panel : ahead;
        t.n = (uint32_t)(call->n - col < nr ? call->n - col : nr);
        t.col = (uint32_t)col;
        o.a = a;
        o.w = qnt_rows_panel(call->g, w, o.run, room);
        qnt_rows_line(call, &o, &t, row, rows, next ? next + qnt_panel_w_bytes(call->g, o.run) : NULL);
    }
}

/* How many of `rows` rows go before those that are copied beside products, which read all weights for each tile: none,
 * as many as bring weights from afar with all their tiles, or all. */
static size_t rows_before(const struct qnt_gemm_call *call, size_t rows, size_t kc)
{
    const struct qnt_gemm *g = call->g;
    const size_t w = call->n * call->k, first = w <= FEW_BYTES ? 0 : (size_t)FIRST_TILES * g->mr;
    if (!g->beside || g->unpack || !is_dense(call) || in_place(call) || call->n <= g->nr || call->k < BESIDE_LEAST ||
        call->k >= BESIDE_K || call->k > kc || w > BESIDE_BYTES || rows <= first + g->mr)
        return rows;
    return first;
}

/* One tile of rows after the other; the first is copied before. Tiles that copy ask for the lines of their sums, too:
 * with sums of 32 bits all of them should copy some. */
static void run_beside(const struct qnt_gemm_call *call, size_t m0, size_t m1, uint8_t *copied)
{
    const struct qnt_gemm *g = call->g;
    const bool s32 = call->e->kind == QNT_EPI_S32;
    const size_t k = call->k, per = rows_of_tile(g, m1 - m0), panel = qnt_panel_w_bytes(g, k), most = k / STEP_BYTES;
    const uint8_t *from = (const uint8_t *)call->a.base + m0 * k, *const end = from + (m1 - m0) * k;
    uint8_t *other = copied + qnt_round_up(per * k, LINE_BYTES);
    struct qnt_tile t = {.ldc = call->ldc, .first = 1, .last = 1, .e = call->e};
    struct qnt_s8_operands o = {.a_row = (ptrdiff_t)k, .run = k, .runs = 1, .copy_flip = call->a.in_xor ^ g->w_bias};
    copy_as_one(call, from, per * k, copied);
    from += per * k;
    for (size_t row = m0; row < m1; row += per) {
        size_t left = qnt_least((size_t)(end - from), per * k);
        const size_t each = s32 ? ceil_div(left / LINE_BYTES, ceil_div(call->n, g->nr)) : most;
        o.a = copied;
        o.w = call->packed_w;
        o.copy_to = other;
        t.m = (uint32_t)qnt_least(m1 - row, per);
        t.row = (uint32_t)row;
        for (size_t col = 0; col < call->n; col += g->nr, o.w = (const char *)o.w + panel) {
            o.copy_lines = qnt_least(left / LINE_BYTES, qnt_least(each, most));
            o.copy_from = from;
            t.n = (uint32_t)(call->n - col < g->nr ? call->n - col : g->nr);
            t.col = (uint32_t)col;
            t.c = qnt_gemm_place(call, row, col);
            g->run_rows(&o, &t);
            from += o.copy_lines * LINE_BYTES;
            o.copy_to += o.copy_lines * LINE_BYTES;
            left -= o.copy_lines * LINE_BYTES;
        }
        if (left)
            copy_as_one(call, from, left, o.copy_to);
        from += left;
        uint8_t *const done = copied;
        copied = other;
        other = done;
    }
}

static void run_blocks(const struct qnt_gemm_call *call, struct blocks size, size_t m0, size_t m1, void *scratch)
{
    const struct qnt_gemm *g = call->g;
    const bool bare = in_place(call);
    uint8_t *room = (uint8_t *)scratch + pointer_bytes(g, call->a.taps), *copied = room + qnt_rows_room(g, size.kc);
    struct qnt_s8_operands o = {.runs = 1};
    struct qnt_tile t = {.ldc = call->ldc, .e = call->e};
    /* All panels are near: what they meet should be nearer. Not when each block unpacks them again. */
    if (call->n * size.kc <= WEIGHTS_BYTES && !g->unpack) {
        const size_t row = (bare ? 0 : pitch_of(call, size.kc)) + call->n * (call->e->kind == QNT_EPI_S8 ? 1 : 4);
        size_t few = NEAR_BYTES / row / g->mr * g->mr;
        few = few < 2u * g->mr ? 2u * g->mr : few;
        if (few < size.mc)
            size.mc = few;
    }
    if (m1 - m0 > size.mc) /* even blocks, too */
        size.mc = qnt_round_up(ceil_div(m1 - m0, ceil_div(m1 - m0, size.mc)), g->mr);
    for (size_t row = m0, rows; row < m1; row += rows) {
        size_t k0 = 0, k;
        rows = m1 - row < size.mc ? m1 - row : size.mc;
        do {
            k = call->k - k0 < size.kc ? call->k - k0 : size.kc;
            o.run = qnt_round_up(k, g->kr);
            o.w = (const char *)call->packed_w + qnt_panel_w_bytes(g, k0);
            o.a_row = (ptrdiff_t)(bare ? call->a.stride : pitch_of(call, k));
            o.a = bare ? (const uint8_t *)call->a.base + row * call->a.stride + k0 : copied;
            if (!bare)
                copy(call, row, rows, k0, k, scratch, copied);
            t.first = k0 == 0;
            t.last = k0 + k >= call->k;
            o.ahead = ahead_of(call, m1 - m0, row + rows, m1);
            block(call, o, t, row, rows, room);
            k0 += k;
        } while (k0 < call->k);
    }
}

void qnt_rows_run(const struct qnt_gemm_call *call, size_t m0, size_t m1, void *scratch)
{
    const struct blocks size = choose_blocks(call->g, call->k, call->e->kind != QNT_EPI_S32);
    const size_t mid = m0 + rows_before(call, m1 - m0, size.kc);
    if (m0 < mid)
        run_blocks(call, size, m0, mid, scratch);
    if (mid < m1)
        run_beside(call, mid, m1, (uint8_t *)scratch + pointer_bytes(call->g, call->a.taps));
}
