/* Values in the order that a reader asks for. */
#include <string.h>
#include "lib/export/onnx/write.h"
#include "lib/op/op.h"

static bool one_order(const struct qnt_tensor *t)
{
    return t->rank < 2;
}

uint32_t qnt_onnx_place(const struct qnt_tensor *t, enum onnx_order order, uint32_t d)
{
    return order == ONNX_AS_IS || one_order(t) ? d + 1 : d + 1 == t->rank ? 1 : d + 2;
}

void qnt_onnx_dims(const struct qnt_tensor *t, enum onnx_order order, size_t dim[QNT_MAX_RANK])
{
    for (uint32_t d = 0; d < t->rank; d++)
        dim[qnt_onnx_place(t, order, d) - 1] = t->dim[d];
}

void qnt_onnx_reorder(const struct qnt_tensor *t, const void *from, size_t size, void *to)
{
    const size_t channels = t->dim[t->rank - 1], places = qnt_tensor_count(t) / channels;
    for (size_t p = 0; p < places; p++)
        for (size_t c = 0; c < channels; c++)
            memcpy((char *)to + (c * places + p) * size, (const char *)from + (p * channels + c) * size, size);
}

bool qnt_onnx_alike(const struct qnt_tensor *t)
{
    const size_t channels = t->dim[t->rank - 1];
    return channels == 1 || qnt_tensor_count(t) == channels;
}

enum onnx_order qnt_onnx_there(const struct onnx_export *e, int id)
{
    return !one_order(&e->m->tensor[id]) && e->value[id].name[ONNX_FIRST] ? ONNX_FIRST : ONNX_AS_IS;
}

/* [batch][all else], of what is there. */
static const char *flatten(struct onnx_export *e, int id)
{
    const int source = e->value[id].source;
    const bool alike = qnt_onnx_alike(&e->m->tensor[source]);
    const char *in = qnt_onnx_value(e, source, alike ? qnt_onnx_there(e, source) : ONNX_AS_IS);
    const char *out = qnt_onnx_new_name(e, e->m->tensor[id].name, "");
    qnt_onnx_put_node(e, NULL, "Flatten", &in, 1, out);
    return out;
}

static const char *transposed(struct onnx_export *e, const struct qnt_tensor *t, const char *in, enum onnx_order order)
{
    const char *out = qnt_onnx_new_name(e, t->name, order == ONNX_FIRST ? "_channels_first" : "_channels_last");
    int64_t numbers[QNT_MAX_RANK + 1] = {0};
    size_t dim[QNT_MAX_RANK] = {0};
    if (qnt_onnx_alike(t)) {
        qnt_onnx_dims(t, order, dim);
        for (uint32_t d = 0; d < t->rank; d++)
            numbers[d + 1] = (int64_t)dim[d]; /* the batch: 0, as it was */
        const char *const ins[] = {in, qnt_onnx_put_const_ints(e, out, "_shape", numbers, t->rank + 1)};
        qnt_onnx_put_node(e, NULL, "Reshape", ins, 2, out);
        return out;
    }
    for (uint32_t d = 0; d < t->rank; d++)
        numbers[qnt_onnx_place(t, order, d)] = qnt_onnx_place(t, order == ONNX_FIRST ? ONNX_AS_IS : ONNX_FIRST, d);
    qnt_onnx_set_ints(e, qnt_onnx_put_node(e, NULL, "Transpose", &in, 1, out), "perm", numbers, t->rank + 1);
    return out;
}

const char *qnt_onnx_value(struct onnx_export *e, int id, enum onnx_order order)
{
    const struct qnt_tensor *t = &e->m->tensor[id];
    struct onnx_written *v = &e->value[id];
    if (one_order(t))
        order = ONNX_AS_IS;
    if (!v->name[order] && !e->status) {
        const char *other = v->name[order == ONNX_FIRST ? ONNX_AS_IS : ONNX_FIRST];
        v->name[order] = v->source >= 0 && !other ? flatten(e, id) : transposed(e, t, other, order);
    }
    return e->status ? "" : v->name[order];
}

/* Ops on images, by what they read as such. */
static bool takes_images(const struct qnt_op_def *op)
{
    return op == &qnt_op_conv2d || op == &qnt_op_maxpool || op == &qnt_op_avgpool || op == &qnt_op_global_avgpool ||
           op == &qnt_op_global_maxpool || op == &qnt_op_batchnorm || op == &qnt_op_resize;
}

