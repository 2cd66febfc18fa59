/* Binary products. Each thread packs the signs of the lines it needs, image by image, into its scratch, unless the
 * input is bits already; rows of a product are output pixels, its elements bytes of eight channels. One product per
 * group. */
#include <math.h>
#include <string.h>
#include "binary.h"
#include "infer.h"
#include "lib/quant/fake.h"
#include "linear.h"
#include "requant.h"
#include "step.h"

struct state {
    struct qnt_conv_geom geom, bits; /* bits: of the packed image, c in bytes */
    const struct qnt_gemm *g;
    qnt_binarize_f32_fn *binarize_f32;
    qnt_binarize_s8_fn *binarize_s8;
    size_t cg, og, k;           /* of one group: channels, outputs, bytes of a row */
    size_t pixels, lines_bytes; /* output pixels of an image; bytes of the packed image, padded */
    uint8_t *signs, *packed;    /* weights as bits, and as the tiles read them */
    size_t packed_group;        /* bytes of one group */
    int8_t *codes;              /* of float weights */
    float *scale;               /* of the sums, by channel */
    int8_t *threshold;          /* s8 input: its zero point, by channel */
    uint8_t *zero_row;
    int32_t *bias;
    float *factor;
    struct qnt_binary_pad pad;
    struct qnt_requant rq;
    bool matrix;      /* one pixel and one tap: images are the rows of one product */
    bool odd_padding; /* the bytes of a padded tap differ: the last one has bits past the channels */
};

