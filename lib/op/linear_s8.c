/* s8 convolutions: exact s32 sums of (x - zero) * w + bias, then y = clamp(rne(sum * factor[c]) + zero), or the sums.
 * Weights with zero points z[c]: w - z[c] where all of these are codes of 8 bits; else the sums of w are taken, and
 * from each z[c] times the sum of the row's x - zero.  Weights of up to 4 bits stay packed to 4, of up to 2 to 2: that
 * reads less memory, and unpacking costs little beside the products. The input's zero point is folded into the bias;
 * padding taps read codes of the zero point, so they add nothing. One product per group, whose rows are output pixels
 * of the whole batch; depthwise layers have a kernel of their own (on bytes, whatever the bits: a few weights for each
 * channel).
 */
#include <string.h>
#include "step.h"
#include "infer.h"
#include "lib/gemm/depthwise.h"
#include "lib/gemm/winograd.h"
#include "linear.h"
#include "requant.h"

enum { MAX_SUM = 1 << 16 /* longest sum the kernels promise to be exact for */, ROWS = 64 /* corrected at a time */ };

struct state {
    struct qnt_conv_geom geom;
    qnt_depthwise_s8_fn *depthwise; /* with what stages its lines, or NULL and: */
    qnt_copy_rows_fn *copy_rows;
    qnt_fill_rows_fn *fill_rows;
    const struct qnt_gemm *g;
    qnt_requantize_s32_s8_fn *requantize;
    size_t cg, og, k, packed_group; /* of one group: channels, outputs, length of a sum, bytes of packed weights */
    size_t winograd_images;         /* not 0: by Winograd where the weights allow it, chosen for so many images */
    size_t pixels, panels, panel;   /* of an image; of a group's packed weights; bytes of one */
    uint8_t *packed;
    bool sums;            /* the output is s32 */
    bool corrected;       /* by the rows' sums */
    int8_t *shifted;      /* weights without their zero points; NULL: they have none, or are corrected */
    size_t product_bytes; /* scratch of the products alone */
    int32_t *bias;        /* by output channel, zero points folded in; in sets */
    size_t bias_sets;
    float *factor; /* by output channel */
    int8_t *zero_row;
    struct qnt_requant rq;
};

static qnt_status check_sizes(const struct qnt_step *s, const struct state *st, size_t max_batch)
{
    const struct qnt_conv_geom *g = &st->geom;
    const size_t most = (size_t)1 << 31;
    const size_t all[] = {g->h, g->w, g->oh, g->ow, g->oc, st->k};
    size_t rows;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] >= most)
            return qnt_fail(QNT_ERR_RANGE, "node '%s': a size of %zu, expected less than 2^31", s->node->name, all[i]);
    if (qnt_mul_overflows(g->oh * g->ow, max_batch, &rows) || rows >= most)
        return qnt_fail(QNT_ERR_RANGE, "node '%s': %zu images of %zu x %zu outputs, expected less than 2^31 pixels",
                        s->node->name, max_batch, g->oh, g->ow);
    if (st->k > MAX_SUM)
        return qnt_fail(QNT_ERR_RANGE, "node '%s': sums of %zu products, at most %d are exact", s->node->name, st->k,
                        MAX_SUM);
    return QNT_OK;
}

/* Binary and ternary codes are among those of 2 bits. */
static const struct qnt_gemm_list *tiles_for(const qnt_ctx *ctx, uint32_t bits)
{
    return bits <= 2 ? &ctx->dsp.gemm_s2s8 : bits <= 4 ? &ctx->dsp.gemm_s4s8 : &ctx->dsp.gemm_s8;
}

static int32_t zero_of(const struct qnt_step *s, size_t c)
{
    if (s->node->n_in < 4)
        return 0;
    return ((const int32_t *)s->in[3]->data)[s->in[3]->dim[0] == 1 ? 0 : c];
}

/* Weights as they are multiplied. */
static const int8_t *weights_of(const struct qnt_step *s, const struct state *st)
{
    return st->shifted ? st->shifted : s->in[1]->data;
}

