/* dequantize (x, s8) -> f32: (x - zero) * scale. */
#include "step.h"
#include "backward.h"
#include "infer.h"

struct state {
    qnt_dequantize_s8_f32_fn *dequantize;
    struct qnt_quant q; /* scale and zero alone count */
    size_t elements;
};

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    qnt_status status = qnt_infer_data(m, n);
    if (!status && x->type != QNT_S8)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s, expected s8", n->name, x->name,
                        qnt_dtype_name(x->type));
    qnt_infer_same_shape(m, n, out);
    return status ? status : qnt_infer_f32(n, out);
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    qnt_status status = qnt_check_quant(s->node, s->in[0]);
    (void)max_batch;
    if (status)
        return status;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    st->q.scale = s->in[0]->scale[0];
    st->q.zero = s->in[0]->zero;
    st->dequantize = ctx->dsp.dequantize_s8_f32;
    st->elements = qnt_tensor_count(s->out);
    s->variant = QNT_VARIANT_OF(st->dequantize);
    return QNT_OK;
}

static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    size_t i0, i1;
    qnt_share(x->batch * st->elements, x->part, x->parts, &i0, &i1);
    st->dequantize((const int8_t *)qnt_step_in(s, x) + i0, (float *)qnt_step_out(s, x) + i0, i1 - i0, &st->q);
}

const struct qnt_op_def qnt_op_dequantize = {.name = "dequantize",
                                             .min_in = 1,
                                             .max_in = 1,
                                             .infer = infer,
                                             .prepare = prepare,
                                             .run = run,
                                             .backward = qnt_identity_backward};
