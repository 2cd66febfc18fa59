#include <math.h>
#include "step.h"
#include "bounds.h"
#include "infer.h"
#include "requant.h"

struct state {
    qnt_clamp_s8_fn *clamp_s8; /* one of the two */
    qnt_clamp_f32_fn *clamp_f32;
    size_t elements;
    int8_t lo, hi;
};

bool qnt_bounds_of(const struct qnt_node *n, float *lo, float *hi)
{
    *lo = n->op == &qnt_op_relu ? 0.0f : n->attr.lo;
    *hi = n->op == &qnt_op_relu ? INFINITY : n->attr.hi;
    return n->op == &qnt_op_relu || n->op == &qnt_op_clamp;
}

qnt_status qnt_bounds_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    float lo, hi;
    qnt_status status = qnt_infer_passing(m, n, out);
    qnt_bounds_of(n, &lo, &hi);
    if (!status && !(lo <= hi))
        return qnt_fail(QNT_ERR_ARG, "node '%s': bounds %g and %g, expected lo <= hi", n->name, (double)lo, (double)hi);
    qnt_infer_same_shape(m, n, out);
    return status;
}

qnt_status qnt_bounds_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    qnt_status status = qnt_same_codes(s->node, s->in[0], s->out);
    bool s8 = s->out->type == QNT_S8;
    (void)max_batch;
    if (status)
        return status;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    st->elements = qnt_tensor_count(s->out);
    if (s8) {
        st->clamp_s8 = ctx->dsp.clamp_s8;
        st->lo = qnt_bound_code(s->clamp_lo, s->out);
        st->hi = qnt_bound_code(s->clamp_hi, s->out);
    } else {
        st->clamp_f32 = ctx->dsp.clamp_f32;
    }
    s->variant = s8 ? QNT_VARIANT_OF(st->clamp_s8) : QNT_VARIANT_OF(st->clamp_f32);
    return QNT_OK;
}

void qnt_bounds_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    size_t i0, i1;
    qnt_share(x->batch * st->elements, x->part, x->parts, &i0, &i1);
    if (st->clamp_s8)
        st->clamp_s8((const int8_t *)qnt_step_in(s, x) + i0, (int8_t *)qnt_step_out(s, x) + i0, i1 - i0, st->lo,
                     st->hi);
    else
        st->clamp_f32((const float *)qnt_step_in(s, x) + i0, (float *)qnt_step_out(s, x) + i0, i1 - i0, s->clamp_lo,
                      s->clamp_hi);
}
