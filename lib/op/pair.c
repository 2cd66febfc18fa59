/* Rows along the last dimension go to the kernels, an operand with one value a row is spread there.
 */
#include <math.h>
#include "infer.h"
#include "pair.h"
#include "requant.h"
#include "step.h"

struct state {
    bool product, s8;
    bool by_floats; /* s8: codes.run */
    size_t plain;   /* integers without scales: bytes of one, else 0 */
    qnt_add_s8_fn *run_s8;
    qnt_add_f32_fn *run_f32;
    struct qnt_pair pair;
    struct qnt_requant rq;
    struct qnt_pair_codes codes;
    struct qnt_pair_shape single; /* of one image: what most runs are */
};

static size_t dim_at(const struct qnt_tensor *t, uint32_t rank, uint32_t d)
{
    return d + t->rank < rank ? 1 : t->dim[d + t->rank - rank];
}

static qnt_status check_operands(const struct qnt_model *m, const struct qnt_node *n)
{
    const struct qnt_tensor *a = &m->tensor[n->in[0]], *b = &m->tensor[n->in[1]];
    if (a->constant && b->constant)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': inputs '%s' and '%s' are constants, expected an activation", n->name,
                        a->name, b->name);
    if (a->type != QNT_F32 && !(a->type == QNT_S8 && a->scales) && !(qnt_pair_takes(a->type) && !a->scales))
        return qnt_fail(QNT_ERR_TYPE,
                        "node '%s': input '%s' is %s with %u scales, expected f32, s8 with one, or integers", n->name,
                        a->name, qnt_dtype_name(a->type), a->scales);
    if (b->type != a->type || !a->scales != !b->scales)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s, expected %s as '%s'", n->name, b->name,
                        qnt_dtype_name(b->type), qnt_dtype_name(a->type), a->name);
    for (int i = 0; i < 2; i++) {
        const struct qnt_tensor *t = i ? b : a;
        qnt_status status = t->scales ? qnt_check_quant(n, t) : QNT_OK;
        if (status)
            return status;
        if (t->constant && !t->data)
            return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': constant '%s' has no data", n->name, t->name);
    }
    return QNT_OK;
}

bool qnt_is_pair(const struct qnt_node *n)
{
    return n->op == &qnt_op_add || n->op == &qnt_op_sub || n->op == &qnt_op_mul;
}

static qnt_status infer_type(const struct qnt_node *n, const struct qnt_tensor *a, struct qnt_tensor *out)
{
    if (a->type == QNT_F32)
        return qnt_infer_f32(n, out);
    if (a->scales)
        return qnt_infer_quantized(n, out);
    if (n->op == &qnt_op_prelu)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s without a scale, expected f32 or s8 with one",
                        n->name, a->name, qnt_dtype_name(a->type));
    if (out->type && (out->type != a->type || out->scales))
        return qnt_fail(QNT_ERR_TYPE, "node '%s': output is %s with %u scales, expected %s without", n->name,
                        qnt_dtype_name(out->type), out->scales, qnt_dtype_name(a->type));
    out->type = a->type;
    out->bits = 8 * (uint32_t)qnt_dtype_size(a->type);
    return QNT_OK;
}

qnt_status qnt_pair_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *a = &m->tensor[n->in[0]], *b = &m->tensor[n->in[1]];
    char one[QNT_SHAPE_TEXT], other[QNT_SHAPE_TEXT];
    qnt_status status = check_operands(m, n);
    if (status || (status = infer_type(n, a, out)))
        return status;
    out->rank = a->rank > b->rank ? a->rank : b->rank;
    for (uint32_t d = 0; d < out->rank; d++) {
        size_t x = dim_at(a, out->rank, d), y = dim_at(b, out->rank, d);
        if (x != y && x != 1 && y != 1)
            return qnt_fail(QNT_ERR_SHAPE, "node '%s': inputs '%s' of %s and '%s' of %s do not fit together", n->name,
                            a->name, qnt_shape_text(a, one), b->name, qnt_shape_text(b, other));
        out->dim[d] = x == 1 ? y : x;
    }
    return QNT_OK;
}

