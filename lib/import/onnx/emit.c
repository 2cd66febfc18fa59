/* Nodes and tensors of the model, and the layouts that values lie in. */
#include <stdio.h>
#include <string.h>
#include "lib/import/onnx/maps.h"
#include "lib/op/op.h"

static bool node_name_taken(const struct qnt_model *m, const char *name)
{
    return qnt_names_find(&m->node_names, (struct qnt_named){m->node, sizeof *m->node}, name) >= 0;
}

/* base, or base and a number where that is taken; NULL: out of memory. */
static const char *fresh(struct onnx_mapper *mp, const char *base, bool node)
{
    const size_t room = strlen(base) + 16;
    char *name = qnt_onnx_alloc(mp, room, 1, base);
    if (!name)
        return NULL;
    snprintf(name, room, "%s", base);
    while (node ? node_name_taken(mp->model, name) : qnt_model_find(mp->model, name) >= 0)
        snprintf(name, room, "%s:%u", base, ++mp->serial);
    return name;
}

/* What makes an output of n has n's name, what is made on the way the name of what it gives. */
static const char *node_name(const struct onnx_node *n, const char *base)
{
    for (size_t k = 0; n && k < n->n_out; k++)
        if (!strcmp(n->out[k], base))
            return n->name;
    return base;
}

qnt_status qnt_onnx_emit(struct onnx_mapper *mp, const struct onnx_node *n, const char *op, const qnt_node_attr *attr,
                         const int *in, size_t n_in, const char *base, const struct qnt_tensor *out_q, int *id)
{
    const struct qnt_op_def *def = qnt_op_find(op);
    if (!def)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "the model has no op '%s'", op);
    const char *name = fresh(mp, node_name(n, base), true), *out = fresh(mp, base, false);
    if (!name || !out)
        return QNT_ERR_NOMEM;
    qnt_node_attr a = attr ? *attr : (qnt_node_attr){0};
    a.size = sizeof a;
    qnt_status status = qnt_model_append_node(mp->model, def, name, &a, in, n_in, out, out_q, id);
    return status && n ? qnt_fail_in(status, "'%s' (%s)", n->name, n->op) : status;
}

qnt_status qnt_onnx_emit_reshape(struct onnx_mapper *mp, const struct onnx_node *n, int in, const struct onnx_shape *s,
                                 const char *base, int *id)
{
    const struct qnt_tensor *t = &mp->model->tensor[in];
    qnt_node_attr attr = {0};
    char text[ONNX_SHAPE_TEXT];
    if (s->rank == t->rank && !memcmp(s->dim, t->dim, s->rank * sizeof *s->dim)) {
        *id = in;
        return QNT_OK;
    }
    if (s->rank > QNT_MAX_RANK)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "'%s' is %s, expected at most %d dimensions", base,
                             qnt_onnx_shape_text(s, text), QNT_MAX_RANK);
    memcpy(attr.dim, s->dim, s->rank * sizeof *s->dim);
    return qnt_onnx_emit(mp, n, "reshape", &attr, &in, 1, base, NULL, id);
}

qnt_status qnt_onnx_emit_copy(struct onnx_mapper *mp, int in, const char *base, int *id)
{
    const struct qnt_tensor *t = &mp->model->tensor[in];
    qnt_node_attr attr = {0};
    memcpy(attr.dim, t->dim, t->rank * sizeof *t->dim);
    return qnt_onnx_emit(mp, NULL, "reshape", &attr, &in, 1, base, NULL, id);
}

qnt_status qnt_onnx_emit_const(struct onnx_mapper *mp, const struct qnt_tensor *t, const char *base, int *id)
{
    struct qnt_tensor own = *t;
    const char *name = fresh(mp, base, false);
    const size_t bytes = qnt_tensor_bytes(t);
    if (!name || !(own.data = qnt_alloc(mp->ctx, bytes, base)))
        return QNT_ERR_NOMEM;
    memcpy(own.data, t->data, bytes);
    own.name = (char *)(uintptr_t)name; /* copied */
    own.constant = own.owns_data = true;
    qnt_status status = qnt_model_append_tensor(mp->model, &own, id);
    if (status)
        qnt_release(mp->ctx, own.data);
    return status;
}

qnt_status qnt_onnx_emit_floats(struct onnx_mapper *mp, const struct onnx_shape *s, const float *data, const char *base,
                                int *id)
{
    struct qnt_tensor t = {.type = QNT_F32, .bits = 32, .rank = s->rank ? s->rank : 1, .data = (void *)(uintptr_t)data};
    if (s->rank > QNT_MAX_RANK)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "constant '%s' has %u dimensions, expected at most %d", base, s->rank,
                        QNT_MAX_RANK);
    t.dim[0] = 1;
    memcpy(t.dim, s->dim, s->rank * sizeof *s->dim);
    return qnt_onnx_emit_const(mp, &t, base, id);
}

/* ONNX dimensions in the order of the stored tensor; -1: the batch, left out. */
static uint32_t stored_order(const struct onnx_mapper *mp, uint32_t rank, bool last, uint32_t order[ONNX_MAX_RANK])
{
    uint32_t n = 0;
    for (uint32_t d = mp->whole ? 0 : 1; d < rank; d++)
        if (!(last && rank > 2 && d == 1))
            order[n++] = d;
    if (last && rank > 2)
        order[n++] = 1;
    return n;
}

