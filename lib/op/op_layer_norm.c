/* layer_norm (x, gamma[, beta]; f32) over the last dimensions, axis[0] + 1 of them (by default the last one), which the
 * constants have. Of n values: mean = sum / n, d = x - mean, v = sum of d * d / n, y = d * (1 / sqrt(v + epsilon)) *
 * gamma
 * + beta, each operation rounded by itself. Sums are 16 interleaved ones, of lane i % 16 in order of i, folded by
 * halves (s[i] += s[i + half], half 8, 4, 2, 1). */
#include <math.h>
#include "infer.h"
#include "step.h"

enum { LANES = 16 };

struct state {
    size_t rows, n; /* of one image */
    const float *gamma, *beta;
};

static uint32_t first_axis(const struct qnt_node *n, const struct qnt_tensor *x)
{
    return x->rank - 1 - n->attr.axis[0];
}

static qnt_status check_factor(const struct qnt_node *n, const struct qnt_tensor *x, const struct qnt_tensor *t,
                               const char *what)
{
    const uint32_t first = first_axis(n, x);
    char shape[QNT_SHAPE_TEXT], wanted[QNT_SHAPE_TEXT];
    struct qnt_tensor last = {.rank = x->rank - first};
    bool same = t->rank == last.rank;
    for (uint32_t d = 0; d < last.rank; d++) {
        last.dim[d] = x->dim[first + d];
        same = same && t->dim[d] == last.dim[d];
    }
    if (!t->constant || !t->data)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': %s '%s' is not a constant", n->name, what, t->name);
    if (t->type != QNT_F32)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': %s '%s' is %s, expected f32", n->name, what, t->name,
                        qnt_dtype_name(t->type));
    if (!same)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': %s '%s' is %s, expected %s", n->name, what, t->name,
                        qnt_shape_text(t, shape), qnt_shape_text(&last, wanted));
    return QNT_OK;
}

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    qnt_status status = qnt_infer_data(m, n);
    if (status)
        return status;
    if (x->type != QNT_F32)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': layer_norm of %s '%s', expected f32 (a dequantize before it)",
                        n->name, qnt_dtype_name(x->type), x->name);
    if (n->attr.axis[0] >= x->rank)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': axis %u before the last of '%s', expected at most %u", n->name,
                        n->attr.axis[0], x->name, x->rank - 1);
    if (!(n->attr.epsilon >= 0.0f) || !isfinite(n->attr.epsilon))
        return qnt_fail(QNT_ERR_ARG, "node '%s': epsilon %g, expected finite and >= 0", n->name,
                        (double)n->attr.epsilon);
    for (uint32_t i = 1; i < n->n_in; i++)
        if ((status = check_factor(n, x, &m->tensor[n->in[i]], i == 1 ? "gamma" : "beta")))
            return status;
    qnt_infer_same_shape(m, n, out);
    return qnt_infer_f32(n, out);
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    (void)max_batch;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    st->n = qnt_tensor_count(s->in[1]);
    st->rows = qnt_tensor_count(s->out) / st->n;
    st->gamma = s->in[1]->data;
    st->beta = s->node->n_in > 2 ? s->in[2]->data : NULL;
    s->variant = &qnt_no_variant;
    return QNT_OK;
}

static float fold(float s[LANES])
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            s[l] += s[l + half];
    return s[0];
}

static float mean_of(const float *x, size_t n)
{
    float s[LANES] = {0.0f};
    size_t i = 0;
    for (; n - i >= LANES; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            s[l] += x[i + l];
    for (; i < n; i++)
        s[i % LANES] += x[i];
    return fold(s) / (float)n;
}

static float variance_of(const float *x, size_t n, float mean)
{
    float s[LANES] = {0.0f};
    size_t i = 0;
    for (; n - i >= LANES; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            s[l] += (x[i + l] - mean) * (x[i + l] - mean);
    for (; i < n; i++)
        s[i % LANES] += (x[i] - mean) * (x[i] - mean);
    return fold(s) / (float)n;
}

static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    const size_t n = st->n;
    size_t r0, r1;
    qnt_share(x->batch * st->rows, x->part, x->parts, &r0, &r1);
    for (size_t r = r0; r < r1; r++) {
        const float *from = (const float *)qnt_step_in(s, x) + r * n;
        float *to = (float *)qnt_step_out(s, x) + r * n;
        const float mean = mean_of(from, n);
        const float factor = 1.0f / sqrtf(variance_of(from, n, mean) + s->node->attr.epsilon);
        for (size_t i = 0; i < n; i++) {
            float v = (from[i] - mean) * factor * st->gamma[i];
            v = st->beta ? v + st->beta[i] : v;
            to[i] = v != v ? __builtin_nanf("") : v;
        }
    }
}

const struct qnt_op_def qnt_op_layer_norm = {
    .name = "layer_norm", .min_in = 2, .max_in = 3, .infer = infer, .prepare = prepare, .run = run};
