/* resize (x [h][w][c]) -> [dim[0]][dim[1]][c]: ONNX Resize, modes nearest and linear. Places on an axis are computed in
 * double, from whole numbers and one division where no scale is given, so that an exact half is one. linear: a place is
 * kept within the outermost pixels; its distance from the pixel at or below it is the weight of the next one. f32: the
 * weight rounded to float; s8: to 2^-14, half to even; the arithmetic is bilinear_s8's and _f32's (simd/kernels.h).
 * nearest passes codes on, linear may have a scale of its own: factor (sx / sy) * 2^-14. */
#include <math.h>
#include <string.h>
#include "backward.h"
#include "infer.h"
#include "requant.h"
#include "step.h"

struct axis {
    size_t in, out;
    double scale; /* 0: out / in */
    uint32_t position, rounding;
};
struct state {
    size_t channels, pixel;      /* bytes of a pixel */
    struct qnt_bilinear *row;    /* linear: by output row, left and right being lines; nearest: left alone */
    struct qnt_bilinear *column; /* linear: by output column, in elements */
    size_t *at;                  /* nearest: by output column, in bytes */
    qnt_gather_rows_fn *gather;
    qnt_bilinear_s8_fn *linear_s8;
    qnt_bilinear_f32_fn *linear_f32;
    float factor;
    struct qnt_requant rq;
};

static size_t scaled(size_t in, float scale)
{
    float size = floorf((float)in * scale);
    return size >= 1.0f && size <= (float)QNT_MAX_ATTRIBUTE ? (size_t)size : 0;
}

static void normalise(const struct qnt_model *m, struct qnt_node *n)
{
    for (int d = 0; d < 2; d++)
        if (!n->attr.dim[d])
            n->attr.dim[d] = scaled(m->tensor[n->in[0]].dim[d], n->attr.scale[d]);
}

static qnt_status check_axis(const struct qnt_node *n, const struct qnt_tensor *x, int d)
{
    static const char *const names[] = {"height", "width"};
    const size_t in = x->dim[d], out = n->attr.dim[d];
    const float scale = n->attr.scale[d];
    if (!(scale >= 0.0f) || !isfinite(scale))
        return qnt_fail(QNT_ERR_ARG, "node '%s': %s scale %g, expected a finite number, 0 or more", n->name, names[d],
                        (double)scale);
    if (out < 1 || out > QNT_MAX_ATTRIBUTE || in > QNT_MAX_ATTRIBUTE)
        return qnt_fail(QNT_ERR_ARG, "node '%s': %s %zu of '%s' to %zu (scale %g), expected 1 to %d", n->name, names[d],
                        in, x->name, out, (double)scale, QNT_MAX_ATTRIBUTE);
    if (scale > 0.0f && scaled(in, scale) != out)
        return qnt_fail(QNT_ERR_ARG, "node '%s': new %s %zu, expected %zu, %g of %zu", n->name, names[d], out,
                        scaled(in, scale), (double)scale, in);
    return QNT_OK;
}

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    const qnt_node_attr *a = &n->attr;
    qnt_status status;
    if (a->mode > QNT_RESIZE_LINEAR)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': resize mode %u, expected 0 (nearest) or 1 (linear)", n->name,
                        a->mode);
    if (a->position > QNT_RESIZE_PYTORCH_HALF_PIXEL || a->rounding > QNT_RESIZE_CEIL)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': position %u and rounding %u, expected 0 to 3", n->name,
                        a->position, a->rounding);
    if ((status = a->mode == QNT_RESIZE_LINEAR ? qnt_infer_same_type(m, n, out) : qnt_infer_passing(m, n, out)) ||
        (status = qnt_infer_rank(m, n, 3, "height x width x channels")))
        return status;
    for (uint32_t d = 2; d < QNT_MAX_RANK; d++)
        if (a->dim[d])
            return qnt_fail(QNT_ERR_ARG, "node '%s': new size %zu x %zu, and %zu of dimension %u, expected two, then 0",
                            n->name, a->dim[0], a->dim[1], a->dim[d], d);
    qnt_infer_same_shape(m, n, out);
    for (int d = 0; d < 2; d++) {
        if ((status = check_axis(n, x, d)))
            return status;
        out->dim[d] = a->dim[d];
    }
    return QNT_OK;
}

