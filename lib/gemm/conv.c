/* Implicit im2col: the addresses of a row's taps instead of a copy of them. */
#include "conv.h"

struct pixel {
    size_t image, y, x;
};

static struct pixel pixel_at(size_t r, size_t h, size_t w)
{
    return (struct pixel){r / (h * w), r / w % h, r % w};
}

static void pixel_next(struct pixel *p, size_t h, size_t w)
{
    if (++p->x < w)
        return;
    p->x = 0;
    if (++p->y < h)
        return;
    p->y = 0;
    p->image++;
}

static void im2col_rows(const struct qnt_operand *o, size_t m0, size_t used, const void **ptr)
{
    const struct qnt_conv_src *s = o->detail;
    const struct qnt_conv_geom *g = s->geom;
    const char *base = (const char *)o->base + s->group * (g->c / g->groups) * o->elem;
    struct pixel p = pixel_at(m0, g->oh, g->ow);
    for (size_t i = 0; i < used; i++, pixel_next(&p, g->oh, g->ow)) {
        const void **to = ptr + i;
        for (size_t ky = 0; ky < g->kh; ky++) {
            size_t y = p.y * g->stride_h + ky * g->dil_h - g->pad_top; /* wraps to a large number above the image */
            bool in = y < g->h;
            const char *line = base + (p.image * g->h + (in ? y : 0)) * g->w * g->c * o->elem;
            for (size_t kx = 0; kx < g->kw; kx++, to += used) {
                size_t x = p.x * g->stride_w + kx * g->dil_w - g->pad_left;
                *to = in && x < g->w ? line + x * g->c * o->elem : s->zero_row;
            }
        }
    }
}

struct qnt_operand qnt_operand_im2col(const void *images, const struct qnt_conv_src *src, size_t elem)
{
    const struct qnt_conv_geom *g = src->geom;
    return (struct qnt_operand){.rows = im2col_rows,
                                .taps = g->kh * g->kw,
                                .tap_k = g->c / g->groups,
                                .base = images,
                                .elem = elem,
                                .detail = src};
}
