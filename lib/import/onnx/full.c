/* fully_connected with a matrix out of a constant: what MatMul and Gemm share. */
#include <string.h>
#include "lib/import/onnx/linear.h"
#include "lib/import/onnx/maps.h"

/* places, channels: the columns come as [places][channels] where the constant's are [channels][places]. */
static qnt_status rows_of(struct onnx_mapper *mp, const struct onnx_right *r, size_t places, struct onnx_rows *rows)
{
    size_t *from = qnt_onnx_alloc(mp, r->k * r->n, sizeof *from, "rows of weights");
    const size_t channels = r->k / places;
    rows->rows = rows->dim[0] = r->n;
    rows->cols = rows->dim[1] = r->k;
    rows->rank = 2;
    rows->from = from;
    for (size_t i = 0; from && i < r->n; i++)
        for (size_t j = 0; j < r->k; j++) {
            const size_t k = j % channels * places + j / channels;
            from[i * r->k + j] = r->first + (r->transposed ? i * r->k + k : k * r->n + i);
        }
    return from ? QNT_OK : QNT_ERR_NOMEM;
}

qnt_status qnt_onnx_rows_in(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x, size_t *places,
                            int *id)
{
    struct onnx_value *from = x->source;
    *places = 1;
    if (x->id[0] >= 0 || !from || !qnt_onnx_is_last(from) || mp->config->ort_x86) /* which adds in ONNX's order */
        return qnt_onnx_as_tensor(mp, n, x, false, id);
    for (uint32_t d = 2; d < from->shape.rank; d++)
        *places *= from->shape.dim[d];
    const struct onnx_shape s = qnt_onnx_stored(mp, &x->shape, false);
    qnt_status status = qnt_onnx_as_tensor(mp, n, from, true, id);
    return status ? status : qnt_onnx_emit_reshape(mp, n, *id, &s, x->name, id);
}

qnt_status qnt_onnx_check_inner(const struct onnx_node *n, const struct onnx_value *a, const struct onnx_value *b,
                                size_t k)
{
    char one[ONNX_SHAPE_TEXT], other[ONNX_SHAPE_TEXT];
    if (a->shape.rank && a->shape.dim[a->shape.rank - 1] == k)
        return QNT_OK;
    return qnt_onnx_fail(QNT_ERR_SHAPE, n, "inputs '%s' of %s and '%s' of %s do not fit together", a->name,
                         qnt_onnx_shape_text(&a->shape, one), b->name, qnt_onnx_shape_text(&b->shape, other));
}

qnt_status qnt_onnx_full(struct onnx_mapper *mp, struct onnx_linear *l, const struct onnx_right *r, size_t places,
                         int in, int *id)
{
    qnt_status status = rows_of(mp, r, places, &l->rows);
    l->op = "fully_connected";
    if (status)
        return status;
    if (l->codes && !qnt_onnx_linear_quant(&l->rows, &l->w_quant))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, l->n,
                             "weights '%s' are %s with %zu scales, expected 8 bits or less, "
                             "and one or %zu",
                             l->w->name, qnt_onnx_type_name(l->w_quant.type), l->w_quant.n, l->rows.rows);
    return qnt_onnx_linear(mp, l, in, id);
}

bool qnt_onnx_one_matrix(const struct onnx_shape *s)
{
    return s->rank <= 2 || qnt_onnx_count(s) == s->dim[s->rank - 1] * s->dim[s->rank - 2];
}
