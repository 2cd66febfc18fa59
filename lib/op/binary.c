/* Binary products. Each thread packs the signs of the lines it needs, image by image, into its scratch; rows of a
 * product are output pixels, its elements bytes of eight channels. Padding bits are 0, which is +1: what they give is
 * taken back by terms that pixels with the same taps outside share. */
#include <math.h>
#include <string.h>
#include "binary.h"
#include "infer.h"
#include "linear.h"
#include "requant.h"
#include "step.h"

struct state {
    struct qnt_conv_geom geom, bits; /* bits: of the packed image, c in bytes */
    const struct qnt_gemm *g;
    qnt_binarize_f32_fn *binarize_f32;
    qnt_binarize_s8_fn *binarize_s8;
    size_t k, pixels, lines_bytes; /* bytes of a row; output pixels of an image; bytes of the packed image, padded */
    uint8_t *signs, *packed;       /* weights as bits, and as the tiles read them */
    int8_t *threshold;             /* s8 input: its zero point, by channel */
    uint8_t *zero_row;
    int32_t *bias;
    float *factor;
    size_t kinds_y, kinds_x;  /* of taps outside, by line and column; kind 0: none */
    int32_t *terms;           /* [kinds_y][kinds_x][oc] */
    const int32_t **row_bias; /* by output pixel; NULL: no padding */
    struct qnt_requant rq;
    bool matrix; /* one pixel and one tap: images are the rows of one product */
};

/* One axis: window o has taps [lo, hi) inside. */
struct axis {
    size_t size, outputs, taps, stride, dilation, pad;
};
struct inside {
    size_t lo, hi;
};

static struct inside inside_of(const struct axis *a, size_t o)
{
    struct inside in = {0, 0};
    for (size_t t = 0; t < a->taps; t++) {
        size_t at = o * a->stride + t * a->dilation;
        in.lo += at < a->pad;
        in.hi += at < a->pad + a->size;
    }
    return in;
}

static struct axis axis_y(const struct qnt_conv_geom *g)
{
    return (struct axis){g->h, g->oh, g->kh, g->stride_h, g->dil_h, g->pad_top};
}

static struct axis axis_x(const struct qnt_conv_geom *g)
{
    return (struct axis){g->w, g->ow, g->kw, g->stride_w, g->dil_w, g->pad_left};
}

/* The kind of window `o` when the one before it was of kind `kind`: 0 for all taps inside, else the same or a new one.
 */
static size_t next_kind(const struct axis *a, size_t o, size_t kind, size_t *kinds)
{
    struct inside in = inside_of(a, o);
    if (in.lo == 0 && in.hi == a->taps)
        return 0;
    if (o && kind) {
        struct inside before = inside_of(a, o - 1);
        if (before.lo == in.lo && before.hi == in.hi)
            return kind;
    }
    return (*kinds)++;
}

static size_t count_kinds(struct axis a)
{
    size_t kinds = 1, kind = 0;
    for (size_t o = 0; o < a.outputs; o++)
        kind = next_kind(&a, o, kind, &kinds);
    return kinds;
}

/* What the padding of one kind of pixel gives, negated. */
static void pad_terms(const struct state *st, const int8_t *w, struct inside y, struct inside x, int32_t *terms)
{
    const struct qnt_conv_geom *g = &st->geom;
    for (size_t o = 0; o < g->oc; o++) {
        int32_t sum = 0;
        for (size_t ky = 0; ky < g->kh; ky++)
            for (size_t kx = 0; kx < g->kw; kx++) {
                const int8_t *tap = w + ((o * g->kh + ky) * g->kw + kx) * g->c;
                bool outside = ky < y.lo || ky >= y.hi || kx < x.lo || kx >= x.hi;
                for (size_t c = 0; outside && c < g->c; c++)
                    sum += tap[c];
            }
        terms[o] = -sum;
    }
}

/* Pixels of one kind lie together, so a kind is new where neither neighbour before it is of it. */
static void prepare_padding(const struct state *st, const int8_t *w)
{
    const struct qnt_conv_geom *g = &st->geom;
    const struct axis ay = axis_y(g), ax = axis_x(g);
    size_t kinds_y = 1, kind_y = 0;
    for (size_t oy = 0; oy < g->oh; oy++) {
        const int32_t **row = st->row_bias + oy * g->ow, **above = oy ? row - g->ow : NULL;
        size_t kinds_x = 1, kind_x = 0;
        kind_y = next_kind(&ay, oy, kind_y, &kinds_y);
        for (size_t ox = 0; ox < g->ow; ox++) {
            kind_x = next_kind(&ax, ox, kind_x, &kinds_x);
            int32_t *terms = kind_y || kind_x ? st->terms + (kind_y * st->kinds_x + kind_x) * g->oc : NULL;
            row[ox] = terms;
            if (terms && !(ox && row[ox - 1] == terms) && !(above && above[ox] == terms))
                pad_terms(st, w, inside_of(&ay, oy), inside_of(&ax, ox), terms);
        }
    }
}

