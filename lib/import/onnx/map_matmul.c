/* MatMul, QLinearMatMul, MatMulInteger with a constant on the right: fully_connected over the last dimension. A
 * constant of more than two dimensions has a matrix for each index of those in front: one layer each. */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/linear.h"
#include "lib/import/onnx/maps.h"

/* Shape of the product; leading dimensions are broadcast. */
static qnt_status product_shape(const struct onnx_node *n, const struct onnx_shape *a, const struct onnx_shape *b,
                                struct onnx_shape *s)
{
    const uint32_t la = a->rank > 2 ? a->rank - 2 : 0, lb = b->rank > 2 ? b->rank - 2 : 0, lead = la > lb ? la : lb;
    *s = (struct onnx_shape){0};
    for (uint32_t d = 0; d < lead; d++) {
        const size_t x = d + la < lead ? 1 : a->dim[d + la - lead], y = d + lb < lead ? 1 : b->dim[d + lb - lead];
        if (x != y && x != 1 && y != 1)
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "leading dimensions %zu and %zu do not fit together", x, y);
        s->dim[s->rank++] = x == 1 ? y : x;
    }
    if (a->rank > 1)
        s->dim[s->rank++] = a->dim[a->rank - 2];
    if (b->rank > 1)
        s->dim[s->rank++] = b->dim[b->rank - 1];
    return QNT_OK;
}

/* x times the constant l->w, in the sense of MatMul. */
static qnt_status multiply(struct onnx_mapper *mp, struct onnx_linear *l, struct onnx_value *x, struct onnx_shape *s,
                           int *id)
{
    const struct onnx_shape *b = &l->w->shape;
    struct onnx_right r = {.k = b->rank > 1 ? b->dim[b->rank - 2] : b->dim[0],
                           .n = b->rank > 1 ? b->dim[b->rank - 1] : 1};
    size_t places;
    int in;
    if (!b->rank)
        return qnt_onnx_fail(QNT_ERR_SHAPE, l->n, "weights '%s' are a scalar, expected a matrix", l->w->name);
    qnt_status status = qnt_onnx_check_inner(l->n, x, l->w, r.k);
    if (status || (status = product_shape(l->n, &x->shape, b, s)))
        return status;
    l->rows.axis = b->rank > 1 ? b->rank - 1 : 0;
    l->alpha = l->beta = 1.0f;
    if (!mp->whole && (x->shape.rank < 2 || s->rank != x->shape.rank - (b->rank == 1)))
        return qnt_onnx_touches(l->n);
    if ((status = qnt_onnx_rows_in(mp, l->n, x, &places, &in)) || (status = qnt_onnx_full(mp, l, &r, places, in, id)))
        return status;
    const struct onnx_shape stored = qnt_onnx_stored(mp, s, false);
    return qnt_onnx_emit_reshape(mp, l->n, *id, &stored, l->base, id);
}

qnt_status qnt_onnx_map_matmul(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_linear l = {.n = n, .base = n->out[0], .w = qnt_onnx_in(mp, n, 1)};
    struct onnx_after after;
    struct onnx_shape s;
    struct onnx_value *x;
    int id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status)
        return status;
    if (x->kind != ONNX_CONSTANT && l.w && l.w->kind != ONNX_CONSTANT && !l.w->codes)
        return qnt_onnx_matmul_activations(mp, n);
    if ((status = qnt_onnx_constant(mp, n, 1, "the right side", &l.w)))
        return status;
    const bool one = qnt_onnx_one_matrix(&l.w->shape);
    l.codes = qnt_onnx_codes(mp, n, 0) && l.w->codes && qnt_onnx_is_small_int(l.w->quant.type) &&
              (l.w->quant.n == 1 || (!l.w->quant.block && l.w->quant.axis + 1 == l.w->shape.rank)) &&
              qnt_onnx_after(mp, n, &after);
    if (l.codes && !one)
        return qnt_onnx_matmul_codes(mp, n, x->codes, l.w, &l.w->quant, &after);
    if (!l.codes && !one)
        return qnt_onnx_matmul_activations(mp, n);
    if (!l.codes) {
        status = multiply(mp, &l, x, &s, &id);
        return status ? status : qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &s, false, id);
    }
    l.x_quant = x->quant;
    l.w_quant = l.w->quant;
    l.out = &after.quant;
    status = multiply(mp, &l, x->codes, &s, &id);
    return status ? status : qnt_onnx_after_result(mp, &after, &s, false, id);
}

/* a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero. */
qnt_status qnt_onnx_map_qlinearmatmul(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_linear l = {.n = n, .base = n->out[0], .codes = true, .w = qnt_onnx_in(mp, n, 3)};
    struct onnx_quant out;
    struct onnx_shape s;
    struct onnx_value *x;
    int id;
    qnt_status status = qnt_onnx_code_in(mp, n, 0, 1, &x, &l.x_quant);
    if (status || (status = qnt_onnx_code_out(mp, n, 6, &out)))
        return status;
    const struct onnx_value *scale = qnt_onnx_in(mp, n, 4);
    struct onnx_after after = {.quant = out, .lo = -INFINITY, .hi = INFINITY, .last = n};
    if (l.w && l.w->kind != ONNX_CONSTANT && scale && qnt_onnx_count(&scale->shape) == 1) {
        status = qnt_onnx_code_in(mp, n, 3, 4, &l.w, &l.w_quant);
        return status ? status : qnt_onnx_matmul_codes(mp, n, x, l.w, &l.w_quant, &after);
    }
    if ((status = qnt_onnx_constant(mp, n, 3, "the right side", &l.w)) ||
        (status = qnt_onnx_quant(mp, n, 4, l.w->type, &l.w->shape, -1, 0, &l.w_quant)))
        return status;
    if (!qnt_onnx_one_matrix(&l.w->shape))
        return qnt_onnx_matmul_codes(mp, n, x, l.w, &l.w_quant, &after);
    l.out = &out;
    status = multiply(mp, &l, x, &s, &id);
    return status ? status : qnt_onnx_result(mp, n, 0, out.type, &s, false, id);
}