void qnt_binary_weights(const struct qnt_dsp *dsp, const float *w, size_t channels, size_t fan_in, int8_t *codes,
                        float *scale)
{
    for (size_t c = 0; c < channels; c++, w += fan_in, codes += fan_in) {
        scale[c] = qnt_weight_scale(dsp, w, fan_in, 1, 1e-12f);
        qnt_weight_codes(w, fan_in, 1, scale[c], codes);
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
    if (qnt_mul_overflows(g->kh * g->kw, g->c / g->groups, &k) || k >= most / 4)
        return qnt_fail(QNT_ERR_RANGE, "node '%s': sums of %zu x %zu x %zu values, expected less than 2^29",
                        s->node->name, g->kh, g->kw, g->c / g->groups);
    return QNT_OK;
}

static qnt_status allocate(const qnt_ctx *ctx, const struct qnt_step *s, struct state *st, size_t max_batch)
{
    const struct qnt_conv_geom *g = &st->geom;
    const char *name = s->node->name;
    size_t images = st->matrix ? max_batch : 1;
    if (qnt_mul_overflows(g->h * g->w * st->bits.c, images, &st->lines_bytes))
        return qnt_fail(QNT_ERR_RANGE, "node '%s': too large", name);
    st->lines_bytes = qnt_is_bits(s->in[0]) ? 0 : qnt_round_up(st->lines_bytes, 64);
    st->packed_group = qnt_round_up(qnt_gemm_packed_bytes(st->g, st->og, st->k), 64);
    if (!(st->signs = qnt_alloc_array(ctx, g->oc, st->k, name)) ||
        !(st->packed = qnt_alloc_array(ctx, g->groups, st->packed_group, name)) ||
        !(st->threshold = qnt_alloc(ctx, g->c, name)) || !(st->zero_row = qnt_alloc(ctx, (st->cg + 7) / 8, name)) ||
        !(st->bias = qnt_alloc_array(ctx, g->oc, sizeof *st->bias, name)) ||
        !(st->scale = qnt_alloc_array(ctx, g->oc, sizeof *st->scale, name)) ||
        !(st->factor = qnt_alloc_array(ctx, g->oc, sizeof *st->factor, name)))
        return QNT_ERR_NOMEM;
    if (s->in[1]->type == QNT_F32 && !(st->codes = qnt_alloc(ctx, qnt_tensor_count(s->in[1]), name)))
        return QNT_ERR_NOMEM;
    return s->node->attr.lo == 0.0f ? qnt_binary_pad_create(ctx, g, name, &st->pad) : QNT_OK;
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
    st->cg = g->c / g->groups;
    st->og = g->oc / g->groups;
    st->bits = *g;
    st->bits.c = g->groups * ((st->cg + 7) / 8);
    st->pixels = g->oh * g->ow;
    st->matrix =
        st->pixels == 1 && g->h * g->w == 1 && g->kh * g->kw == 1 && !g->pad_top && !g->pad_left && g->groups == 1;
    st->k = g->kh * g->kw * ((st->cg + 7) / 8);
    st->g = qnt_gemm_choose(&ctx->dsp.gemm_b1, max_batch * st->pixels, st->og, st->k);
    st->odd_padding = s->node->attr.lo < 0.0f && st->cg % 8;
    st->binarize_f32 = ctx->dsp.binarize_f32;
    st->binarize_s8 = ctx->dsp.binarize_s8;
    if ((status = allocate(ctx, s, st, max_batch)))
        return status;
    st->rq.scale = st->factor;
    st->rq.per_channel = 1;
    s->packed_bytes = g->groups * st->packed_group;
    s->scratch_bytes = st->lines_bytes + qnt_conv_s8_scratch_bytes(st->g, &st->bits);
    s->variant = qnt_variant_of_tile(st->g);
    return QNT_OK;
}

/* Bias and factors of the sums. */
static qnt_status prepare_channels(const struct qnt_step *s, struct state *st)
{
    const struct qnt_conv_geom *g = &st->geom;
    const struct qnt_tensor *b = s->node->n_in > 2 ? s->in[2] : NULL;
    const int32_t values = (int32_t)(g->kh * g->kw * st->cg);
    for (size_t c = 0; c < g->oc; c++) {
        int64_t sum = b && b->type == QNT_S32 ? (int64_t)((const int32_t *)b->data)[c] : 0;
        if ((sum < 0 ? -sum : sum) + 2 * (int64_t)values >= INT64_C(1) << 31)
            return qnt_fail(QNT_ERR_RANGE, "node '%s': channel %zu: a bias of %lld with sums of %d values",
                            s->node->name, c, (long long)sum, values);
        st->bias[c] = (int32_t)sum + values;
        st->factor[c] = st->scale[c];
        if (s->out->type == QNT_S8 && !qnt_is_bits(s->out))
            st->factor[c] /= s->out->scale[0];
        if (!(st->factor[c] >= 0.0f) || !isfinite(st->factor[c]))
            return qnt_fail(QNT_ERR_RANGE, "node '%s': channel %zu: the factor of the sums is %g", s->node->name, c,
                            (double)st->factor[c]);
    }
    return QNT_OK;
}

/* The value that a sum means is below 0: exactly what the tile and the next layer's comparison would say. */
static bool is_negative(const struct qnt_step *s, const struct state *st, size_t c, int32_t sum)
{
    const float *b = s->node->n_in > 2 ? s->in[2]->data : NULL;
    float v = (float)sum * st->factor[c];
    v = b ? v + b[c] : v;
    v = v < s->clamp_lo ? s->clamp_lo : v > s->clamp_hi ? s->clamp_hi : v;
    return v < 0.0f;
}

/* The factor is not negative, so each step from a sum to its sign keeps the order: one threshold a channel says it all.
 * Tiles give the signs of the sums, from which it is subtracted. */
static void prepare_thresholds(const struct qnt_step *s, struct state *st)
{
    const int32_t values = (int32_t)(st->geom.kh * st->geom.kw * st->cg);
    for (size_t c = 0; c < st->geom.oc; c++) {
        int32_t lo = -values, hi = values + 1; /* the least sum that is not negative, values + 1: none */
        while (lo < hi) {
            int32_t middle = lo + (hi - lo) / 2;
            if (is_negative(s, st, c, middle))
                lo = middle + 1;
            else
                hi = middle;
        }
        st->bias[c] -= lo;
    }
}

static void pack_weights(const qnt_ctx *ctx, const struct qnt_step *s, struct state *st)
{
    const struct qnt_conv_geom *g = &st->geom;
    const struct qnt_tensor *w = s->in[1];
    const int8_t *codes = st->codes ? st->codes : w->data;
    if (st->codes)
        qnt_binary_weights(&ctx->dsp, w->data, g->oc, g->kh * g->kw * st->cg, st->codes, st->scale);
    for (size_t c = 0; !st->codes && c < g->oc; c++)
        st->scale[c] = w->scale[w->scales == 1 ? 0 : c];
    st->binarize_s8(codes, st->signs, g->oc * g->kh * g->kw, st->cg, NULL, NULL);
    for (size_t i = 0; i < g->groups; i++) {
        const struct qnt_operand rows = qnt_operand_rows(st->signs + i * st->og * st->k, st->k, st->k, 1);
        qnt_gemm_pack_w(st->g, &rows, st->og, st->k, st->packed + i * st->packed_group);
    }
    qnt_binary_pad_fill(&st->pad, g, codes);
}

qnt_status qnt_binary_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    qnt_status status = s->state ? QNT_OK : create(ctx, s, max_batch);
    struct state *st = s->state;
    if (!status && s->in[0]->type == QNT_S8 && !qnt_is_bits(s->in[0]))
        status = qnt_check_quant(s->node, s->in[0]);
    if (!status && s->out->type == QNT_S8 && !qnt_is_bits(s->out))
        status = qnt_check_quant(s->node, s->out);
    if (status)
        return status;
    pack_weights(ctx, s, st);
    if ((status = prepare_channels(s, st)))
        return status;
    memset(st->threshold, s->in[0]->zero, st->geom.c);
    for (size_t c = 0; c < st->cg; c++) /* a padded tap: bits of 0, or all -1 */
        st->zero_row[c / 8] |= (uint8_t)((s->node->attr.lo < 0.0f) << c % 8);
    if (qnt_is_bits(s->out))
        prepare_thresholds(s, st);
    else if (s->out->type == QNT_S8)
        qnt_requant_bounds(s, &st->rq);
    return QNT_OK;
}