struct onnx_shape qnt_onnx_stored(const struct onnx_mapper *mp, const struct onnx_shape *s, bool last)
{
    uint32_t order[ONNX_MAX_RANK];
    struct onnx_shape out = {.rank = stored_order(mp, s->rank, last, order)};
    for (uint32_t d = 0; d < out.rank; d++)
        out.dim[d] = s->dim[order[d]];
    if (!out.rank)
        out = (struct onnx_shape){.rank = 1, .dim = {1}};
    return out;
}

int qnt_onnx_stored_axis(const struct onnx_mapper *mp, uint32_t rank, bool last, uint32_t d)
{
    uint32_t order[ONNX_MAX_RANK];
    const uint32_t n = stored_order(mp, rank, last, order);
    for (uint32_t i = 0; i < n; i++)
        if (order[i] == d)
            return (int)i;
    return -1;
}

bool qnt_onnx_is_last(const struct onnx_value *v)
{
    if (v->id[0] < 0 && v->id[1] < 0 && v->codes)
        v = v->codes;
    return v->shape.rank > 2 && v->id[1] >= 0;
}

/* Nothing moves between the layouts when there is one channel, or one place. */
static bool same_order(const struct onnx_shape *s)
{
    size_t places = 1;
    for (uint32_t d = 2; d < s->rank; d++)
        places *= s->dim[d];
    return s->dim[1] == 1 || places == 1;
}

static qnt_status convert(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *v, bool last)
{
    const struct onnx_shape to = qnt_onnx_stored(mp, &v->shape, last);
    int *id = &v->id[last], from = v->id[!last];
    uint32_t there[ONNX_MAX_RANK];
    qnt_node_attr attr = {0};
    if (same_order(&v->shape))
        return qnt_onnx_emit_reshape(mp, n, from, &to, v->name, id);
    const uint32_t rank = stored_order(mp, v->shape.rank, last, there);
    for (uint32_t d = 0; d < rank && d < QNT_MAX_RANK; d++)
        attr.axis[d] = (uint32_t)qnt_onnx_stored_axis(mp, v->shape.rank, !last, there[d]);
    return qnt_onnx_emit(mp, n, "transpose", &attr, &from, 1, v->name, NULL, id);
}

static qnt_status flattened(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *v, int *id)
{
    const struct onnx_shape s = qnt_onnx_stored(mp, &v->shape, false);
    qnt_status status = qnt_onnx_as_tensor(mp, n, v->source, false, id);
    if (!status)
        status = qnt_onnx_emit_reshape(mp, n, *id, &s, v->name, &v->id[0]);
    *id = v->id[0];
    return status;
}

qnt_status qnt_onnx_as_tensor(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *v, bool last,
                              int *id)
{
    qnt_status status = QNT_OK;
    last = last && v->shape.rank > 2;
    if (v->kind == ONNX_UNKNOWN)
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "input '%s' is computed by a later node", v->name);
    if (v->kind == ONNX_CONSTANT)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "input '%s' is a constant, expected an activation", v->name);
    if (v->batch)
        return qnt_onnx_touches(n);
    if (v->id[0] < 0 && v->id[1] < 0 && v->source)
        return flattened(mp, n, v, id);
    if (v->id[0] < 0 && v->id[1] < 0 && !v->codes)
        return qnt_onnx_check_input(v, n);
    if (v->id[0] < 0 && v->id[1] < 0) { /* floats that are stored as codes */
        if (v->codes->source && v->codes->id[0] < 0 && (status = flattened(mp, n, v->codes, id)))
            return status;
        const bool from = v->codes->id[last] >= 0 ? last : !last;
        status = qnt_onnx_emit(mp, n, "dequantize", NULL, &v->codes->id[from], 1, v->name, NULL, &v->id[from]);
    }
    if (!status && v->id[last] < 0)
        status = convert(mp, n, v, last);
    *id = v->id[last];
    return status;
}

qnt_status qnt_onnx_float_in(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, struct onnx_value **out)
{
    struct onnx_value *v = qnt_onnx_in(mp, n, k);
    if (!v)
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "input %zu is left out, expected floats", k);
    if (v->kind == ONNX_ACTIVATION && v->type != ONNX_FLOAT)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "input '%s' is %s, expected float", v->name,
                             qnt_onnx_type_name(v->type));
    *out = v;
    return QNT_OK;
}

qnt_status qnt_onnx_result(struct onnx_mapper *mp, const struct onnx_node *n, size_t k, int32_t type,
                           const struct onnx_shape *s, bool last, int id)
{
    struct onnx_value *v = qnt_onnx_out(mp, n, k);
    const struct qnt_tensor *t = &mp->model->tensor[id];
    const struct onnx_shape stored = qnt_onnx_stored(mp, s, last);
    char found[QNT_SHAPE_TEXT], expected[ONNX_SHAPE_TEXT];
    if (!v)
        return QNT_OK;
    if (t->rank != stored.rank || memcmp(t->dim, stored.dim, t->rank * sizeof *t->dim))
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "tensor '%s' is %s, expected %s", t->name, qnt_shape_text(t, found),
                             qnt_onnx_shape_text(&stored, expected));
    v->kind = ONNX_ACTIVATION;
    v->type = type;
    v->shape = *s;
    v->id[last && s->rank > 2] = id;
    return QNT_OK;
}
