/* recode (x): u8 to s8 or back, the same values: code ^ 0x80, zero point - 128 or + 128, the same scale, if any. Graphs
 * compute in s8; this is for their borders. */
#include "infer.h"
#include "step.h"

struct state {
    qnt_lookup_s8_fn *lookup;
    size_t elements;
    int8_t table[256];
};

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    const bool from_u8 = x->type == QNT_U8;
    if (x->constant || (!from_u8 && x->type != QNT_S8) || x->bits != 8 || x->scales > 1)
        return qnt_fail(
            QNT_ERR_TYPE, "node '%s': input '%s' is %s%s of %u bits with %u scales, expected u8 or s8 with 0 or 1",
            n->name, x->name, x->constant ? "a constant, " : "", qnt_dtype_name(x->type), x->bits, x->scales);
    struct qnt_tensor y = *x;
    y.type = from_u8 ? QNT_S8 : QNT_U8;
    y.zero += from_u8 ? -128 : 128;
    if (!out->type) {
        out->scales = x->scales;
        out->scale = x->scale;
        out->zero = y.zero;
    } else if (out->type != y.type || out->bits != 8) {
        return qnt_fail(QNT_ERR_TYPE, "node '%s': output is %s, expected %s", n->name, qnt_dtype_name(out->type),
                        qnt_dtype_name(y.type));
    }
    out->type = y.type;
    out->bits = 8;
    qnt_infer_same_shape(m, n, out);
    return qnt_same_codes(n, &y, out);
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    (void)max_batch;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    for (int i = 0; i < 256; i++)
        st->table[i] = (int8_t)(uint8_t)(i ^ 0x80);
    st->lookup = ctx->dsp.lookup_s8;
    st->elements = qnt_tensor_count(s->out);
    s->variant = QNT_VARIANT_OF(st->lookup);
    return QNT_OK;
}

static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    size_t i0, i1;
    qnt_share(x->batch * st->elements, x->part, x->parts, &i0, &i1);
    st->lookup((const int8_t *)qnt_step_in(s, x) + i0, (int8_t *)qnt_step_out(s, x) + i0, i1 - i0, st->table);
}

const struct qnt_op_def qnt_op_recode = {
    .name = "recode", .min_in = 1, .max_in = 1, .infer = infer, .prepare = prepare, .run = run};
