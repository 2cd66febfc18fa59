/* Reverse mode of binary layers: that of the float convolution of sign(x) with scale * sign(w), by lib/gemm, then the
 * straight-through gates. The signs are written out as floats; where padding is +1 or -1 it is written with them, and
 * the convolution has none. */
#include <math.h>
#include <string.h>
#include "lib/op/backward.h"
#include "lib/op/binary.h"
#include "lib/op/linear.h"

struct state {
    struct qnt_conv_f32_work *work;
    struct qnt_conv_geom geom; /* of the convolution: the written padding is part of its image */
    size_t h, w, top, left;    /* the image itself, and where it lies */
    size_t at_signs, at_dx;    /* in the scratch, behind what the products need */
    int8_t *codes;
    float *scale, *weights; /* by channel; scale * sign */
};

/* The image with its padding. */
static void widen(const struct qnt_step *s, struct state *st)
{
    const uint32_t *pad = s->node->attr.pad;
    struct qnt_conv_geom *g = &st->geom;
    st->h = g->h;
    st->w = g->w;
    if (s->node->attr.lo == 0.0f)
        return;
    st->top = pad[0];
    st->left = pad[1];
    g->h += (size_t)pad[0] + pad[2];
    g->w += (size_t)pad[1] + pad[3];
    g->pad_top = g->pad_left = 0;
}

static qnt_status create(const qnt_ctx *ctx, const struct qnt_step *s, struct state *st)
{
    const struct qnt_conv_geom *g = &st->geom;
    const size_t weights = qnt_tensor_count(s->in[1]);
    st->geom = qnt_linear_geometry(s);
    widen(s, st);
    if (!(st->codes = qnt_alloc(ctx, weights, s->node->name)) ||
        !(st->weights = qnt_alloc_array(ctx, weights, sizeof(float), s->node->name)) ||
        !(st->scale = qnt_alloc_array(ctx, g->oc, sizeof(float), s->node->name)))
        return QNT_ERR_NOMEM;
    qnt_status status = qnt_conv_f32_create(ctx, g, QNT_CONV_GRADIENTS, 1, &st->work);
    return status ? qnt_fail_in(status, "node '%s'", s->node->name) : QNT_OK;
}

qnt_status qnt_binary_backward_prepare(const qnt_ctx *ctx, const struct qnt_step *s, const float *const *value,
                                       size_t max_batch, void **state, size_t *scratch_bytes)
{
    struct state *st = *state;
    const size_t channels = s->in[1]->dim[0], fan_in = qnt_tensor_count(s->in[1]) / channels;
    if (!st) {
        if (!(st = qnt_alloc(ctx, sizeof *st, s->node->name)))
            return QNT_ERR_NOMEM;
        qnt_status status = create(ctx, s, st);
        if (status) {
            qnt_binary_backward_release(ctx, st);
            return status;
        }
        const size_t image = qnt_round_up(max_batch * st->geom.h * st->geom.w * st->geom.c * sizeof(float), 64);
        st->at_signs = qnt_round_up(qnt_conv_f32_scratch_bytes(st->work), 64);
        st->at_dx = st->at_signs + image;
        *scratch_bytes = st->at_dx + image;
        *state = st;
    }
    qnt_binary_weights(&ctx->dsp, value[s->node->in[1]], channels, fan_in, st->codes, st->scale);
    for (size_t c = 0; c < channels; c++)
        for (size_t i = c * fan_in; i < (c + 1) * fan_in; i++)
            st->weights[i] = (float)st->codes[i] * st->scale[c];
    qnt_conv_f32_set_weights(st->work, st->weights);
    return QNT_OK;
}

void qnt_binary_backward_release(const qnt_ctx *ctx, void *state)
{
    struct state *st = state;
    if (!st)
        return;
    qnt_conv_f32_free(ctx, st->work);
    qnt_release(ctx, st->codes);
    qnt_release(ctx, st->scale);
    qnt_release(ctx, st->weights);
    qnt_release(ctx, st);
}

/* Where line y of image b lies among the padded ones. */
static size_t line_at(const struct state *st, size_t b, size_t y)
{
    return ((b * st->geom.h + st->top + y) * st->geom.w + st->left) * st->geom.c;
}

static void write_signs(const struct state *st, const float *x, size_t batch, float pad, float *to)
{
    const size_t line = st->w * st->geom.c, all = batch * st->geom.h * st->geom.w * st->geom.c;
    if (pad != 0.0f)
        for (size_t i = 0; i < all; i++)
            to[i] = pad;
    for (size_t b = 0; b < batch; b++)
        for (size_t y = 0; y < st->h; y++, x += line) {
            float *at = to + line_at(st, b, y);
            for (size_t i = 0; i < line; i++)
                at[i] = x[i] < 0.0f ? -1.0f : 1.0f;
        }
}

/* v where |by| <= 1, else 0 (NaN too). to may be v. */
static void gate(const float *v, const float *by, float *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = fabsf(by[i]) <= 1.0f ? v[i] : 0.0f;
}

static void give_input(const struct qnt_step *s, const struct qnt_grad *g, const float *dy)
{
    const struct state *st = g->state;
    const int id = s->node->in[0];
    const size_t line = st->w * st->geom.c;
    const float *x = g->value[id];
    float *dx = (float *)((uint8_t *)g->scratch + st->at_dx), *to = dx;
    qnt_conv_f32_grad_input(st->work, dy, dx, g->batch, g->scratch);
    for (size_t b = 0; b < g->batch; b++) /* the padding's share is left behind; lines never move up */
        for (size_t y = 0; y < st->h; y++, x += line, to += line)
            gate(dx + line_at(st, b, y), x, to, line);
    qnt_backward_give(g, id, dx, g->batch * st->h * line);
}

void qnt_binary_backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    const struct state *st = g->state;
    const struct qnt_node *n = s->node;
    float *dy = g->delta[n->out], *dw = g->param[n->in[1]], *db = n->n_in > 2 ? g->param[n->in[2]] : NULL;
    float *signs = (float *)((uint8_t *)g->scratch + st->at_signs);
    qnt_backward_clamp(s, g, dy, g->batch * qnt_tensor_count(s->out));
    if (dw) {
        write_signs(st, g->value[n->in[0]], g->batch, n->attr.lo, signs);
        qnt_conv_f32_grad_weights(st->work, signs, dy, dw, db, g->batch, g->param_add, g->scratch);
        gate(dw, g->value[n->in[1]], dw, qnt_tensor_count(s->in[1]));
    }
    if (g->delta[n->in[0]])
        give_input(s, g, dy);
}