struct qnt_pair_shape qnt_pair_shape(const struct qnt_step *s, size_t batch)
{
    const uint32_t rank = s->out->rank;
    size_t step[2], size[2] = {1, 1};
    struct qnt_pair_shape reversed = {0}, p = {0};
    for (uint32_t d = rank + 1; d-- > 0;) { /* from the last dimension to the batch */
        const size_t extent = d ? s->out->dim[d - 1] : batch;
        for (int i = 0; i < 2; i++) {
            const size_t own = d ? dim_at(s->in[i], rank, d - 1) : s->in[i]->constant ? 1 : batch;
            step[i] = own == 1 ? 0 : size[i];
            size[i] *= own;
        }
        const uint32_t top = reversed.rank - 1;
        if (extent == 1)
            continue;
        if (reversed.rank && step[0] == reversed.step[0][top] * reversed.dim[top] &&
            step[1] == reversed.step[1][top] * reversed.dim[top]) {
            reversed.dim[top] *= extent;
            continue;
        }
        reversed.dim[reversed.rank] = extent;
        reversed.step[0][reversed.rank] = step[0];
        reversed.step[1][reversed.rank++] = step[1];
    }
    if (!reversed.rank)
        reversed.dim[reversed.rank++] = 1;
    p.rank = reversed.rank;
    for (uint32_t d = 0; d < p.rank; d++) {
        p.dim[d] = reversed.dim[p.rank - 1 - d];
        p.step[0][d] = reversed.step[0][p.rank - 1 - d];
        p.step[1][d] = reversed.step[1][p.rank - 1 - d];
    }
    return p;
}

size_t qnt_pair_at(const struct qnt_pair_shape *p, int operand, size_t row)
{
    size_t at = 0;
    for (uint32_t d = p->rank - 1; d-- > 0; row /= p->dim[d])
        at += row % p->dim[d] * p->step[operand][d];
    return at;
}

static qnt_status factors(const struct qnt_step *s, struct state *st)
{
    const struct qnt_tensor *a = s->in[0], *b = s->in[1], *y = s->out;
    struct qnt_pair *p = &st->pair;
    qnt_status status;
    if ((status = qnt_check_quant(s->node, a)) || (status = qnt_check_quant(s->node, b)) ||
        (status = qnt_check_quant(s->node, y)))
        return status;
    p->a_zero = a->zero;
    p->b_zero = b->zero;
    p->a_factor = st->product ? a->scale[0] * b->scale[0] / y->scale[0] : a->scale[0] / y->scale[0];
    p->b_factor = st->product ? 0.0f : b->scale[0] / y->scale[0];
    if (!(p->a_factor < 0x1p100f) || !(p->b_factor < 0x1p100f))
        return qnt_fail(QNT_ERR_RANGE, "node '%s': scales %g and %g over the output's %g, expected less than 2^100",
                        s->node->name, (double)a->scale[0], (double)b->scale[0], (double)y->scale[0]);
    qnt_requant_bounds(s, &st->rq);
    return QNT_OK;
}

static qnt_mul_f32_fn *float_kernel(const struct qnt_dsp *dsp, const struct qnt_op_def *op)
{
    return op == &qnt_op_mul     ? dsp->mul_f32
           : op == &qnt_op_div   ? dsp->div_f32
           : op == &qnt_op_min   ? dsp->min_f32
           : op == &qnt_op_max   ? dsp->max_f32
           : op == &qnt_op_prelu ? dsp->prelu_f32
                                 : dsp->add_f32;
}

