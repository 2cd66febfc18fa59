/* Float convolutions: each output is one chain of fma from the bias on, in order ky, kx, c. */
#include "step.h"
#include "lib/gemm/conv_f32.h"
#include "linear.h"

struct state {
    struct qnt_conv_f32_work *work;
    size_t oh;
};

static const struct qnt_kernel_row *variant_of(const struct qnt_conv_f32_work *w)
{
    return w->depthwise_image ? QNT_VARIANT_OF(w->depthwise_image)
           : w->depthwise     ? QNT_VARIANT_OF(w->depthwise)
                              : qnt_variant_of_tile(w->forward);
}

qnt_status qnt_linear_f32_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    if (!st) {
        struct qnt_conv_geom geom = qnt_linear_geometry(s);
        if (!(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
            return QNT_ERR_NOMEM;
        qnt_status status = qnt_conv_f32_create(ctx, &geom, QNT_CONV_FORWARD, max_batch, &st->work);
        if (status)
            return qnt_fail_in(status, "node '%s'", s->node->name);
        st->oh = geom.oh;
        s->scratch_bytes = qnt_conv_f32_scratch_bytes(st->work);
        s->packed_bytes = qnt_conv_f32_packed_bytes(st->work);
        s->variant = variant_of(st->work);
    }
    qnt_conv_f32_set_weights(st->work, s->in[1]->data);
    return QNT_OK;
}

static size_t shares(size_t n, size_t by)
{
    return (n + by - 1) / by;
}

/* Lines cost each thread all weights, panels of output channels the whole plane, so the cut is made where the largest
 * share is the least, when a tile counts one and so does the reading of a panel of either operand. */
static struct qnt_conv_f32_share share_of(const struct state *st, const struct qnt_exec *x)
{
    const struct qnt_conv_f32_work *w = st->work;
    const size_t lines = x->batch * st->oh, parts = x->parts;
    struct qnt_conv_f32_share s = {.line1 = lines, .c1 = w->og};
    if (parts == 1)
        return s;
    const size_t nr = qnt_conv_f32_panel(w), mr = w->depthwise ? 1 : w->forward->mr, panels = shares(w->og, nr);
    const size_t tiles = shares(lines * w->geom.ow, mr), t = shares(shares(lines, parts) * w->geom.ow, mr);
    const size_t p = shares(panels, parts);
    if (t * panels + t + panels <= tiles * p + tiles + p) {
        qnt_share(lines, x->part, x->parts, &s.line0, &s.line1);
        return s;
    }
    qnt_share(panels, x->part, x->parts, &s.c0, &s.c1);
    s.c0 *= nr;
    s.c1 = s.c1 * nr < w->og ? s.c1 * nr : w->og;
    return s;
}

void qnt_linear_f32_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    const struct qnt_conv_f32_share own = share_of(st, x);
    qnt_conv_f32_forward_share(st->work, qnt_step_in(s, x), s->node->n_in > 2 ? s->in[2]->data : NULL, s->clamp_lo,
                               s->clamp_hi, qnt_step_out(s, x), &own, x->scratch);
}

void qnt_linear_f32_release(const qnt_ctx *ctx, struct qnt_step *s)
{
    struct state *st = s->state;
    if (st)
        qnt_conv_f32_free(ctx, st->work);
    qnt_release(ctx, st);
}
