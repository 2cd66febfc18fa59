/* matmul (a [..][m][k], b [..][k][n][, zero]) -> [..][m][n]: of two activations, or of an activation and a constant on
 * either side; the dimensions in front are broadcast as those of add.
 *   f32: each element one chain of fma in order of k, from +0.
 *   s8: sum = sum over k of (a - za) * (b - zb), exact; the result is s32 without a scale, or s8:
 *   y = clamp(rne((float)sum * (sa * sb / sy)) + zy). zero: a constant of s32 [n] instead of b's zero point.
 * b is packed while it runs, a panel of columns at a time: for constants of two dimensions, fully_connected packs once.
 */
#include <math.h>
#include "infer.h"
#include "lib/gemm/gemm.h"
#include "requant.h"
#include "step.h"

enum { MOST_K = 33025 /* 255 * 255 * k < 2^31 */ };

struct state {
    const struct qnt_gemm *g;
    qnt_transpose_s8_fn *transpose;
    qnt_sum_s8_fn *sum;
    const qnt_ctx *ctx;
    size_t m, n, k, panels;
    uint32_t rank;                                             /* of the dimensions in front */
    size_t dim[QNT_MAX_RANK], step[2][QNT_MAX_RANK], products; /* of one image; steps in elements, 0: repeats */
    size_t image[2]; /* elements of an operand between images; 0 for a constant */
    bool s8, row_terms;
    int32_t a_zero;
    const int32_t *b_zero; /* zero, or NULL: one for all */
    int32_t b_zero_all;
    float factor;
    struct qnt_epilogue e;
    size_t at_panel, at_bias, at_zero, at_row, at_work; /* in scratch, bytes; the transposed columns lie first */
};

static size_t front(const struct qnt_tensor *t, uint32_t rank,
                    uint32_t d) /* dimension d of rank, without the last two */
{
    return d + t->rank < rank + 2 ? 1 : t->dim[d + t->rank - rank - 2];
}

static qnt_status check_zero(const struct qnt_node *n, const struct qnt_tensor *b, const struct qnt_tensor *z)
{
    char shape[QNT_SHAPE_TEXT];
    if (b->type != QNT_S8)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': zero points '%s' for '%s' of %s, expected s8", n->name, z->name,
                        b->name, qnt_dtype_name(b->type));
    if (!z->constant || !z->data || z->type != QNT_S32)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': zero points '%s' are %s%s, expected a constant of s32", n->name,
                        z->name, z->constant ? "" : "an activation of ", qnt_dtype_name(z->type));
    if (z->rank != 1 || z->dim[0] != b->dim[b->rank - 1])
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': zero points '%s' are %s, expected %zu", n->name, z->name,
                        qnt_shape_text(z, shape), b->dim[b->rank - 1]);
    for (size_t i = 0; i < z->dim[0]; i++) {
        const int32_t v = ((const int32_t *)z->data)[i];
        if (v < -128 || v > 127)
            return qnt_fail(QNT_ERR_RANGE, "node '%s': zero point %zu of '%s' is %d, expected -128 to 127", n->name, i,
                            z->name, v);
    }
    return QNT_OK;
}

static qnt_status check_operands(const struct qnt_model *m, const struct qnt_node *n)
{
    const struct qnt_tensor *a = &m->tensor[n->in[0]], *b = &m->tensor[n->in[1]];
    if (a->constant && b->constant)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': inputs '%s' and '%s' are constants, expected an activation", n->name,
                        a->name, b->name);
    for (int i = 0; i < 2; i++) {
        const struct qnt_tensor *t = i ? b : a;
        if (t->type != QNT_F32 && t->type != QNT_S8)
            return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s, expected f32 or s8", n->name, t->name,
                            qnt_dtype_name(t->type));
        qnt_status status = t->type == QNT_S8 ? qnt_check_quant(n, t) : QNT_OK;
        if (status)
            return status;
        if (t->constant && !t->data)
            return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': constant '%s' has no data", n->name, t->name);
    }
    if (b->type != a->type)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s, expected %s as '%s'", n->name, b->name,
                        qnt_dtype_name(b->type), qnt_dtype_name(a->type), a->name);
    return QNT_OK;
}

static qnt_status infer_shape(const struct qnt_node *n, const struct qnt_tensor *a, const struct qnt_tensor *b,
                              struct qnt_tensor *out)
{
    char one[QNT_SHAPE_TEXT], other[QNT_SHAPE_TEXT];
    bool fit = a->rank >= 2 && b->rank >= 2 && a->dim[a->rank - 1] == b->dim[b->rank - 2];
    out->rank = a->rank > b->rank ? a->rank : b->rank;
    for (uint32_t d = 0; fit && d < out->rank - 2; d++) {
        const size_t x = front(a, out->rank - 2, d), y = front(b, out->rank - 2, d);
        fit = x == y || x == 1 || y == 1;
        out->dim[d] = x == 1 ? y : x;
    }
    if (!fit)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': no product of '%s' of %s and '%s' of %s", n->name, a->name,
                        qnt_shape_text(a, one), b->name, qnt_shape_text(b, other));
    out->dim[out->rank - 2] = a->dim[a->rank - 2];
    out->dim[out->rank - 1] = b->dim[b->rank - 1];
    if (a->type == QNT_S8 && a->dim[a->rank - 1] > MOST_K)
        return qnt_fail(QNT_ERR_RANGE, "node '%s': sums of %zu products of codes, at most %d are exact", n->name,
                        a->dim[a->rank - 1], MOST_K);
    return QNT_OK;
}