/* Takes the zero points off the weights, or says that the sums are to be corrected. */
static qnt_status shift_weights(const qnt_ctx *ctx, const struct qnt_step *s, struct state *st)
{
    const int8_t *w = s->in[1]->data;
    if (s->node->n_in < 4)
        return QNT_OK;
    if (!(st->shifted = qnt_alloc_array(ctx, st->geom.oc, st->k, s->node->name)))
        return QNT_ERR_NOMEM;
    for (size_t c = 0; c < st->geom.oc && !st->corrected; c++)
        for (size_t i = c * st->k; i < (c + 1) * st->k; i++) {
            const int32_t code = w[i] - zero_of(s, c);
            st->shifted[i] = (int8_t)code;
            st->corrected |= code != (int8_t)code;
        }
    if (st->corrected) {
        qnt_release(ctx, st->shifted);
        st->shifted = NULL;
    }
    return QNT_OK;
}

static size_t choose(const qnt_ctx *ctx, struct qnt_step *s, struct state *st, size_t max_batch)
{
    const struct qnt_conv_geom *g = &st->geom;
    st->bias_sets = 1;
    if (!st->sums && !st->corrected && qnt_depthwise_serves(g, 1)) {
        st->depthwise = ctx->dsp.depthwise_s8;
        st->copy_rows = ctx->dsp.copy_rows;
        st->fill_rows = ctx->dsp.fill_rows;
        s->scratch_bytes = qnt_depthwise_scratch_bytes(g);
        s->variant = QNT_VARIANT_OF(st->depthwise);
        return qnt_depthwise_packed_bytes(g);
    }
    st->g = qnt_gemm_choose(tiles_for(ctx, st->shifted ? 8 : s->in[1]->bits), max_batch * g->oh * g->ow, st->og, st->k);
    st->requantize = ctx->dsp.requantize_s32_s8;
    st->pixels = g->oh * g->ow;
    st->panels = (st->og + st->g->nr - 1) / st->g->nr;
    s->variant = qnt_variant_of_tile(st->g);
    st->bias_sets = qnt_conv_s8_bias_sets(st->g, g);
    st->packed_group = qnt_round_up(qnt_conv_s8_packed_bytes(st->g, g, st->og), 64);
    st->panel = qnt_conv_s8_packed_bytes(st->g, g, 1);
    s->scratch_bytes = st->product_bytes = qnt_round_up(qnt_conv_s8_scratch_bytes(st->g, g), 64);
    if (st->corrected)
        s->scratch_bytes += ROWS * (g->oc + g->groups) * sizeof(int32_t);
    if (st->corrected || s->small_weights || !qnt_winograd_choose(st->g, g, max_batch, NULL))
        return st->packed_group;
    st->winograd_images = max_batch;
    s->scratch_bytes = qnt_most(s->scratch_bytes, qnt_winograd_scratch_bytes(st->g, g));
    return qnt_most(st->packed_group, qnt_winograd_packed_bytes(st->g, g));
}

static qnt_status create(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = qnt_alloc(ctx, sizeof *st, s->node->name);
    if (!(s->state = st))
        return QNT_ERR_NOMEM;
    struct qnt_conv_geom *g = &st->geom;
    *g = qnt_linear_geometry(s);
    st->cg = g->c / g->groups;
    st->og = g->oc / g->groups;
    st->k = g->kh * g->kw * st->cg;
    qnt_status status = check_sizes(s, st, max_batch);
    if (status)
        return status;
    st->sums = s->out->type == QNT_S32;
    if ((status = shift_weights(ctx, s, st)))
        return status;
    const size_t bytes = choose(ctx, s, st, max_batch);
    if (!(st->packed = qnt_alloc_array(ctx, st->depthwise ? 1 : g->groups, bytes, s->node->name)) ||
        !(st->bias = qnt_alloc_array(ctx, st->bias_sets * g->oc, sizeof *st->bias, s->node->name)) ||
        !(st->factor = qnt_alloc_array(ctx, g->oc, sizeof *st->factor, s->node->name)) ||
        !(st->zero_row = qnt_alloc(ctx, st->cg, s->node->name)))
        return QNT_ERR_NOMEM;
    s->packed_bytes = (st->depthwise ? 1 : g->groups) * bytes;
    st->rq.scale = st->factor;
    st->rq.per_channel = 1;
    return QNT_OK;
}