static qnt_status check_sizes(const struct qnt_step *s, const struct qnt_conv_geom *g, size_t max_batch)
{
    const size_t most = (size_t)1 << 31, all[] = {g->h, g->w, g->c, g->oh, g->ow, g->oc, g->kh, g->kw};
    size_t rows, k;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] >= most)
            return qnt_fail(QNT_ERR_RANGE, "node '%s': a size of %zu, expected less than 2^31", s->node->name, all[i]);
    if (qnt_mul_overflows(g->oh * g->ow, max_batch, &rows) || rows >= most)
        return qnt_fail(QNT_ERR_RANGE, "node '%s': %zu images of %zu x %zu outputs, expected less than 2^31 pixels",
                        s->node->name, max_batch, g->oh, g->ow);
    if (qnt_mul_overflows(g->kh * g->kw, g->c, &k) || k >= most / 4)
        return qnt_fail(QNT_ERR_RANGE, "node '%s': sums of %zu x %zu x %zu values, expected less than 2^29",
                        s->node->name, g->kh, g->kw, g->c);
    return QNT_OK;
}

static qnt_status allocate(const qnt_ctx *ctx, const struct qnt_step *s, struct state *st, size_t max_batch)
{
    const struct qnt_conv_geom *g = &st->geom;
    const char *name = s->node->name;
    size_t images = st->matrix ? max_batch : 1, row;
    if (qnt_mul_overflows(g->h * g->w * st->bits.c, images, &st->lines_bytes) ||
        qnt_mul_overflows(g->oc, sizeof(int32_t), &row))
        return qnt_fail(QNT_ERR_RANGE, "node '%s': too large", name);
    st->lines_bytes = qnt_round_up(st->lines_bytes, 64);
    if (!(st->signs = qnt_alloc_array(ctx, g->oc, st->k, name)) ||
        !(st->packed = qnt_alloc(ctx, qnt_gemm_packed_bytes(st->g, g->oc, st->k), name)) ||
        !(st->threshold = qnt_alloc(ctx, g->c, name)) || !(st->zero_row = qnt_alloc(ctx, st->bits.c, name)) ||
        !(st->bias = qnt_alloc_array(ctx, g->oc, sizeof *st->bias, name)) ||
        !(st->factor = qnt_alloc_array(ctx, g->oc, sizeof *st->factor, name)))
        return QNT_ERR_NOMEM;
    st->kinds_y = count_kinds(axis_y(g));
    st->kinds_x = count_kinds(axis_x(g));
    if (st->kinds_y * st->kinds_x > 1 &&
        (!(st->terms = qnt_alloc_array(ctx, st->kinds_y * st->kinds_x, row, name)) ||
         !(st->row_bias = qnt_alloc_array(ctx, st->pixels, sizeof *st->row_bias, name))))
        return QNT_ERR_NOMEM;
    return QNT_OK;
}

static qnt_status create(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = qnt_alloc(ctx, sizeof *st, s->node->name);
    if (!(s->state = st))
        return QNT_ERR_NOMEM;
    struct qnt_conv_geom *g = &st->geom;
    *g = qnt_linear_geometry(s);
    qnt_status status = check_sizes(s, g, max_batch);
    if (status)
        return status;
    st->bits = *g;
    st->bits.c = (g->c + 7) / 8;
    st->pixels = g->oh * g->ow;
    st->matrix = st->pixels == 1 && g->h * g->w == 1 && g->kh * g->kw == 1 && !g->pad_top && !g->pad_left;
    st->k = g->kh * g->kw * st->bits.c;
    st->g = qnt_gemm_choose(&ctx->dsp.gemm_b1, max_batch * st->pixels, g->oc, st->k);
    st->binarize_f32 = ctx->dsp.binarize_f32;
    st->binarize_s8 = ctx->dsp.binarize_s8;
    if ((status = allocate(ctx, s, st, max_batch)))
        return status;
    st->rq.scale = st->factor;
    st->rq.per_channel = 1;
    s->scratch_bytes = st->lines_bytes + qnt_gemm_scratch_bytes(st->g, st->k, g->kh * g->kw);
    s->variant = qnt_variant_of_tile(st->g);
    return QNT_OK;
}

/* Bias and factors of the sums. */
static qnt_status prepare_channels(const struct qnt_step *s, struct state *st)
{
    const struct qnt_conv_geom *g = &st->geom;
    const struct qnt_tensor *w = s->in[1], *b = s->node->n_in > 2 ? s->in[2] : NULL;
    const int32_t values = (int32_t)(g->kh * g->kw * g->c);
    for (size_t c = 0; c < g->oc; c++) {
        int64_t sum = b && b->type == QNT_S32 ? (int64_t)((const int32_t *)b->data)[c] : 0;
        if ((sum < 0 ? -sum : sum) + 2 * (int64_t)values >= INT64_C(1) << 31)
            return qnt_fail(QNT_ERR_RANGE, "node '%s': channel %zu: a bias of %lld with sums of %d values",
                            s->node->name, c, (long long)sum, values);
        st->bias[c] = (int32_t)sum + values;
        st->factor[c] = w->scale[w->scales == 1 ? 0 : c];
        if (s->out->type == QNT_S8)
            st->factor[c] /= s->out->scale[0];
        if (!(st->factor[c] >= 0.0f) || !isfinite(st->factor[c]))
            return qnt_fail(QNT_ERR_RANGE, "node '%s': channel %zu: the factor of the sums is %g", s->node->name, c,
                            (double)st->factor[c]);
    }
    return QNT_OK;
}

