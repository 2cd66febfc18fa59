/* The gradients of a convolution's weights and bias. */
#include <math.h>
#include <string.h>
#include "conv_f32.h"

static const struct qnt_epilogue plain = {.kind = QNT_EPI_F32, .lo = -INFINITY, .hi = INFINITY};

/* `count` images of one group's x plane. Lanes over taps read W from it in full panels, past the end of the last image.
 */
static const float *x_plane(const struct qnt_conv_f32_work *w, const float *x, size_t count, size_t group,
                            float *scratch)
{
    bool overrun = !w->lanes_oc && w->run % w->weights->nr;
    if (w->x.in_place && !overrun)
        return x;
    for (size_t n = 0; n < count; n++)
        qnt_plane_fill(&w->x, x + n * w->geom.h * w->geom.w * w->geom.c + group * w->cg, 0, w->x.ph,
                       scratch + n * w->x.image);
    return scratch;
}

/* One group's dy with pixels padded to full panels. */
static const float *pad_dy(const struct qnt_conv_f32_work *w, const float *dy, size_t pixels, size_t pitch, float *to)
{
    for (size_t p = 0; p < pixels; p++, dy += w->geom.oc) {
        memcpy(to + p * pitch, dy, w->og * sizeof *to);
        memset(to + p * pitch + w->og, 0, (pitch - w->og) * sizeof *to);
    }
    return to;
}

/* Rows (ky, kx, c) over the x plane, lanes oc over dy; the result [k][og] is turned round by the caller. */
static void by_oc(const struct qnt_conv_f32_work *w, const float *x, const float *dy, size_t pitch, size_t count,
                  bool more, float *dw)
{
    const struct qnt_conv_geom *g = &w->geom;
    ptrdiff_t line = (ptrdiff_t)(w->x.pw * w->cg), cg = (ptrdiff_t)w->cg, og = (ptrdiff_t)w->og,
              step = (ptrdiff_t)pitch;
    struct qnt_nest nest = {.g = w->weights, .a = x, .w = dy, .c = dw, .n = w->og, .w_panel = w->weights->nr};
    nest.row[0] = (struct qnt_level){g->kh, (ptrdiff_t)g->dil_h * line, (ptrdiff_t)g->kw * cg * og};
    nest.row[1] = (struct qnt_level){g->kw, (ptrdiff_t)g->dil_w * cg, cg * og};
    nest.row[2] = (struct qnt_level){w->cg, 1, og};
    nest.k[0] = (struct qnt_level){count, (ptrdiff_t)w->x.image, (ptrdiff_t)(g->oh * g->ow) * step};
    nest.k[1] = (struct qnt_level){g->oh, (ptrdiff_t)g->stride_h * line, (ptrdiff_t)g->ow * step};
    nest.k[2] = (struct qnt_level){g->ow, (ptrdiff_t)g->stride_w * cg, step};
    nest.more = more;
    nest.e = &plain;
    qnt_nest_run(&nest);
}

/* Rows oc over dy, lanes (kx, c) over the x plane; for each contiguous run of taps a product of its own. */
static void by_tap(const struct qnt_conv_f32_work *w, const float *x, const float *dy, size_t count, bool more,
                   float *dw)
{
    const struct qnt_conv_geom *g = &w->geom;
    ptrdiff_t line = (ptrdiff_t)(w->x.pw * w->cg), cg = (ptrdiff_t)w->cg, oc = (ptrdiff_t)g->oc;
    struct qnt_nest nest = {.g = w->weights, .a = dy, .n = w->run, .w_panel = w->weights->nr};
    nest.row[0] = nest.row[1] = (struct qnt_level){1, 0, 0};
    nest.row[2] = (struct qnt_level){w->og, 1, (ptrdiff_t)w->k};
    nest.k[0] = (struct qnt_level){count, (ptrdiff_t)(g->oh * g->ow) * oc, (ptrdiff_t)w->x.image};
    nest.k[1] = (struct qnt_level){g->oh, (ptrdiff_t)g->ow * oc, (ptrdiff_t)g->stride_h * line};
    nest.k[2] = (struct qnt_level){g->ow, oc, (ptrdiff_t)g->stride_w * cg};
    nest.more = more;
    nest.rows_first = true;
    nest.e = &plain;
    for (size_t tap = 0; tap < w->k; tap += w->run) {
        size_t ky = tap / (g->kw * w->cg), kx = tap / w->cg % g->kw;
        nest.w = x + (ptrdiff_t)(ky * g->dil_h) * line + (ptrdiff_t)(kx * g->dil_w) * cg;
        nest.c = dw + tap;
        qnt_nest_run(&nest);
    }
}