static qnt_status infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *a = &m->tensor[n->in[0]], *b = &m->tensor[n->in[1]];
    qnt_status status = check_operands(m, n);
    if (status || (n->n_in > 2 && (status = check_zero(n, b, &m->tensor[n->in[2]]))) ||
        (status = infer_shape(n, a, b, out)))
        return status;
    if (a->type == QNT_F32)
        return qnt_infer_f32(n, out);
    if (!out->type || (out->type == QNT_S32 && !out->scales)) {
        out->type = QNT_S32;
        out->bits = 32;
        return QNT_OK;
    }
    return qnt_infer_quantized(n, out);
}

static void geometry(const struct qnt_step *s, struct state *st)
{
    const struct qnt_tensor *y = s->out;
    st->rank = y->rank - 2;
    st->m = y->dim[y->rank - 2];
    st->n = y->dim[y->rank - 1];
    st->k = s->in[0]->dim[s->in[0]->rank - 1];
    st->products = 1;
    for (uint32_t d = 0; d < st->rank; d++)
        st->products *= st->dim[d] = y->dim[d];
    for (int i = 0; i < 2; i++) {
        size_t step = i ? st->k * st->n : st->m * st->k;
        for (uint32_t d = st->rank; d-- > 0;) {
            const size_t own = front(s->in[i], st->rank, d);
            st->step[i][d] = own == 1 ? 0 : step;
            step *= own;
        }
        st->image[i] = s->in[i]->constant ? 0 : step;
    }
}

/* Sums of rows of a are wanted where b's codes are not their values. */
static bool needs_row_terms(const struct state *st)
{
    bool any = st->b_zero_all;
    for (size_t j = 0; st->b_zero && j < st->n; j++)
        any |= st->b_zero[j] != 0;
    return any;
}

static qnt_status set_codes(const struct qnt_step *s, struct state *st)
{
    const struct qnt_tensor *a = s->in[0], *b = s->in[1], *y = s->out;
    qnt_status status = qnt_check_quant(s->node, a);
    if (status || (status = qnt_check_quant(s->node, b)))
        return status;
    st->a_zero = a->zero;
    st->b_zero = s->node->n_in > 2 ? s->in[2]->data : NULL;
    st->b_zero_all = st->b_zero ? 0 : b->zero;
    st->row_terms = needs_row_terms(st);
    st->e = (struct qnt_epilogue){.kind = QNT_EPI_S32, .has_row_term = st->row_terms};
    if (y->type == QNT_S32)
        return QNT_OK;
    if ((status = qnt_check_quant(s->node, y)))
        return status;
    st->factor = a->scale[0] * b->scale[0] / y->scale[0];
    if (!isfinite(st->factor))
        return qnt_fail(QNT_ERR_RANGE, "node '%s': scales %g * %g / %g (output) are not finite", s->node->name,
                        (double)a->scale[0], (double)b->scale[0], (double)y->scale[0]);
    st->e.kind = QNT_EPI_S8;
    qnt_requant_bounds(s, &st->e.rq);
    st->e.rq.per_channel = 0;
    return QNT_OK;
}

/* Where the parts of scratch lie. */
static void lay_out(struct qnt_step *s, struct state *st)
{
    const struct qnt_gemm *g = st->g;
    size_t at = st->s8 ? qnt_round_up(g->nr * st->k, 64) : 0;
    st->at_panel = at;
    at += qnt_round_up(qnt_gemm_packed_bytes(g, g->nr, st->k), 64);
    if (st->s8) {
        st->at_bias = at;
        at += qnt_round_up(g->nr * sizeof(int32_t), 64);
        st->at_zero = at;
        at += qnt_round_up(g->nr * sizeof(int32_t), 64);
        st->at_row = at;
        at += st->row_terms ? qnt_round_up(st->m * sizeof(int32_t), 64) : 0;
        st->at_work = at;
        at += qnt_gemm_scratch_bytes(g, st->k, 1);
    }
    s->scratch_bytes = at;
}

static qnt_status prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    qnt_status status = QNT_OK;
    (void)max_batch;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    geometry(s, st);
    st->ctx = ctx;
    st->s8 = s->in[0]->type == QNT_S8;
    st->transpose = ctx->dsp.transpose_s8;
    st->sum = ctx->dsp.sum_s8;
    st->g = qnt_gemm_choose(st->s8 ? &ctx->dsp.gemm_s8 : &ctx->dsp.gemm_f32, st->m, st->n, st->k);
    st->panels = (st->n + st->g->nr - 1) / st->g->nr;
    st->e = (struct qnt_epilogue){.kind = QNT_EPI_F32, .lo = s->clamp_lo, .hi = s->clamp_hi};
    if (st->s8)
        status = set_codes(s, st);
    lay_out(s, st);
    s->variant = qnt_variant_of_tile(st->g);
    return status;
}

