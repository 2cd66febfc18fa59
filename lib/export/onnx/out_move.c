/* What moves elements, codes as they are. */
#include <string.h>
#include "lib/export/onnx/write.h"
#include "lib/op/op.h"
#include "lib/op/requant.h"

static const char *own_name(struct onnx_export *e, const struct qnt_node *n)
{
    return qnt_onnx_new_name(e, e->m->tensor[n->out].name, "");
}

/* The same elements under another shape. Where the last dimension stays, its index changes slowest in channels-first
 * values before and behind alike. */
void qnt_onnx_put_reshape(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const struct qnt_tensor *x = &e->m->tensor[n->in[0]], *y = &e->m->tensor[n->out];
    const bool same_last = y->rank > 1 && x->rank > 1 && x->dim[x->rank - 1] == y->dim[y->rank - 1];
    int64_t shape[QNT_MAX_RANK + 1] = {0};
    size_t dim[QNT_MAX_RANK];
    (void)as;
    if (y->rank == 1 && x->rank > 1) {
        e->value[n->out].source = n->in[0];
        return;
    }
    const enum onnx_order there = qnt_onnx_there(e, n->in[0]), order = same_last ? there : ONNX_AS_IS;
    const bool alike = x->rank > 1 && qnt_onnx_alike(x);
    qnt_onnx_dims(y, order, dim);
    for (uint32_t d = 0; d < y->rank; d++)
        shape[d + 1] = (int64_t)dim[d];
    const char *in[2] = {qnt_onnx_value(e, n->in[0], alike ? there : order)}, *out = own_name(e, n);
    in[1] = qnt_onnx_put_const_ints(e, out, "_shape", shape, y->rank + 1);
    qnt_onnx_put_node(e, n->name, "Reshape", in, 2, out);
    qnt_onnx_moved_to(e, n, order, out);
}

/* Nothing moves where a value that is there is the result in one of its orders. */
void qnt_onnx_put_transpose(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const struct qnt_tensor *x = &e->m->tensor[n->in[0]], *y = &e->m->tensor[n->out];
    int64_t perm[QNT_MAX_RANK + 1] = {0};
    if (x->rank < 2)
        qnt_onnx_put_fail(e, QNT_ERR_UNSUPPORTED, n, "input '%s' has 1 dimension, expected more", x->name);
    for (int from = ONNX_ORDERS - 1; from >= 0 && !e->status; from--)
        for (int to = 0; to < ONNX_ORDERS && e->value[n->in[0]].name[from]; to++) {
            bool same = true;
            for (uint32_t d = 0; d < y->rank; d++)
                same = same && qnt_onnx_place(y, (enum onnx_order)to, d) ==
                                   qnt_onnx_place(x, (enum onnx_order)from, n->attr.axis[d]);
            if (same)
                qnt_onnx_moved_to(e, n, (enum onnx_order)to, e->value[n->in[0]].name[from]);
        }
    if (e->status || e->value[n->out].name[ONNX_AS_IS] || e->value[n->out].name[ONNX_FIRST])
        return;
    const enum onnx_order from = qnt_onnx_there(e, n->in[0]);
    const char *in = qnt_onnx_value(e, n->in[0], from), *out = own_name(e, n);
    for (uint32_t d = 0; d < y->rank; d++)
        perm[d + 1] = qnt_onnx_place(x, from, n->attr.axis[d]);
    qnt_onnx_set_ints(e, qnt_onnx_put_node(e, n->name, as, &in, 1, out), "perm", perm, y->rank + 1);
    qnt_onnx_moved_to(e, n, ONNX_AS_IS, out);
}

static bool same_meaning(const struct qnt_tensor *a, const struct qnt_tensor *b)
{
    return !qnt_onnx_has_codes(a) || (a->scale[0] == b->scale[0] && a->zero == b->zero && a->type == b->type);
}

