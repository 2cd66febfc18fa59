/* The gradient of a convolution's input: the plane of dy convolved with the weights turned round. With strides, the
 * input pixels of each remainder (phase) are a convolution of their own with the taps that reach the output from there.
 */
#include <math.h>
#include <string.h>
#include "conv_f32.h"

/* Input line y reaches output line (y + pad - tap * dil) / stride where that divides. */
static struct qnt_phase make_phase(size_t first, size_t size, size_t stride, size_t taps, size_t dil, size_t pad)
{
    struct qnt_phase p = {.first = first, .count = (size - first + stride - 1) / stride, .step = 1, .dil = 1};
    for (size_t tap = taps; tap-- > 0;) {
        ptrdiff_t at = (ptrdiff_t)(first + pad) - (ptrdiff_t)(tap * dil);
        if (at % (ptrdiff_t)stride)
            continue;
        if (p.taps == 0) {
            p.last = tap;
            p.start = at / (ptrdiff_t)stride;
        } else if (p.taps == 1) {
            p.step = p.last - tap;
            p.dil = p.step * dil / stride;
        }
        p.taps++;
    }
    return p;
}

/* The lines of dy that the phases read: origin (negative: padding) and number. */
static void reach(const struct qnt_phase *p, size_t n, ptrdiff_t *origin, size_t *lines)
{
    ptrdiff_t from = PTRDIFF_MAX, to = PTRDIFF_MIN;
    for (size_t i = 0; i < n; i++) {
        if (p[i].taps == 0)
            continue;
        ptrdiff_t end = p[i].start + (ptrdiff_t)(p[i].count - 1 + (p[i].taps - 1) * p[i].dil + 1);
        from = p[i].start < from ? p[i].start : from;
        to = end > to ? end : to;
    }
    *origin = from < to ? from : 0;
    *lines = from < to ? (size_t)(to - from) : 1;
}

qnt_status qnt_conv_f32_make_phases(const qnt_ctx *ctx, struct qnt_conv_f32_work *w)
{
    const struct qnt_conv_geom *g = &w->geom;
    w->phases_h = g->stride_h < g->h ? g->stride_h : g->h;
    w->phases_w = g->stride_w < g->w ? g->stride_w : g->w;
    if (!(w->phase_h = qnt_alloc_array(ctx, w->phases_h, sizeof *w->phase_h, "a convolution")) ||
        !(w->phase_w = qnt_alloc_array(ctx, w->phases_w, sizeof *w->phase_w, "a convolution")))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < w->phases_h; i++) {
        w->phase_h[i] = make_phase(i, g->h, g->stride_h, g->kh, g->dil_h, g->pad_top);
        w->bare |= w->phase_h[i].taps == 0;
    }
    for (size_t i = 0; i < w->phases_w; i++) {
        w->phase_w[i] = make_phase(i, g->w, g->stride_w, g->kw, g->dil_w, g->pad_left);
        w->bare |= w->phase_w[i].taps == 0;
    }
    w->dy = (struct qnt_plane){.h = g->oh, .w = g->ow, .c = w->depthwise ? g->oc : w->og, .pixel = g->oc};
    reach(w->phase_h, w->phases_h, &w->dy.top, &w->dy.ph);
    reach(w->phase_w, w->phases_w, &w->dy.left, &w->dy.pw);
    w->dy.top = -w->dy.top;
    w->dy.left = -w->dy.left;
    return qnt_plane_init(&w->dy);
}

/* Floats of a phase's W panels. */
static size_t phase_floats(const struct qnt_conv_f32_work *w, const struct qnt_phase *h, const struct qnt_phase *v)
{
    return qnt_gemm_packed_bytes(w->input, w->cg, h->taps * v->taps * w->og) / sizeof(float);
}

size_t qnt_conv_f32_turned_floats(const struct qnt_conv_f32_work *w)
{
    size_t floats = 0;
    for (size_t i = 0; i < w->phases_h; i++)
        for (size_t j = 0; j < w->phases_w; j++)
            floats += phase_floats(w, &w->phase_h[i], &w->phase_w[j]);
    return floats;
}

struct turned {
    const struct qnt_conv_f32_work *w;
    const struct qnt_phase *h, *v;
};

