/* softmax (x, f32): over the last dimension. */
#include "step.h"
#include "infer.h"

struct state {
    qnt_softmax_f32_fn *softmax;
    size_t rows, cols; /* of one image */
};

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    qnt_status status = qnt_infer_data(m, n);
    if (!status && x->type != QNT_F32)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': softmax of %s '%s', expected f32 (a dequantize before it)",
                        n->name, qnt_dtype_name(x->type), x->name);
    qnt_infer_same_shape(m, n, out);
    return status ? status : qnt_infer_f32(n, out);
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    (void)max_batch;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    st->softmax = ctx->dsp.softmax_f32;
    st->cols = s->out->dim[s->out->rank - 1];
    st->rows = qnt_tensor_count(s->out) / st->cols;
    s->variant = QNT_VARIANT_OF(st->softmax);
    return QNT_OK;
}

static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    size_t r0, r1;
    qnt_share(x->batch * st->rows, x->part, x->parts, &r0, &r1);
    st->softmax((const float *)qnt_step_in(s, x) + r0 * st->cols, (float *)qnt_step_out(s, x) + r0 * st->cols, r1 - r0,
                st->cols);
}

const struct qnt_op_def qnt_op_softmax = {
    .name = "softmax", .min_in = 1, .max_in = 1, .infer = infer, .prepare = prepare, .run = run};
