/* batchnorm (x, gamma, beta, mean, variance; f32): gamma * (x - mean) / sqrt(variance + epsilon) + beta over the last
 * dimension. The plan folds it into the layer with weights before it where it can; here it runs as fma(x, scale,
 * shift), clamped (factors in double, rounded once); a NaN result is 0x7fc00000. */
#include <math.h>
#include "batchnorm.h"
#include "backward.h"
#include "step.h"
#include "infer.h"

struct state {
    qnt_scale_shift_f32_fn *run;
    size_t channels, rows; /* rows of one image */
    float *scale, *shift;
};

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    char shape[QNT_SHAPE_TEXT];
    qnt_status status = qnt_infer_data(m, n);
    if (!status && x->type != QNT_F32)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': batchnorm of %s '%s', expected f32", n->name,
                        qnt_dtype_name(x->type), x->name);
    for (uint32_t i = 1; i < 5 && !status; i++) {
        const struct qnt_tensor *t = &m->tensor[n->in[i]];
        if (!t->constant || !t->data || t->type != QNT_F32)
            return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s, expected a float constant", n->name, t->name,
                            t->constant ? qnt_dtype_name(t->type) : "not constant");
        if (t->rank != 1 || t->dim[0] != x->dim[x->rank - 1])
            return qnt_fail(QNT_ERR_SHAPE, "node '%s': '%s' is %s, expected %zu", n->name, t->name,
                            qnt_shape_text(t, shape), x->dim[x->rank - 1]);
    }
    if (!status && !(n->attr.epsilon >= 0.0f && isfinite(n->attr.epsilon)))
        return qnt_fail(QNT_ERR_ARG, "node '%s': epsilon %g, expected finite and >= 0", n->name,
                        (double)n->attr.epsilon);
    qnt_infer_same_shape(m, n, out);
    return status ? status : qnt_infer_f32(n, out);
}

qnt_status qnt_batchnorm_factors(const struct qnt_node *n, const struct qnt_tensor *const in[5], size_t c,
                                 double *scale, double *shift)
{
    double at[5];
    for (int i = 1; i < 5; i++)
        at[i] = (double)((const float *)in[i]->data)[c];
    *scale = at[1] / sqrt(at[4] + (double)n->attr.epsilon);
    *shift = at[2] - at[3] * *scale;
    if (!isfinite((float)*scale) || !isfinite((float)*shift))
        return qnt_fail(QNT_ERR_RANGE,
                        "node '%s': channel %zu: gamma %g, beta %g, mean %g, variance %g give no finite factors",
                        n->name, c, at[1], at[2], at[3], at[4]);
    return QNT_OK;
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    (void)max_batch;
    if (!st) {
        if (!(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
            return QNT_ERR_NOMEM;
        st->channels = s->out->dim[s->out->rank - 1];
        st->rows = qnt_tensor_count(s->out) / st->channels;
        if (!(st->scale = qnt_alloc_array(ctx, st->channels, sizeof(float), s->node->name)) ||
            !(st->shift = qnt_alloc_array(ctx, st->channels, sizeof(float), s->node->name)))
            return QNT_ERR_NOMEM;
    }
    for (size_t c = 0; c < st->channels; c++) {
        double scale, shift;
        qnt_status status = qnt_batchnorm_factors(s->node, s->in, c, &scale, &shift);
        if (status)
            return status;
        st->scale[c] = (float)scale;
        st->shift[c] = (float)shift;
    }
    st->run = ctx->dsp.scale_shift_f32;
    s->variant = QNT_VARIANT_OF(st->run);
    return QNT_OK;
}

static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    size_t r0, r1, n = st->channels;
    qnt_share(x->batch * st->rows, x->part, x->parts, &r0, &r1);
    st->run((const float *)qnt_step_in(s, x) + r0 * n, (float *)qnt_step_out(s, x) + r0 * n, r1 - r0, n, st->scale,
            st->shift, s->clamp_lo, s->clamp_hi);
}

static void release(const qnt_ctx *ctx, struct qnt_step *s)
{
    struct state *st = s->state;
    if (st) {
        qnt_release(ctx, st->scale);
        qnt_release(ctx, st->shift);
    }
    qnt_release(ctx, st);
}

const struct qnt_op_def qnt_op_batchnorm = {
    .name = "batchnorm",
    .min_in = 5,
    .max_in = 5,
    .infer = infer,
    .prepare = prepare,
    .run = run,
    .release = release,
    .backward = qnt_batchnorm_backward,
    .backward_prepare = qnt_batchnorm_backward_prepare,
    .backward_release = qnt_batchnorm_backward_release,
};
