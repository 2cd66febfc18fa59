/* Forward: rows are windows on the images where they lie, or on a copy of a group's channels. Taps outside of an image
 * are left out: lines of taps by the nest, columns by the tiles. Where columns of taps are no run, or there is one
 * pixel a line, pixels that have the same columns of taps are a product of their own. */
#include "conv_f32.h"

/* W of so many is read again by each tile of rows, so that lines of results are written whole. */
enum { NEAR_WEIGHTS = 16384 };

const struct qnt_plane *qnt_conv_f32_forward_plane(const struct qnt_conv_f32_work *w)
{
    return w->whole ? &w->x : &w->image;
}

/* Lines of the result [y0, y1) of `images` images, of one group. The images' lines from `top` on, `height` of them, are
 * at x. */
struct part {
    const float *x;
    size_t images, y0, y1, top, height;
};

/* Every tap is inside, and lines of the image are taken whole: loops that can be merged. */
static void forward_whole(const struct qnt_conv_f32_work *w, struct qnt_nest *nest, const struct part *p)
{
    const struct qnt_conv_geom *g = &w->geom;
    const struct qnt_walk walk = {.plane = &w->x,
                                  .images = p->images,
                                  .lines = p->y1 - p->y0,
                                  .columns = g->ow,
                                  .step_h = g->stride_h,
                                  .step_w = g->stride_w,
                                  .kh = g->kh,
                                  .kw = g->kw,
                                  .dil_h = g->dil_h,
                                  .dil_w = g->dil_w,
                                  .c_image = g->oh * g->ow * g->oc,
                                  .c_line = g->ow * g->oc,
                                  .c_column = g->oc,
                                  .w_k = w->forward->nr};
    nest->a = p->x + (p->y0 * g->stride_h - p->top) * w->x.pw * w->x.c;
    qnt_conv_f32_walk(nest, &walk);
}

/* Without taps there is the bias alone. */
static void no_taps(struct qnt_nest *nest)
{
    nest->k[0] = nest->k[1] = (struct qnt_level){1, 0, 0};
    nest->k[2] = (struct qnt_level){0, 1, nest->g->nr};
    nest->frame = NULL;
}

/* Pixels [x0, x1) of the lines, columns of taps [kx0, kx1). `edges`: not all of these are inside for all pixels. */
static void forward_pixels(const struct qnt_conv_f32_work *w, const struct qnt_nest *all, const struct part *p,
                           const size_t x[2], const size_t kx[2], bool edges)
{
    const struct qnt_conv_geom *g = &w->geom;
    const size_t c = w->cg, pitch = g->w * c, taps = kx[1] - kx[0];
    const ptrdiff_t nr = all->g->nr, cs = (ptrdiff_t)c;
    struct qnt_frame frame = {
        .lines = p->height, .width = edges ? pitch : 0, .pitch = pitch, .step_h = g->stride_h, .dil_h = g->dil_h};
    frame.line = (ptrdiff_t)(p->y0 * g->stride_h) - (ptrdiff_t)g->pad_top - (ptrdiff_t)p->top;
    frame.at = ((ptrdiff_t)(x[0] * g->stride_w + kx[0] * g->dil_w) - (ptrdiff_t)g->pad_left) * cs;
    struct qnt_nest nest = *all;
    nest.a = p->x;
    nest.c += x[0] * g->oc;
    nest.w += (ptrdiff_t)kx[0] * cs * nr;
    nest.w_panel = (ptrdiff_t)w->k * nr;
    nest.frame = &frame;
    nest.row[0] = (struct qnt_level){p->images, (ptrdiff_t)w->image.image, (ptrdiff_t)(g->oh * g->ow * g->oc)};
    nest.row[1] = (struct qnt_level){p->y1 - p->y0, (ptrdiff_t)(g->stride_h * pitch), (ptrdiff_t)(g->ow * g->oc)};
    nest.row[2] = (struct qnt_level){x[1] - x[0], (ptrdiff_t)(g->stride_w * c), (ptrdiff_t)g->oc};
    nest.k[0] = (struct qnt_level){g->kh, (ptrdiff_t)(g->dil_h * pitch), (ptrdiff_t)(g->kw * c) * nr};
    nest.k[1] =
        g->dil_w == 1 ? (struct qnt_level){1, 0, 0} : (struct qnt_level){taps, (ptrdiff_t)(g->dil_w * c), cs * nr};
    nest.k[2] = (struct qnt_level){g->dil_w == 1 ? taps * c : c, 1, nr};
    if (!edges && g->oh == 1) { /* the same lines of taps for all: no more than loops, which can be merged */
        size_t ky0, ky1;
        qnt_taps_inside(frame.line, g->dil_h, g->kh, p->height, &ky0, &ky1);
        nest.k[0].n = ky1 - ky0;
        nest.w += (ptrdiff_t)ky0 * nest.k[0].t;
        nest.frame = NULL;
        if (ky0 < ky1 && taps)
            nest.a += (frame.line + (ptrdiff_t)(ky0 * g->dil_h)) * (ptrdiff_t)pitch + frame.at;
    }
    if (taps == 0 || nest.k[0].n == 0)
        no_taps(&nest);
    qnt_nest_run(&nest);
}

