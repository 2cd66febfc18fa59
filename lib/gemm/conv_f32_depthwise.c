/* Depthwise convolutions of floats: the three products by kernels whose lanes run over channels. Each chain is the one
 * that the tiles would compute. Forward reads images where they lie, for usual windows; others and the gradient of the
 * weights go by lines (depthwise_lines.h), whose padding forward leaves out; the gradient of the input reads an image's
 * padded dy, with several outputs a channel as many planes of it, one output in each. Scratch: lines and pointers to
 * the taps of a pixel, or what the kernel copies of an image; pointers to taps and planes of dy; sums of weights.
 */
#include <math.h>
#include <string.h>
#include "conv_f32.h"
#include "depthwise_lines.h"

enum { FLOATS_A_LINE = 16 };

static size_t pointer_floats(const struct qnt_conv_f32_work *w)
{
    return qnt_round_up(w->geom.kh * w->geom.kw * w->og * sizeof(void *) / sizeof(float), FLOATS_A_LINE);
}

static size_t line_floats(const struct qnt_conv_f32_work *w)
{
    return qnt_round_up(qnt_depthwise_lines_bytes(&w->geom, sizeof(float)) / sizeof(float), FLOATS_A_LINE) +
           pointer_floats(w);
}

static bool image_serves(const struct qnt_conv_geom *g)
{
    return g->c == g->oc && g->kh == g->kw && (g->kh == 3 || g->kh == 5) && g->stride_h == g->stride_w &&
           g->stride_h <= 2 && g->dil_h == 1 && g->dil_w == 1;
}

qnt_status qnt_conv_f32_depthwise_create(const qnt_ctx *ctx, struct qnt_conv_f32_work *w, unsigned uses)
{
    const struct qnt_conv_geom *g = &w->geom;
    const size_t taps = g->kh * g->kw;
    w->depthwise = ctx->dsp.depthwise_f32;
    w->depthwise_grad = ctx->dsp.depthwise_grad_f32;
    if (image_serves(g)) {
        w->depthwise_image = ctx->dsp.depthwise_image_f32;
        w->plane_floats = QNT_DEPTHWISE_IMAGE_SCRATCH;
    }
    if ((!w->depthwise_image || uses & QNT_CONV_GRADIENTS) && w->plane_floats < line_floats(w))
        w->plane_floats = line_floats(w);
    if (uses & QNT_CONV_FORWARD &&
        !(w->packed = qnt_alloc_array(ctx, taps * g->oc, sizeof(float), "packed convolution weights")))
        return QNT_ERR_NOMEM;
    if (!(uses & QNT_CONV_GRADIENTS))
        return QNT_OK;
    qnt_status status = qnt_conv_f32_make_phases(ctx, w);
    if (status)
        return status;
    const size_t plane = qnt_round_up(w->dy.ph * w->dy.pw * g->oc, FLOATS_A_LINE);
    w->dy_floats = pointer_floats(w) + (w->dy.in_place ? 0 : plane) + (w->og > 1 ? plane : 0);
    w->dw_floats = qnt_round_up(taps * g->oc, FLOATS_A_LINE);
    w->bias = qnt_conv_f32_choose_bias(&ctx->dsp.gemm_f32, g);
    w->turned = qnt_alloc_array(ctx, taps * g->oc, sizeof(float), "turned convolution weights");
    return w->turned ? QNT_OK : QNT_ERR_NOMEM;
}

/* [rows][cols] at `from` to [cols][rows] at `to`. */
static void transpose(const float *from, size_t rows, size_t cols, float *to)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            to[c * rows + r] = from[r * cols + c];
}

/* A phase's weights [taps][og][c], from the last tap down. */
static float *turn_phase(const struct qnt_conv_f32_work *w, const float *weights, const struct qnt_phase *h,
                         const struct qnt_phase *v, float *to)
{
    const struct qnt_conv_geom *g = &w->geom;
    for (size_t tap = 0; tap < h->taps * v->taps; tap++) {
        const size_t ky = h->last - tap / v->taps * h->step, kx = v->last - tap % v->taps * v->step;
        for (size_t o = 0; o < w->og; o++)
            for (size_t c = 0; c < g->c; c++)
                *to++ = weights[((c * w->og + o) * g->kh + ky) * g->kw + kx];
    }
    return to;
}

void qnt_conv_f32_depthwise_weights(struct qnt_conv_f32_work *w, const float *weights)
{
    float *to = w->turned;
    if (w->packed)
        transpose(weights, w->geom.oc, w->geom.kh * w->geom.kw, w->packed);
    for (size_t i = 0; to && i < w->phases_h; i++)
        for (size_t j = 0; j < w->phases_w; j++)
            to = turn_phase(w, weights, &w->phase_h[i], &w->phase_w[j], to);
}