/* |sum| <= k * max|x - zero| * max|w| + |bias| must stay below 2^31. Where that is too coarse, each channel's own
 * weights decide. */
static qnt_status check_range(const struct qnt_step *s, const struct state *st)
{
    const struct qnt_tensor *x = s->in[0], *w = s->in[1];
    const int32_t *bias = s->node->n_in > 2 ? s->in[2]->data : NULL;
    int64_t reach = x->zero < 0 ? 127 - x->zero : x->zero + 128, coarse = (int64_t)st->k * reach << (w->bits - 1);
    for (size_t c = 0; c < st->geom.oc; c++) {
        int64_t b = bias ? bias[c] : 0, sum = coarse, limit = INT64_C(1) << 31;
        b = b < 0 ? -b : b;
        if (s->node->n_in < 4 && sum + b < limit)
            continue;
        const int8_t *row = (const int8_t *)w->data + c * st->k;
        const int32_t zero = st->shifted ? zero_of(s, c) : 0;
        sum = 0;
        for (size_t i = 0; i < st->k; i++)
            sum += reach * (row[i] < zero ? zero - row[i] : row[i] - zero);
        if (st->corrected) /* its parts, and so the whole */
            sum += (int64_t)st->k * reach * (zero_of(s, c) < 0 ? -zero_of(s, c) : zero_of(s, c));
        if (sum + b >= limit)
            return qnt_fail(
                QNT_ERR_RANGE,
                "node '%s': channel %zu: sums of %zu products reach %lld with a bias of %lld, expected less "
                "than 2^31",
                s->node->name, c, st->k, (long long)(sum + b), (long long)b);
    }
    return QNT_OK;
}

static void pack(const qnt_ctx *ctx, struct qnt_step *s, struct state *st)
{
    const int8_t *w = weights_of(s, st);
    const int32_t *bias = s->node->n_in > 2 ? s->in[2]->data : NULL;
    memset(st->zero_row, s->in[0]->zero, st->cg);
    if (st->depthwise) {
        qnt_depthwise_pack(&st->geom, w, s->in[0]->zero, bias, (int8_t *)st->packed, st->bias);
        return;
    }
    s->winograd = st->winograd_images ? qnt_winograd_choose(st->g, &st->geom, st->winograd_images, w) : NULL;
    if (s->winograd) {
        qnt_winograd_pack_w(st->g, s->winograd, &st->geom, w, (int16_t *)(void *)st->packed);
        qnt_winograd_fold_bias(ctx, &st->geom, w, s->in[0]->zero, bias, st->bias);
        return;
    }
    for (size_t i = 0; i < st->geom.groups; i++)
        qnt_conv_s8_pack_w(st->g, &st->geom, w + i * st->og * st->k, st->og, st->packed + i * st->packed_group);
    qnt_conv_s8_fold_bias(ctx, st->g, &st->geom, w, st->geom.oc, s->in[0]->zero, bias, st->bias);
}

qnt_status qnt_linear_s8_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    qnt_status status = s->state ? QNT_OK : create(ctx, s, max_batch);
    struct state *st = s->state;
    if (status || (status = qnt_check_quant(s->node, s->in[0])) || (status = check_range(s, st)) ||
        (status = qnt_requant_check_bias(s, st->geom.oc)))
        return status;
    pack(ctx, s, st);
    if (st->sums)
        return QNT_OK;
    if ((status = qnt_check_quant(s->node, s->out)) || (status = qnt_requant_factors(s, st->geom.oc, st->factor)))
        return status;
    qnt_requant_bounds(s, &st->rq);
    return QNT_OK;
}

/* One thread's share of each group: rows, or whole panels of columns. */
struct share {
    size_t r0, r1, p0, c0, c1;
};

/* Rows cost each thread all weights, columns the packing of all rows, and whoever reads the results by rows gets them
 * from the caches of others. So the cut is made where the largest share is the least, when a tile counts one and so
 * does the reading of a panel of either operand, and of as many bytes of results. No dimension of weights is 0. */
