/* 8-bit convolutions. Few input channels make taps too short to address one by one: the padding is then written out,
 * image lines go into a plane that stays in the first cache, and the kw taps of a line become one of kw * c bytes. */
#include <string.h>
#include "conv.h"

enum { PLANE_BYTES = 20 << 10, MOST_CHANNELS = 16 /* with more, addresses cost nothing beside the products */ };

struct plane {
    const struct qnt_conv_geom *g;
    size_t ph, pw;      /* padded image */
    size_t line, image; /* bytes of a padded line and of all lines of an image */
    bool in_place;      /* the image needs no padding */
    const int8_t *data; /* of lines y0.. of image0.. */
    size_t image0, y0;
};

static struct plane plane_of(const struct qnt_conv_geom *g)
{
    struct plane p = {
        .g = g, .ph = (g->oh - 1) * g->stride_h + (g->kh - 1) * g->dil_h + 1, .pw = (g->ow - 1) * g->stride_w + g->kw};
    p.in_place = !g->pad_top && !g->pad_left && p.ph <= g->h && p.pw <= g->w;
    p.line = (p.in_place ? g->w : p.pw) * g->c;
    p.image = p.in_place ? g->h * p.line : p.ph * p.line;
    return p;
}

static bool plane_serves(const struct qnt_conv_geom *g, const struct plane *p)
{
    return g->groups == 1 && g->dil_w == 1 && g->kw > 1 && g->c <= MOST_CHANNELS &&
           (p->in_place || p->line <= PLANE_BYTES / ((g->kh - 1) * g->dil_h + 1));
}

static void plane_rows(const struct qnt_operand *o, size_t m0, size_t used, const void **ptr)
{
    const struct plane *p = o->detail;
    const struct qnt_conv_geom *g = p->g;
    const size_t step = g->stride_w * g->c;
    for (size_t i = 0, n; i < used; i += n) {
        size_t r = m0 + i, line = r / g->ow, ox = r % g->ow, image = line / g->oh, oy = line % g->oh;
        const int8_t *from =
            p->data + (image - p->image0) * p->image + (oy * g->stride_h - p->y0) * p->line + ox * step;
        n = g->ow - ox < used - i ? g->ow - ox : used - i;
        for (size_t ky = 0; ky < g->kh; ky++, from += g->dil_h * p->line)
            for (size_t j = 0; j < n; j++)
                ptr[ky * used + i + j] = from + j * step;
    }
}

/* Lines [y0, y1) of one padded image. */
static void fill(const struct plane *p, const int8_t *image, int zero, size_t y0, size_t y1, int8_t *to)
{
    const struct qnt_conv_geom *g = p->g;
    const size_t left = g->pad_left * g->c, room = p->line > left ? p->line - left : 0;
    const size_t whole = g->w * g->c, part = whole < room ? whole : room;
    for (size_t y = y0; y < y1; y++, to += p->line) {
        if (y < g->pad_top || y - g->pad_top >= g->h || !part) {
            memset(to, zero, p->line);
            continue;
        }
        memset(to, zero, left);
        memcpy(to + left, image + (y - g->pad_top) * whole, part);
        memset(to + left + part, zero, room - part);
    }
}

/* Fills the plane from row r on, as far as it goes; returns the row past it. */
static size_t stage(struct plane *p, const int8_t *images, int zero, size_t r, size_t r1, int8_t *space)
{
    const struct qnt_conv_geom *g = p->g;
    const size_t reach = (g->kh - 1) * g->dil_h + 1, pixels = g->oh * g->ow, source = g->h * g->w * g->c;
    const size_t image = r / pixels, oy = r % pixels / g->ow;
    size_t end, last;
    p->data = space;
    p->image0 = image;
    p->y0 = 0;
    if (p->image <= PLANE_BYTES) {
        end = (image + PLANE_BYTES / p->image) * pixels;
    } else {
        size_t lines = (PLANE_BYTES / p->line - reach) / g->stride_h + 1;
        p->y0 = oy * g->stride_h;
        end = image * pixels + (oy + lines < g->oh ? oy + lines : g->oh) * g->ow;
    }
    end = end < r1 ? end : r1;
    last = (end - 1) / pixels;
    for (size_t i = image; i <= last; i++) { /* only the lines that rows [r, end) see */
        size_t y = i == image ? oy * g->stride_h : 0;
        size_t y1 = i == last ? (end - 1) % pixels / g->ow * g->stride_h + reach : p->ph;
        fill(p, images + i * source, zero, y, y1, space + (i - image) * p->image + (y - p->y0) * p->line);
    }
    return end;
}

size_t qnt_conv_s8_scratch_bytes(const struct qnt_gemm *g, const struct qnt_conv_geom *geom)
{
    struct plane p = plane_of(geom);
    size_t k = geom->kh * geom->kw * (geom->c / geom->groups);
    size_t bytes = qnt_round_up(qnt_gemm_scratch_bytes(g, k, geom->kh * geom->kw), 64);
    return bytes + (plane_serves(geom, &p) && !p.in_place ? PLANE_BYTES : 0);
}

void qnt_conv_s8_run(const struct qnt_gemm_call *product, const void *images, const struct qnt_conv_src *src, size_t r0,
                     size_t r1, void *scratch)
{
    const struct qnt_conv_geom *g = src->geom;
    struct qnt_gemm_call call = *product;
    struct plane p = plane_of(g);
    if (!plane_serves(g, &p)) {
        call.a = qnt_operand_im2col(images, src, 1);
        qnt_gemm_run(&call, r0, r1, scratch);
        return;
    }
    call.a = (struct qnt_operand){
        .rows = plane_rows, .taps = g->kh, .tap_k = g->kw * g->c, .elem = 1, .detail = &p, .in_xor = product->a.in_xor};
    p.data = images;
    if (p.in_place) {
        qnt_gemm_run(&call, r0, r1, scratch);
        return;
    }
    int8_t *space = (int8_t *)scratch + qnt_round_up(qnt_gemm_scratch_bytes(call.g, call.k, g->kh * g->kw), 64);
    for (size_t r = r0, end; r < r1; r = end) {
        end = stage(&p, images, *(const int8_t *)src->zero_row, r, r1, space);
        qnt_gemm_run(&call, r, end, scratch);
    }
}
