/* The f32 products of a convolution: sizes, packed weights, forward. */
#include "conv_f32.h"
#include "depthwise_lines.h"

enum {
    ROWS = 32,               /* small images are taken together until they make this many rows, */
    PIXELS = 112,            /* single pixels until they make this many */
    PIXELS_FLOATS = 1 << 17, /* or this many floats */
    LINES_FLOATS = 1 << 13,  /* lines of a large image are taken together until their part of the plane has so many, */
    LINES = 8,               /* but so many lines at least: where windows overlap, lines are copied twice */
    SLACK = 256,             /* floats behind a plane: panels of W are read in full width */
    TURN_COST = 4,           /* of one element of dw, in the unit of the descriptors */
    TYPICAL_BATCH = 16
};

static bool bad_geometry(const struct qnt_conv_geom *g)
{
    const size_t most = (size_t)1 << 31;
    const size_t all[] = {g->h,  g->w,        g->c,        g->oh,    g->ow,    g->oc,    g->kh,
                          g->kw, g->stride_h, g->stride_w, g->dil_h, g->dil_w, g->groups};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] == 0 || all[i] >= most)
            return true;
    return g->pad_top >= most || g->pad_left >= most || g->c % g->groups || g->oc % g->groups;
}

static qnt_status make_planes(struct qnt_conv_f32_work *w)
{
    const struct qnt_conv_geom *g = &w->geom;
    w->image = (struct qnt_plane){.h = g->h, .w = g->w, .c = w->cg, .pixel = g->c, .ph = g->h, .pw = g->w};
    w->x = (struct qnt_plane){.h = g->h, .w = g->w, .c = w->cg, .pixel = g->c};
    w->x.ph = (g->oh - 1) * g->stride_h + (g->kh - 1) * g->dil_h + 1;
    w->x.pw = (g->ow - 1) * g->stride_w + (g->kw - 1) * g->dil_w + 1;
    w->x.top = (ptrdiff_t)g->pad_top;
    w->x.left = (ptrdiff_t)g->pad_left;
    w->whole = !w->x.top && !w->x.left && w->x.ph <= g->h && w->x.pw == g->w;
    const qnt_status status = qnt_plane_init(&w->image);
    return status ? status : qnt_plane_init(&w->x);
}

const struct qnt_gemm *qnt_conv_f32_choose_bias(const struct qnt_gemm_list *list, const struct qnt_conv_geom *g)
{
    const size_t pixels = g->oh * g->ow * TYPICAL_BATCH;
    const struct qnt_gemm *best = NULL;
    for (uint32_t i = 0; i < list->count; i++)
        if (g->oc % list->v[i]->nr == 0 &&
            (!best || qnt_gemm_cost(list, list->v[i], 1, g->oc, pixels) <= qnt_gemm_cost(list, best, 1, g->oc, pixels)))
            best = list->v[i];
    return best;
}

static void choose(struct qnt_conv_f32_work *w, const struct qnt_gemm_list *list, size_t images)
{
    const struct qnt_conv_geom *g = &w->geom;
    size_t pixels = g->oh * g->ow, rows = g->ow > 1 ? g->ow : g->oh > 1 ? g->oh : images; /* what loops merge */
    w->forward = qnt_gemm_choose(list, rows, w->og, w->k);
    rows = g->h * g->w == 1 ? TYPICAL_BATCH : (g->w + g->stride_w - 1) / g->stride_w;
    w->input = qnt_gemm_choose(list, rows, w->cg, g->kh * g->kw * w->og);
    pixels *= TYPICAL_BATCH;
    const struct qnt_gemm *by_oc = qnt_gemm_choose(list, w->run, w->og, pixels);
    const struct qnt_gemm *by_tap = qnt_gemm_choose(list, w->og, w->run, pixels);
    double turn = (double)w->run * (double)w->og * TURN_COST;
    w->lanes_oc =
        qnt_gemm_cost(list, by_oc, w->run, w->og, pixels) + turn < qnt_gemm_cost(list, by_tap, w->og, w->run, pixels);
    w->weights = w->lanes_oc ? by_oc : by_tap;
    w->bias = qnt_conv_f32_choose_bias(list, g);
}