/* sum (a - za) (b - zb) where za is computed: sum a (b - zb), less za times the sums of b - zb by column. Codes a mean
 * themselves. */
static qnt_status computed_zero(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_quant *b_quant)
{
    static const float any = 0.0f;
    static const int64_t none = 0;
    struct onnx_value *b = qnt_onnx_in(mp, n, 1);
    const struct onnx_quant a_quant = {.type = ONNX_UINT8, .n = 1, .scale = &any, .zero = &none};
    const struct onnx_shape one = {1, {1}};
    struct onnx_value *a, *zero = qnt_onnx_in(mp, n, 2), *y = qnt_onnx_out(mp, n, 0);
    int in[2], product[2], id;
    qnt_status status = qnt_onnx_same_quant_in(mp, n, 0, &a_quant, &a);
    if (status || !y)
        return status;
    if (b->kind != ONNX_CONSTANT || b->shape.rank != 2 || a->type != ONNX_UINT8)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "zero point '%s' is computed, expected uint8 by a matrix",
                             zero->name);
    const int64_t *code = qnt_onnx_ints(mp, b);
    const size_t k = b->shape.dim[0], columns = b->shape.dim[1];
    uint32_t *sum = qnt_onnx_alloc(mp, columns, sizeof *sum, "sums of columns"); /* modulo 2^32, as all sums */
    if (!code || !sum)
        return mp->lost;
    for (size_t i = 0; i < k * columns; i++)
        sum[i % columns] += (uint32_t)(code[i] - b_quant->zero[b_quant->n == 1 ? 0 : i % columns]);
    const struct qnt_tensor sums = {.type = QNT_S32, .bits = 32, .rank = 1, .dim = {columns}, .data = sum};
    struct onnx_linear l = {.n = n, .base = n->out[0], .codes = true, .w = b, .x_quant = a_quant, .w_quant = *b_quant};
    struct onnx_shape s;
    if ((status = multiply(mp, &l, a, &s, &in[0])) || (status = qnt_onnx_integers(mp, n, zero, false, &product[0])) ||
        (status = qnt_onnx_emit_reshape(mp, n, product[0], &one, zero->name, &product[0])) ||
        (status = qnt_onnx_cast(mp, n, product[0], ONNX_INT32, &product[0])) ||
        (status = qnt_onnx_emit_const(mp, &sums, n->out[0], &product[1])) ||
        (status = qnt_onnx_emit(mp, n, "mul", NULL, product, 2, n->out[0], NULL, &in[1])))
        return status;
    status = qnt_onnx_emit(mp, n, "sub", NULL, in, 2, n->out[0], NULL, &id);
    return status ? status : qnt_onnx_result(mp, n, 0, ONNX_INT32, &s, false, id);
}

/* a, b[, a_zero, b_zero]: the sums themselves. */
qnt_status qnt_onnx_map_matmulinteger(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_linear l = {.n = n, .base = n->out[0], .codes = true, .w = qnt_onnx_in(mp, n, 1)};
    struct onnx_shape s;
    struct onnx_value *x;
    int id;
    const struct onnx_value *zero = qnt_onnx_in(mp, n, 2);
    qnt_status status = qnt_onnx_sum_quant(mp, n, 1, 3, -1, &l.w_quant);
    if (!status && zero && zero->kind == ONNX_ACTIVATION && !zero->input)
        return computed_zero(mp, n, &l.w_quant);
    if (status || (status = qnt_onnx_sum_quant(mp, n, 0, 2, 0, &l.x_quant)) ||
        (status = qnt_onnx_same_quant_in(mp, n, 0, &l.x_quant, &x)))
        return status;
    if (l.w->kind != ONNX_CONSTANT && l.w_quant.n > 1) /* activations have one zero point */
        return qnt_onnx_constant(mp, n, 1, "the right side, whose zero points are many,", &l.w);
    if (l.w->kind != ONNX_CONSTANT) {
        struct onnx_quant sums = l.w_quant;
        sums.scale = l.x_quant.scale;
        status = qnt_onnx_same_quant_in(mp, n, 1, &sums, &l.w);
        return status ? status : qnt_onnx_matmul_codes(mp, n, x, l.w, &l.w_quant, NULL);
    }
    if (!qnt_onnx_one_matrix(&l.w->shape))
        return qnt_onnx_matmul_codes(mp, n, x, l.w, &l.w_quant, NULL);
    status = multiply(mp, &l, x, &s, &id);
    return status ? status : qnt_onnx_result(mp, n, 0, ONNX_INT32, &s, false, id);
}