/* [rows][cols] at `from` to [cols][rows] at `to`. */
static void turn(const float *from, size_t rows, size_t cols, float *to)
{
    enum { BLOCK = 16 };
    for (size_t r0 = 0; r0 < rows; r0 += BLOCK)
        for (size_t c = 0; c < cols; c++)
            for (size_t r = r0; r < rows && r < r0 + BLOCK; r++)
                to[c * rows + r] = from[r * cols + c];
}

static void group_weights(const struct qnt_conv_f32_work *w, const float *x, const float *dy, float *dw, size_t images,
                          size_t group, bool accumulate, float *scratch)
{
    const struct qnt_conv_geom *g = &w->geom;
    size_t pixels = g->oh * g->ow, pitch = w->dy_floats ? qnt_round_up(w->og, w->weights->nr) : g->oc;
    float *padded = scratch + w->plane_floats, *turned = padded + w->dy_floats;
    if (images == 0) {
        if (!accumulate)
            memset(dw, 0, w->og * w->k * sizeof *dw);
        return;
    }
    if (w->lanes_oc && accumulate)
        turn(dw, w->og, w->k, turned);
    for (size_t n = 0, count; n < images; n += count) {
        count = images - n < w->chunk ? images - n : w->chunk;
        const float *a = x_plane(w, x + n * g->h * g->w * g->c, count, group, scratch);
        const float *d = dy + n * pixels * g->oc + group * w->og;
        if (w->dy_floats)
            d = pad_dy(w, d, count * pixels, pitch, padded);
        if (w->lanes_oc)
            by_oc(w, a, d, pitch, count, n > 0 || accumulate, turned);
        else
            by_tap(w, a, d, count, n > 0 || accumulate, dw);
    }
    if (w->lanes_oc)
        turn(turned, w->k, w->og, dw);
}

/* db = sum of the pixels of dy in order: a row of ones times dy where W panels are full, else the same chain in plain
 * C. */
static void grad_bias(const struct qnt_conv_f32_work *w, const float *dy, float *db, size_t pixels, bool accumulate)
{
    static const float one = 1.0f;
    ptrdiff_t oc = (ptrdiff_t)w->geom.oc;
    if (pixels && w->bias) {
        struct qnt_nest nest = {.g = w->bias, .a = &one, .w = dy, .c = db, .n = w->geom.oc, .w_panel = w->bias->nr};
        nest.row[0] = nest.row[1] = nest.k[0] = nest.k[1] = (struct qnt_level){1, 0, 0};
        nest.row[2] = (struct qnt_level){1, 1, oc};
        nest.k[2] = (struct qnt_level){pixels, 0, oc};
        nest.more = accumulate;
        nest.e = &plain;
        qnt_nest_run(&nest);
        return;
    }
    if (!accumulate)
        memset(db, 0, w->geom.oc * sizeof *db);
    for (size_t p = 0; p < pixels; p++, dy += oc)
        for (size_t j = 0; j < w->geom.oc; j++)
            db[j] += dy[j];
}

void qnt_conv_f32_grad_weights(const struct qnt_conv_f32_work *w, const float *x, const float *dy, float *dw, float *db,
                               size_t images, int accumulate, void *scratch)
{
    if (w->depthwise)
        qnt_conv_f32_depthwise_grad_weights(w, x, dy, dw, images, accumulate != 0, scratch);
    for (size_t i = 0; i < w->geom.groups && !w->depthwise; i++)
        group_weights(w, x, dy, dw + i * w->og * w->k, images, i, accumulate != 0, scratch);
    if (db)
        grad_bias(w, dy, db, images * w->geom.oh * w->geom.ow, accumulate != 0);
}