void qnt_onnx_put_concat(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const struct qnt_tensor *y = &e->m->tensor[n->out];
    const enum onnx_order order = qnt_onnx_there(e, n->in[0]);
    const char *in[QNT_MAX_INPUTS];
    bool same = true;
    for (uint32_t k = 0; k < n->n_in; k++)
        same = same && same_meaning(&e->m->tensor[n->in[k]], y);
    for (uint32_t k = 0; k < n->n_in; k++)
        in[k] = same ? qnt_onnx_value(e, n->in[k], order) : qnt_onnx_as_floats(e, n->in[k], order);
    const char *out = same ? own_name(e, n) : qnt_onnx_result_name(e, n);
    onnx_node_proto *node = qnt_onnx_put_node(e, n->name, as, in, n->n_in, out);
    qnt_onnx_set_int(e, node, "axis", qnt_onnx_place(y, order, n->attr.axis[0]));
    if (same)
        qnt_onnx_moved_to(e, n, order, out);
    else
        qnt_onnx_put_result(e, n, order, out);
}

/* What lies around, in the value's type. */
static const char *fill(struct onnx_export *e, const struct qnt_node *n, const char *base)
{
    const struct qnt_tensor *x = &e->m->tensor[n->in[0]];
    if (n->attr.mode != QNT_PAD_CONSTANT)
        return "";
    if (!qnt_onnx_has_codes(x))
        return qnt_onnx_put_const_float(e, base, "_value", n->attr.value);
    if (x->type != QNT_S8)
        qnt_onnx_put_fail(e, QNT_ERR_UNSUPPORTED, n, "input '%s' is %s, expected s8 or f32", x->name,
                          qnt_dtype_name(x->type));
    const int8_t code = e->status ? 0 : qnt_bound_code(n->attr.value, x);
    return qnt_onnx_put_const(e, base, "_value", ONNX_INT8, 0, NULL, &code);
}

void qnt_onnx_put_pad(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    static const char *const modes[] = {"constant", "reflect", "edge"};
    const struct qnt_tensor *x = &e->m->tensor[n->in[0]];
    const enum onnx_order order = qnt_onnx_there(e, n->in[0]);
    int64_t pads[2 * (QNT_MAX_RANK + 1)] = {0};
    for (uint32_t d = 0; d < x->rank; d++) {
        pads[qnt_onnx_place(x, order, d)] = n->attr.begin[d];
        pads[x->rank + 1 + qnt_onnx_place(x, order, d)] = n->attr.end[d];
    }
    const char *in[3] = {qnt_onnx_value(e, n->in[0], order)}, *out = own_name(e, n);
    in[1] = qnt_onnx_put_const_ints(e, out, "_pads", pads, 2 * (x->rank + 1));
    in[2] = fill(e, n, out);
    onnx_node_proto *node = qnt_onnx_put_node(e, n->name, as, in, n->attr.mode == QNT_PAD_CONSTANT ? 3 : 2, out);
    if (n->attr.mode != QNT_PAD_CONSTANT)
        qnt_onnx_set_text(e, node, "mode", modes[n->attr.mode]);
    qnt_onnx_moved_to(e, n, order, out);
}

void qnt_onnx_put_slice(struct onnx_export *e, const struct qnt_node *n, const char *as)
{
    const struct qnt_tensor *x = &e->m->tensor[n->in[0]];
    const enum onnx_order order = qnt_onnx_there(e, n->in[0]);
    int64_t axes[QNT_MAX_RANK];
    for (uint32_t d = 0; d < x->rank; d++)
        axes[d] = qnt_onnx_place(x, order, d);
    const char *in[5] = {qnt_onnx_value(e, n->in[0], order)}, *out = own_name(e, n);
    in[1] = qnt_onnx_put_const_ints(e, out, "_starts", n->attr.begin, x->rank);
    in[2] = qnt_onnx_put_const_ints(e, out, "_ends", n->attr.end, x->rank);
    in[3] = qnt_onnx_put_const_ints(e, out, "_axes", axes, x->rank);
    in[4] = qnt_onnx_put_const_ints(e, out, "_steps", n->attr.step, x->rank);
    qnt_onnx_put_node(e, n->name, as, in, 5, out);
    qnt_onnx_moved_to(e, n, order, out);
}