/* Signs of input pixels [first, first + n), counted through the batch. Groups are rows: each begins a byte. */
static void pack_signs(const struct qnt_step *s, const struct qnt_exec *x, size_t first, size_t n, uint8_t *to)
{
    const struct state *st = s->state;
    const size_t c = st->geom.c, rows = n * st->geom.groups;
    if (s->in[0]->type == QNT_F32)
        st->binarize_f32((const float *)qnt_step_in(s, x) + first * c, to, rows, st->cg, NULL, NULL);
    else
        st->binarize_s8((const int8_t *)qnt_step_in(s, x) + first * c, to, rows, st->cg, st->threshold, NULL);
}

/* The image's signs: packed here for output lines of [r0, r1), or as they came. */
static const uint8_t *image_signs(const struct qnt_step *s, const struct qnt_exec *x, size_t image, size_t r0,
                                  size_t r1)
{
    const struct state *st = s->state;
    const struct qnt_conv_geom *g = &st->geom;
    size_t y0 = r0 / g->ow * g->stride_h, y1 = (r1 - 1) / g->ow * g->stride_h + (g->kh - 1) * g->dil_h + 1;
    if (qnt_is_bits(s->in[0]))
        return (const uint8_t *)qnt_step_in(s, x) + image * g->h * g->w * st->bits.c;
    y0 = y0 > g->pad_top ? y0 - g->pad_top : 0;
    y1 = y1 > g->pad_top ? y1 - g->pad_top : 0;
    y0 = y0 < g->h ? y0 : g->h;
    y1 = y1 < g->h ? y1 : g->h;
    if (y0 < y1)
        pack_signs(s, x, (image * g->h + y0) * g->w, (y1 - y0) * g->w, x->scratch + y0 * g->w * st->bits.c);
    return x->scratch;
}

static int32_t kind_of(const struct qnt_tensor *out)
{
    return out->type == QNT_F32 ? QNT_EPI_F32 : qnt_is_bits(out) ? QNT_EPI_BITS : QNT_EPI_S8;
}

