#include <math.h>
#include "function.h"
#include "infer.h"
#include "simd/ref/scalar.h"
#include "step.h"

struct state {
    void (*values)(const struct qnt_dsp *dsp, float slope, const float *src, float *dst, size_t n);
    const struct qnt_dsp *dsp;
    qnt_lookup_s8_fn *lookup;
    float slope;
    size_t elements;
    int8_t table[256];
};

static void leaky_relu(const struct qnt_dsp *dsp, float slope, const float *src, float *dst, size_t n)
{
    (void)dsp;
    for (size_t i = 0; i < n; i++) {
        float y = src[i] < 0.0f ? src[i] * slope : src[i];
        dst[i] = y != y ? __builtin_nanf("") : y;
    }
}

/* x * clamp(x + 3, 0, 6) * (1 / 6), in this order. */
static void hard_swish(const struct qnt_dsp *dsp, float slope, const float *src, float *dst, size_t n)
{
    (void)dsp;
    (void)slope;
    for (size_t i = 0; i < n; i++) {
        float gate = src[i] + 3.0f;
        gate = gate < 0.0f ? 0.0f : gate > 6.0f ? 6.0f : gate;
        float y = src[i] * gate * (1.0f / 6.0f);
        dst[i] = y != y ? __builtin_nanf("") : y;
    }
}

static void sigmoid(const struct qnt_dsp *dsp, float slope, const float *src, float *dst, size_t n)
{
    (void)slope;
    dsp->sigmoid_f32(src, dst, n);
}

static void hyperbolic_tangent(const struct qnt_dsp *dsp, float slope, const float *src, float *dst, size_t n)
{
    (void)slope;
    dsp->tanh_f32(src, dst, n);
}

bool qnt_is_function(const struct qnt_node *n)
{
    return n->op == &qnt_op_leaky_relu || n->op == &qnt_op_hard_swish || n->op == &qnt_op_sigmoid ||
           n->op == &qnt_op_tanh;
}

qnt_status qnt_function_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    qnt_status status = qnt_infer_same_type(m, n, out);
    if (status)
        return status;
    if (n->op == &qnt_op_leaky_relu && !isfinite(n->attr.lo))
        return qnt_fail(QNT_ERR_ARG, "node '%s': slope %g, expected a finite number", n->name, (double)n->attr.lo);
    qnt_infer_same_shape(m, n, out);
    return QNT_OK;
}

static qnt_status make_table(const struct qnt_step *s, struct state *st)
{
    const struct qnt_tensor *x = s->in[0], *y = s->out;
    float value[256];
    qnt_status status;
    if ((status = qnt_check_quant(s->node, x)) || (status = qnt_check_quant(s->node, y)))
        return status;
    for (int i = 0; i < 256; i++)
        value[i] = (float)((int8_t)(uint8_t)i - x->zero) * x->scale[0];
    float result[256];
    st->values(st->dsp, st->slope, value, result, 256);
    for (int i = 0; i < 256; i++)
        st->table[i] = (int8_t)qnt_quantize_one(result[i], y->scale[0], y->zero, -128, 127);
    return QNT_OK;
}

qnt_status qnt_function_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    (void)max_batch;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    st->dsp = &ctx->dsp;
    st->slope = s->node->attr.lo;
    st->elements = qnt_tensor_count(s->out);
    st->values = s->op == &qnt_op_leaky_relu   ? leaky_relu
                 : s->op == &qnt_op_hard_swish ? hard_swish
                 : s->op == &qnt_op_sigmoid    ? sigmoid
                                               : hyperbolic_tangent;
    if (s->out->type == QNT_S8) {
        st->lookup = ctx->dsp.lookup_s8;
        s->variant = QNT_VARIANT_OF(st->lookup);
        return make_table(s, st);
    }
    if (s->op == &qnt_op_sigmoid)
        s->variant = QNT_VARIANT_OF(ctx->dsp.sigmoid_f32);
    else if (s->op == &qnt_op_tanh)
        s->variant = QNT_VARIANT_OF(ctx->dsp.tanh_f32);
    return QNT_OK;
}

void qnt_function_values(const struct qnt_step *s, const float *src, float *dst, size_t n)
{
    const struct state *st = s->state;
    st->values(st->dsp, st->slope, src, dst, n);
}

void qnt_function_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    size_t i0, i1;
    qnt_share(x->batch * st->elements, x->part, x->parts, &i0, &i1);
    if (st->lookup)
        st->lookup((const int8_t *)qnt_step_in(s, x) + i0, (int8_t *)qnt_step_out(s, x) + i0, i1 - i0, st->table);
    else
        st->values(st->dsp, st->slope, (const float *)qnt_step_in(s, x) + i0, (float *)qnt_step_out(s, x) + i0,
                   i1 - i0);
}
