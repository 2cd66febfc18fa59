/* 8-bit convolutions. Image lines go into a plane with their padding written out, where the kw taps of a line are one
 * of kw * c bytes. Tiles that read rows find theirs there, so that nothing is copied for each tap. Others pack it: that
 * pays where few input channels make taps too short to address one by one. */
#include "conv_plane.h"
#include "rows.h"

enum {
    LOOKS_MOST = 1 << 20, /* at lines of taps; of taller images the edges are nothing, and a file may say any height */
    LINE_ROWS = 4         /* whose number a line has where a tile may go on in the next */
};

/* Taps that the last line leaves out below, which are the most: sets are by those above, then by those below. */
static size_t most_below(const struct qnt_conv_geom *g)
{
    size_t ky0, ky1;
    qnt_conv_taps_inside(g, g->oh - 1, &ky0, &ky1);
    return g->kh - ky1;
}

/* Whether tiles should go on in the next line: where a line is no number of whole tiles, which then are fuller. */
static bool goes_on(const struct qnt_gemm *tile, const struct qnt_conv_geom *g)
{
    return tile->lines && g->ow % LINE_ROWS == 0 && g->ow % tile->mr != 0;
}

size_t qnt_conv_s8_bias_sets(const struct qnt_gemm *tile, const struct qnt_conv_geom *g)
{
    const struct qnt_conv_plane p = qnt_conv_plane_of(tile, g, 0);
    const size_t rows = g->oh * g->ow, all = (rows + tile->mr - 1) / tile->mr * g->kh;
    size_t above, end, work = 0;
    if (!rows || g->oh > LOOKS_MOST / g->kh ||
        (tile->run_rows ? !qnt_conv_plane_serves(&p) || goes_on(tile, g) : g->kw * (g->c / g->groups) % tile->kr != 0))
        return 1;
    qnt_conv_taps_inside(g, 0, &above, &end);
    for (size_t r = 0, next, ky0, ky1; r < rows; r = next) {
        next = qnt_conv_same_taps(g, r, rows, &ky0, &ky1);
        if (ky0 == ky1)
            return 1;
        work += (next - r + tile->mr - 1) / tile->mr * (ky1 - ky0);
    }
    return work < all ? (above + 1) * (most_below(g) + 1) : 1;
}

void qnt_conv_s8_fold_bias(const struct qnt_ctx *ctx, const struct qnt_gemm *tile, const struct qnt_conv_geom *g,
                           const int8_t *w, size_t n, int32_t a_zero, const int32_t *bias, int32_t *out)
{
    const size_t sets = qnt_conv_s8_bias_sets(tile, g), line = g->kw * (g->c / g->groups);
    const size_t below = sets > 1 ? most_below(g) + 1 : 1;
    for (size_t s = 0; s < sets; s++)
        for (size_t j = 0; j < n; j++, out++) {
            const size_t ky0 = s / below, left_out = ky0 + s % below, taken = g->kh > left_out ? g->kh - left_out : 0;
            qnt_gemm_fold_bias(ctx, tile, w + (j * g->kh + ky0) * line, 1, taken * line, a_zero, bias ? bias + j : NULL,
                               out);
        }
}

/* Taps of a line are padded to whole steps where they lie side by side in the plane. */
static size_t packed_k(const struct qnt_conv_plane *p)
{
    const struct qnt_conv_geom *g = p->g;
    const size_t line = g->kw * (g->c / g->groups);
    return p->tile->run_rows && qnt_conv_plane_serves(p) ? g->kh * qnt_round_up(line, p->tile->kr) : g->kh * line;
}

size_t qnt_conv_s8_packed_bytes(const struct qnt_gemm *g, const struct qnt_conv_geom *geom, size_t n)
{
    const struct qnt_conv_plane p = qnt_conv_plane_of(g, geom, 0);
    return qnt_gemm_packed_bytes(g, n, packed_k(&p));
}

