/* Values whose batch is another dimension than 0, as around recurrent layers that want time first: a Transpose brings
 * the batch there, others bring it back, and in between the tensors lie as they did, without it. Only what is here and
 * recurrent layers take such values; everybody else is refused them (qnt_onnx_as_tensor). */
#include <string.h>
#include "lib/import/onnx/maps.h"

static struct onnx_shape without(const struct onnx_shape *s, uint32_t batch)
{
    struct onnx_shape out = {0};
    for (uint32_t d = 0; d < s->rank; d++)
        if (d != batch)
            out.dim[out.rank++] = s->dim[d];
    return out.rank ? out : (struct onnx_shape){1, {1}};
}

qnt_status qnt_onnx_batch_tensor(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *v, int *id)
{
    if (!v->batch)
        return qnt_onnx_as_tensor(mp, n, v, false, id);
    *id = v->id[0];
    return QNT_OK;
}

qnt_status qnt_onnx_batch_result(struct onnx_mapper *mp, const struct onnx_node *n, size_t k,
                                 const struct onnx_shape *s, uint32_t batch, int id)
{
    struct onnx_value *v = qnt_onnx_out(mp, n, k);
    const struct onnx_shape stored = without(s, batch);
    qnt_status status = v ? qnt_onnx_emit_reshape(mp, n, id, &stored, v->name, &id) : QNT_OK;
    if (status || !v)
        return status;
    v->kind = ONNX_ACTIVATION;
    v->type = ONNX_FLOAT;
    v->shape = *s;
    v->batch = batch;
    v->id[0] = id;
    return QNT_OK;
}

qnt_status qnt_onnx_batch_transpose(struct onnx_mapper *mp, const struct onnx_node *n, const uint32_t *perm)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    struct onnx_shape s = x->shape;
    qnt_node_attr attr = {0};
    uint32_t to = 0, at = 0;
    bool same = true;
    int id;
    if (x->codes || x->type != ONNX_FLOAT || s.rank > QNT_MAX_RANK)
        return qnt_onnx_touches(n);
    for (uint32_t d = 0; d < s.rank; d++) {
        s.dim[d] = x->shape.dim[perm[d]];
        if (perm[d] == x->batch) {
            to = d;
            continue;
        }
        attr.axis[at] = perm[d] - (perm[d] > x->batch);
        same = same && attr.axis[at] == at;
        at++;
    }
    qnt_status status = qnt_onnx_batch_tensor(mp, n, x, &id);
    if (!status && !same)
        status = qnt_onnx_emit(mp, n, "transpose", &attr, &id, 1, n->out[0], NULL, &id);
    return status ? status : qnt_onnx_batch_result(mp, n, 0, &s, to, id);
}

/* The batch stays a dimension, with as many elements before it. */
qnt_status qnt_onnx_batch_reshape(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_shape *s)
{
    const struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    size_t before = 1, so_far = 1;
    for (uint32_t d = 0; d < x->batch; d++)
        before *= x->shape.dim[d];
    for (uint32_t d = 0; d < s->rank; so_far *= s->dim[d++])
        if (so_far == before && s->dim[d] == mp->batch)
            return qnt_onnx_batch_result(mp, n, 0, s, d, x->id[0]);
    return qnt_onnx_touches(n);
}