static bool moves_dimensions(const struct qnt_op_def *op)
{
    return op == &qnt_op_flatten || op == &qnt_op_reshape || op == &qnt_op_transpose || op == &qnt_op_fully_connected ||
           op == &qnt_op_block_fully_connected;
}

bool qnt_onnx_wants_first(const struct onnx_export *e, int id)
{
    const struct qnt_tensor *t = &e->m->tensor[id];
    for (size_t i = 0; i < e->m->n_nodes; i++) { /* nodes come after what they read */
        const struct qnt_node *n = &e->m->node[i];
        bool reads = false;
        for (uint32_t k = 0; k < n->n_in; k++)
            reads |= n->in[k] == id;
        if (!reads)
            continue;
        if (t->rank != 3 || takes_images(n->op) || moves_dimensions(n->op))
            return t->rank == 3 && takes_images(n->op);
        id = n->out;
        t = &e->m->tensor[id];
    }
    return false;
}

void qnt_onnx_put_inputs(struct onnx_export *e)
{
    for (size_t i = 0; i < e->m->inputs.n && !e->status; i++) {
        const int id = e->m->inputs.id[i];
        const struct qnt_tensor *t = &e->m->tensor[id];
        const bool first = !(e->config->channels_last & QNT_CHANNELS_LAST_INPUTS) && qnt_onnx_wants_first(e, id);
        const enum onnx_order order = first ? ONNX_FIRST : ONNX_AS_IS;
        e->value[id].name[order] = qnt_onnx_new_name(e, t->name, "");
        qnt_onnx_put_border(e, t, e->value[id].name[order], order, false);
    }
}

/* Output i is one before, too. */
static bool repeated(const struct onnx_export *e, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (e->m->outputs.id[k] == e->m->outputs.id[i])
            return true;
    return false;
}

/* The node that gives a tensor; NULL: it is an input. */
static const struct qnt_node *giver(const struct onnx_export *e, int id)
{
    for (size_t i = 0; i < e->m->n_nodes; i++)
        if (e->m->node[i].out == id)
            return &e->m->node[i];
    return NULL;
}

/* Whether an output is no image that operations on images made: that something moved its dimensions since is meant. */
static bool stays(const struct onnx_export *e, int id)
{
    const struct qnt_node *n;
    if (e->config->channels_last & QNT_CHANNELS_LAST_OUTPUTS)
        return true;
    while (e->m->tensor[id].rank == 3 && (n = giver(e, id)) && !takes_images(n->op)) {
        if (moves_dimensions(n->op))
            return true;
        id = n->in[n->n_in > 1 && e->m->tensor[n->in[0]].constant];
    }
    return e->m->tensor[id].rank != 3;
}

void qnt_onnx_reserve_outputs(struct onnx_export *e)
{
    for (size_t i = 0; i < e->m->outputs.n; i++) {
        const int id = e->m->outputs.id[i];
        const struct qnt_tensor *t = &e->m->tensor[id];
        if (t->rank > 1 && stays(e, id) && !e->value[id].given)
            e->value[id].given = qnt_onnx_new_name(e, t->name, "");
    }
}

/* An output has a name of its own, also where it is an input, another output or the same as another value. */
void qnt_onnx_put_outputs(struct onnx_export *e)
{
    for (size_t i = 0; i < e->m->outputs.n && !e->status; i++) {
        const int id = e->m->outputs.id[i];
        const struct qnt_tensor *t = &e->m->tensor[id];
        const enum onnx_order order = stays(e, id) ? ONNX_AS_IS : qnt_onnx_there(e, id);
        const char *name = qnt_onnx_value(e, id, order);
        if (e->value[id].given || qnt_ids_have(&e->m->inputs, id) || strcmp(name, t->name) || repeated(e, i)) {
            const bool given = e->value[id].given && !repeated(e, i);
            const char *own = given ? e->value[id].given : qnt_onnx_new_name(e, t->name, "");
            qnt_onnx_put_node(e, NULL, "Identity", &name, 1, own);
            name = own;
        }
        qnt_onnx_put_border(e, t, name, order, true);
    }
}