/* 1 x 1 filters lie as grad_input reads them: [oc][c]. */
static bool turned_is_natural(const struct qnt_conv_f32_work *w)
{
    return w->k == w->geom.c && w->geom.groups == 1 && w->cg % w->input->nr == 0;
}

static qnt_status make_buffers(const qnt_ctx *ctx, struct qnt_conv_f32_work *w, unsigned uses)
{
    const struct qnt_conv_geom *g = &w->geom;
    size_t pixels = g->oh * g->ow, fewest = pixels < g->h * g->w ? pixels : g->h * g->w, weights;
    if (qnt_mul_overflows(g->kh * g->kw, g->oc, &weights) || qnt_mul_overflows(weights, w->cg, &weights) ||
        weights > (size_t)1 << 40)
        return qnt_fail(QNT_ERR_RANGE, "convolution: %zu filters of %zu x %zu x %zu are too large", g->oc, g->kh, g->kw,
                        w->cg);
    bool backward = uses & QNT_CONV_GRADIENTS, copy_dy = backward && w->lanes_oc && w->og % w->weights->nr;
    const struct qnt_plane *forward = qnt_conv_f32_forward_plane(w);
    size_t plane = !backward ? forward->image : w->dy.image > w->x.image ? w->dy.image : w->x.image;
    w->chunk = (ROWS + fewest - 1) / fewest;
    if (fewest == 1 && plane < PIXELS_FLOATS / ROWS)
        w->chunk = plane > PIXELS_FLOATS / PIXELS ? PIXELS_FLOATS / plane : PIXELS;
    w->plane_floats = backward || !forward->in_place ? qnt_round_up(w->chunk * plane + SLACK, 16) : 0;
    w->dy_floats = copy_dy ? qnt_round_up(w->chunk * pixels * qnt_round_up(w->og, w->weights->nr), 16) : 0;
    w->dw_floats = backward && w->lanes_oc ? w->k * w->og : 0;
    w->packed_group = qnt_gemm_packed_bytes(w->forward, w->og, w->k) / sizeof(float);
    w->turned_group = qnt_conv_f32_turned_floats(w);
    if (uses & QNT_CONV_FORWARD) {
        w->packed = qnt_alloc_array(ctx, w->packed_group * g->groups, sizeof(float), "packed convolution weights");
        if (!w->packed)
            return QNT_ERR_NOMEM;
    }
    if (backward && !turned_is_natural(w)) {
        w->turned = qnt_alloc_array(ctx, w->turned_group * g->groups, sizeof(float), "turned convolution weights");
        if (!w->turned)
            return QNT_ERR_NOMEM;
    }
    return QNT_OK;
}

/* Lines in even shares whose part of the plane is still near when it is read. */
static size_t lines_together(const struct qnt_conv_f32_work *w)
{
    const struct qnt_plane *p = qnt_conv_f32_forward_plane(w);
    const size_t line = p->pw * p->c * w->geom.stride_h, oh = w->geom.oh;
    if (p->in_place || p->image <= LINES_FLOATS)
        return oh;
    const size_t near = LINES_FLOATS / line, most = near > LINES ? near : LINES, parts = (oh + most - 1) / most;
    return (oh + parts - 1) / parts;
}

static qnt_status create_tiled(const qnt_ctx *ctx, struct qnt_conv_f32_work *w, unsigned uses, size_t images)
{
    qnt_status status = make_planes(w);
    if (!status && uses & QNT_CONV_GRADIENTS)
        status = qnt_conv_f32_make_phases(ctx, w);
    if (status)
        return status;
    w->lines = lines_together(w);
    choose(w, &ctx->dsp.gemm_f32, images);
    return make_buffers(ctx, w, uses);
}

