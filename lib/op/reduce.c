#include <math.h>
#include "infer.h"
#include "reduce.h"
#include "step.h"

enum { COLUMNS = 256, LANES = 16 };

/* A walk through some of a tensor's dimensions, innermost first; in its order the last one varies slowest. */
struct walk {
    uint32_t rank;
    size_t dim[QNT_MAX_RANK], step[QNT_MAX_RANK], count;
};

struct state {
    struct walk kept, taken; /* without `run` */
    size_t run;              /* the last dimension: of a result's elements, or of results side by side */
    bool along;              /* it is of a result's elements */
    size_t image_in, image_out, elements;
    bool mean, max, min;
};

static bool takes(const struct qnt_node *n, uint32_t rank, uint32_t d)
{
    uint32_t any = 0;
    for (uint32_t i = 0; i < rank; i++)
        any |= n->attr.axis[i];
    return !any || n->attr.axis[d];
}

qnt_status qnt_reduce_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    qnt_status status = qnt_infer_data(m, n);
    if (!status && x->type != QNT_F32)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': %s of %s '%s', expected f32 (a dequantize before it)", n->name,
                        n->op->name, qnt_dtype_name(x->type), x->name);
    for (uint32_t d = 0; !status && d < QNT_MAX_RANK; d++)
        if (n->attr.axis[d] > (d < x->rank))
            return qnt_fail(QNT_ERR_ARG, "node '%s': axis[%u] is %u, expected 0%s", n->name, d, n->attr.axis[d],
                            d < x->rank ? " or 1" : ", past the rank");
    qnt_infer_same_shape(m, n, out);
    for (uint32_t d = 0; d < x->rank; d++)
        if (takes(n, x->rank, d))
            out->dim[d] = 1;
    return status ? status : qnt_infer_f32(n, out);
}

/* One more dimension, outside of those that the walk has. */
static void add(struct walk *w, size_t dim, size_t step)
{
    const uint32_t top = w->rank - 1;
    if (w->rank && step == w->step[top] * w->dim[top]) {
        w->dim[top] *= dim;
    } else {
        w->dim[w->rank] = dim;
        w->step[w->rank++] = step;
    }
    w->count *= dim;
}

static size_t place(const struct walk *w, size_t i)
{
    size_t at = 0;
    for (uint32_t d = 0; d < w->rank; i /= w->dim[d++])
        at += i % w->dim[d] * w->step[d];
    return at;
}

static void geometry(const struct qnt_step *s, struct state *st)
{
    const struct qnt_tensor *x = s->in[0];
    size_t step = 1;
    bool begun = false;
    st->kept = st->taken = (struct walk){.count = 1};
    st->run = 1;
    for (uint32_t d = x->rank; d-- > 0; step *= x->dim[d]) {
        const bool taken = takes(s->node, x->rank, d);
        if (x->dim[d] == 1)
            continue;
        if (!begun) {
            st->along = taken;
            begun = true;
        }
        if (taken == st->along && step == st->run)
            st->run *= x->dim[d];
        else
            add(taken ? &st->taken : &st->kept, x->dim[d], step);
    }
    st->image_in = qnt_tensor_count(x);
    st->image_out = qnt_tensor_count(s->out);
    st->elements = st->image_in / st->image_out;
}

qnt_status qnt_reduce_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    (void)max_batch;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    geometry(s, st);
    st->mean = s->op == &qnt_op_reduce_mean;
    st->max = s->op == &qnt_op_reduce_max;
    st->min = s->op == &qnt_op_reduce_min;
    s->variant = &qnt_no_variant;
    return QNT_OK;
}

static float start(const struct state *st)
{
    return st->max ? -INFINITY : st->min ? INFINITY : 0.0f;
}

static inline float more(const struct state *st, float a, float v)
{
    return st->max ? (v > a ? v : a) : st->min ? (v < a ? v : a) : a + v;
}

static float end(const struct state *st, float v)
{
    if (st->mean)
        v /= (float)st->elements;
    return v != v ? __builtin_nanf("") : v;
}

/* n elements side by side, as one value. */
static float fold(const struct state *st, const float *x, size_t n)
{
    float s[LANES];
    size_t i = 0;
    for (int l = 0; l < LANES; l++)
        s[l] = start(st);
    if (!st->max && !st->min)
        for (; n - i >= LANES; i += LANES)
            for (int l = 0; l < LANES; l++)
                s[l] += x[i + (size_t)l];
    for (; i < n; i++)
        s[i % LANES] = more(st, s[i % LANES], x[i]);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            s[l] = more(st, s[l], s[l + half]);
    return s[0];
}

static void run_along(const struct state *st, const float *x, float *y, size_t y0, size_t y1)
{
    for (size_t i = y0; i < y1; i++) {
        const float *from = x + i / st->image_out * st->image_in + place(&st->kept, i % st->image_out);
        float v = fold(st, from, st->run);
        for (size_t r = 1; r < st->taken.count; r++)
            v = more(st, v, fold(st, from + place(&st->taken, r), st->run));
        y[i] = end(st, v);
    }
}

/* The results of n columns. */
static void columns(const struct state *st, const float *x, float *y, size_t n)
{
    for (size_t j = 0; j < n; j++)
        y[j] = start(st);
    for (size_t r = 0; r < st->taken.count; r++) {
        const float *row = x + place(&st->taken, r);
        if (st->max || st->min)
            for (size_t j = 0; j < n; j++)
                y[j] = more(st, y[j], row[j]);
        else
            for (size_t j = 0; j < n; j++)
                y[j] += row[j];
    }
    for (size_t j = 0; j < n; j++)
        y[j] = end(st, y[j]);
}

void qnt_reduce_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    const float *from = qnt_step_in(s, x);
    float *to = qnt_step_out(s, x);
    size_t u0, u1;
    if (st->along) {
        qnt_share(x->batch * st->image_out, x->part, x->parts, &u0, &u1);
        run_along(st, from, to, u0, u1);
        return;
    }
    const size_t groups = (st->run + COLUMNS - 1) / COLUMNS, rows = st->kept.count;
    qnt_share(x->batch * rows * groups, x->part, x->parts, &u0, &u1);
    for (size_t u = u0; u < u1; u++) {
        const size_t row = u / groups, first = u % groups * COLUMNS;
        const size_t n = st->run - first < COLUMNS ? st->run - first : COLUMNS;
        columns(st, from + row / rows * st->image_in + place(&st->kept, row % rows) + first, to + row * st->run + first,
                n);
    }
}
