#include <string.h>
#include "depthwise.h"

size_t qnt_depthwise_packed_bytes(const struct qnt_conv_geom *g)
{
    return (g->kh * g->kw + 3) / 4 * 4 * g->oc;
}

void qnt_depthwise_pack(const struct qnt_conv_geom *g, const int8_t *w, int32_t zero, const int32_t *bias,
                        int8_t *packed, int32_t *folded)
{
    const size_t taps = g->kh * g->kw;
    memset(packed, 0, qnt_depthwise_packed_bytes(g));
    for (size_t c = 0; c < g->oc; c++, w += taps) {
        uint32_t sum = 0; /* may wrap, as the sums it is taken off */
        for (size_t t = 0; t < taps; t++) {
            packed[(t / 4 * g->oc + c) * 4 + t % 4] = w[t];
            sum += (uint32_t)w[t];
        }
        folded[c] = (int32_t)((uint32_t)(bias ? bias[c] : 0) - (uint32_t)zero * sum);
    }
}

enum {
    WHOLE_BYTES = 128 << 10, /* padded images that are staged at once */
    PART_BYTES = 64 << 10,   /* parts of larger ones, */
    FEW_LINES = 8            /* unless they have so few lines of output that most are copied twice */
};

/* Lines of the padded image that `lines` of output see. */
static size_t lines_seen(const struct qnt_conv_geom *g, const struct qnt_depthwise_lines *r, size_t lines)
{
    return (lines - 1) * g->stride_h + r->lines;
}

/* Output lines that one call of the kernel computes, for which it prepares its weights once: as many as are staged
 * together, or all of an image that needs no padding. 0: lines go one by one, through a ring. */
static size_t lines_at_once(const struct qnt_conv_geom *g, const struct qnt_depthwise_lines *r)
{
    if (r->in_place)
        return g->oh;
    if (g->c != g->oc)
        return 0;
    if (lines_seen(g, r, g->oh) <= WHOLE_BYTES / r->line)
        return g->oh;
    const size_t held = PART_BYTES / r->line;
    const size_t lines = held < r->lines ? 0 : (held - r->lines) / g->stride_h + 1;
    return lines < FEW_LINES ? 0 : lines;
}

size_t qnt_depthwise_scratch_bytes(const struct qnt_conv_geom *g)
{
    const struct qnt_depthwise_lines r = qnt_depthwise_lines_of(g, 1, 0, NULL, NULL);
    const size_t all = qnt_depthwise_lines_bytes(g, 1), lines = lines_at_once(g, &r);
    return r.in_place || !lines ? all : all + (lines_seen(g, &r, lines) - r.lines) * r.line;
}

/* Lines [y, y + n) of a padded image into the ring's room, one after the other. */
static void stage(const struct qnt_depthwise_call *c, const struct qnt_depthwise_lines *r, const int8_t *image,
                  size_t y, size_t n)
{
    const struct qnt_conv_geom *g = c->geom;
    const size_t left = qnt_least(g->pad_left, r->pw) * g->c, bytes = qnt_least(g->w * g->c, r->line - left);
    const size_t above = y < g->pad_top ? qnt_least(g->pad_top - y, n) : 0, first = y + above - g->pad_top;
    const size_t count = first < g->h ? qnt_least(g->h - first, n - above) : 0; /* lines of the image */
    const size_t head = above * r->line + left, tail = (above + count - 1) * r->line + left + bytes;
    uint8_t *to = r->ring;
    if (!count) {
        memset(to, c->zero, n * r->line);
        return;
    }
    memset(to, c->zero, head);
    c->copy_rows(image + first * g->w * g->c, (ptrdiff_t)(g->w * g->c), to + head, (ptrdiff_t)r->line, count, bytes);
    c->fill_rows(to + head + bytes, r->line, count - 1, r->line - bytes, (uint8_t)c->zero * 0x01010101u);
    memset(to + tail, c->zero, n * r->line - tail);
}

static struct qnt_depthwise run_of(const struct qnt_depthwise_call *c)
{
    const struct qnt_conv_geom *g = c->geom;
    return (struct qnt_depthwise){.w = c->packed,
                                  .bias = c->folded,
                                  .taps = g->kh * g->kw,
                                  .step = g->stride_w * g->oc,
                                  .pixels = g->ow,
                                  .channels = g->oc,
                                  .lines = 1};
}

/* Output lines [line0, line0 + count) of an image, at most lines_at_once, to y and acc. */
static void run_together(const struct qnt_depthwise_call *c, const struct qnt_depthwise_lines *r, const int8_t *image,
                         size_t line0, size_t count, int8_t *y, int32_t *acc)
{
    const struct qnt_conv_geom *g = c->geom;
    const size_t top = line0 * g->stride_h, line = r->in_place ? g->w * g->c : r->line;
    const uint8_t *from = r->in_place ? (const uint8_t *)image + top * line : r->ring;
    struct qnt_depthwise run = run_of(c);
    if (!r->in_place)
        stage(c, r, image, top, lines_seen(g, r, count));
    for (size_t ky = 0; ky < g->kh; ky++)
        for (size_t kx = 0; kx < g->kw; kx++)
            r->tap[ky * g->kw + kx] = from + ky * g->dil_h * line + kx * g->dil_w * g->oc;
    run.tap = (const int8_t *const *)r->tap;
    run.lines = count;
    run.line = g->stride_h * line;
    c->run(&run, y, acc, g->oc, c->rq);
}

static void run_one_by_one(const struct qnt_depthwise_call *c, struct qnt_depthwise_lines *r, int8_t *y, int32_t *acc,
                           size_t line0, size_t line1)
{
    const struct qnt_conv_geom *g = c->geom;
    struct qnt_depthwise run = run_of(c);
    for (size_t line = line0; line < line1; line++) {
        const size_t at = line * g->ow * g->oc;
        run.tap = (const int8_t *const *)qnt_depthwise_lines_taps(r, line);
        c->run(&run, y + at, acc ? acc + at : NULL, g->oc, c->rq);
    }
}

void qnt_depthwise_run(const struct qnt_depthwise_call *c, const int8_t *images, int8_t *y, int32_t *acc, size_t line0,
                       size_t line1, void *scratch)
{
    const struct qnt_conv_geom *g = c->geom;
    struct qnt_depthwise_lines r = qnt_depthwise_lines_of(g, 1, c->zero, images, scratch);
    const size_t most = lines_at_once(g, &r);
    if (!most) {
        run_one_by_one(c, &r, y, acc, line0, line1);
        return;
    }
    for (size_t line = line0, count; line < line1; line += count) {
        const size_t in_image = line % g->oh, at = line * g->ow * g->oc;
        const size_t left = qnt_least(line1 - line, g->oh - in_image), parts = (left + most - 1) / most;
        count = (left + parts - 1) / parts; /* even ones */
        run_together(c, &r, images + line / g->oh * g->h * g->w * g->c, in_image, count, y + at, acc ? acc + at : NULL);
    }
}
