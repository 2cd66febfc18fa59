/* pad (x, of any type): begin[d] elements before and end[d] after dimension d: a constant, the mirror image or the
 * outermost element. With a scale, it and the zero point are the same on both sides, and the constant's code is
 * quantize(value); integers without one have a whole number of their type.
 *
 * The result is made of lines: the last dimension that is padded, with all behind it taken as one pixel. A line comes
 * from the line of x that its outer dimensions lead to, and is the pixels before, those of x, and the pixels after. */
#include <math.h>
#include <string.h>
#include "backward.h"
#include "infer.h"
#include "requant.h"
#include "step.h"

struct state {
    uint32_t outer;               /* dimensions before the line's */
    size_t lines, pixel;          /* lines an image; bytes of a pixel */
    size_t before, inside, after; /* pixels of a line */
    size_t elem;                  /* bytes of one */
    uint64_t fill;                /* the constant over and over */
    bool by_words;                /* fill_rows can write it */
    qnt_copy_rows_fn *copy_rows;
    qnt_fill_rows_fn *fill_rows;
};

static qnt_status check_dimension(const struct qnt_node *n, const struct qnt_tensor *x, uint32_t d)
{
    static const char *const names[] = {"constant", "reflect", "edge"};
    const int64_t begin = n->attr.begin[d], end = n->attr.end[d];
    int64_t most = d < x->rank ? QNT_MAX_ATTRIBUTE : 0;
    if (n->attr.mode == QNT_PAD_REFLECT && d < x->rank && x->dim[d] <= QNT_MAX_ATTRIBUTE)
        most = (int64_t)x->dim[d] - 1;
    if (begin < 0 || begin > most || end < 0 || end > most)
        return qnt_fail(QNT_ERR_ARG, "node '%s': %lld and %lld elements around dimension %u, expected 0 to %lld (%s)",
                        n->name, (long long)begin, (long long)end, d, (long long)most, names[n->attr.mode]);
    return QNT_OK;
}

static qnt_status check_value(const struct qnt_node *n, const struct qnt_tensor *t)
{
    const double value = (double)n->attr.value;
    int64_t least, most;
    if (isnan(n->attr.value))
        return qnt_fail(QNT_ERR_ARG, "node '%s': the constant is NaN, expected a number", n->name);
    if (n->attr.mode != QNT_PAD_CONSTANT || t->scales || !qnt_dtype_range(t->type, &least, &most))
        return QNT_OK;
    if (value != rint(value) || value < (double)least || value >= (double)most + 1.0)
        return qnt_fail(QNT_ERR_ARG, "node '%s': the constant is %.9g, expected a whole number of %s, %lld to %lld",
                        n->name, value, qnt_dtype_name(t->type), (long long)least, (long long)most);
    return QNT_OK;
}

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    qnt_status status = qnt_infer_moving(m, n, out);
    if (status)
        return status;
    if (n->attr.mode > QNT_PAD_EDGE)
        return qnt_fail(QNT_ERR_ARG, "node '%s': pad mode %u, expected 0 (constant), 1 (reflect) or 2 (edge)", n->name,
                        n->attr.mode);
    if ((status = check_value(n, out)))
        return status;
    qnt_infer_same_shape(m, n, out);
    for (uint32_t d = 0; d < QNT_MAX_RANK; d++) {
        if ((status = check_dimension(n, x, d)))
            return status;
        out->dim[d] += d < x->rank ? (size_t)(n->attr.begin[d] + n->attr.end[d]) : 0;
    }
    return QNT_OK;
}

static void geometry(const struct qnt_step *s, struct state *st)
{
    const struct qnt_tensor *x = s->in[0], *y = s->out;
    const qnt_node_attr *a = &s->node->attr;
    uint32_t last = x->rank - 1;
    st->lines = 1;
    st->pixel = st->elem = qnt_dtype_size(y->type);
    for (; last > 0 && !a->begin[last] && !a->end[last]; last--)
        st->pixel *= x->dim[last];
    for (uint32_t d = 0; d < last; d++)
        st->lines *= y->dim[d];
    st->outer = last;
    st->before = (size_t)a->begin[last];
    st->inside = x->dim[last];
    st->after = (size_t)a->end[last];
}

/* The constant's bits; integers without a scale have a code for a value (infer). */
static uint64_t code_of(float value, const struct qnt_tensor *t)
{
    int64_t least, most;
    uint32_t word;
    if (!qnt_dtype_range(t->type, &least, &most)) {
        memcpy(&word, &value, sizeof word);
        return word;
    }
    if (!t->scales)
        return (uint64_t)(int64_t)value;
    if (t->type == QNT_S8)
        return (uint64_t)qnt_bound_code(value, t);
    const double code = rint((double)(value / t->scale[0])) + (double)t->zero;
    return (uint64_t)(code < (double)least ? least : code > (double)most ? most : (int64_t)code);
}