static qnt_status prepare_s8(const struct qnt_dsp *dsp, struct qnt_step *s, struct state *st)
{
    if (st->by_floats) {
        st->codes.dequantize = dsp->dequantize_s8_f32;
        st->codes.quantize = dsp->quantize_f32_s8;
        st->codes.run = st->run_f32;
        s->variant = QNT_VARIANT_OF(st->run_f32);
        return qnt_pair_codes_set(s, &st->codes);
    }
    st->run_s8 = st->product ? dsp->mul_s8 : dsp->add_s8;
    s->variant = QNT_VARIANT_OF(st->run_s8);
    return factors(s, st);
}

qnt_status qnt_pair_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    qnt_status status = QNT_OK;
    (void)max_batch;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    st->single = qnt_pair_shape(s, 1);
    st->product = s->op == &qnt_op_mul;
    st->by_floats = !qnt_is_pair(s->node);
    st->plain = s->out->type != QNT_F32 && !s->out->scales ? qnt_dtype_size(s->out->type) : 0;
    st->s8 = s->out->type == QNT_S8 && !st->plain;
    st->run_f32 = float_kernel(&ctx->dsp, s->op);
    if (st->s8) {
        status = prepare_s8(&ctx->dsp, s, st);
    } else {
        s->variant = st->plain ? &qnt_no_variant : QNT_VARIANT_OF(st->run_f32);
        st->pair.b_factor = 1.0f;
    }
    if (s->op == &qnt_op_sub)
        st->pair.b_factor = -st->pair.b_factor;
    return status;
}

static const void *operand(const struct qnt_step *s, const struct qnt_exec *x, int i)
{
    return s->in[i]->constant ? s->in[i]->data : x->arena + s->in_offset[i];
}

static void run_row(const struct qnt_step *s, const struct qnt_exec *x, const struct qnt_pair *pair, size_t a, size_t b,
                    size_t at, size_t n)
{
    const struct state *st = s->state;
    if (st->plain)
        qnt_pair_integers_row(s->op, s->out->type, (const uint8_t *)operand(s, x, 0) + a * st->plain,
                              (const uint8_t *)operand(s, x, 1) + b * st->plain,
                              (uint8_t *)qnt_step_out(s, x) + at * st->plain, n, pair);
    else if (st->s8 && st->by_floats)
        qnt_pair_codes_row(&st->codes, (const int8_t *)operand(s, x, 0) + a, (const int8_t *)operand(s, x, 1) + b,
                           (int8_t *)qnt_step_out(s, x) + at, n, pair, s->clamp_lo, s->clamp_hi);
    else if (st->s8)
        st->run_s8((const int8_t *)operand(s, x, 0) + a, (const int8_t *)operand(s, x, 1) + b,
                   (int8_t *)qnt_step_out(s, x) + at, n, pair, &st->rq);
    else
        st->run_f32((const float *)operand(s, x, 0) + a, (const float *)operand(s, x, 1) + b,
                    (float *)qnt_step_out(s, x) + at, n, pair, s->clamp_lo, s->clamp_hi);
}

void qnt_pair_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    struct qnt_pair_shape batch;
    const struct qnt_pair_shape *p = &st->single;
    if (x->batch != 1) {
        batch = qnt_pair_shape(s, x->batch);
        p = &batch;
    }
    const uint32_t last = p->rank - 1;
    const size_t n = p->dim[last];
    size_t rows = 1, i0, i1;
    struct qnt_pair pair = st->pair;
    pair.a_step = p->step[0][last];
    pair.b_step = p->step[1][last];
    for (uint32_t d = 0; d < last; d++)
        rows *= p->dim[d];
    if (rows == 1) {
        qnt_share(n, x->part, x->parts, &i0, &i1);
        run_row(s, x, &pair, i0 * pair.a_step, i0 * pair.b_step, i0, i1 - i0);
        return;
    }
    qnt_share(rows, x->part, x->parts, &i0, &i1);
    for (size_t row = i0; row < i1; row++)
        run_row(s, x, &pair, qnt_pair_at(p, 0, row), qnt_pair_at(p, 1, row), row * n, n);
}
