#include <math.h>
#include "function.h"
#include "infer.h"
#include "simd/ref/scalar.h"
#include "step.h"

struct state {
    qnt_exp_f32_fn *plain; /* sigmoid, tanh, exp: kernels of their own; else NULL */
    qnt_function_f32_fn *function;
    struct qnt_function f;
    qnt_lookup_s8_fn *lookup; /* s8 */
    size_t elements;
    int8_t table[256];
};

/* The ops, and which function of the kernel each is; QNT_FUNCTIONS: of a kernel of its own. */
static const struct row {
    const struct qnt_op_def *op;
    int32_t kind;
} rows[] = {
    {&qnt_op_leaky_relu, QNT_LEAKY_RELU},
    {&qnt_op_hard_swish, QNT_HARD_SWISH},
    {&qnt_op_sigmoid, QNT_FUNCTIONS},
    {&qnt_op_tanh, QNT_FUNCTIONS},
    {&qnt_op_exp, QNT_FUNCTIONS},
    {&qnt_op_elu, QNT_ELU},
    {&qnt_op_gelu, QNT_GELU},
    {&qnt_op_hard_sigmoid, QNT_HARD_SIGMOID},
    {&qnt_op_erf, QNT_ERF},
    {&qnt_op_log, QNT_LOG},
    {&qnt_op_sqrt, QNT_SQRT},
    {&qnt_op_reciprocal, QNT_RECIPROCAL},
    {&qnt_op_abs, QNT_ABS},
    {&qnt_op_neg, QNT_NEG},
    {&qnt_op_sign, QNT_SIGN},
    {&qnt_op_floor, QNT_FLOOR},
    {&qnt_op_ceil, QNT_CEIL},
    {&qnt_op_round, QNT_ROUND},
};

static const struct row *find(const struct qnt_op_def *op)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op == op)
            return &rows[i];
    return NULL;
}

bool qnt_is_function(const struct qnt_node *n)
{
    return find(n->op) != NULL;
}

static bool takes_lo(const struct qnt_node *n)
{
    return n->op == &qnt_op_leaky_relu || n->op == &qnt_op_elu || n->op == &qnt_op_hard_sigmoid;
}

qnt_status qnt_function_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    qnt_status status = qnt_infer_same_type(m, n, out);
    if (status)
        return status;
    if (takes_lo(n) && !isfinite(n->attr.lo))
        return qnt_fail(QNT_ERR_ARG, "node '%s': %s %g, expected a finite number", n->name,
                        n->op == &qnt_op_leaky_relu ? "slope" : "factor", (double)n->attr.lo);
    if (n->op == &qnt_op_hard_sigmoid && !isfinite(n->attr.hi))
        return qnt_fail(QNT_ERR_ARG, "node '%s': shift %g, expected a finite number", n->name, (double)n->attr.hi);
    if (n->op == &qnt_op_gelu && n->attr.mode > QNT_GELU_BY_TANH)
        return qnt_fail(QNT_ERR_ARG, "node '%s': mode %u, expected 0 or 1", n->name, n->attr.mode);
    qnt_infer_same_shape(m, n, out);
    return QNT_OK;
}

static void values(const struct state *st, const float *src, float *dst, size_t n)
{
    if (st->plain)
        st->plain(src, dst, n);
    else
        st->function(src, dst, n, &st->f);
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
    values(st, value, result, 256);
    for (int i = 0; i < 256; i++)
        st->table[i] = (int8_t)qnt_quantize_one(result[i], y->scale[0], y->zero, qnt_least_code(y), qnt_most_code(y));
    return QNT_OK;
}

qnt_status qnt_function_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    (void)max_batch;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    const struct qnt_node *n = s->node;
    const struct qnt_dsp *dsp = &ctx->dsp;
    st->elements = qnt_tensor_count(s->out);
    st->function = dsp->function_f32;
    st->plain = n->op == &qnt_op_sigmoid ? dsp->sigmoid_f32
                : n->op == &qnt_op_tanh  ? dsp->tanh_f32
                : n->op == &qnt_op_exp   ? dsp->exp_f32
                                         : NULL;
    st->f = (struct qnt_function){find(n->op)->kind, n->attr.lo, n->attr.hi};
    if (n->op == &qnt_op_gelu && n->attr.mode == QNT_GELU_BY_TANH)
        st->f.kind = QNT_GELU_TANH;
    if (s->out->type == QNT_S8) {
        st->lookup = dsp->lookup_s8;
        s->variant = QNT_VARIANT_OF(st->lookup);
        return make_table(s, st);
    }
    s->variant = st->plain ? QNT_VARIANT_OF(st->plain) : QNT_VARIANT_OF(st->function);
    return QNT_OK;
}

void qnt_function_values(const struct qnt_step *s, const float *src, float *dst, size_t n)
{
    values(s->state, src, dst, n);
}

void qnt_function_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    size_t i0, i1;
    qnt_share(x->batch * st->elements, x->part, x->parts, &i0, &i1);
    if (st->lookup)
        st->lookup((const int8_t *)qnt_step_in(s, x) + i0, (int8_t *)qnt_step_out(s, x) + i0, i1 - i0, st->table);
    else
        values(st, (const float *)qnt_step_in(s, x) + i0, (float *)qnt_step_out(s, x) + i0, i1 - i0);
}