static void fill_with(struct state *st, uint64_t code)
{
    const uint32_t bits = 8 * (uint32_t)st->elem;
    const uint8_t first = (uint8_t)code;
    st->fill = 0;
    for (uint32_t at = 0; at < 64; at += bits)
        st->fill |= (bits < 64 ? code & ((UINT64_C(1) << bits) - 1) : code) << at;
    /* Words of two elements may end between them. */
    st->by_words = st->elem == 4 || st->fill == first * UINT64_C(0x0101010101010101);
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    const float value = s->node->attr.value;
    qnt_status status = qnt_same_codes(s->node, s->in[0], s->out);
    (void)max_batch;
    if (status)
        return status;
    if (!st) {
        if (!(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
            return QNT_ERR_NOMEM;
        geometry(s, st);
        st->copy_rows = ctx->dsp.copy_rows;
        st->fill_rows = ctx->dsp.fill_rows;
        s->variant = QNT_VARIANT_OF(st->copy_rows);
    }
    if (s->node->attr.mode == QNT_PAD_CONSTANT)
        fill_with(st, code_of(value, s->out));
    return QNT_OK;
}

/* The element of a dimension of `extent` that lies at place i of the padded one; -1: the constant. */
static ptrdiff_t source(uint32_t mode, size_t i, size_t before, size_t extent)
{
    const ptrdiff_t at = (ptrdiff_t)i - (ptrdiff_t)before, last = (ptrdiff_t)extent - 1;
    if (at >= 0 && at <= last)
        return at;
    if (mode == QNT_PAD_CONSTANT)
        return -1;
    if (mode == QNT_PAD_EDGE)
        return at < 0 ? 0 : last;
    return at < 0 ? -at : 2 * last - at;
}

/* The line of an image of x that a line of the result comes from; -1: the constant alone. */
static ptrdiff_t source_line(const struct qnt_step *s, size_t line)
{
    const struct state *st = s->state;
    ptrdiff_t at = 0, step = 1;
    for (uint32_t d = st->outer; d-- > 0; line /= s->out->dim[d]) {
        const size_t extent = s->in[0]->dim[d];
        ptrdiff_t i = source(s->node->attr.mode, line % s->out->dim[d], (size_t)s->node->attr.begin[d], extent);
        if (i < 0)
            return -1;
        at += i * step;
        step *= (ptrdiff_t)extent;
    }
    return at;
}

static void fill(const struct state *st, uint8_t *dst, size_t bytes)
{
    if (st->by_words) {
        st->fill_rows(dst, bytes, 1, bytes, (uint32_t)st->fill);
        return;
    }
    for (size_t i = 0; i < bytes; i += st->elem)
        memcpy(dst + i, &st->fill, st->elem);
}

/* src: the line of x, NULL for the constant alone. */
static void run_line(const struct state *st, uint32_t mode, const uint8_t *src, uint8_t *dst)
{
    const size_t pixel = st->pixel, inside = st->inside * pixel, before = st->before * pixel, after = st->after * pixel;
    const ptrdiff_t step = (ptrdiff_t)pixel;
    if (!src) {
        fill(st, dst, before + inside + after);
        return;
    }
    st->copy_rows(src, 0, dst + before, 0, 1, inside);
    if (mode == QNT_PAD_CONSTANT) {
        fill(st, dst, before);
        fill(st, dst + before + inside, after);
    } else if (mode == QNT_PAD_EDGE) {
        st->copy_rows(src, 0, dst, step, st->before, pixel);
        st->copy_rows(src + inside - pixel, 0, dst + before + inside, step, st->after, pixel);
    } else {
        st->copy_rows(src + before, -step, dst, step, st->before, pixel);
        if (st->after)
            st->copy_rows(src + inside - 2 * pixel, -step, dst + before + inside, step, st->after, pixel);
    }
}

static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    const size_t line = (st->before + st->inside + st->after) * st->pixel;
    const size_t image = qnt_tensor_count(s->in[0]) * qnt_dtype_size(s->in[0]->type);
    const uint8_t *src = qnt_step_in(s, x);
    size_t i, end;
    qnt_share(x->batch * st->lines, x->part, x->parts, &i, &end);
    for (; i < end; i++) {
        const ptrdiff_t from = source_line(s, i % st->lines);
        const uint8_t *of = src + i / st->lines * image;
        run_line(st, s->node->attr.mode, from < 0 ? NULL : of + (size_t)from * st->inside * st->pixel,
                 (uint8_t *)qnt_step_out(s, x) + i * line);
    }
}

/* Every element goes back to where it came from. */
static void backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    const struct state *st = s->state;
    const size_t width = st->before + st->inside + st->after, image = qnt_tensor_count(s->in[0]);
    const size_t pixel = st->pixel / qnt_dtype_size(s->out->type);
    const float *dy = g->delta[s->node->out];
    float *dx = g->delta[s->node->in[0]];
    if (!dx)
        return;
    if (!g->delta_set[s->node->in[0]])
        memset(dx, 0, g->batch * image * sizeof *dx);
    g->delta_set[s->node->in[0]] = 1;
    for (size_t i = 0; i < g->batch * st->lines; i++) {
        const ptrdiff_t from = source_line(s, i % st->lines);
        for (size_t p = 0; from >= 0 && p < width; p++) {
            const ptrdiff_t at = source(s->node->attr.mode, p, st->before, st->inside);
            float *to = dx + i / st->lines * image + ((size_t)from * st->inside + (size_t)(at < 0 ? 0 : at)) * pixel;
            for (size_t k = 0; at >= 0 && k < pixel; k++)
                to[k] += dy[(i * width + p) * pixel + k];
        }
    }
}

const struct qnt_op_def qnt_op_pad = {
    .name = "pad", .min_in = 1, .max_in = 1, .infer = infer, .prepare = prepare, .run = run, .backward = backward};
