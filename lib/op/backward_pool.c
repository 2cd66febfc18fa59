/* Reverse mode of the pools, NHWC. A window's gradient goes to its first largest tap (as PyTorch), or in equal shares
 * to its taps inside the image; those that are counted in the padding have theirs too. */
#include <math.h>
#include <string.h>
#include "lib/op/backward.h"

enum { BLOCK = 64 }; /* channels at a time */

struct window {
    size_t h, w, c, oh, ow, kh, kw, stride_h, stride_w, pad_top, pad_left, dil_h, dil_w;
    size_t more_h, more_w; /* padding that averages count: all of an axis */
};

static struct window window_of(const struct qnt_step *s)
{
    const struct qnt_tensor *x = s->in[0], *y = s->out;
    const qnt_node_attr *a = &s->node->attr;
    struct window w = {.h = x->dim[0],
                       .w = x->dim[1],
                       .c = x->dim[2],
                       .oh = 1,
                       .ow = 1,
                       .kh = x->dim[0],
                       .kw = x->dim[1],
                       .stride_h = 1,
                       .stride_w = 1,
                       .dil_h = 1,
                       .dil_w = 1};
    if (s->op != &qnt_op_global_avgpool && s->op != &qnt_op_global_maxpool) {
        w.oh = y->dim[0];
        w.ow = y->dim[1];
        w.kh = a->kernel[0];
        w.kw = a->kernel[1];
        w.stride_h = a->stride[0];
        w.stride_w = a->stride[1];
        w.dil_h = a->dilation[0];
        w.dil_w = a->dilation[1];
        w.pad_top = a->pad[0];
        w.pad_left = a->pad[1];
        if (a->mode & QNT_POOL_COUNT_PADDING) {
            w.more_h = a->pad[0] + a->pad[2];
            w.more_w = a->pad[1] + a->pad[3];
        }
    }
    return w;
}

/* Place of tap i of output position o along one axis; false: in the padding. */
static bool tap_inside(size_t o, size_t i, size_t stride, size_t dilation, size_t pad, size_t extent, size_t *at)
{
    size_t padded = o * stride + i * dilation;
    *at = padded - pad;
    return padded >= pad && *at < extent;
}

/* The windows cover every input element once: no zeroing and no adding is needed. */
static bool tiles(const struct window *w)
{
    return w->kh == w->stride_h && w->kw == w->stride_w && w->dil_h == 1 && w->dil_w == 1 && !w->pad_top &&
           !w->pad_left && w->h == w->oh * w->kh && w->w == w->ow * w->kw;
}

/* Windows that tile, image by image and line by line. The clamp of what made x may be applied on the way. */
static void max_tiles(const struct window *w, const struct qnt_grad *g, int in, int out)
{
    const struct qnt_window line = {w->kh, w->kw, w->w * w->c, w->c, w->kw * w->c, w->ow, w->c};
    const float *x = g->value[in], *y = g->value[out], *dy = g->delta[out];
    const uint8_t *pass = NULL;
    struct qnt_bounds bounds = {-INFINITY, INFINITY};
    float *dx = g->delta[in];
    if (g->early[in]) {
        g->clamped[in] = 1;
        if (g->pass && g->pass[in])
            pass = g->pass[in];
        else
            bounds = *g->early[in];
    }
    for (size_t i = 0; i < g->batch * w->oh; i++) {
        size_t from = i * w->kh * w->w * w->c, to = i * w->ow * w->c;
        g->dsp->maxpool_grad_f32(x + from, y + to, dy + to, pass ? pass + from : NULL, dx + from, w->c, &line,
                                 bounds.lo, bounds.hi);
    }
}

