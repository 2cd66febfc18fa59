#include <math.h>
#include "infer.h"
#include "softmax.h"
#include "step.h"

enum { LINES = 16 };

struct state {
    qnt_softmax_f32_fn *softmax;
    qnt_exp_f32_fn *exp;
    qnt_function_f32_fn *function;
    qnt_transpose_f32_fn *transpose;
    size_t outer, n, inner; /* of one image: lines of n, whose elements are `inner` apart */
    bool log;
};

qnt_status qnt_softmax_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    qnt_status status = qnt_infer_data(m, n);
    if (!status && x->type != QNT_F32)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': %s of %s '%s', expected f32 (a dequantize before it)", n->name,
                        n->op->name, qnt_dtype_name(x->type), x->name);
    if (!status && n->attr.axis[0] >= x->rank)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': axis %u before the last of '%s', expected at most %u", n->name,
                        n->attr.axis[0], x->name, x->rank - 1);
    qnt_infer_same_shape(m, n, out);
    return status ? status : qnt_infer_f32(n, out);
}

qnt_status qnt_softmax_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    const struct qnt_tensor *y = s->out;
    const uint32_t axis = y->rank - 1 - s->node->attr.axis[0];
    (void)max_batch;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    st->softmax = ctx->dsp.softmax_f32;
    st->exp = ctx->dsp.exp_f32;
    st->function = ctx->dsp.function_f32;
    st->transpose = ctx->dsp.transpose_f32;
    st->log = s->op == &qnt_op_log_softmax;
    st->n = y->dim[axis];
    st->inner = 1;
    for (uint32_t d = axis + 1; d < y->rank; d++)
        st->inner *= y->dim[d];
    st->outer = qnt_tensor_count(y) / st->n / st->inner;
    s->variant = st->log ? QNT_VARIANT_OF(st->exp) : QNT_VARIANT_OF(st->softmax);
    s->scratch_bytes = ((st->inner > 1 ? LINES * st->n : 0) + (st->log ? st->n : 0)) * sizeof(float);
    return QNT_OK;
}

static void log_line(const struct state *st, const float *x, float *y, float *e)
{
    const struct qnt_function log = {.kind = QNT_LOG};
    const size_t n = st->n;
    float max = -INFINITY, s[16] = {0.0f};
    for (size_t i = 0; i < n; i++)
        max = x[i] > max ? x[i] : max;
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] - max;
    st->exp(y, e, n);
    for (size_t i = 0; i < n; i++)
        s[i % 16] += e[i];
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            s[i] += s[i + half];
    st->function(s, s, 1, &log);
    for (size_t i = 0; i < n; i++) {
        const float v = y[i] - s[0];
        y[i] = v != v ? __builtin_nanf("") : v;
    }
}

static void lines(const struct state *st, const float *x, float *y, size_t count, float *spare)
{
    if (!st->log)
        st->softmax(x, y, count, st->n);
    else
        for (size_t i = 0; i < count; i++)
            log_line(st, x + i * st->n, y + i * st->n, spare);
}

void qnt_softmax_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    const float *from = qnt_step_in(s, x);
    float *to = qnt_step_out(s, x), *moved = (float *)(void *)x->scratch;
    size_t u0, u1;
    if (st->inner == 1) {
        qnt_share(x->batch * st->outer, x->part, x->parts, &u0, &u1);
        lines(st, from + u0 * st->n, to + u0 * st->n, u1 - u0, moved);
        return;
    }
    const size_t groups = (st->inner + LINES - 1) / LINES;
    qnt_share(x->batch * st->outer * groups, x->part, x->parts, &u0, &u1);
    for (size_t u = u0; u < u1; u++) {
        const size_t first = u % groups * LINES, at = u / groups * st->n * st->inner + first;
        const size_t count = st->inner - first < LINES ? st->inner - first : LINES;
        st->transpose(from + at, st->inner, moved, st->n, st->n, count);
        lines(st, moved, moved, count, moved + LINES * st->n);
        st->transpose(moved, st->n, to + at, st->inner, count, st->n);
    }
}