static struct axis axis_of(const struct qnt_step *s, int d)
{
    const qnt_node_attr *a = &s->node->attr;
    return (struct axis){s->in[0]->dim[d], s->out->dim[d], (double)a->scale[d], a->position, a->rounding};
}

/* Where output o lies; whole numbers stay below 2^42. */
static double place(const struct axis *a, size_t o)
{
    const double in = (double)a->in, out = (double)a->out, at = (double)o;
    if (a->out == 1 && (a->position == QNT_RESIZE_ALIGN_CORNERS || a->position == QNT_RESIZE_PYTORCH_HALF_PIXEL))
        return 0.0;
    if (a->position == QNT_RESIZE_ALIGN_CORNERS)
        return at * (in - 1.0) / (out - 1.0);
    if (a->position == QNT_RESIZE_ASYMMETRIC)
        return a->scale > 0.0 ? at / a->scale : at * in / out;
    return a->scale > 0.0 ? (at + 0.5) / a->scale - 0.5 : ((2.0 * at + 1.0) * in - out) / (2.0 * out);
}

static double within(const struct axis *a, double x)
{
    return x < 0.0 ? 0.0 : x > (double)(a->in - 1) ? (double)(a->in - 1) : x;
}

static size_t nearest(const struct axis *a, size_t o)
{
    const double x = place(a, o);
    switch ((qnt_resize_rounding)a->rounding) {
    case QNT_RESIZE_PREFER_FLOOR:
        return (size_t)within(a, ceil(x - 0.5));
    case QNT_RESIZE_PREFER_CEIL:
        return (size_t)within(a, floor(x + 0.5));
    case QNT_RESIZE_FLOOR:
        return (size_t)within(a, floor(x));
    case QNT_RESIZE_CEIL:
        break;
    }
    return (size_t)within(a, ceil(x));
}

static struct qnt_bilinear between(const struct axis *a, size_t o)
{
    const double x = within(a, place(a, o)), part = x - floor(x);
    const size_t left = (size_t)x;
    return (struct qnt_bilinear){left, left + 1 < a->in ? left + 1 : left, (int32_t)rint(part * QNT_BILINEAR_ONE),
                                 (float)part};
}

static qnt_status make_tables(const qnt_ctx *ctx, const struct qnt_step *s, struct state *st)
{
    const struct axis h = axis_of(s, 0), w = axis_of(s, 1);
    const bool linear = s->node->attr.mode == QNT_RESIZE_LINEAR;
    if (!(st->row = qnt_alloc_array(ctx, h.out, sizeof *st->row, s->node->name)))
        return QNT_ERR_NOMEM;
    for (size_t y = 0; y < h.out; y++)
        st->row[y] = linear ? between(&h, y) : (struct qnt_bilinear){.left = nearest(&h, y)};
    if (!linear) {
        if (!(st->at = qnt_alloc_array(ctx, w.out, sizeof *st->at, s->node->name)))
            return QNT_ERR_NOMEM;
        for (size_t x = 0; x < w.out; x++)
            st->at[x] = nearest(&w, x) * st->pixel;
        return QNT_OK;
    }
    if (!(st->column = qnt_alloc_array(ctx, w.out, sizeof *st->column, s->node->name)))
        return QNT_ERR_NOMEM;
    for (size_t x = 0; x < w.out; x++) {
        st->column[x] = between(&w, x);
        st->column[x].left *= st->channels;
        st->column[x].right *= st->channels;
    }
    return QNT_OK;
}

static qnt_status create(const qnt_ctx *ctx, struct qnt_step *s)
{
    struct state *st = s->state = qnt_alloc(ctx, sizeof *st, s->node->name);
    if (!st)
        return QNT_ERR_NOMEM;
    st->channels = s->in[0]->dim[2];
    st->pixel = st->channels * qnt_dtype_size(s->out->type);
    if (s->node->attr.mode == QNT_RESIZE_NEAREST)
        s->variant = QNT_VARIANT_OF(st->gather = ctx->dsp.gather_rows);
    else if (s->out->type == QNT_S8)
        s->variant = QNT_VARIANT_OF(st->linear_s8 = ctx->dsp.bilinear_s8);
    else
        s->variant = QNT_VARIANT_OF(st->linear_f32 = ctx->dsp.bilinear_f32);
    return make_tables(ctx, s, st);
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    const struct qnt_tensor *x = s->in[0], *y = s->out;
    qnt_status status = s->state ? QNT_OK : create(ctx, s);
    struct state *st = s->state;
    (void)max_batch;
    if (status)
        return status;
    if (st->gather)
        return qnt_same_codes(s->node, x, y);
    if (y->type != QNT_S8)
        return QNT_OK;
    if ((status = qnt_check_quant(s->node, x)) || (status = qnt_check_quant(s->node, y)))
        return status;
    st->factor = x->scale[0] / y->scale[0] * (1.0f / QNT_BILINEAR_ONE);
    if (!isfinite(st->factor))
        return qnt_fail(QNT_ERR_RANGE, "node '%s': scales %g (input) / %g (output) are not finite", s->node->name,
                        (double)x->scale[0], (double)y->scale[0]);
    qnt_requant_bounds(s, &st->rq);
    st->rq.scale = &st->factor;
    return QNT_OK;
}