/* m rows times `used` columns from b on; the tiles read a where it lies. */
static void product_f32(const struct state *st, const float *a, const float *b, float *c, size_t used, uint8_t *scratch)
{
    const struct qnt_gemm *g = st->g;
    const struct qnt_operand w = qnt_operand_cols(b, st->n, sizeof *b);
    float *panel = (float *)(void *)(scratch + st->at_panel);
    qnt_gemm_pack_w(g, &w, used, st->k, panel);
    for (size_t i = 0; i < st->m; i += g->mr) {
        const struct qnt_f32_operands o = {
            .a = a + i * st->k, .w = panel, .a_row = (ptrdiff_t)st->k, .a_k = 1, .w_k = g->nr, .run = st->k, .runs = 1};
        const struct qnt_tile t = {.c = c + i * st->n,
                                   .ldc = st->n,
                                   .m = (uint32_t)(st->m - i < g->mr ? st->m - i : g->mr),
                                   .n = (uint32_t)used,
                                   .first = 1,
                                   .last = 1,
                                   .e = &st->e};
        g->run_f32(&o, &t);
    }
}

/* (a - za) (b - zb) = a b - za b - zb a + za zb, summed: the second and the last are the bias, the third the row term.
 */
static void product_s8(const struct state *st, const int8_t *a, const int8_t *b, void *c, size_t col, size_t used,
                       uint8_t *scratch)
{
    const struct qnt_gemm *g = st->g;
    int8_t *columns = (int8_t *)scratch;
    int32_t *bias = (int32_t *)(void *)(scratch + st->at_bias), *zero = (int32_t *)(void *)(scratch + st->at_zero);
    int32_t *row = (int32_t *)(void *)(scratch + st->at_row);
    st->transpose(b, st->n, columns, st->k, st->k, used);
    const struct qnt_operand w = qnt_operand_rows(columns, st->k, st->k, 1);
    qnt_gemm_pack_w(g, &w, used, st->k, scratch + st->at_panel);
    for (size_t j = 0; j < used; j++) {
        zero[j] = st->b_zero ? st->b_zero[col + j] : st->b_zero_all;
        bias[j] = (int32_t)st->k * st->a_zero * zero[j];
    }
    qnt_gemm_fold_bias(st->ctx, g, columns, used, st->k, st->a_zero, bias, bias);
    for (size_t i = 0; st->row_terms && i < st->m; i++)
        row[i] = st->sum(a + i * st->k, st->k);
    struct qnt_epilogue e = st->e;
    e.bias = bias;
    e.row_term = row;
    e.w_zero = zero;
    e.rq.scale = &st->factor;
    const struct qnt_gemm_call call = {.g = g,
                                       .a = qnt_operand_rows(a, st->k, st->k, 1),
                                       .packed_w = scratch + st->at_panel,
                                       .m = st->m,
                                       .n = used,
                                       .k = st->k,
                                       .c = c,
                                       .ldc = st->n,
                                       .e = &e};
    qnt_gemm_run(&call, 0, st->m, scratch + st->at_work);
}

static size_t place(const struct state *st, int operand, size_t product)
{
    size_t at = product / st->products * st->image[operand];
    product %= st->products;
    for (uint32_t d = st->rank; d-- > 0; product /= st->dim[d])
        at += product % st->dim[d] * st->step[operand][d];
    return at;
}

static const uint8_t *operand(const struct qnt_step *s, const struct qnt_exec *x, int i)
{
    return s->in[i]->constant ? s->in[i]->data : x->arena + s->in_offset[i];
}

/* Shared by panels of columns, so that each is packed once. */
static void run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    const size_t nr = st->g->nr, size = st->s8 ? 1 : sizeof(float), out = s->out->type == QNT_S8 ? 1 : sizeof(float);
    size_t u0, u1;
    qnt_share(x->batch * st->products * st->panels, x->part, x->parts, &u0, &u1);
    for (size_t u = u0; u < u1; u++) {
        const size_t product = u / st->panels, col = u % st->panels * nr, used = st->n - col < nr ? st->n - col : nr;
        const uint8_t *a = operand(s, x, 0) + place(st, 0, product) * size;
        const uint8_t *b = operand(s, x, 1) + (place(st, 1, product) + col) * size;
        uint8_t *c = (uint8_t *)qnt_step_out(s, x) + (product * st->m * st->n + col) * out;
        if (st->s8)
            product_s8(st, (const int8_t *)a, (const int8_t *)b, c, col, used, x->scratch);
        else
            product_f32(st, (const float *)(const void *)a, (const float *)(const void *)b, (float *)(void *)c, used,
                        x->scratch);
    }
}

const struct qnt_op_def qnt_op_matmul = {
    .name = "matmul", .min_in = 2, .max_in = 3, .infer = infer, .prepare = prepare, .run = run};
