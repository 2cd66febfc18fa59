/* Lines of the input, padded and with each channel repeated for its outputs, go into a ring of as many lines as a
 * window is high: every output line is then one run of the kernel without borders. An image that needs neither is read
 * where it lies. */
#include <string.h>
#include "depthwise.h"

enum { MOST_BYTES = 1 << 30 };

struct ring {
    const struct qnt_conv_geom *g;
    size_t lines, pw, line; /* lines held, pixels and bytes of one */
    bool in_place;
    int8_t *data;
    size_t image, next; /* the image at hand, and its padded line to be filled next */
};

static struct ring ring_of(const struct qnt_conv_geom *g)
{
    struct ring r = {
        .g = g, .lines = (g->kh - 1) * g->dil_h + 1, .pw = (g->ow - 1) * g->stride_w + (g->kw - 1) * g->dil_w + 1};
    size_t ph = (g->oh - 1) * g->stride_h + r.lines;
    r.in_place = g->c == g->oc && !g->pad_top && !g->pad_left && ph <= g->h && r.pw <= g->w;
    r.line = r.pw * g->oc;
    r.image = SIZE_MAX;
    return r;
}

static size_t tap_bytes(const struct qnt_conv_geom *g)
{
    return qnt_round_up(g->kh * g->kw * sizeof(const int8_t *), 64);
}

bool qnt_depthwise_serves(const struct qnt_conv_geom *g)
{
    size_t bytes;
    if (g->groups != g->c || g->groups < 2 || g->ow > MOST_BYTES || g->oc > MOST_BYTES || g->kh * g->kw > MOST_BYTES)
        return false;
    struct ring r = ring_of(g);
    return r.in_place || (!qnt_mul_overflows(r.pw, g->oc, &bytes) && !qnt_mul_overflows(bytes, r.lines, &bytes) &&
                          bytes <= MOST_BYTES);
}

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

size_t qnt_depthwise_scratch_bytes(const struct qnt_conv_geom *g)
{
    struct ring r = ring_of(g);
    return tap_bytes(g) + (r.in_place ? 0 : r.lines * r.line);
}

/* Line y of the padded image. */
static void fill(const struct ring *r, const int8_t *image, int8_t zero, size_t y)
{
    const struct qnt_conv_geom *g = r->g;
    int8_t *to = r->data + y % r->lines * r->line;
    const size_t left = g->pad_left < r->pw ? g->pad_left : r->pw, room = r->pw - left, w = g->w < room ? g->w : room;
    if (y < g->pad_top || y - g->pad_top >= g->h) {
        memset(to, zero, r->line);
        return;
    }
    const int8_t *from = image + (y - g->pad_top) * g->w * g->c;
    const size_t times = g->oc / g->c;
    memset(to, zero, left * g->oc);
    to += left * g->oc;
    if (times == 1)
        memcpy(to, from, w * g->c);
    else
        for (size_t i = 0; i < w * g->c; i++)
            memset(to + i * times, from[i], times);
    memset(to + w * g->oc, zero, (room - w) * g->oc);
}

/* Start of line y of the padded image. */
static const int8_t *line_at(const struct ring *r, const int8_t *images, size_t image, size_t y)
{
    const struct qnt_conv_geom *g = r->g;
    return r->in_place ? images + (image * g->h + y) * g->w * g->c : r->data + y % r->lines * r->line;
}

static void fill_window(struct ring *r, const int8_t *images, int8_t zero, size_t image, size_t y)
{
    const struct qnt_conv_geom *g = r->g;
    if (r->in_place)
        return;
    if (image != r->image || r->next < y)
        r->next = y;
    r->image = image;
    for (; r->next < y + r->lines; r->next++)
        fill(r, images + image * g->h * g->w * g->c, zero, r->next);
}

void qnt_depthwise_lines(const struct qnt_depthwise_call *c, const int8_t *images, int8_t *y, int32_t *acc,
                         size_t line0, size_t line1, void *scratch)
{
    const struct qnt_conv_geom *g = c->geom;
    const int8_t **tap = scratch;
    struct ring r = ring_of(g);
    const struct qnt_depthwise run = {.tap = tap,
                                      .w = c->packed,
                                      .bias = c->folded,
                                      .taps = g->kh * g->kw,
                                      .step = g->stride_w * g->oc,
                                      .pixels = g->ow,
                                      .channels = g->oc};
    r.data = (int8_t *)scratch + tap_bytes(g);
    for (size_t line = line0; line < line1; line++) {
        const size_t image = line / g->oh, top = line % g->oh * g->stride_h, at = line * g->ow * g->oc;
        fill_window(&r, images, c->zero, image, top);
        for (size_t ky = 0; ky < g->kh; ky++) {
            const int8_t *from = line_at(&r, images, image, top + ky * g->dil_h);
            for (size_t kx = 0; kx < g->kw; kx++)
                tap[ky * g->kw + kx] = from + kx * g->dil_w * g->oc;
        }
        c->run(&run, y + at, acc ? acc + at : NULL, g->oc, c->rq);
    }
}