/* The product of one group, but for its operand; `out` is where row 0 begins. The epilogue is *e. */
static struct qnt_gemm_call product(const struct qnt_step *s, size_t group, uint8_t *out, struct qnt_epilogue *e)
{
    const struct state *st = s->state;
    const size_t first = group * st->og, oc = st->geom.oc;
    const int32_t kind = kind_of(s->out);
    *e = (struct qnt_epilogue){.kind = kind,
                               .bias = st->bias + first,
                               .lo = s->clamp_lo,
                               .hi = s->clamp_hi,
                               .rq = st->rq,
                               .row_bias = st->pad.row_bias ? st->pad.row_bias + group * st->pixels : NULL};
    e->rq.scale += first;
    if (kind == QNT_EPI_F32 && s->node->n_in > 2)
        e->bias_f32 = (const float *)s->in[2]->data + first;
    return (struct qnt_gemm_call){.g = st->g,
                                  .packed_w = st->packed + group * st->packed_group,
                                  .m = st->pixels,
                                  .n = st->og,
                                  .k = st->k,
                                  .c = out + (kind == QNT_EPI_F32    ? first * sizeof(float)
                                              : kind == QNT_EPI_BITS ? first / 8
                                                                     : first),
                                  .ldc = kind == QNT_EPI_BITS ? (oc + 7) / 8 : oc,
                                  .e = e};
}

/* Output pixels [r0, r1) of one image from its signs. */
static void convolve(const struct qnt_step *s, const struct qnt_exec *x, const uint8_t *signs, size_t r0, size_t r1,
                     uint8_t *out)
{
    const struct state *st = s->state;
    uint8_t *scratch = x->scratch + st->lines_bytes;
    struct qnt_epilogue e;
    for (size_t i = 0; i < st->geom.groups; i++) {
        const struct qnt_conv_src src = {.geom = &st->bits, .zero_row = st->zero_row, .group = i};
        struct qnt_gemm_call call = product(s, i, out, &e);
        if (!st->odd_padding) {
            qnt_conv_s8_run(&call, signs, &src, r0, r1, scratch);
            continue;
        }
        call.a = qnt_operand_im2col(signs, &src, 1);
        qnt_gemm_run(&call, r0, r1, scratch);
    }
}

/* Bytes of one output row. */
static size_t row_bytes(const struct qnt_step *s)
{
    const size_t oc = ((const struct state *)s->state)->geom.oc;
    return qnt_is_bits(s->out) ? (oc + 7) / 8 : oc * qnt_dtype_size(s->out->type);
}

void qnt_binary_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    const size_t row = row_bytes(s);
    uint8_t *out = qnt_step_out(s, x);
    size_t r0, r1;
    qnt_share(x->batch * st->pixels, x->part, x->parts, &r0, &r1);
    if (st->matrix && r0 < r1) {
        const uint8_t *signs = x->scratch;
        struct qnt_epilogue e;
        struct qnt_gemm_call call = product(s, 0, out + r0 * row, &e);
        if (qnt_is_bits(s->in[0]))
            signs = (const uint8_t *)qnt_step_in(s, x) + r0 * st->k;
        else
            pack_signs(s, x, r0, r1 - r0, x->scratch);
        call.a = qnt_operand_rows(signs, st->k, st->k, 1);
        call.m = r1 - r0;
        qnt_gemm_run(&call, 0, r1 - r0, x->scratch + st->lines_bytes);
        return;
    }
    for (size_t end; r0 < r1; r0 = end) {
        const size_t image = r0 / st->pixels, first = image * st->pixels;
        end = first + st->pixels < r1 ? first + st->pixels : r1;
        const uint8_t *signs = image_signs(s, x, image, r0 - first, end - first);
        convolve(s, x, signs, r0 - first, end - first, out + first * row);
    }
}

void qnt_binary_release(const qnt_ctx *ctx, struct qnt_step *s)
{
    struct state *st = s->state;
    if (!st)
        return;
    void *all[] = {st->signs, st->packed, st->codes, st->scale, st->threshold, st->zero_row, st->bias, st->factor};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        qnt_release(ctx, all[i]);
    qnt_binary_pad_release(ctx, &st->pad);
    qnt_release(ctx, st);
}
