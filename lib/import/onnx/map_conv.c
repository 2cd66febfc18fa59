/* Conv, QLinearConv, ConvInteger: conv2d over images channels last. */
#include <string.h>
#include "lib/import/onnx/linear.h"
#include "lib/import/onnx/maps.h"

/* Weights [rows][channels][kernel...] as [rows][kernel h][kernel w][channels]. */
static qnt_status rows_of(struct onnx_mapper *mp, const struct onnx_value *w, struct onnx_rows *r)
{
    const size_t c = w->shape.dim[1], h = w->shape.rank == 4 ? w->shape.dim[2] : 1, v = w->shape.dim[w->shape.rank - 1];
    size_t *from = qnt_onnx_alloc(mp, qnt_onnx_count(&w->shape), sizeof *from, w->name), at = 0;
    *r = (struct onnx_rows){.rows = w->shape.dim[0], .cols = c * h * v, .from = from, .rank = 4};
    memcpy(r->dim, (size_t[]){w->shape.dim[0], h, v, c}, sizeof r->dim);
    if (!from)
        return QNT_ERR_NOMEM;
    for (size_t m = 0; m < r->rows; m++)
        for (size_t place = 0; place < h * v; place++)
            for (size_t k = 0; k < c; k++)
                from[at++] = (m * c + k) * h * v + place;
    return QNT_OK;
}

static qnt_status check(const struct onnx_node *n, const struct onnx_value *x, const struct onnx_value *w,
                        int64_t group)
{
    char one[ONNX_SHAPE_TEXT], other[ONNX_SHAPE_TEXT];
    if (w->shape.rank == x->shape.rank && x->shape.rank > 2 && group >= 1 && group <= QNT_MAX_ATTRIBUTE &&
        w->shape.dim[0] % (size_t)group == 0 && x->shape.dim[1] == w->shape.dim[1] * (size_t)group)
        return QNT_OK;
    return qnt_onnx_fail(QNT_ERR_SHAPE, n, "input '%s' is %s and weights '%s' %s, which do not fit in %lld groups",
                         x->name, qnt_onnx_shape_text(&x->shape, one), w->name, qnt_onnx_shape_text(&w->shape, other),
                         (long long)group);
}

/* x: what is stored. l: n, codes, quantizations and out are set, and w and bias. */
static qnt_status convolve(struct onnx_mapper *mp, struct onnx_linear *l, struct onnx_value *x, int *id,
                           struct onnx_shape *s)
{
    const struct onnx_node *n = l->n;
    const int64_t group = qnt_onnx_attr_int(n, "group", 1);
    struct onnx_windows w;
    int in;
    qnt_status status = qnt_onnx_windows(n, &x->shape, l->w->shape.rank > 2 ? l->w->shape.dim + 2 : NULL, &w);
    if (status || (status = check(n, x, l->w, group)) || (status = rows_of(mp, l->w, &l->rows)))
        return status;
    if (l->codes && !qnt_onnx_linear_quant(&l->rows, &l->w_quant))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                             "weights '%s' are %s with %zu scales, expected 8 bits or less, and "
                             "one or %zu",
                             l->w->name, qnt_onnx_type_name(l->w_quant.type), l->w_quant.n, l->rows.rows);
    l->op = "conv2d";
    l->attr = w.attr;
    l->attr.groups = (uint32_t)group;
    l->alpha = l->beta = 1.0f;
    if ((status = qnt_onnx_image(mp, n, x, &in)) || (status = qnt_onnx_linear(mp, l, in, id)))
        return status;
    return qnt_onnx_image_back(mp, n, &x->shape, l->rows.rows, &w, l->base, id, s);
}

/* Codes on both sides and behind: integers. */
static bool integer_conv(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_linear *l,
                         struct onnx_after *after)
{
    const struct onnx_value *x = qnt_onnx_in(mp, n, 0), *w = qnt_onnx_in(mp, n, 1);
    if (!qnt_onnx_codes(mp, n, 0) || !w->codes || !qnt_onnx_is_small_int(w->quant.type) ||
        !(w->quant.n == 1 || (!w->quant.block && !w->quant.axis)) || !qnt_onnx_after(mp, n, after))
        return false;
    l->codes = true;
    l->x_quant = x->quant;
    l->w_quant = w->quant;
    l->out = &after->quant;
    return true;
}

qnt_status qnt_onnx_map_conv(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_linear l = {.n = n, .base = n->out[0]};
    struct onnx_after after;
    struct onnx_shape s;
    struct onnx_value *x;
    int id;
    qnt_status status = qnt_onnx_float_in(mp, n, 0, &x);
    if (status || (status = qnt_onnx_constant(mp, n, 1, "weights", &l.w)) ||
        (qnt_onnx_in(mp, n, 2) && (status = qnt_onnx_constant(mp, n, 2, "bias", &l.bias))))
        return status;
    if (!integer_conv(mp, n, &l, &after)) {
        status = convolve(mp, &l, x, &id, &s);
        return status ? status : qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &s, true, id);
    }
    status = convolve(mp, &l, x->codes, &id, &s);
    return status ? status : qnt_onnx_after_result(mp, &after, &s, true, id);
}

/* x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero[, bias]. */
qnt_status qnt_onnx_map_qlinearconv(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_linear l = {.n = n, .base = n->out[0], .codes = true};
    struct onnx_quant out;
    struct onnx_shape s;
    struct onnx_value *x;
    int id;
    qnt_status status = qnt_onnx_constant(mp, n, 3, "weights", &l.w);
    if (status || (qnt_onnx_in(mp, n, 8) && (status = qnt_onnx_constant(mp, n, 8, "bias", &l.bias))) ||
        (status = qnt_onnx_code_in(mp, n, 0, 1, &x, &l.x_quant)) ||
        (status = qnt_onnx_quant(mp, n, 4, l.w->type, &l.w->shape, 0, 0, &l.w_quant)) ||
        (status = qnt_onnx_code_out(mp, n, 6, &out)))
        return status;
    l.out = &out;
    if ((status = convolve(mp, &l, x, &id, &s)))
        return status;
    return qnt_onnx_result(mp, n, 0, out.type, &s, true, id);
}

/* x, w[, x_zero, w_zero]: the sums themselves. */
qnt_status qnt_onnx_map_convinteger(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_linear l = {.n = n, .base = n->out[0], .codes = true};
    struct onnx_shape s;
    struct onnx_value *x;
    int id;
    qnt_status status = qnt_onnx_constant(mp, n, 1, "weights", &l.w);
    if (status || (status = qnt_onnx_sum_quant(mp, n, 0, 2, 0, &l.x_quant)) ||
        (status = qnt_onnx_sum_quant(mp, n, 1, 3, 0, &l.w_quant)) ||
        (status = qnt_onnx_same_quant_in(mp, n, 0, &l.x_quant, &x)) || (status = convolve(mp, &l, x, &id, &s)))
        return status;
    return qnt_onnx_result(mp, n, 0, ONNX_INT32, &s, true, id);
}
