#include <string.h>
#include "depthwise_lines.h"

enum { MOST_BYTES = 1 << 30 };

static size_t tap_bytes(const struct qnt_conv_geom *g)
{
    return qnt_round_up(g->kh * g->kw * sizeof(const void *), 64);
}

struct qnt_depthwise_lines qnt_depthwise_lines_of(const struct qnt_conv_geom *g, size_t elem, int8_t pad,
                                                  const void *images, void *scratch)
{
    struct qnt_depthwise_lines r = {
        .g = g, .images = images, .elem = elem, .pad = pad, .tap = scratch, .image = SIZE_MAX};
    r.lines = (g->kh - 1) * g->dil_h + 1;
    r.pw = (g->ow - 1) * g->stride_w + (g->kw - 1) * g->dil_w + 1;
    size_t ph = (g->oh - 1) * g->stride_h + r.lines;
    r.in_place = g->c == g->oc && !g->pad_top && !g->pad_left && ph <= g->h && r.pw <= g->w;
    r.line = r.pw * g->oc * elem;
    r.ring = scratch ? (uint8_t *)scratch + tap_bytes(g) : NULL;
    return r;
}

bool qnt_depthwise_serves(const struct qnt_conv_geom *g, size_t elem)
{
    size_t bytes;
    if (g->groups != g->c || g->groups < 2 || g->ow > MOST_BYTES || g->oc > MOST_BYTES || g->kh * g->kw > MOST_BYTES)
        return false;
    struct qnt_depthwise_lines r = qnt_depthwise_lines_of(g, elem, 0, NULL, NULL);
    return r.in_place || (!qnt_mul_overflows(r.pw, g->oc * elem, &bytes) &&
                          !qnt_mul_overflows(bytes, r.lines, &bytes) && bytes <= MOST_BYTES);
}

size_t qnt_depthwise_lines_bytes(const struct qnt_conv_geom *g, size_t elem)
{
    struct qnt_depthwise_lines r = qnt_depthwise_lines_of(g, elem, 0, NULL, NULL);
    return tap_bytes(g) + (r.in_place ? 0 : r.lines * r.line);
}

/* Each of n elements `times` times. */
static void repeat(uint8_t *to, const uint8_t *from, size_t n, size_t times, size_t elem)
{
    if (elem == 1) {
        for (size_t i = 0; i < n; i++)
            memset(to + i * times, from[i], times);
        return;
    }
    for (size_t i = 0; i < n; i++, from += elem)
        for (size_t k = 0; k < times; k++, to += elem)
            memcpy(to, from, sizeof(float));
}

/* One padded line of an image into its place of the ring. */
static void fill_line(const struct qnt_depthwise_lines *r, size_t index, size_t y)
{
    const struct qnt_conv_geom *g = r->g;
    const uint8_t *image = (const uint8_t *)r->images + index * g->h * g->w * g->c * r->elem;
    uint8_t *to = r->ring + y % r->lines * r->line;
    const size_t left = g->pad_left < r->pw ? g->pad_left : r->pw, room = r->pw - left, w = g->w < room ? g->w : room;
    const size_t pixel = g->oc * r->elem, times = g->oc / g->c;
    if (y < g->pad_top || y - g->pad_top >= g->h) {
        memset(to, r->pad, r->line);
        return;
    }
    const uint8_t *from = image + (y - g->pad_top) * g->w * g->c * r->elem;
    memset(to, r->pad, left * pixel);
    to += left * pixel;
    if (times == 1)
        memcpy(to, from, w * pixel);
    else
        repeat(to, from, w * g->c, times, r->elem);
    memset(to + w * pixel, r->pad, (room - w) * pixel);
}

const void *const *qnt_depthwise_lines_taps(struct qnt_depthwise_lines *r, size_t line)
{
    const struct qnt_conv_geom *g = r->g;
    const size_t image = line / g->oh, top = line % g->oh * g->stride_h, bytes = g->w * g->c * r->elem;
    const uint8_t *images = r->images;
    if (!r->in_place) {
        if (image != r->image || r->next < top)
            r->next = top;
        r->image = image;
        for (; r->next < top + r->lines; r->next++)
            fill_line(r, image, r->next);
    }
    for (size_t ky = 0; ky < g->kh; ky++) {
        const size_t y = top + ky * g->dil_h;
        const uint8_t *from = r->in_place ? images + (image * g->h + y) * bytes : r->ring + y % r->lines * r->line;
        for (size_t kx = 0; kx < g->kw; kx++)
            r->tap[ky * g->kw + kx] = from + kx * g->dil_w * g->oc * r->elem;
    }
    return r->tap;
}