/* One output pixel: what is left of dy goes to the first tap of each channel that holds the maximum. */
static void max_pixel(const struct window *w, const float *x, const float *y, const float *dy, float *dx, size_t oy,
                      size_t ox)
{
    float left[BLOCK];
    for (size_t c = 0; c < w->c; c += BLOCK) {
        size_t n = w->c - c < BLOCK ? w->c - c : BLOCK, iy, ix;
        memcpy(left, dy + c, n * sizeof *left);
        for (size_t i = 0; i < w->kh; i++) {
            if (!tap_inside(oy, i, w->stride_h, w->dil_h, w->pad_top, w->h, &iy))
                continue;
            for (size_t j = 0; j < w->kw; j++) {
                if (!tap_inside(ox, j, w->stride_w, w->dil_w, w->pad_left, w->w, &ix))
                    continue;
                size_t at = (iy * w->w + ix) * w->c + c;
                for (size_t k = 0; k < n; k++) {
                    bool hit = x[at + k] == y[c + k];
                    dx[at + k] += hit ? left[k] : 0.0f;
                    left[k] = hit ? 0.0f : left[k];
                }
            }
        }
    }
}

void qnt_maxpool_backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    struct window w = window_of(s);
    int in = s->node->in[0], out = s->node->out;
    size_t image = w.h * w.w * w.c;
    const float *x = g->value[in], *y = g->value[out], *dy = g->delta[out];
    float *dx = g->delta[in];
    if (!dx)
        return;
    bool first = !g->delta_set[in];
    g->delta_set[in] = 1;
    qnt_backward_clamp(s, g, g->delta[out], g->batch * qnt_tensor_count(s->out));
    if (first && tiles(&w)) {
        max_tiles(&w, g, in, out);
        return;
    }
    if (first)
        memset(dx, 0, g->batch * image * sizeof *dx);
    for (size_t b = 0; b < g->batch; b++, x += image, dx += image)
        for (size_t oy = 0; oy < w.oh; oy++)
            for (size_t ox = 0; ox < w.ow; ox++, y += w.c, dy += w.c)
                max_pixel(&w, x, y, dy, dx, oy, ox);
}

static void average_pixel(const struct window *w, const float *dy, float *dx, size_t oy, size_t ox)
{
    size_t rows = 0, cols = 0, at;
    for (size_t i = 0; i < w->kh; i++)
        rows += tap_inside(oy, i, w->stride_h, w->dil_h, w->more_h ? 0 : w->pad_top, w->h + w->more_h, &at);
    for (size_t j = 0; j < w->kw; j++)
        cols += tap_inside(ox, j, w->stride_w, w->dil_w, w->more_w ? 0 : w->pad_left, w->w + w->more_w, &at);
    float taps = (float)(rows * cols);
    for (size_t i = 0; i < w->kh; i++) {
        size_t iy, ix;
        if (!tap_inside(oy, i, w->stride_h, w->dil_h, w->pad_top, w->h, &iy))
            continue;
        for (size_t j = 0; j < w->kw; j++) {
            if (!tap_inside(ox, j, w->stride_w, w->dil_w, w->pad_left, w->w, &ix))
                continue;
            float *d = dx + (iy * w->w + ix) * w->c;
            for (size_t c = 0; c < w->c; c++)
                d[c] += dy[c] / taps;
        }
    }
}

void qnt_avgpool_backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    struct window w = window_of(s);
    int in = s->node->in[0], out = s->node->out;
    float *dy = g->delta[out], *dx = g->delta[in];
    if (!dx)
        return;
    qnt_backward_clamp(s, g, dy, g->batch * qnt_tensor_count(s->out));
    if (!g->delta_set[in])
        memset(dx, 0, g->batch * w.h * w.w * w.c * sizeof *dx);
    g->delta_set[in] = 1;
    for (size_t b = 0; b < g->batch; b++, dx += w.h * w.w * w.c)
        for (size_t oy = 0; oy < w.oh; oy++)
            for (size_t ox = 0; ox < w.ow; ox++, dy += w.c)
                average_pixel(&w, dy, dx, oy, ox);
}