static struct qnt_depthwise_f32 run_of(const struct qnt_conv_geom *g)
{
    return (struct qnt_depthwise_f32){
        .taps = g->kh * g->kw, .step = g->stride_w * g->oc, .pixels = g->ow, .channels = g->oc};
}

static void forward_images(const struct qnt_conv_f32_work *w, const float *x, const float *bias, float lo, float hi,
                           float *y, size_t line0, size_t line1, float *scratch)
{
    const struct qnt_conv_geom *g = &w->geom;
    struct qnt_depthwise_image_f32 image = {.w = w->packed,
                                            .bias = bias,
                                            .height = g->h,
                                            .width = g->w,
                                            .channels = g->c,
                                            .side = g->kh,
                                            .step = g->stride_h,
                                            .top = g->pad_top,
                                            .left = g->pad_left,
                                            .pixels = g->ow,
                                            .scratch = scratch};
    for (size_t line = line0, count; line < line1; line += count) {
        const size_t at = line % g->oh, left = line1 - line;
        count = left < g->oh - at ? left : g->oh - at;
        image.src = x + line / g->oh * g->h * g->w * g->c;
        w->depthwise_image(&image, y + line * g->ow * g->oc, g->oc, at, at + count, lo, hi);
    }
}

/* Pixels [x0, x1) of a line, by lines of taps [ky0, ky1) and their columns [kx0, kx1). */
struct window {
    size_t x0, x1, ky0, ky1, kx0, kx1;
};

/* The columns of taps of pixel x, and how many pixels from x on have the same. */
static void same_columns(const struct qnt_conv_geom *g, struct window *o)
{
    size_t kx0, kx1;
    for (o->x1 = o->x0; o->x1 < g->ow; o->x1++) {
        const ptrdiff_t at = (ptrdiff_t)(o->x1 * g->stride_w) - (ptrdiff_t)g->pad_left;
        qnt_taps_inside(at, g->dil_w, g->kw, g->w, &kx0, &kx1);
        if (o->x1 == o->x0) {
            o->kx0 = kx0;
            o->kx1 = kx1;
        } else if (kx0 != o->kx0 || kx1 != o->kx1) {
            break;
        }
    }
}

/* All columns of taps: one run. Else pixel by pixel, each line of taps from what the one before gave. */
static void forward_window(const struct qnt_conv_f32_work *w, const struct qnt_depthwise_f32 *line,
                           const struct window *o, const float **tap, float lo, float hi, float *y)
{
    const struct qnt_conv_geom *g = &w->geom;
    const bool whole = o->kx0 == 0 && o->kx1 == g->kw;
    const size_t lines = whole || o->ky0 == o->ky1 ? o->ky1 - o->ky0 : 1;
    struct qnt_depthwise_f32 run = *line;
    run.tap = tap;
    run.taps = lines * (o->kx1 - o->kx0);
    run.pixels = whole ? o->x1 - o->x0 : 1;
    for (size_t x = o->x0; x < o->x1; x += run.pixels) {
        float *dst = y + x * g->oc;
        size_t ky = o->ky0;
        run.bias = line->bias;
        do {
            const size_t first = ky * g->kw + o->kx0;
            for (size_t t = 0; t < run.taps; t++)
                tap[t] = line->tap[first + t] + x * line->step;
            run.w = line->w + (run.taps ? first * g->oc : 0);
            ky += lines;
            w->depthwise(&run, dst, g->oc, ky < o->ky1 ? -INFINITY : lo, ky < o->ky1 ? INFINITY : hi);
            run.bias = dst;
        } while (ky < o->ky1);
    }
}

void qnt_conv_f32_depthwise_forward(const struct qnt_conv_f32_work *w, const float *x, const float *bias, float lo,
                                    float hi, float *y, size_t line0, size_t line1, void *scratch)
{
    const struct qnt_conv_geom *g = &w->geom;
    struct qnt_depthwise_f32 run = run_of(g);
    if (w->depthwise_image) {
        forward_images(w, x, bias, lo, hi, y, line0, line1, scratch);
        return;
    }
    struct qnt_depthwise_lines lines = qnt_depthwise_lines_of(g, sizeof(float), 0, x, scratch);
    const float **tap = (const float **)(void *)((float *)scratch + w->plane_floats - pointer_floats(w));
    run.w = w->packed;
    run.bias = bias;
    for (size_t line = line0; line < line1; line++) {
        const ptrdiff_t at = (ptrdiff_t)(line % g->oh * g->stride_h) - (ptrdiff_t)g->pad_top;
        struct window o = {0};
        run.tap = (const float *const *)qnt_depthwise_lines_taps(&lines, line);
        qnt_taps_inside(at, g->dil_h, g->kh, g->h, &o.ky0, &o.ky1);
        for (; o.x0 < g->ow; o.x0 = o.x1) {
            same_columns(g, &o);
            forward_window(w, &run, &o, tap, lo, hi, y + line * g->ow * g->oc);
        }
    }
}