static void forward_framed(const struct qnt_conv_f32_work *w, const struct qnt_nest *nest, const struct part *p)
{
    const struct qnt_conv_geom *g = &w->geom;
    if (g->dil_w == 1 && g->ow > 1) {
        forward_pixels(w, nest, p, (const size_t[]){0, g->ow}, (const size_t[]){0, g->kw}, true);
        return;
    }
    for (size_t x[2] = {0}; x[0] < g->ow; x[0] = x[1]) {
        size_t kx[2], next[2];
        const ptrdiff_t left = (ptrdiff_t)g->pad_left;
        qnt_taps_inside((ptrdiff_t)(x[0] * g->stride_w) - left, g->dil_w, g->kw, g->w, &kx[0], &kx[1]);
        for (x[1] = x[0] + 1; x[1] < g->ow; x[1]++) {
            qnt_taps_inside((ptrdiff_t)(x[1] * g->stride_w) - left, g->dil_w, g->kw, g->w, &next[0], &next[1]);
            if (next[0] != kx[0] || next[1] != kx[1])
                break;
        }
        forward_pixels(w, nest, p, x, kx, false);
    }
}

/* Lines [y0, y1) of `images` images (all lines when there are several). */
static void forward_lines(const struct qnt_conv_f32_work *w, const float *x, const float *bias,
                          const struct qnt_epilogue *e, float *y, size_t images, size_t y0, size_t y1,
                          const struct qnt_conv_f32_share *share, float *scratch)
{
    const struct qnt_conv_geom *g = &w->geom;
    const struct qnt_plane *plane = qnt_conv_f32_forward_plane(w);
    const size_t r0 = y0 * g->stride_h, r1 = (y1 - 1) * g->stride_h + (g->kh - 1) * g->dil_h + 1, pad = g->pad_top;
    const size_t top = r0 > pad ? qnt_least(r0 - pad, g->h) : 0, end = r1 > pad ? qnt_least(r1 - pad, g->h) : 0;
    for (size_t i = 0; i < g->groups; i++) {
        const size_t c = i * w->og + share->c0;
        struct qnt_epilogue own = *e;
        own.bias_f32 = bias ? bias + c : NULL;
        struct qnt_nest nest = {.g = w->forward,
                                .w = w->packed + i * w->packed_group + share->c0 * w->k,
                                .c = y + y0 * g->ow * g->oc + c,
                                .n = share->c1 - share->c0,
                                .rows_first = w->k <= w->forward->k_run && w->k * w->og <= NEAR_WEIGHTS,
                                .e = &own};
        struct part part = {x, images, y0, y1, 0, g->h};
        if (!plane->in_place) {
            for (size_t n = 0; n < images && top < end; n++)
                qnt_plane_fill(plane, x + n * g->h * g->w * g->c + i * w->cg, top, end, scratch + n * plane->image);
            part = (struct part){scratch, images, y0, y1, top, end > top ? end - top : 0};
        }
        if (w->whole)
            forward_whole(w, &nest, &part);
        else
            forward_framed(w, &nest, &part);
    }
}

size_t qnt_conv_f32_panel(const struct qnt_conv_f32_work *w)
{
    return w->depthwise ? w->og : w->forward->nr;
}

void qnt_conv_f32_forward_share(const struct qnt_conv_f32_work *w, const float *x, const float *bias, float lo,
                                float hi, float *y, const struct qnt_conv_f32_share *share, void *scratch)
{
    const struct qnt_conv_geom *g = &w->geom;
    const struct qnt_epilogue e = {.kind = QNT_EPI_F32, .lo = lo, .hi = hi};
    const size_t line1 = share->line1;
    if (share->c0 >= share->c1)
        return;
    if (w->depthwise) {
        qnt_conv_f32_depthwise_forward(w, x, bias, lo, hi, y, share->line0, line1, scratch);
        return;
    }
    for (size_t line = share->line0, count; line < line1; line += count) {
        size_t image = line / g->oh, y0 = line % g->oh, images = y0 ? 0 : (line1 - line) / g->oh;
        images = w->lines < g->oh                                                ? 0
                 : images > w->chunk && !qnt_conv_f32_forward_plane(w)->in_place ? w->chunk
                                                                                 : images;
        count = images ? images * g->oh : qnt_least(qnt_least(line1 - line, g->oh - y0), w->lines);
        forward_lines(w, x + image * g->h * g->w * g->c, bias, &e, y + image * g->oh * g->ow * g->oc,
                      images ? images : 1, y0, images ? g->oh : y0 + count, share, scratch);
    }
}

void qnt_conv_f32_forward(const struct qnt_conv_f32_work *w, const float *x, const float *bias, float lo, float hi,
                          float *y, size_t images, void *scratch)
{
    const struct qnt_conv_f32_share all = {.line1 = images * w->geom.oh, .c1 = w->og};
    qnt_conv_f32_forward_share(w, x, bias, lo, hi, y, &all, scratch);
}
