/* Pools over NHWC images. Padding is not there: a window is clipped to its taps inside the image, and an average counts
 * these alone (ONNX: count_include_pad = 0) or, with QNT_POOL_COUNT_PADDING, its taps inside image and padding: their
 * zeros change only what the sum is divided by. Along an output line all windows but those near the ends have the same
 * size: the kernel takes them in one call. s8 averages: sum of (x - zero), then y = clamp(rne(sum * M) + zero) with
 * M = (sx / sy) / taps in float32. */
#include <math.h>
#include "infer.h"
#include "pool.h"
#include "requant.h"
#include "step.h"

enum { MAX_TAPS = 1 << 16, BLOCK = 64 /* channels that threads do not share: a line of the cache, of codes */ };

/* One axis. */
struct axis {
    size_t in, out, kernel, stride, dilation, pad, pad_end;
    size_t inner0, inner1; /* outputs [inner0, inner1) have all their taps inside */
};

struct state {
    struct axis h, w;
    size_t c;
    qnt_maxpool_s8_fn *max_s8; /* one of the four */
    qnt_maxpool_f32_fn *max_f32;
    qnt_avgpool_s8_fn *average_s8;
    qnt_avgpool_f32_fn *average_f32;
    float ratio; /* average_s8: sx / sy */
    bool count_padding;
    struct qnt_requant rq;
};

static void find_inner(struct axis *a)
{
    size_t reach = (a->kernel - 1) * a->dilation + 1, last = a->in + a->pad; /* o * stride + reach <= last: inside */
    a->inner0 = (a->pad + a->stride - 1) / a->stride;
    a->inner1 = last < reach ? 0 : (last - reach) / a->stride + 1;
    a->inner0 = a->inner0 < a->inner1 ? a->inner0 : a->inner1;
}

/* Taps inside the image of output o: `count` of them, the first at position *at. At least one is (infer). */
static size_t clip(const struct axis *a, size_t o, size_t *at)
{
    size_t first = o * a->stride, skip = first < a->pad ? (a->pad - first + a->dilation - 1) / a->dilation : 0;
    *at = first + skip * a->dilation - a->pad;
    size_t room = (a->in - 1 - *at) / a->dilation + 1, left = a->kernel - skip;
    return left < room ? left : room;
}

/* Taps of output o inside image and padding. */
static size_t counted(const struct axis *a, size_t o)
{
    size_t room = (a->in + a->pad + a->pad_end - 1 - o * a->stride) / a->dilation + 1;
    return a->kernel < room ? a->kernel : room;
}

static void geometry(const struct qnt_step *s, struct state *st)
{
    const struct qnt_tensor *x = s->in[0], *y = s->out;
    const qnt_node_attr *a = &s->node->attr;
    st->c = x->dim[2];
    if (s->op == &qnt_op_global_avgpool || s->op == &qnt_op_global_maxpool) {
        st->h = (struct axis){.in = x->dim[0], .out = 1, .kernel = x->dim[0], .stride = 1, .dilation = 1};
        st->w = (struct axis){.in = x->dim[1], .out = 1, .kernel = x->dim[1], .stride = 1, .dilation = 1};
    } else {
        st->h =
            (struct axis){x->dim[0], y->dim[0], a->kernel[0], a->stride[0], a->dilation[0], a->pad[0], a->pad[2], 0, 0};
        st->count_padding = a->mode & QNT_POOL_COUNT_PADDING;
        st->w =
            (struct axis){x->dim[1], y->dim[1], a->kernel[1], a->stride[1], a->dilation[1], a->pad[1], a->pad[3], 0, 0};
    }
    find_inner(&st->h);
    find_inner(&st->w);
}

static void bind(const qnt_ctx *ctx, struct qnt_step *s, struct state *st, bool max)
{
    bool s8 = s->out->type == QNT_S8;
    if (max && s8)
        s->variant = QNT_VARIANT_OF(st->max_s8 = ctx->dsp.maxpool_s8);
    else if (max)
        s->variant = QNT_VARIANT_OF(st->max_f32 = ctx->dsp.maxpool_f32);
    else if (s8)
        s->variant = QNT_VARIANT_OF(st->average_s8 = ctx->dsp.avgpool_s8);
    else
        s->variant = QNT_VARIANT_OF(st->average_f32 = ctx->dsp.avgpool_f32);
}

