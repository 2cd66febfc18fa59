/* concat (a, b, ...): activations of one type, any, behind each other along dimension axis[0]; with scales, these are
 * the same. s8: a preset scale and zero point, or those of all inputs where these agree; codes of an input with others
 * go through a table, quantize(dequantize(code)), as ONNX Runtime's QLinearConcat has it. */
#include "backward.h"
#include "infer.h"
#include "requant.h"
#include "step.h"

enum { PIECE = 4096 }; /* bytes at a time: of a row when it is longer, else of rows together */

/* One input: rows of `width` bytes, each put `at` bytes into a row of the output. */
struct part {
    size_t width, at;
    bool mapped;
    int8_t table[256];
};
struct state {
    size_t rows, line; /* per image; bytes of an output row */
    qnt_copy_rows_fn *copy_rows;
    qnt_lookup_s8_fn *lookup;
    struct part part[QNT_MAX_INPUTS];
};

/* Codes of values, which a table may take to others. */
static bool is_mapped_type(const struct qnt_tensor *t)
{
    return t->type == QNT_S8 && t->scales;
}

static qnt_status check_input(const struct qnt_model *m, const struct qnt_node *n, const struct qnt_tensor *t,
                              const struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    char one[QNT_SHAPE_TEXT], other[QNT_SHAPE_TEXT];
    bool fits = t->rank == x->rank;
    if (t->constant)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': input '%s' is a constant, expected an activation", n->name,
                        t->name);
    if (t->type != x->type)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s, expected %s as '%s'", n->name, t->name,
                        qnt_dtype_name(t->type), qnt_dtype_name(x->type), x->name);
    for (uint32_t d = 0; fits && d < x->rank; d++)
        fits = d == n->attr.axis[0] || t->dim[d] == x->dim[d];
    if (!fits)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': input '%s' is %s, expected %s as '%s' but for dimension %u", n->name,
                        t->name, qnt_shape_text(t, one), qnt_shape_text(x, other), x->name, n->attr.axis[0]);
    return is_mapped_type(out) ? qnt_check_quant(n, t) : qnt_same_codes(n, t, out);
}

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]];
    const uint32_t axis = n->attr.axis[0];
    const bool preset = out->type;
    const bool mapped = is_mapped_type(x);
    qnt_status status = mapped ? qnt_infer_same_type(m, n, out) : qnt_infer_moving(m, n, out);
    if (status)
        return status;
    if (axis >= x->rank)
        return qnt_fail(QNT_ERR_ARG, "node '%s': axis %u, expected 0 to %u: '%s' has rank %u", n->name, axis,
                        x->rank - 1, x->name, x->rank);
    qnt_infer_same_shape(m, n, out);
    out->dim[axis] = 0;
    for (uint32_t k = 0; k < n->n_in; k++) {
        const struct qnt_tensor *t = &m->tensor[n->in[k]];
        if ((status = check_input(m, n, t, out)))
            return status;
        if (!preset && mapped && (t->scale[0] != x->scale[0] || t->zero != x->zero))
            return qnt_fail(
                QNT_ERR_TYPE,
                "node '%s': '%s' has scale %.9g and zero point %d, '%s' %.9g and %d: the output needs a scale", n->name,
                t->name, (double)t->scale[0], t->zero, x->name, (double)x->scale[0], x->zero);
        out->dim[axis] += t->dim[axis];
    }
    return QNT_OK;
}