static struct share share_of(const struct state *st, const struct qnt_exec *x)
{
    const size_t rows = x->batch * st->pixels, mr = st->g->mr, nr = st->g->nr, panels = st->panels, parts = x->parts;
    struct share s = {.r1 = rows, .c1 = st->og};
    if (parts == 1)
        return s;
    const size_t tiles = (rows + mr - 1) / mr, t = (tiles + parts - 1) / parts, p = (panels + parts - 1) / parts;
    const size_t results = t * (st->og - st->og / parts) / st->k;
    if (t * panels + t + panels <= tiles * p + tiles + p + results) {
        const size_t unit = st->g->m_least ? 1 : mr; /* tiles of fewer rows may cost less */
        qnt_share((rows + unit - 1) / unit, x->part, x->parts, &s.r0, &s.r1);
        s.r0 *= unit;
        s.r1 = qnt_least(s.r1 * unit, rows);
        return s;
    }
    qnt_share(panels, x->part, x->parts, &s.p0, &s.c1);
    s.c0 = s.p0 * nr;
    s.c1 = s.c1 * nr < st->og ? s.c1 * nr : st->og;
    return s;
}

/* The share of all groups into c (s8 or s32 by kind), ldc = all output channels. */
static void multiply(const struct qnt_step *s, const struct qnt_exec *x, int32_t kind, void *c, const struct share *own)
{
    const struct state *st = s->state;
    const struct qnt_conv_geom *g = &st->geom;
    size_t size = kind == QNT_EPI_S8 ? 1 : sizeof(int32_t);
    for (size_t i = 0; i < g->groups && own->r0 < own->r1 && own->c0 < own->c1; i++) {
        size_t first = i * st->og + own->c0;
        struct qnt_conv_src src = {
            .geom = g, .zero_row = st->zero_row, .group = i, .bias_sets = st->bias_sets, .bias_step = g->oc};
        struct qnt_epilogue e = {.kind = kind, .bias = st->bias + first, .rq = st->rq};
        e.rq.scale += first;
        struct qnt_gemm_call call = {.g = st->g,
                                     .packed_w = st->packed + i * st->packed_group + own->p0 * st->panel,
                                     .m = x->batch * st->pixels,
                                     .n = own->c1 - own->c0,
                                     .k = st->k,
                                     .c = (uint8_t *)c + first * size,
                                     .ldc = g->oc,
                                     .e = &e};
        qnt_conv_s8_run(&call, qnt_step_in(s, x), &src, own->r0, own->r1, x->scratch);
    }
}

/* The same by Winograd; returns the share, of output channels alone where it is asked for. */
static struct qnt_winograd_share winograd(const struct qnt_step *s, const struct qnt_exec *x, int32_t kind, void *c,
                                          bool channels)
{
    const struct state *st = s->state;
    const struct qnt_epilogue e = {.kind = kind, .bias = st->bias, .rq = st->rq};
    const struct qnt_winograd_call call = {.g = st->g,
                                           .way = s->winograd,
                                           .geom = &st->geom,
                                           .packed = (const int16_t *)(const void *)st->packed,
                                           .images = qnt_step_in(s, x),
                                           .zero_row = st->zero_row,
                                           .e = &e,
                                           .c = c};
    const struct qnt_winograd_share own = qnt_winograd_share_of(&call, x->batch, x->part, x->parts, channels);
    qnt_winograd_run(&call, &own, x->scratch);
    return own;
}

/* acc: NULL, or where the sums go. */
static void depthwise(const struct qnt_step *s, const struct qnt_exec *x, int32_t *acc)
{
    const struct state *st = s->state;
    const struct qnt_depthwise_call call = {.geom = &st->geom,
                                            .run = st->depthwise,
                                            .copy_rows = st->copy_rows,
                                            .fill_rows = st->fill_rows,
                                            .packed = (const int8_t *)st->packed,
                                            .folded = st->bias,
                                            .zero = st->zero_row[0],
                                            .rq = &st->rq};
    size_t line0, line1;
    qnt_share(x->batch * st->geom.oh, x->part, x->parts, &line0, &line1);
    qnt_depthwise_run(&call, qnt_step_in(s, x), qnt_step_out(s, x), acc, line0, line1, x->scratch);
}