static qnt_status begin(const qnt_ctx *ctx, struct qnt_step *s, bool max)
{
    struct state *st = s->state;
    if (st)
        return QNT_OK;
    if (!(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    geometry(s, st);
    bind(ctx, s, st, max);
    return QNT_OK;
}

qnt_status qnt_maxpool_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    (void)max_batch;
    qnt_status status = begin(ctx, s, true);
    return status ? status : qnt_same_codes(s->node, s->in[0], s->out);
}

qnt_status qnt_avgpool_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    (void)max_batch;
    const struct qnt_tensor *x = s->in[0], *y = s->out;
    qnt_status status = begin(ctx, s, false);
    if (status || y->type != QNT_S8)
        return status;
    struct state *st = s->state;
    if ((status = qnt_check_quant(s->node, x)) || (status = qnt_check_quant(s->node, y)))
        return status;
    if (st->h.kernel > MAX_TAPS || st->w.kernel > MAX_TAPS || st->h.kernel * st->w.kernel > MAX_TAPS)
        return qnt_fail(QNT_ERR_RANGE, "node '%s': averages of %zu x %zu codes, at most %d are exact", s->node->name,
                        st->h.kernel, st->w.kernel, MAX_TAPS);
    st->ratio = x->scale[0] / y->scale[0];
    if (!isfinite(st->ratio))
        return qnt_fail(QNT_ERR_RANGE, "node '%s': scales %g (input) / %g (output) are not finite", s->node->name,
                        (double)x->scale[0], (double)y->scale[0]);
    qnt_requant_bounds(s, &st->rq);
    return QNT_OK;
}

/* As the kernel, but divided by `count`: for the windows at the border. */
static void average_of(const struct qnt_window *w, const float *x, float *y, size_t ldy, size_t count)
{
    for (size_t p = 0; p < w->pixels; p++, x += w->step, y += ldy) {
        for (size_t c = 0; c < w->channels; c++)
            y[c] = 0.0f;
        for (size_t i = 0; i < w->kh; i++)
            for (size_t j = 0; j < w->kw; j++)
                for (size_t c = 0; c < w->channels; c++)
                    y[c] += x[i * w->row + j * w->col + c];
        for (size_t c = 0; c < w->channels; c++) {
            const float v = y[c] / (float)count;
            y[c] = v != v ? __builtin_nanf("") : v;
        }
    }
}

/* `pixels` outputs from (iy, ix) on, kh x kw taps each; averages over `count`. */
static void windows(const struct qnt_step *s, const struct qnt_exec *x, size_t in, size_t out,
                    const struct qnt_window *w, size_t count)
{
    const struct state *st = s->state;
    const void *from = qnt_step_in(s, x);
    void *to = qnt_step_out(s, x);
    if (st->max_s8) {
        st->max_s8((const int8_t *)from + in, (int8_t *)to + out, st->c, w);
    } else if (st->max_f32) {
        st->max_f32((const float *)from + in, (float *)to + out, st->c, w);
    } else if (st->average_f32) {
        if (count == w->kh * w->kw)
            st->average_f32((const float *)from + in, (float *)to + out, st->c, w);
        else
            average_of(w, (const float *)from + in, (float *)to + out, st->c, count);
    } else {
        struct qnt_requant rq = st->rq;
        float factor = st->ratio / (float)count;
        rq.scale = &factor;
        st->average_s8((const int8_t *)from + in, (int8_t *)to + out, st->c, w, s->in[0]->zero, &rq);
    }
}

/* One thread's lines of output, and channels of these. */
struct share {
    size_t line0, line1, c0, c1;
};

/* Lines, or where there are fewer of them than threads, as for a global pool, channels. */
static struct share share_of(const struct state *st, const struct qnt_exec *x)
{
    struct share s = {.line1 = x->batch * st->h.out, .c1 = st->c};
    if (s.line1 >= x->parts) {
        qnt_share(s.line1, x->part, x->parts, &s.line0, &s.line1);
        return s;
    }
    qnt_share((st->c + BLOCK - 1) / BLOCK, x->part, x->parts, &s.c0, &s.c1);
    s.c0 = qnt_least(s.c0 * BLOCK, st->c);
    s.c1 = qnt_least(s.c1 * BLOCK, st->c);
    return s;
}

void qnt_pool_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    const struct axis *h = &st->h, *v = &st->w;
    const struct share own = share_of(st, x);
    struct qnt_window w = {.row = h->dilation * v->in * st->c,
                           .col = v->dilation * st->c,
                           .step = v->stride * st->c,
                           .channels = own.c1 - own.c0};
    for (size_t line = own.line0; line < own.line1 && w.channels; line++) {
        size_t iy, ix, count, top = line / h->out * h->in;
        w.kh = clip(h, line % h->out, &iy);
        for (size_t ox = 0; ox < v->out; ox += count) {
            count = ox == v->inner0 && v->inner1 > ox ? v->inner1 - ox : 1;
            w.kw = clip(v, ox, &ix);
            w.pixels = count;
            const size_t taps = st->count_padding ? counted(h, line % h->out) * counted(v, ox) : w.kh * w.kw;
            windows(s, x, ((top + iy) * v->in + ix) * st->c + own.c0, (line * v->out + ox) * st->c + own.c0, &w, taps);
        }
    }
}
