/* Implicit im2col: the addresses of a row's taps instead of a copy of them. */
#include <string.h>
#include "conv.h"

/* How many steps of `stride` from `from` stay below `to`. */
static size_t steps_below(ptrdiff_t from, ptrdiff_t to, ptrdiff_t stride)
{
    if (from >= to)
        return 0;
    return (size_t)(stride == 1 ? to - from : (to - from + stride - 1) / stride);
}

/* Addresses of one tap for n neighbouring output pixels: line + x * pixel, x + stride ..., where that lies in the
 * image. line NULL: nowhere. */
static void tap_run(const void **to, size_t n, const char *line, ptrdiff_t x, ptrdiff_t stride, ptrdiff_t w,
                    size_t pixel, const void *zero_row)
{
    size_t first = line ? steps_below(x, 0, stride) : n, end = line ? steps_below(x, w, stride) : n, i = 0;
    first = first < n ? first : n;
    end = end < n ? end : n;
    for (; i < first; i++)
        to[i] = zero_row;
    const uintptr_t at = (uintptr_t)line + (uintptr_t)x * pixel, step = (uintptr_t)stride * pixel;
    for (; i < end; i++)
        to[i] = (const void *)(at + i * step);
    for (; i < n; i++)
        to[i] = zero_row;
}

/* Taps outside, pixels of one line inside: the inner loop has no conditions. */
static void im2col_rows(const struct qnt_operand *o, size_t m0, size_t used, const void **ptr)
{
    const struct qnt_conv_src *s = o->detail;
    const struct qnt_conv_geom *g = s->geom;
    const size_t pixel = g->c * o->elem;
    const char *base = (const char *)o->base + s->group * (g->c / g->groups) * o->elem;
    for (size_t i = 0, n; i < used; i += n) {
        size_t r = m0 + i, line = r / g->ow, ox = r % g->ow, image = line / g->oh, oy = line % g->oh;
        const void **to = ptr + i;
        n = g->ow - ox < used - i ? g->ow - ox : used - i;
        for (size_t ky = 0; ky < g->kh; ky++) {
            size_t y = oy * g->stride_h + ky * g->dil_h - g->pad_top; /* wraps to a large number above the image */
            const char *from = y < g->h ? base + (image * g->h + y) * g->w * pixel : NULL;
            for (size_t kx = 0; kx < g->kw; kx++, to += used)
                tap_run(to, n, from, (ptrdiff_t)(ox * g->stride_w + kx * g->dil_w) - (ptrdiff_t)g->pad_left,
                        (ptrdiff_t)g->stride_w, (ptrdiff_t)g->w, pixel, s->zero_row);
        }
    }
}

/* Its rows are the pixels themselves: 1 x 1, and fully connected layers. */
static bool is_plain(const struct qnt_conv_geom *g)
{
    return g->kh == 1 && g->kw == 1 && g->stride_h == 1 && g->stride_w == 1 && !g->pad_top && !g->pad_left &&
           g->oh == g->h && g->ow == g->w;
}

struct qnt_operand qnt_operand_im2col(const void *images, const struct qnt_conv_src *src, size_t elem)
{
    const struct qnt_conv_geom *g = src->geom;
    if (is_plain(g)) {
        const size_t k = g->groups == 1 ? g->c : g->c / g->groups;
        return qnt_operand_rows((const char *)images + src->group * k * elem, g->c, k, elem);
    }
    return (struct qnt_operand){.rows = im2col_rows,
                                .taps = g->kh * g->kw,
                                .tap_k = g->c / g->groups,
                                .base = images,
                                .elem = elem,
                                .detail = src};
}

void qnt_conv_s8_sum_row(const struct qnt_conv_geom *g, const int8_t *images, int32_t zero, size_t row, int32_t *sum)
{
    const size_t pixels = g->oh * g->ow, image = row / pixels, oy = row % pixels / g->ow, ox = row % g->ow;
    const size_t of_group = g->c / g->groups;
    memset(sum, 0, g->groups * sizeof *sum);
    for (size_t tap = 0; tap < g->kh * g->kw; tap++) {
        const size_t y = oy * g->stride_h + tap / g->kw * g->dil_h, at = ox * g->stride_w + tap % g->kw * g->dil_w;
        if (y < g->pad_top || y - g->pad_top >= g->h || at < g->pad_left || at - g->pad_left >= g->w)
            continue;
        const int8_t *pixel = images + ((image * g->h + y - g->pad_top) * g->w + at - g->pad_left) * g->c;
        for (size_t c = 0; c < g->c; c++)
            sum[c / of_group] += pixel[c] - zero;
    }
}
