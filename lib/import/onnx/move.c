/* What operations share that move elements and do not compute. */
#include <string.h>
#include "lib/import/onnx/maps.h"

qnt_status qnt_onnx_moved_in(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, struct onnx_value **x)
{
    struct onnx_value *v = qnt_onnx_in(mp, n, k);
    if (!v)
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "input %zu is left out", k);
    if (v->kind == ONNX_CONSTANT)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "input '%s' is a constant, expected an activation", v->name);
    *x = v->codes ? v->codes : v;
    return QNT_OK;
}

/* The value to fill for output k: the output, or codes that it stands for. */
static qnt_status target(struct onnx_mapper *mp, const struct onnx_node *n, size_t k_in, size_t k,
                         const struct onnx_shape *s, struct onnx_value **to)
{
    const struct onnx_value *from = qnt_onnx_in(mp, n, k_in);
    struct onnx_value *v = qnt_onnx_out(mp, n, k);
    *to = v;
    if (!v)
        return QNT_OK;
    v->kind = ONNX_ACTIVATION;
    v->type = from->type;
    v->shape = *s;
    if (!from->codes)
        return QNT_OK;
    if (!(*to = qnt_onnx_alloc(mp, 1, sizeof **to, v->name)))
        return QNT_ERR_NOMEM;
    **to = (struct onnx_value){
        .name = v->name, .kind = ONNX_ACTIVATION, .type = from->codes->type, .shape = *s, .id = {-1, -1}};
    v->codes = *to;
    v->quant = from->quant;
    return QNT_OK;
}

qnt_status qnt_onnx_moved(struct onnx_mapper *mp, const struct onnx_node *n, size_t k_in, size_t k,
                          const struct onnx_shape *s, bool last, int id)
{
    struct onnx_value *to;
    qnt_status status = target(mp, n, k_in, k, s, &to);
    if (!status && to)
        to->id[last && s->rank > 2] = id;
    return status;
}

/* One image's elements in ONNX's order differ from the order they lie in. */
static bool lies_otherwise(const struct onnx_value *x)
{
    size_t places = 1;
    for (uint32_t d = 2; d < x->shape.rank; d++)
        places *= x->shape.dim[d];
    return qnt_onnx_is_last(x) && x->id[0] < 0 && x->shape.dim[1] > 1 && places > 1;
}

qnt_status qnt_onnx_reshaped(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_shape *s)
{
    struct onnx_value *x = NULL, *to;
    const struct onnx_shape stored = qnt_onnx_stored(mp, s, false);
    int id;
    qnt_status status = qnt_onnx_moved_in(mp, n, 0, &x);
    if (status)
        return status;
    if (!mp->whole && (!s->rank || s->dim[0] != mp->batch))
        return qnt_onnx_touches(n);
    if (s->rank == 2 && s->dim[0] == x->shape.dim[0] && lies_otherwise(x)) {
        if (!(status = target(mp, n, 0, 0, s, &to)) && to)
            to->source = x;
        return status;
    }
    const bool as_it_lies = x->id[0] < 0 && qnt_onnx_is_last(x) && !lies_otherwise(x);
    if ((status = qnt_onnx_as_tensor(mp, n, x, as_it_lies, &id)) ||
        (status = qnt_onnx_emit_reshape(mp, n, id, &stored, n->out[0], &id)))
        return status;
    return qnt_onnx_moved(mp, n, 0, 0, s, false, id);
}