void qnt_conv_s8_pack_w(const struct qnt_gemm *g, const struct qnt_conv_geom *geom, const int8_t *w, size_t n,
                        void *packed)
{
    const struct qnt_conv_plane p = qnt_conv_plane_of(g, geom, 0);
    const size_t kp = packed_k(&p), line = geom->kw * (geom->c / geom->groups), k = geom->kh * line;
    const struct qnt_operand rows = qnt_operand_rows(w, k, k, 1);
    if (kp == k) {
        qnt_gemm_pack_w(g, &rows, n, k, packed);
        return;
    }
    const size_t panel = qnt_panel_w_bytes(g, kp), part = panel / geom->kh;
    for (size_t j = 0; j < n; j += g->nr)
        for (size_t ky = 0; ky < geom->kh; ky++) {
            const void *ptr[UINT8_MAX];
            const size_t used = n - j < g->nr ? n - j : g->nr;
            for (size_t i = 0; i < used; i++)
                ptr[i] = w + (j + i) * k + ky * line;
            g->pack_w(ptr, line, 0, line, used, 0, (char *)packed + j / g->nr * panel + ky * part);
        }
}

static void plane_rows(const struct qnt_operand *o, size_t m0, size_t used, const void **ptr)
{
    const struct qnt_conv_plane *p = o->detail;
    const struct qnt_conv_geom *g = p->g;
    const size_t step = g->stride_w * g->c;
    for (size_t i = 0, n; i < used; i += n) {
        size_t r = m0 + i, line = r / g->ow, ox = r % g->ow, image = line / g->oh, oy = line % g->oh;
        const int8_t *from =
            p->data + (image - p->image0) * p->image + (oy * g->stride_h - p->y0) * p->line + ox * step;
        const void **to = ptr + i;
        n = g->ow - ox < used - i ? g->ow - ox : used - i;
        from += p->ky0 * g->dil_h * p->line;
        for (size_t ky = p->ky0; ky < p->ky1; ky++, from += g->dil_h * p->line, to += used)
            for (size_t j = 0; j < n; j++)
                to[j] = from + j * step;
    }
}

/* Bytes of a run that lie left of the image for the first pixel of a line, and right of it for the last. */
static void edges(const struct qnt_conv_geom *g, size_t run, size_t *head, size_t *tail)
{
    const size_t end = (g->ow - 1) * g->stride_w + g->kw, image = g->pad_left + g->w;
    *head = g->pad_left * g->c;
    *tail = end > image ? (end - image) * g->c : 0;
    if (run % 8 || *head % 8 || *tail % 8 || *head + *tail > run)
        *head = *tail = 0;
}

/* What of the padding is left out: all of it, where it adds nothing, or the lines for which there are sets of biases.
 */
struct left_out {
    bool all;
    const struct qnt_conv_src *sets; /* NULL: one set */
};

/* As walk, by tiles of two lines. */
static void walk_on(const struct qnt_conv_plane *p, const struct qnt_gemm_call *call, struct qnt_tile *t,
                    const char *panel, size_t r0, size_t r1, bool skip)
{
    const struct qnt_conv_geom *g = p->g;
    const size_t run = qnt_round_up(g->kw * g->c, call->g->kr), step = g->stride_w * g->c, rows = g->oh * g->ow;
    struct qnt_s8_operands o = {.a_row = (ptrdiff_t)step,
                                .a_jump = (ptrdiff_t)(g->dil_h * p->line),
                                .run = run,
                                .line_jump = (ptrdiff_t)(g->stride_h * p->line - g->ow * step)};
    size_t ky0, ky1, end = r0;
    for (size_t r = r0, n; r < r1; r += n) {
        if (r == end)
            end = qnt_conv_same_taps(g, r, r1, &ky0, &ky1);
        const size_t image = r / rows, y = r % rows / g->ow, x = r % g->ow, left = g->ow - x;
        const size_t most = x % LINE_ROWS ? left : left + g->ow;
        n = end - r < most ? end - r : most;
        n = n < call->g->mr ? n : call->g->mr;
        const size_t ky = skip ? ky0 : 0;
        o.a = (const uint8_t *)p->data + (image - p->image0) * p->image +
              (y * g->stride_h - p->y0 + ky * g->dil_h) * p->line + x * step;
        o.w = panel + ky * qnt_rows_panel_bytes(call->g, run);
        o.runs = skip ? ky1 - ky0 : g->kh;
        o.line = n > left ? left : 0;
        t->m = (uint32_t)n;
        t->row = (uint32_t)r;
        t->c = qnt_gemm_place(call, r, t->col);
        call->g->run_rows(&o, t);
    }
}