void qnt_conv_f32_depthwise_grad_weights(const struct qnt_conv_f32_work *w, const float *x, const float *dy, float *dw,
                                         size_t images, bool accumulate, float *scratch)
{
    const struct qnt_conv_geom *g = &w->geom;
    struct qnt_depthwise_lines lines = qnt_depthwise_lines_of(g, sizeof(float), 0, x, scratch);
    struct qnt_depthwise_f32 run = run_of(g);
    float *sums = scratch + w->plane_floats + w->dy_floats;
    if (accumulate)
        transpose(dw, g->oc, run.taps, sums);
    else
        memset(sums, 0, run.taps * g->oc * sizeof *sums);
    for (size_t line = 0; line < images * g->oh; line++) {
        run.tap = (const float *const *)qnt_depthwise_lines_taps(&lines, line);
        w->depthwise_grad(&run, dy + line * g->ow * g->oc, g->oc, sums);
    }
    transpose(sums, run.taps, g->oc, dw);
}

/* All input pixels of a phase. */
static void grad_phase(const struct qnt_conv_f32_work *w, const struct qnt_phase *h, const struct qnt_phase *v,
                       const float *planes, const float *turned, const float **tap, float *dx)
{
    const struct qnt_conv_geom *g = &w->geom;
    const size_t line = w->dy.pw * g->c, plane = w->dy.ph * line;
    const struct qnt_depthwise_f32 run = {
        .tap = tap, .w = turned, .taps = h->taps * v->taps * w->og, .step = g->c, .pixels = v->count, .channels = g->c};
    for (size_t y = 0; y < h->count; y++) {
        const size_t top = (size_t)(h->start + w->dy.top) + y, left = (size_t)(v->start + w->dy.left);
        for (size_t t = 0; t < run.taps; t++) {
            const size_t i = t / w->og;
            tap[t] =
                planes + t % w->og * plane + (top + i / v->taps * h->dil) * line + (left + i % v->taps * v->dil) * g->c;
        }
        w->depthwise(&run, dx + ((h->first + y * g->stride_h) * g->w + v->first) * g->c, g->stride_w * g->c, -INFINITY,
                     INFINITY);
    }
}

/* The planes of one image's dy. */
static const float *dy_planes(const struct qnt_conv_f32_work *w, const float *dy, float *scratch)
{
    const size_t pixels = w->dy.ph * w->dy.pw;
    if (!w->dy.in_place) {
        qnt_plane_fill(&w->dy, dy, 0, w->dy.ph, scratch);
        dy = scratch;
        scratch += qnt_round_up(pixels * w->geom.oc, FLOATS_A_LINE);
    }
    if (w->og == 1)
        return dy;
    for (size_t p = 0; p < pixels * w->geom.c; p++)
        for (size_t o = 0; o < w->og; o++)
            scratch[o * pixels * w->geom.c + p] = dy[p * w->og + o];
    return scratch;
}

void qnt_conv_f32_depthwise_grad_input(const struct qnt_conv_f32_work *w, const float *dy, float *dx, size_t images,
                                       float *scratch)
{
    const struct qnt_conv_geom *g = &w->geom;
    const float **tap = (const float **)(void *)(scratch + w->plane_floats);
    for (size_t n = 0; n < images; n++, dy += g->oh * g->ow * g->oc, dx += g->h * g->w * g->c) {
        const float *turned = w->turned, *planes = dy_planes(w, dy, scratch + w->plane_floats + pointer_floats(w));
        for (size_t i = 0; i < w->phases_h; i++)
            for (size_t j = 0; j < w->phases_w; j++) {
                const struct qnt_phase *h = &w->phase_h[i], *v = &w->phase_w[j];
                if (h->taps == 0 || v->taps == 0)
                    continue;
                grad_phase(w, h, v, planes, turned, tap, dx);
                turned += h->taps * v->taps * g->oc;
            }
    }
}
