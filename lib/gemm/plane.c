#include <string.h>
#include "plane.h"

enum {
    SET_FLOATS = 1024, /* 4 KiB: images this far apart share a cache set when each gives one row of a tile */
    SPREAD = 16
};

qnt_status qnt_plane_init(struct qnt_plane *p)
{
    const size_t most = (size_t)1 << 40;
    size_t line, floats, source;
    if (qnt_mul_overflows(p->pw, p->c, &line) || qnt_mul_overflows(p->ph, line, &floats) || floats > most ||
        qnt_mul_overflows(p->w, p->pixel, &line) || qnt_mul_overflows(p->h, line, &source) || source > most)
        return qnt_fail(QNT_ERR_RANGE, "convolution: an image of %zu x %zu x %zu, padded to %zu x %zu, is too large",
                        p->h, p->w, p->c, p->ph, p->pw);
    p->in_place = p->top == 0 && p->left == 0 && p->ph <= p->h && p->pw == p->w && p->c == p->pixel;
    p->image = p->in_place ? source : floats;
    if (p->ph == 1 && p->pw == 1 && p->image % SET_FLOATS == 0) {
        p->in_place = false;
        p->image += SPREAD;
    }
    return QNT_OK;
}

/* One row of the plane from one row of the source. */
static void fill_line(const struct qnt_plane *p, const float *from, float *to)
{
    /* source pixels [x0, x1) fall into the plane */
    ptrdiff_t x0 = p->left < 0 ? -p->left : 0, x1 = (ptrdiff_t)p->pw - p->left;
    if (x1 > (ptrdiff_t)p->w)
        x1 = (ptrdiff_t)p->w;
    if (x1 < x0)
        x1 = x0;
    size_t before = x1 > x0 ? (size_t)(p->left + x0) * p->c : 0, end = before + (size_t)(x1 - x0) * p->c;
    memset(to, 0, before * sizeof *to);
    memset(to + end, 0, (p->pw * p->c - end) * sizeof *to);
    from += (size_t)x0 * p->pixel;
    to += before;
    if (p->pixel == p->c) {
        memcpy(to, from, (end - before) * sizeof *to);
        return;
    }
    for (ptrdiff_t x = x0; x < x1; x++, from += p->pixel, to += p->c)
        memcpy(to, from, p->c * sizeof *to);
}

void qnt_plane_fill(const struct qnt_plane *p, const float *source, size_t r0, size_t r1, float *to)
{
    size_t line = p->pw * p->c;
    for (size_t r = r0; r < r1; r++, to += line) {
        ptrdiff_t y = (ptrdiff_t)r - p->top;
        if (y < 0 || y >= (ptrdiff_t)p->h)
            memset(to, 0, line * sizeof *to);
        else
            fill_line(p, source + (size_t)y * p->w * p->pixel, to);
    }
}