/* The set of a line that takes taps [ky0, ky1). */
static const int32_t *set_of(const struct qnt_gemm_call *call, const struct qnt_conv_src *src, size_t ky0, size_t ky1)
{
    const size_t below = most_below(src->geom) + 1;
    return call->e->bias + (ky0 * below + src->geom->kh - ky1) * src->bias_step;
}

/* Rows [r0, r1) and the columns of one panel from the plane. next: the panel to ask for, or NULL. */
static void walk(const struct qnt_conv_plane *p, const struct qnt_gemm_call *call, struct qnt_tile *t,
                 const char *panel, const uint8_t *next, size_t r0, size_t r1, const struct left_out *out)
{
    struct qnt_epilogue e = *call->e;
    const struct qnt_conv_geom *g = p->g;
    const size_t run = qnt_round_up(g->kw * g->c, call->g->kr), part = qnt_rows_panel_bytes(call->g, run);
    struct qnt_s8_operands o = {
        .a_row = (ptrdiff_t)(g->stride_w * g->c), .a_jump = (ptrdiff_t)(g->dil_h * p->line), .run = run, .ahead = next};
    size_t head = 0, tail = 0;
    if (out->all)
        edges(g, run, &head, &tail);
    t->e = &e;
    size_t image = r0 / (g->oh * g->ow), y = r0 / g->ow % g->oh, x = r0 % g->ow;
    for (size_t r = r0, n; r < r1; r += n, x = 0) {
        size_t ky0 = 0, ky1 = g->kh, above = (image - p->image0) * p->image + (y * g->stride_h - p->y0) * p->line;
        if (out->all || out->sets)
            qnt_conv_taps_inside(g, y, &ky0, &ky1);
        if (out->sets)
            e.bias = set_of(call, out->sets, ky0, ky1);
        n = g->ow - x < r1 - r ? g->ow - x : r1 - r;
        o.a = (const uint8_t *)p->data + above + ky0 * g->dil_h * p->line + x * g->stride_w * g->c;
        o.w = panel + ky0 * part;
        o.runs = ky1 - ky0;
        o.head = x ? 0 : head;
        o.tail = x + n < g->ow ? 0 : tail;
        qnt_rows_line(call, &o, t, r, n, next ? next + qnt_panel_w_bytes(call->g, g->kh * run) : NULL);
        if (++y == g->oh) {
            y = 0;
            image++;
        }
    }
}

/* Panels outside, as for matrices. */
static void rows_run(struct qnt_conv_plane *p, const struct qnt_gemm_call *call, const int8_t *images,
                     const struct qnt_conv_src *src, size_t r0, size_t r1, int8_t *space)
{
    const struct qnt_gemm *g = call->g;
    const uint8_t stored = *(const uint8_t *)src->zero_row ^ p->in_xor ^ g->w_bias;
    const size_t k = packed_k(p), panel = qnt_panel_w_bytes(g, k);
    const struct left_out out = {stored == 0 && !g->w_negative, src->bias_sets > 1 ? src : NULL};
    struct qnt_tile t = {.ldc = call->ldc, .first = 1, .last = 1, .e = call->e};
    for (size_t r = r0, end; r < r1; r = end) {
        end = qnt_conv_plane_stage(p, images, stored, r, r1, space);
        for (size_t col = 0; col < call->n; col += g->nr) {
            t.n = (uint32_t)(call->n - col < g->nr ? call->n - col : g->nr);
            t.col = (uint32_t)col;
            const char *w = (const char *)call->packed_w + col / g->nr * panel;
            const char *const read = qnt_rows_panel(g, w, k, space + qnt_conv_plane_bytes(p));
            if (goes_on(g, p->g))
                walk_on(p, call, &t, read, r, end, out.all);
            else
                walk(p, call, &t, read, qnt_rows_next_panel(call, col, w, panel), r, end, &out);
        }
    }
}

