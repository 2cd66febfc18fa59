/* The plane is filled for some rows at a time, so that it stays in the first cache or in part of the second. */
#include <string.h>
#include "conv_plane.h"

enum {
    PLANE_BYTES = 20 << 10, /* stays in the first cache */
    MOST_CHANNELS = 64,     /* with more, addresses cost nothing beside the products */
    ROWS_BYTES = 256 << 10, /* part of the second level; */
    MOST_BYTES = 4 << 20,   /* or this much, when the taps of one line need it */
    SLACK = 64              /* runs are padded */
};

void qnt_conv_taps_inside(const struct qnt_conv_geom *g, size_t y, size_t *ky0, size_t *ky1)
{
    const size_t top = y * g->stride_h, end = g->pad_top + g->h;
    *ky0 = 0;
    *ky1 = g->kh;
    while (*ky0 < *ky1 && top + *ky0 * g->dil_h < g->pad_top)
        ++*ky0;
    while (*ky0 < *ky1 && top + (*ky1 - 1) * g->dil_h >= end)
        --*ky1;
}

size_t qnt_conv_same_taps(const struct qnt_conv_geom *g, size_t r, size_t r1, size_t *ky0, size_t *ky1)
{
    size_t line = r / g->ow + 1, y = (line - 1) % g->oh, first, last;
    qnt_conv_taps_inside(g, y, ky0, ky1);
    for (++y; y < g->oh && line * g->ow < r1; y++, line++) {
        qnt_conv_taps_inside(g, y, &first, &last);
        if (first != *ky0 || last != *ky1)
            break;
    }
    return line * g->ow < r1 ? line * g->ow : r1;
}

struct qnt_conv_plane qnt_conv_plane_of(const struct qnt_gemm *tile, const struct qnt_conv_geom *g, uint8_t in_xor)
{
    struct qnt_conv_plane p = {
        .g = g, .tile = tile, .in_xor = in_xor, .reach = (g->kh - 1) * g->dil_h + 1, .ky1 = g->kh};
    p.ph = (g->oh - 1) * g->stride_h + p.reach;
    p.pw = (g->ow - 1) * g->stride_w + g->kw;
    p.in_place = !tile->run_rows && !g->pad_top && !g->pad_left && p.ph <= g->h && p.pw <= g->w;
    p.line = (p.in_place ? g->w : p.pw) * g->c;
    p.image = p.in_place ? g->h * p.line : p.ph * p.line;
    p.room = !tile->run_rows ? PLANE_BYTES : p.reach * p.line > ROWS_BYTES ? p.reach * p.line : ROWS_BYTES;
    return p;
}

bool qnt_conv_plane_serves(const struct qnt_conv_plane *p)
{
    const struct qnt_conv_geom *g = p->g;
    if (g->groups != 1 || g->dil_w != 1 || g->kw * g->kh == 1)
        return false;
    if (p->tile->run_rows)
        return g->stride_w <= g->kw && g->stride_h <= p->reach && p->pw <= MOST_BYTES / p->reach / g->c;
    return g->kw > 1 && g->c <= MOST_CHANNELS && (p->in_place || p->line <= PLANE_BYTES / p->reach);
}

/* `bytes` of one line of an image, as the tiles want them. */
static void fill_line(const struct qnt_conv_plane *p, const int8_t *from, size_t bytes, int8_t *to)
{
    const void *row = from;
    if (p->tile->run_rows)
        p->tile->pack_a(&row, bytes, 0, bytes, 1, p->in_xor, to); /* may pad: what follows is written next */
    else
        memcpy(to, from, bytes);
}

/* Few bytes, in whole steps: what follows is written next, or is the plane's slack. */
static void fill_gap(int8_t *to, size_t bytes, uint64_t eight)
{
    for (size_t i = 0; i < bytes; i += 2 * sizeof eight) {
        memcpy(to + i, &eight, sizeof eight);
        memcpy(to + i + sizeof eight, &eight, sizeof eight);
    }
}

/* Lines [y0, y1) of one padded image. */
static void fill(const struct qnt_conv_plane *p, const int8_t *image, uint8_t zero, size_t y0, size_t y1, int8_t *to)
{
    const struct qnt_conv_geom *g = p->g;
    const size_t left = g->pad_left * g->c, room = p->line > left ? p->line - left : 0;
    const size_t whole = g->w * g->c, part = whole < room ? whole : room;
    const uint64_t eight = zero * UINT64_C(0x0101010101010101);
    for (size_t y = y0; y < y1; y++, to += p->line) {
        if (y < g->pad_top || y - g->pad_top >= g->h || !part) {
            memset(to, zero, p->line);
            continue;
        }
        fill_gap(to, left, eight);
        fill_line(p, image + (y - g->pad_top) * whole, part, to + left);
        fill_gap(to + left + part, room - part, eight);
    }
}

size_t qnt_conv_plane_stage(struct qnt_conv_plane *p, const int8_t *images, uint8_t zero, size_t r, size_t r1,
                            int8_t *space)
{
    const struct qnt_conv_geom *g = p->g;
    const size_t pixels = g->oh * g->ow, source = g->h * g->w * g->c;
    const size_t image = r / pixels, oy = r % pixels / g->ow;
    size_t end, last;
    p->data = space;
    p->image0 = image;
    p->y0 = 0;
    if (p->image <= p->room) {
        end = (image + p->room / p->image) * pixels;
    } else {
        size_t lines = (p->room / p->line - p->reach) / g->stride_h + 1;
        p->y0 = oy * g->stride_h;
        end = image * pixels + (oy + lines < g->oh ? oy + lines : g->oh) * g->ow;
    }
    end = end < r1 ? end : r1;
    last = (end - 1) / pixels;
    for (size_t i = image; i <= last; i++) { /* only the lines that rows [r, end) see */
        size_t y = i == image ? oy * g->stride_h : 0;
        size_t y1 = i == last ? (end - 1) % pixels / g->ow * g->stride_h + p->reach : p->ph;
        fill(p, images + i * source, zero, y, y1, space + (i - image) * p->image + (y - p->y0) * p->line);
    }
    return end;
}

size_t qnt_conv_plane_bytes(const struct qnt_conv_plane *p)
{
    return qnt_round_up(p->room + SLACK, 64);
}