qnt_status qnt_binary_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    qnt_status status = s->state ? QNT_OK : create(ctx, s, max_batch);
    struct state *st = s->state;
    if (!status && s->in[0]->type == QNT_S8)
        status = qnt_check_quant(s->node, s->in[0]);
    if (!status && s->out->type == QNT_S8)
        status = qnt_check_quant(s->node, s->out);
    if (status || (status = prepare_channels(s, st)))
        return status;
    const struct qnt_conv_geom *g = &st->geom;
    const struct qnt_operand rows = qnt_operand_rows(st->signs, st->k, st->k, 1);
    st->binarize_s8(s->in[1]->data, st->signs, g->oc * g->kh * g->kw, g->c, NULL, NULL);
    qnt_gemm_pack_w(st->g, &rows, g->oc, st->k, st->packed);
    memset(st->threshold, s->in[0]->zero, g->c);
    if (st->row_bias)
        prepare_padding(st, s->in[1]->data);
    if (s->out->type == QNT_S8)
        qnt_requant_bounds(s, &st->rq);
    return QNT_OK;
}

/* Signs of input pixels [first, first + n), counted through the batch. */
static void pack_signs(const struct qnt_step *s, const struct qnt_exec *x, size_t first, size_t n, uint8_t *to)
{
    const struct state *st = s->state;
    const size_t c = st->geom.c;
    if (s->in[0]->type == QNT_S8)
        st->binarize_s8((const int8_t *)qnt_step_in(s, x) + first * c, to, n, c, st->threshold, NULL);
    else
        st->binarize_f32((const float *)qnt_step_in(s, x) + first * c, to, n, c, NULL, NULL);
}

/* Output pixels [r0, r1) of image `image`, whose first row of output is at `out`. */
static void run_image(const struct qnt_step *s, const struct qnt_exec *x, struct qnt_gemm_call *call, size_t image,
                      size_t r0, size_t r1)
{
    const struct state *st = s->state;
    const struct qnt_conv_geom *g = &st->geom;
    const struct qnt_conv_src src = {.geom = &st->bits, .zero_row = st->zero_row};
    size_t y0 = r0 / g->ow * g->stride_h, y1 = (r1 - 1) / g->ow * g->stride_h + (g->kh - 1) * g->dil_h + 1;
    y0 = y0 > g->pad_top ? y0 - g->pad_top : 0;
    y1 = y1 > g->pad_top ? y1 - g->pad_top : 0;
    y0 = y0 < g->h ? y0 : g->h;
    y1 = y1 < g->h ? y1 : g->h;
    if (y0 < y1)
        pack_signs(s, x, (image * g->h + y0) * g->w, (y1 - y0) * g->w, x->scratch + y0 * g->w * st->bits.c);
    call->a = qnt_operand_im2col(x->scratch, &src, 1);
    qnt_gemm_run(call, r0, r1, x->scratch + st->lines_bytes);
}

void qnt_binary_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    const size_t oc = st->geom.oc, size = s->out->type == QNT_S8 ? 1 : sizeof(float);
    struct qnt_epilogue e = {.kind = s->out->type == QNT_S8 ? QNT_EPI_S8 : QNT_EPI_F32,
                             .bias = st->bias,
                             .lo = s->clamp_lo,
                             .hi = s->clamp_hi,
                             .rq = st->rq,
                             .row_bias = st->row_bias};
    struct qnt_gemm_call call = {
        .g = st->g, .packed_w = st->packed, .n = oc, .k = st->k, .m = st->pixels, .ldc = oc, .e = &e};
    uint8_t *out = qnt_step_out(s, x);
    size_t r0, r1;
    if (s->out->type == QNT_F32 && s->node->n_in > 2)
        e.bias_f32 = s->in[2]->data;
    qnt_share(x->batch * st->pixels, x->part, x->parts, &r0, &r1);
    if (st->matrix) {
        pack_signs(s, x, r0, r1 - r0, x->scratch);
        call.a = qnt_operand_rows(x->scratch, st->k, st->k, 1);
        call.m = r1 - r0;
        call.c = out + r0 * oc * size;
        qnt_gemm_run(&call, 0, r1 - r0, x->scratch + st->lines_bytes);
        return;
    }
    for (size_t end; r0 < r1; r0 = end) {
        size_t image = r0 / st->pixels, first = image * st->pixels;
        end = first + st->pixels < r1 ? first + st->pixels : r1;
        call.c = out + first * oc * size;
        run_image(s, x, &call, image, r0 - first, end - first);
    }
}

void qnt_binary_release(const qnt_ctx *ctx, struct qnt_step *s)
{
    struct state *st = s->state;
    if (!st)
        return;
    void *all[] = {st->signs,    st->packed, st->threshold, st->zero_row, st->bias, st->factor, st->terms,
                   st->row_bias, st};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        qnt_release(ctx, all[i]);
}