static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    const size_t width = s->out->dim[1], in_line = s->in[0]->dim[1] * st->pixel, out_line = width * st->pixel;
    const uint8_t *src = qnt_step_in(s, x);
    size_t i, end;
    qnt_share(x->batch * s->out->dim[0], x->part, x->parts, &i, &end);
    for (; i < end; i++) {
        const struct qnt_bilinear *row = &st->row[i % s->out->dim[0]];
        const uint8_t *image = src + i / s->out->dim[0] * s->in[0]->dim[0] * in_line;
        const uint8_t *top = image + row->left * in_line, *bottom = image + row->right * in_line;
        uint8_t *dst = (uint8_t *)qnt_step_out(s, x) + i * out_line;
        if (st->gather)
            st->gather(top, st->at, dst, width, st->pixel);
        else if (st->linear_s8)
            st->linear_s8((const int8_t *)top, (const int8_t *)bottom, (int8_t *)dst, width, st->channels, st->column,
                          row->code, s->in[0]->zero, &st->rq);
        else
            st->linear_f32((const float *)(const void *)top, (const float *)(const void *)bottom, (float *)(void *)dst,
                           width, st->channels, st->column, row->part);
    }
}

/* Gradient of one pixel: to the nearest one, or to four by their weights. */
static void back_pixel(const struct qnt_step *s, const float *dy, float *image, size_t y, size_t x)
{
    const struct state *st = s->state;
    const size_t c = st->channels, line = s->in[0]->dim[1] * c;
    const struct qnt_bilinear *row = &st->row[y];
    if (st->gather) {
        float *to = image + row->left * line + st->at[x] / st->pixel * c;
        for (size_t k = 0; k < c; k++)
            to[k] += dy[k];
        return;
    }
    const struct qnt_bilinear *column = &st->column[x];
    for (int tap = 0; tap < 4; tap++) {
        const float v = tap < 2 ? 1.0f - row->part : row->part, h = tap % 2 ? column->part : 1.0f - column->part;
        float *to = image + (tap < 2 ? row->left : row->right) * line + (tap % 2 ? column->right : column->left);
        for (size_t k = 0; k < c; k++)
            to[k] += v * h * dy[k];
    }
}

static void backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    const size_t image = qnt_tensor_count(s->in[0]), h = s->out->dim[0], w = s->out->dim[1];
    const float *dy = g->delta[s->node->out];
    float *dx = g->delta[s->node->in[0]];
    if (!dx)
        return;
    if (!g->delta_set[s->node->in[0]])
        memset(dx, 0, g->batch * image * sizeof *dx);
    g->delta_set[s->node->in[0]] = 1;
    for (size_t i = 0; i < g->batch * h * w; i++, dy += s->out->dim[2])
        back_pixel(s, dy, dx + i / (h * w) * image, i / w % h, i % w);
}

static void release(const qnt_ctx *ctx, struct qnt_step *s)
{
    struct state *st = s->state;
    if (st) {
        qnt_release(ctx, st->row);
        qnt_release(ctx, st->column);
        qnt_release(ctx, st->at);
    }
    qnt_release(ctx, st);
}

const struct qnt_op_def qnt_op_resize = {.name = "resize",
                                         .min_in = 1,
                                         .max_in = 1,
                                         .rank = 3,
                                         .normalise = normalise,
                                         .infer = infer,
                                         .prepare = prepare,
                                         .run = run,
                                         .backward = backward,
                                         .release = release};