/* Line j of a phase's W: tap j / og, from the last one down, output channel j % og; input channels are contiguous. */
static void turned_lines(const struct qnt_operand *o, size_t m0, size_t k0, size_t k, const void **ptr)
{
    const struct turned *t = o->detail;
    const struct qnt_conv_f32_work *w = t->w;
    for (size_t j = k0; j < k0 + k; j++) {
        size_t tap = j / w->og, ky = t->h->last - tap / t->v->taps * t->h->step,
               kx = t->v->last - tap % t->v->taps * t->v->step;
        *ptr++ = (const float *)o->base + j % w->og * w->k + (ky * w->geom.kw + kx) * w->cg + m0;
    }
}

void qnt_conv_f32_turn(const struct qnt_conv_f32_work *w, const float *group, float *to)
{
    for (size_t i = 0; i < w->phases_h; i++)
        for (size_t j = 0; j < w->phases_w; j++) {
            const struct turned t = {w, &w->phase_h[i], &w->phase_w[j]};
            const struct qnt_operand lines = {
                .lines = turned_lines, .taps = 1, .base = group, .elem = sizeof(float), .detail = &t};
            qnt_gemm_pack_w(w->input, &lines, w->cg, t.h->taps * t.v->taps * w->og, to);
            to += phase_floats(w, t.h, t.v);
        }
}

/* All phases of one group; nest: g, n, e, and w where there are no packed panels. */
static void run_phases(const struct qnt_conv_f32_work *w, const struct qnt_nest *nest, const float *turned, float *dx,
                       size_t images)
{
    const struct qnt_conv_geom *g = &w->geom;
    struct qnt_walk walk = {.plane = &w->dy, .images = images, .step_h = 1, .step_w = 1};
    walk.c_image = g->h * g->w * g->c;
    walk.c_line = g->stride_h * g->w * g->c;
    walk.c_column = g->stride_w * g->c;
    walk.w_k = turned ? w->input->nr : w->cg;
    for (size_t i = 0; i < w->phases_h; i++)
        for (size_t j = 0; j < w->phases_w; j++) {
            const struct qnt_phase *h = &w->phase_h[i], *v = &w->phase_w[j];
            if (h->taps == 0 || v->taps == 0)
                continue;
            struct qnt_nest part = *nest;
            part.a += ((h->start + w->dy.top) * (ptrdiff_t)w->dy.pw + v->start + w->dy.left) * (ptrdiff_t)w->og;
            part.c = dx + (h->first * g->w + v->first) * g->c;
            if (turned) {
                part.w = turned;
                turned += phase_floats(w, h, v);
            }
            walk.lines = h->count;
            walk.columns = v->count;
            walk.kh = h->taps;
            walk.kw = v->taps;
            walk.dil_h = h->dil;
            walk.dil_w = v->dil;
            qnt_conv_f32_walk(&part, &walk);
        }
}

void qnt_conv_f32_grad_input(const struct qnt_conv_f32_work *w, const float *dy, float *dx, size_t images,
                             void *scratch)
{
    static const struct qnt_epilogue plain = {.kind = QNT_EPI_F32, .lo = -INFINITY, .hi = INFINITY};
    const struct qnt_conv_geom *g = &w->geom;
    size_t in = g->h * g->w * g->c, out = g->oh * g->ow * g->oc;
    if (w->bare)
        memset(dx, 0, images * in * sizeof *dx);
    if (w->depthwise) {
        qnt_conv_f32_depthwise_grad_input(w, dy, dx, images, scratch);
        return;
    }
    for (size_t n = 0, count; n < images; n += count) {
        count = images - n < w->chunk ? images - n : w->chunk;
        for (size_t i = 0; i < g->groups; i++) {
            struct qnt_nest nest = {.g = w->input, .a = dy + n * out, .w = w->values, .n = w->cg, .e = &plain};
            if (!w->dy.in_place) {
                for (size_t j = 0; j < count; j++)
                    qnt_plane_fill(&w->dy, dy + (n + j) * out + i * w->og, 0, w->dy.ph,
                                   (float *)scratch + j * w->dy.image);
                nest.a = scratch;
            }
            run_phases(w, &nest, w->turned ? w->turned + i * w->turned_group : NULL, dx + n * in + i * w->cg, count);
        }
    }
}