qnt_status qnt_conv_f32_create(const qnt_ctx *ctx, const struct qnt_conv_geom *geom, unsigned uses, size_t images,
                               struct qnt_conv_f32_work **out)
{
    *out = NULL;
    if (bad_geometry(geom))
        return qnt_fail(QNT_ERR_ARG,
                        "convolution: sizes must be positive and below 2^31, %zu groups divide %zu and %zu channels",
                        geom->groups, geom->c, geom->oc);
    struct qnt_conv_f32_work *w = qnt_alloc(ctx, sizeof *w, "a convolution");
    if (!w)
        return QNT_ERR_NOMEM;
    w->geom = *geom;
    w->cg = geom->c / geom->groups;
    w->og = geom->oc / geom->groups;
    w->k = geom->kh * geom->kw * w->cg;
    w->run = geom->dil_w == 1 ? geom->kw * w->cg : w->cg;
    qnt_status status = qnt_depthwise_serves(geom, sizeof(float)) ? qnt_conv_f32_depthwise_create(ctx, w, uses)
                                                                  : create_tiled(ctx, w, uses, images);
    if (status) {
        qnt_conv_f32_free(ctx, w);
        return status;
    }
    *out = w;
    return QNT_OK;
}

void qnt_conv_f32_free(const qnt_ctx *ctx, struct qnt_conv_f32_work *w)
{
    if (!w)
        return;
    qnt_release(ctx, w->packed);
    qnt_release(ctx, w->turned);
    qnt_release(ctx, w->phase_h);
    qnt_release(ctx, w->phase_w);
    qnt_release(ctx, w);
}

size_t qnt_conv_f32_scratch_bytes(const struct qnt_conv_f32_work *w)
{
    return (w->plane_floats + w->dy_floats + w->dw_floats) * sizeof(float);
}

size_t qnt_conv_f32_packed_bytes(const struct qnt_conv_f32_work *w)
{
    const size_t floats = w->depthwise ? w->geom.kh * w->geom.kw * w->geom.oc : w->packed_group * w->geom.groups;
    return floats * sizeof(float);
}

void qnt_conv_f32_set_weights(struct qnt_conv_f32_work *w, const float *weights)
{
    if (w->depthwise) {
        qnt_conv_f32_depthwise_weights(w, weights);
        return;
    }
    for (size_t i = 0; i < w->geom.groups; i++) {
        const float *group = weights + i * w->og * w->k;
        struct qnt_operand rows = qnt_operand_rows(group, w->k, w->k, sizeof(float));
        if (w->packed)
            qnt_gemm_pack_w(w->forward, &rows, w->og, w->k, w->packed + i * w->packed_group);
        if (w->turned)
            qnt_conv_f32_turn(w, group, w->turned + i * w->turned_group);
    }
    w->values = weights;
}

void qnt_conv_f32_walk(struct qnt_nest *nest, const struct qnt_walk *k)
{
    const struct qnt_plane *p = k->plane;
    ptrdiff_t line = (ptrdiff_t)(p->pw * p->c), c = (ptrdiff_t)p->c, nr = nest->g->nr, w_k = (ptrdiff_t)k->w_k;
    nest->row[0] = (struct qnt_level){k->images, (ptrdiff_t)p->image, (ptrdiff_t)k->c_image};
    nest->row[1] = (struct qnt_level){k->lines, (ptrdiff_t)k->step_h * line, (ptrdiff_t)k->c_line};
    nest->row[2] = (struct qnt_level){k->columns, (ptrdiff_t)k->step_w * c, (ptrdiff_t)k->c_column};
    nest->k[0] = (struct qnt_level){k->kh, (ptrdiff_t)k->dil_h * line, (ptrdiff_t)k->kw * c * w_k};
    nest->k[1] = (struct qnt_level){k->kw, (ptrdiff_t)k->dil_w * c, c * w_k};
    nest->k[2] = (struct qnt_level){p->c, 1, w_k};
    nest->w_panel = w_k == nr ? (ptrdiff_t)(k->kh * k->kw * p->c) * nr : nr;
    qnt_nest_run(nest);
}