/* Rows [r0, r1), at most ROWS: sums of products, less what the weights' zero points add. */
static void correct_rows(const struct qnt_step *s, const struct qnt_exec *x, size_t r0, size_t r1)
{
    const struct state *st = s->state;
    const size_t oc = st->geom.oc;
    const struct share own = {.r0 = r0, .r1 = r1, .c1 = st->og};
    int32_t *acc = (int32_t *)(void *)(x->scratch + st->product_bytes), *sum = acc + ROWS * oc;
    /* The product writes row r at r * oc; the first one here is r0. */
    multiply(s, x, QNT_EPI_S32, (void *)((uintptr_t)acc - r0 * oc * sizeof *acc), &own);
    for (size_t r = r0; r < r1; r++) {
        int32_t *row = acc + (r - r0) * oc;
        qnt_conv_s8_sum_row(&st->geom, qnt_step_in(s, x), s->in[0]->zero, r, sum);
        for (size_t c = 0; c < oc; c++)
            row[c] -= zero_of(s, c) * sum[c / st->og];
    }
    if (st->sums)
        memcpy((int32_t *)qnt_step_out(s, x) + r0 * oc, acc, (r1 - r0) * oc * sizeof *acc);
    else
        st->requantize(acc, oc, (int8_t *)qnt_step_out(s, x) + r0 * oc, oc, r1 - r0, oc, &st->rq);
}

static void run_corrected(const struct qnt_step *s, const struct qnt_exec *x)
{
    size_t r0, r1;
    qnt_share(x->batch * ((const struct state *)s->state)->pixels, x->part, x->parts, &r0, &r1);
    for (; r0 < r1; r0 += ROWS)
        correct_rows(s, x, r0, r1 - r0 < ROWS ? r1 : r0 + ROWS);
}

void qnt_linear_s8_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    if (st->corrected) {
        run_corrected(s, x);
        return;
    }
    if (st->depthwise) {
        depthwise(s, x, NULL);
        return;
    }
    const int32_t kind = st->sums ? QNT_EPI_S32 : QNT_EPI_S8;
    if (s->winograd) {
        winograd(s, x, kind, qnt_step_out(s, x), false);
        return;
    }
    struct share own = share_of(st, x);
    multiply(s, x, kind, qnt_step_out(s, x), &own);
}

void qnt_linear_s8_run_acc(const struct qnt_step *s, const struct qnt_exec *x, int32_t *acc)
{
    const struct state *st = s->state;
    if (st->depthwise) {
        depthwise(s, x, acc);
        return;
    }
    struct share own;
    if (s->winograd) {
        const struct qnt_winograd_share part = winograd(s, x, QNT_EPI_S32, acc, true);
        own = (struct share){.r1 = x->batch * st->pixels, .c0 = part.c0, .c1 = part.c1};
    } else {
        own = share_of(st, x);
        multiply(s, x, QNT_EPI_S32, acc, &own);
    }
    size_t oc = st->geom.oc, width = own.c1 - own.c0;
    bool whole = width == st->og; /* all groups side by side */
    for (size_t i = 0; i < (whole ? 1 : st->geom.groups) && width; i++) {
        size_t first = i * st->og + own.c0, at = own.r0 * oc + first;
        struct qnt_requant rq = st->rq;
        rq.scale += first;
        st->requantize(acc + at, oc, (int8_t *)qnt_step_out(s, x) + at, oc, own.r1 - own.r0, whole ? oc : width, &rq);
    }
}

void qnt_linear_s8_release(const qnt_ctx *ctx, struct qnt_step *s)
{
    struct state *st = s->state;
    if (!st)
        return;
    qnt_release(ctx, st->packed);
    qnt_release(ctx, st->shifted);
    qnt_release(ctx, st->bias);
    qnt_release(ctx, st->factor);
    qnt_release(ctx, st->zero_row);
    qnt_release(ctx, st);
}