static void geometry(const struct qnt_step *s, struct state *st)
{
    const uint32_t axis = s->node->attr.axis[0];
    size_t inner = qnt_dtype_size(s->out->type);
    st->rows = 1;
    for (uint32_t d = 0; d < s->out->rank; d++) {
        st->rows *= d < axis ? s->out->dim[d] : 1;
        inner *= d > axis ? s->out->dim[d] : 1;
    }
    for (uint32_t k = 0; k < s->node->n_in; k++) {
        st->part[k].at = st->line;
        st->part[k].width = s->in[k]->dim[axis] * inner;
        st->line += st->part[k].width;
    }
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    qnt_status status;
    (void)max_batch;
    if (!st) {
        if (!(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
            return QNT_ERR_NOMEM;
        geometry(s, st);
        st->copy_rows = ctx->dsp.copy_rows;
        st->lookup = ctx->dsp.lookup_s8;
        s->variant = QNT_VARIANT_OF(st->copy_rows);
    }
    for (uint32_t k = 0; k < s->node->n_in && is_mapped_type(s->out); k++) {
        const struct qnt_tensor *x = s->in[k];
        struct part *p = &st->part[k];
        if ((status = qnt_check_quant(s->node, x)) || (status = qnt_check_quant(s->node, s->out)))
            return status;
        p->mapped = x->scale[0] != s->out->scale[0] || x->zero != s->out->zero;
        if (!p->mapped)
            continue;
        qnt_requant_table(x, s->out, p->table);
        s->scratch_bytes = PIECE;
    }
    return QNT_OK;
}

/* `rows` rows of `bytes` bytes, strides of the input and the output. rows * bytes <= PIECE or one row. */
static void put(const struct state *st, const struct part *p, const uint8_t *src, uint8_t *dst, size_t rows,
                size_t bytes, uint8_t *scratch)
{
    if (p->mapped && rows == 1) {
        st->lookup((const int8_t *)src, (int8_t *)dst, bytes, p->table);
        return;
    }
    if (p->mapped) {
        st->lookup((const int8_t *)src, (int8_t *)scratch, rows * bytes, p->table);
        src = scratch;
    }
    st->copy_rows(src, (ptrdiff_t)bytes, dst, (ptrdiff_t)st->line, rows, bytes);
}

static void run_part(const struct qnt_step *s, const struct qnt_exec *x, uint32_t k)
{
    const struct state *st = s->state;
    const struct part *p = &st->part[k];
    const uint8_t *src = x->arena + s->in_offset[k];
    uint8_t *dst = x->arena + s->out_offset + p->at;
    const size_t rows = x->batch * st->rows, pieces = (p->width + PIECE - 1) / PIECE, together = PIECE / p->width;
    size_t i, end;
    qnt_share(rows * pieces, x->part, x->parts, &i, &end);
    if (pieces == 1) {
        for (size_t n; i < end; i += n) {
            n = end - i < together ? end - i : together;
            put(st, p, src + i * p->width, dst + i * st->line, n, p->width, x->scratch);
        }
        return;
    }
    for (; i < end; i++) {
        const size_t row = i / pieces, from = i % pieces * PIECE, left = p->width - from;
        put(st, p, src + row * p->width + from, dst + row * st->line + from, 1, left < PIECE ? left : PIECE,
            x->scratch);
    }
}

static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    for (uint32_t k = 0; k < s->node->n_in; k++)
        run_part(s, x, k);
}

static void backward(const struct qnt_step *s, const struct qnt_grad *g)
{
    const struct state *st = s->state;
    const size_t elem = qnt_dtype_size(s->out->type), line = st->line / elem;
    for (uint32_t k = 0; k < s->node->n_in; k++) {
        const size_t width = st->part[k].width / elem;
        const float *dy = g->delta[s->node->out] + st->part[k].at / elem;
        float *dx = g->delta[s->node->in[k]];
        if (!dx)
            continue;
        uint8_t *set = &g->delta_set[s->node->in[k]];
        for (size_t r = 0; r < g->batch * st->rows; r++, dy += line, dx += width)
            for (size_t i = 0; i < width; i++)
                dx[i] = *set ? dx[i] + dy[i] : dy[i];
        *set = 1;
    }
}

const struct qnt_op_def qnt_op_concat = {.name = "concat",
                                         .min_in = 1,
                                         .max_in = QNT_MAX_INPUTS,
                                         .infer = infer,
                                         .prepare = prepare,
                                         .run = run,
                                         .backward = backward};
