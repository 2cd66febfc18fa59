/* Gemm: alpha * A * B + beta * C with a constant B: fully_connected over the rows of A. */
#include "lib/import/onnx/linear.h"
#include "lib/import/onnx/maps.h"

struct gemm {
    struct onnx_linear l;
    struct onnx_right r;
    struct onnx_value *a, *c; /* c: what is no bias, or NULL */
    struct onnx_shape s;
};

static qnt_status check_shapes(struct gemm *g)
{
    const struct onnx_node *n = g->l.n;
    const size_t *b = g->l.w->shape.dim;
    char text[ONNX_SHAPE_TEXT];
    if (g->a->shape.rank != 2 || g->l.w->shape.rank != 2)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "input '%s' is %s, expected a matrix",
                             g->a->shape.rank != 2 ? g->a->name : g->l.w->name,
                             qnt_onnx_shape_text(g->a->shape.rank != 2 ? &g->a->shape : &g->l.w->shape, text));
    g->r = (struct onnx_right){.transposed = qnt_onnx_attr_int(n, "transB", 0) != 0};
    g->r.k = b[g->r.transposed];
    g->r.n = b[!g->r.transposed];
    g->l.rows.axis = !g->r.transposed;
    g->l.alpha = qnt_onnx_attr_float(n, "alpha", 1.0f);
    g->l.beta = qnt_onnx_attr_float(n, "beta", 1.0f);
    return QNT_OK;
}

/* C: one number or one for each column is a bias; anything else is added. */
static qnt_status find_bias(struct onnx_mapper *mp, struct gemm *g)
{
    struct onnx_value *c = qnt_onnx_in(mp, g->l.n, 2);
    if (!c || g->l.beta == 0.0f)
        return QNT_OK;
    const size_t count = qnt_onnx_count(&c->shape);
    if (c->kind == ONNX_CONSTANT && (count == 1 || (count == g->r.n && c->shape.dim[c->shape.rank - 1] == count))) {
        g->l.bias = c;
        return QNT_OK;
    }
    g->c = c;
    if (c->kind == ONNX_ACTIVATION && c->input && count == g->r.n)
        return qnt_onnx_constant(mp, g->l.n, 2, "bias", &c); /* which says that it is not */
    if (g->l.beta != 1.0f)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, g->l.n, "beta %g of '%s', expected 1, or a bias that is constant",
                             (double)g->l.beta, c->name);
    return QNT_OK;
}

static bool integer_gemm(struct onnx_mapper *mp, struct gemm *g, struct onnx_after *after)
{
    const struct onnx_value *w = g->l.w;
    return qnt_onnx_codes(mp, g->l.n, 0) && w->codes && qnt_onnx_is_small_int(w->quant.type) && !g->c &&
           (w->quant.n == 1 || (!w->quant.block && w->quant.axis == g->l.rows.axis)) && g->l.alpha == 1.0f &&
           g->l.beta == 1.0f && !qnt_onnx_attr_int(g->l.n, "transA", 0) && qnt_onnx_after(mp, g->l.n, after);
}

static qnt_status left(struct onnx_mapper *mp, struct gemm *g, size_t *places, int *id)
{
    const struct onnx_node *n = g->l.n;
    const qnt_node_attr attr = {.axis = {1, 0}};
    struct onnx_value *a = g->l.codes ? g->a->codes : g->a;
    if (!qnt_onnx_attr_int(n, "transA", 0)) {
        qnt_status status = qnt_onnx_check_inner(n, a, g->l.w, g->r.k);
        g->s = (struct onnx_shape){2, {a->shape.dim[0], g->r.n}};
        return status ? status : qnt_onnx_rows_in(mp, n, a, places, id);
    }
    if (!mp->whole)
        return qnt_onnx_touches(n);
    if (a->shape.dim[0] != g->r.k)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "input '%s' has %zu rows, expected %zu", a->name, a->shape.dim[0],
                             g->r.k);
    g->s = (struct onnx_shape){2, {a->shape.dim[1], g->r.n}};
    *places = 1;
    qnt_status status = qnt_onnx_as_tensor(mp, n, a, false, id);
    return status ? status : qnt_onnx_emit(mp, n, "transpose", &attr, id, 1, a->name, NULL, id);
}

qnt_status qnt_onnx_map_gemm(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct gemm g = {.l = {.n = n, .base = n->out[0]}};
    struct onnx_after after;
    size_t places;
    int id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &g.a);
    if (status || (status = qnt_onnx_constant(mp, n, 1, "the right side", &g.l.w)) || (status = check_shapes(&g)) ||
        (status = find_bias(mp, &g)))
        return status;
    g.l.codes = integer_gemm(mp, &g, &after);
    g.l.x_quant = g.a->quant;
    g.l.w_quant = g.l.w->quant;
    g.l.out = &after.quant;
    if (g.c && mp->config->ort_x86)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                             "'%s' is no bias: the order in which ONNX Runtime adds floats is not known", g.c->name);
    if ((status = left(mp, &g, &places, &id)) || (status = qnt_onnx_full(mp, &g.l, &g.r, places, id, &id)))
        return status;
    if (g.c && (status = qnt_onnx_add_to(mp, n, id, &g.s, g.c, &id)))
        return status;
    return g.l.codes ? qnt_onnx_after_result(mp, &after, &g.s, false, id)
                     : qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &g.s, false, id);
}