/* What tiles that pack take, whichever taps are left out: short sums are taken in larger blocks. */
static size_t packed_bytes(const struct qnt_gemm *g, const struct qnt_conv_geom *geom)
{
    size_t most = 0;
    for (size_t taken = 1; taken <= geom->kh; taken++) {
        const size_t taps = taken * geom->kw, bytes = qnt_gemm_scratch_bytes(g, taps * (geom->c / geom->groups), taps);
        most = bytes > most ? bytes : most;
    }
    return qnt_round_up(most, 64);
}

size_t qnt_conv_s8_scratch_bytes(const struct qnt_gemm *g, const struct qnt_conv_geom *geom)
{
    const struct qnt_conv_plane p = qnt_conv_plane_of(g, geom, 0);
    if (g->run_rows && qnt_conv_plane_serves(&p))
        return qnt_conv_plane_bytes(&p) + qnt_rows_room(g, packed_k(&p));
    return packed_bytes(g, geom) + (qnt_conv_plane_serves(&p) && !p.in_place ? qnt_conv_plane_bytes(&p) : 0);
}

/* The operand of the taken taps: the lines of a plane, or images tap by tap. */
static struct qnt_operand operand(const struct qnt_conv_plane *p, const void *images, const struct qnt_conv_src *src)
{
    const struct qnt_conv_geom *g = p->g;
    if (!qnt_conv_plane_serves(p)) {
        struct qnt_operand o = qnt_operand_im2col(images, src, 1);
        o.in_xor = p->in_xor;
        return o;
    }
    return (struct qnt_operand){.rows = plane_rows,
                                .taps = p->ky1 - p->ky0,
                                .tap_k = g->kw * g->c,
                                .elem = 1,
                                .detail = p,
                                .in_xor = p->in_xor};
}

/* Rows [r0, r1) by tiles that pack; the plane holds them. */
static void packed_run(struct qnt_conv_plane *p, const struct qnt_gemm_call *product, const void *images,
                       const struct qnt_conv_src *src, size_t r0, size_t r1, void *scratch)
{
    const struct qnt_conv_geom *g = p->g;
    const size_t line = g->kw * (g->c / g->groups);
    struct qnt_gemm_call call = *product;
    if (src->bias_sets < 2) {
        call.a = operand(p, images, src);
        qnt_gemm_run(&call, r0, r1, scratch);
        return;
    }
    for (size_t r = r0, end; r < r1; r = end) {
        end = qnt_conv_same_taps(g, r, r1, &p->ky0, &p->ky1);
        struct qnt_conv_geom part = *g;
        struct qnt_conv_src taken = *src;
        struct qnt_epilogue e = *product->e;
        part.kh = p->ky1 - p->ky0;
        part.pad_top -= p->ky0 * g->dil_h; /* wraps where the taps begin below the line's own */
        taken.geom = &part;
        e.bias = set_of(product, src, p->ky0, p->ky1);
        call.a = operand(p, images, &taken);
        call.k = part.kh * line;
        call.panel_k = product->k;
        call.packed_w = (const char *)product->packed_w + qnt_panel_w_bytes(call.g, p->ky0 * line);
        call.e = &e;
        qnt_gemm_run(&call, r, end, scratch);
    }
}

void qnt_conv_s8_run(const struct qnt_gemm_call *product, const void *images, const struct qnt_conv_src *src, size_t r0,
                     size_t r1, void *scratch)
{
    const struct qnt_conv_geom *g = src->geom;
    const struct qnt_gemm *tile = product->g;
    const uint8_t zero = *(const uint8_t *)src->zero_row;
    struct qnt_conv_plane p = qnt_conv_plane_of(tile, g, product->a.in_xor);
    p.data = images;
    if (!qnt_conv_plane_serves(&p) || p.in_place) {
        packed_run(&p, product, images, src, r0, r1, scratch);
        return;
    }
    if (tile->run_rows) {
        rows_run(&p, product, images, src, r0, r1, scratch);
        return;
    }
    int8_t *space = (int8_t *)scratch + packed_bytes(tile, g);
    for (size_t r = r0, end; r < r1; r = end) {
        end = qnt_conv_plane_stage(&p, images, zero, r, r1, space);
        packed_run(&p, product, images, src, r, end, scratch);
    }
}
