/* Functions of one value and of two, bounds, softmax. */
#include <string.h>
#include "lib/export/onnx/write.h"
#include "lib/op/bounds.h"
#include "lib/op/op.h"
#include "lib/op/requant.h"

void qnt_onnx_put_function(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const enum onnx_order order = qnt_onnx_there(e, n->in[0]);
    const char *in = qnt_onnx_as_floats(e, n->in[0], order), *out = qnt_onnx_result_name(e, n);
    onnx_node_proto *node = qnt_onnx_put_node(e, n->name, as, &in, 1, out);
    if (n->op == &qnt_op_leaky_relu || n->op == &qnt_op_elu || n->op == &qnt_op_hard_sigmoid)
        qnt_onnx_set_float(e, node, "alpha", n->attr.lo);
    if (n->op == &qnt_op_hard_sigmoid)
        qnt_onnx_set_float(e, node, "beta", n->attr.hi);
    if (n->op == &qnt_op_gelu && n->attr.mode == QNT_GELU_BY_TANH)
        qnt_onnx_set_text(e, node, "approximate", "tanh");
    qnt_onnx_put_result(e, n, order, out);
}

/* relu, clamp that are not taken in by what is in front of them. */
void qnt_onnx_put_bounds(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const struct qnt_tensor *t = &e->m->tensor[n->out];
    const enum onnx_order order = qnt_onnx_there(e, n->in[0]);
    const char *in = qnt_onnx_value(e, n->in[0], order), *out = qnt_onnx_new_name(e, t->name, "");
    float lo, hi;
    (void)as;
    qnt_bounds_of(n, &lo, &hi);
    if (t->type == QNT_S8 && !e->status)
        qnt_onnx_put_code_bounds(e, n->name, in, qnt_bound_code(lo, t), qnt_bound_code(hi, t), out);
    else
        qnt_onnx_put_bounds_node(e, n->name, in, lo, hi, out);
    qnt_onnx_moved_to(e, n, order, out);
}

/* axis[0] dimensions lie behind the one that is meant. */
void qnt_onnx_put_softmax(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const struct qnt_tensor *x = &e->m->tensor[n->in[0]];
    const enum onnx_order order = qnt_onnx_there(e, n->in[0]);
    const char *in = qnt_onnx_as_floats(e, n->in[0], order), *out = qnt_onnx_result_name(e, n);
    onnx_node_proto *node = qnt_onnx_put_node(e, n->name, as, &in, 1, out);
    qnt_onnx_set_int(e, node, "axis", qnt_onnx_place(x, order, x->rank - 1 - n->attr.axis[0]));
    qnt_onnx_put_result(e, n, order, out);
}

/* A constant operand, in this order of a result with as many dimensions as y has. */
static const char *constant(struct onnx_export *e, const struct qnt_tensor *t, const struct qnt_tensor *y,
                            enum onnx_order order)
{
    struct qnt_tensor spread = *t;
    size_t dim[QNT_MAX_RANK];
    const size_t size = t->type == QNT_F32 ? sizeof(float) : 1;
    const void *data = t->data;
    spread.rank = y->rank;
    for (uint32_t d = 0; d < y->rank; d++)
        spread.dim[d] = d + t->rank < y->rank ? 1 : t->dim[d + t->rank - y->rank];
    if (order == ONNX_FIRST) {
        void *to = qnt_onnx_room(e, qnt_tensor_count(t), size);
        if (to)
            qnt_onnx_reorder(&spread, t->data, size, to);
        data = to;
    }
    qnt_onnx_dims(&spread, order, dim);
    const char *name = data ? qnt_onnx_put_const(e, t->name, "", qnt_onnx_type_of(t), spread.rank, dim, data) : "";
    if (e->status || !qnt_onnx_has_codes(t))
        return name;
    return qnt_onnx_put_dequantized(e, name, ONNX_INT8, t, NULL, qnt_onnx_new_name(e, t->name, "_dequantized"));
}

/* An activation with dimensions of 1 behind the batch, so that the batches meet. Channels first: of one dimension. */
static const char *spread(struct onnx_export *e, int id, const struct qnt_tensor *y, enum onnx_order order)
{
    const struct qnt_tensor *t = &e->m->tensor[id];
    const char *in[2] = {qnt_onnx_as_floats(e, id, ONNX_AS_IS)}, *out = qnt_onnx_new_name(e, t->name, "_spread");
    int64_t shape[QNT_MAX_RANK + 1] = {0};
    for (uint32_t d = 0; d < y->rank; d++)
        shape[qnt_onnx_place(y, order, d)] = d + t->rank < y->rank ? 1 : (int64_t)t->dim[d + t->rank - y->rank];
    in[1] = qnt_onnx_put_const_ints(e, out, "_shape", shape, y->rank + 1);
    qnt_onnx_put_node(e, NULL, "Reshape", in, 2, out);
    return out;
}

void qnt_onnx_put_pair(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const struct qnt_tensor *y = &e->m->tensor[n->out];
    enum onnx_order order = ONNX_AS_IS;
    const char *in[2];
    bool ranks = true;
    for (uint32_t k = 0; k < 2; k++) {
        const struct qnt_tensor *t = &e->m->tensor[n->in[k]];
        if (t->constant && t->type != QNT_F32 && (t->type != QNT_S8 || t->scales != 1))
            qnt_onnx_put_fail(e, QNT_ERR_UNSUPPORTED, n, "'%s' is %s with %u scales, expected f32, or s8 with one",
                              t->name, qnt_dtype_name(t->type), t->scales);
        ranks = ranks && (t->constant || t->rank == y->rank || t->rank == 1);
        if (!t->constant && qnt_onnx_there(e, n->in[k]) == ONNX_FIRST)
            order = ONNX_FIRST;
    }
    order = ranks ? order : ONNX_AS_IS;
    for (uint32_t k = 0; k < 2 && !e->status; k++) {
        const struct qnt_tensor *t = &e->m->tensor[n->in[k]];
        in[k] = t->constant          ? constant(e, t, y, order)
                : t->rank == y->rank ? qnt_onnx_as_floats(e, n->in[k], order)
                                     : spread(e, n->in[k], y, order);
    }
    if (e->status)
        return;
    const char *out = qnt_onnx_result_name(e, n);
    qnt_onnx_put_node(e, n->name, as, in, 2, out);
    qnt_onnx_put_result(e, n, order, out);
}
