/* quantize (x, f32) -> s8: clamp(rne(x / scale) + zero), as ONNX QuantizeLinear; to the codes that the output's bits
 * have. */
#include "step.h"
#include "backward.h"
#include "infer.h"
#include "simd/quant.h"

enum { PIECE = 16384 }; /* elements that are clamped while they are near */

struct state {
    qnt_quantize_f32_s8_fn *quantize;
    qnt_clamp_s8_fn *narrow; /* below 8 bits */
    struct qnt_quant q;
    size_t elements;
};

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    qnt_status status = qnt_infer_data(m, n);
    if (!status && x->type != QNT_F32)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s, expected f32", n->name, x->name,
                        qnt_dtype_name(x->type));
    qnt_infer_same_shape(m, n, out);
    return status ? status : qnt_infer_quantized(n, out);
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    qnt_status status = qnt_check_quant(s->node, s->out);
    (void)max_batch;
    if (status)
        return status;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    if (st->q.scale != s->out->scale[0] || st->q.zero != s->out->zero) /* the proof inside is not free */
        qnt_quant_init(&st->q, s->out->scale[0], s->out->zero);
    st->quantize = ctx->dsp.quantize_f32_s8;
    st->narrow = s->out->bits < 8 ? ctx->dsp.clamp_s8 : NULL;
    st->elements = qnt_tensor_count(s->out);
    s->variant = QNT_VARIANT_OF(st->quantize);
    return QNT_OK;
}

static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    size_t i0, i1;
    qnt_share(x->batch * st->elements, x->part, x->parts, &i0, &i1);
    const float *src = qnt_step_in(s, x);
    int8_t *dst = qnt_step_out(s, x);
    if (!st->narrow) {
        st->quantize(src + i0, dst + i0, i1 - i0, &st->q);
        return;
    }
    for (size_t n; i0 < i1; i0 += n) {
        n = i1 - i0 < PIECE ? i1 - i0 : PIECE;
        st->quantize(src + i0, dst + i0, n, &st->q);
        st->narrow(dst + i0, dst + i0, n, (int8_t)qnt_least_code(s->out), (int8_t)qnt_most_code(s->out));
    }
}

const struct qnt_op_def qnt_op_quantize = {.name = "quantize",
                                           .min_in = 1,
                                           .max_in = 1,
                                           .reads_outside = true,
                                           .infer = infer,
                                           .prepare = prepare,
                                           .run = run,
                                           .backward = qnt_identity_backward};
