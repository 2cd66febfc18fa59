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

qnt_status qnt_linear_f32_prepare(const qnt_ctx *ctx, struct qnt_step *s)
{
    struct state *st = s->state;
    if (!st) {
        struct qnt_conv_geom geom = qnt_linear_geometry(s);
        if (!(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
            return QNT_ERR_NOMEM;
        qnt_status status = qnt_conv_f32_create(ctx, &geom, QNT_CONV_FORWARD, &st->work);
        if (status)
            return qnt_fail_in(status, "node '%s'", s->node->name);
        st->oh = geom.oh;
        s->scratch_bytes = qnt_conv_f32_scratch_bytes(st->work);
        s->variant = variant_of(st->work);
    }
    qnt_conv_f32_set_weights(st->work, s->in[1]->data);
    return QNT_OK;
}

void qnt_linear_f32_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    size_t line0, line1;
    qnt_share(x->batch * st->oh, x->part, x->parts, &line0, &line1);
    qnt_conv_f32_forward_lines(st->work, qnt_step_in(s, x), s->node->n_in > 2 ? s->in[2]->data : NULL, s->clamp_lo,
                               s->clamp_hi, qnt_step_out(s, x), line0, line1, x->scratch);
}

void qnt_linear_f32_release(const qnt_ctx *ctx, struct qnt_step *s)
{
    struct state *st = s->state;
    if (st)
        qnt_conv_f32_free(ctx, st->work);
    qnt_release(ctx, st);
}
