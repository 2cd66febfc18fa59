/* The model's memory: appending, copying, counting references. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "lib/op/op.h"

static struct qnt_named tensors_of(const struct qnt_model *m)
{
    return (struct qnt_named){m->tensor, sizeof *m->tensor};
}

static struct qnt_named nodes_of(const struct qnt_model *m)
{
    return (struct qnt_named){m->node, sizeof *m->node};
}

qnt_status qnt_model_new(qnt_ctx *ctx, qnt_model **out)
{
    if (!ctx || !out)
        return qnt_fail(QNT_ERR_ARG, "model: ctx or out is NULL");
    struct qnt_model *m = qnt_alloc(ctx, sizeof *m, "a model");
    if (!m)
        return QNT_ERR_NOMEM;
    m->ctx = ctx;
    atomic_store_explicit(&m->refs, 1, memory_order_relaxed);
    for (int c = 0; c < 4; c++)
        m->deviation[c] = 1.0f;
    *out = m;
    return QNT_OK;
}

void qnt_model_ref(struct qnt_model *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
}

void qnt_model_free(qnt_model *m)
{
    /* The last one sees what all the others did before they let go. */
    if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    const qnt_ctx *ctx = m->ctx;
    for (size_t i = 0; i < m->n_tensors; i++) {
        qnt_release(ctx, m->tensor[i].name);
        qnt_release(ctx, m->tensor[i].scale);
        if (m->tensor[i].owns_data)
            qnt_release(ctx, m->tensor[i].data);
    }
    for (size_t i = 0; i < m->n_nodes; i++)
        qnt_release(ctx, m->node[i].name);
    qnt_names_free(ctx, &m->tensor_names);
    qnt_names_free(ctx, &m->node_names);
    qnt_release(ctx, m->tensor);
    qnt_release(ctx, m->node);
    qnt_release(ctx, m->inputs.id);
    qnt_release(ctx, m->outputs.id);
    if (m->map)
        munmap(m->map, m->map_bytes);
    qnt_release(ctx, m);
}

int qnt_model_find(const struct qnt_model *m, const char *name)
{
    return qnt_names_find(&m->tensor_names, tensors_of(m), name);
}

static qnt_status check_tensor(const struct qnt_model *m, const struct qnt_tensor *t)
{
    size_t elements;
    if (!t->name || !*t->name)
        return qnt_fail(QNT_ERR_ARG, "tensor %zu has no name", m->n_tensors);
    if (qnt_model_find(m, t->name) >= 0)
        return qnt_fail(QNT_ERR_ARG, "tensor '%s': the name is taken", t->name);
    if (m->n_tensors == INT32_MAX)
        return qnt_fail(QNT_ERR_RANGE, "tensor '%s': too many tensors", t->name);
    if (t->rank < 1 || t->rank > QNT_MAX_RANK)
        return qnt_fail(QNT_ERR_SHAPE, "tensor '%s': rank %u, expected 1 to %d", t->name, t->rank, QNT_MAX_RANK);
    for (uint32_t d = 0; d < t->rank; d++)
        if (!t->dim[d])
            return qnt_fail(QNT_ERR_SHAPE, "tensor '%s': dimension %u is 0", t->name, d);
    return qnt_tensor_elements(t, &elements);
}

qnt_status qnt_model_append_tensor(struct qnt_model *m, const struct qnt_tensor *t, int *id)
{
    void *array = m->tensor;
    qnt_status status = check_tensor(m, t);
    if (status || (status = qnt_names_reserve(m->ctx, &m->tensor_names)))
        return status;
    status = qnt_grow(m->ctx, &array, &m->cap_tensors, m->n_tensors + 1, sizeof *m->tensor, "tensors");
    m->tensor = array;
    if (status)
        return status;
    struct qnt_tensor own = *t;
    own.scale = NULL;
    if (!(own.name = qnt_strdup(m->ctx, t->name)))
        return QNT_ERR_NOMEM;
    if (t->scales) {
        if (!(own.scale = qnt_alloc_array(m->ctx, t->scales, sizeof *own.scale, "scales"))) {
            qnt_release(m->ctx, own.name);
            return QNT_ERR_NOMEM;
        }
        memcpy(own.scale, t->scale, t->scales * sizeof *own.scale);
    }
    *id = (int)m->n_tensors++;
    m->tensor[*id] = own;
    qnt_names_add(&m->tensor_names, own.name, *id);
    return QNT_OK;
}

qnt_status qnt_ids_push(const qnt_ctx *ctx, struct qnt_ids *ids, int id)
{
    void *array = ids->id;
    qnt_status status = qnt_grow(ctx, &array, &ids->cap, ids->n + 1, sizeof *ids->id, "inputs and outputs");
    ids->id = array;
    if (!status)
        ids->id[ids->n++] = id;
    return status;
}

bool qnt_ids_have(const struct qnt_ids *ids, int id)
{
    for (size_t i = 0; i < ids->n; i++)
        if (ids->id[i] == id)
            return true;
    return false;
}

qnt_status qnt_model_append_input(struct qnt_model *m, const struct qnt_tensor *t, int *id)
{
    qnt_status status = qnt_ids_push(m->ctx, &m->inputs, (int)m->n_tensors);
    if (!status && (status = qnt_model_append_tensor(m, t, id)))
        m->inputs.n--;
    return status;
}

qnt_status qnt_model_check_borders(const struct qnt_model *m)
{
    if (m->inputs.n && m->outputs.n)
        return QNT_OK;
    return qnt_fail(QNT_ERR_STATE, "the model has no %s yet", m->inputs.n ? "output" : "input");
}

static uint32_t or_one(uint32_t n)
{
    return n ? n : 1;
}

/* Zeros become the defaults; a convolution's kernel is its weights'. */
static qnt_status normalise(const struct qnt_model *m, struct qnt_node *n, const qnt_node_attr *attr)
{
    qnt_node_attr *a = &n->attr;
    qnt_status status = qnt_config_copy(a, sizeof *a, attr, "attributes");
    if (status)
        return status;
    if (n->op == &qnt_op_conv2d || n->op == &qnt_op_binary_conv2d)
        for (int d = 0; d < 2; d++)
            if (!a->kernel[d] && m->tensor[n->in[1]].dim[1 + d] <= QNT_MAX_ATTRIBUTE)
                a->kernel[d] = (uint32_t)m->tensor[n->in[1]].dim[1 + d];
    uint32_t all[] = {a->kernel[0], a->kernel[1], a->stride[0], a->stride[1], a->dilation[0], a->dilation[1],
                      a->pad[0],    a->pad[1],    a->pad[2],    a->pad[3],    a->groups};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] > QNT_MAX_ATTRIBUTE)
            return qnt_fail(QNT_ERR_ARG, "attribute %u is larger than 2^20", all[i]);
    for (int d = 0; d < 2; d++) {
        a->kernel[d] = or_one(a->kernel[d]);
        a->stride[d] = or_one(a->stride[d]);
        a->dilation[d] = or_one(a->dilation[d]);
    }
    a->groups = or_one(a->groups);
    if (n->op->normalise)
        n->op->normalise(m, n);
    return QNT_OK;
}

static qnt_status check_node(const struct qnt_model *m, const struct qnt_op_def *op, const char *name, const int *in,
                             size_t n_in)
{
    if (!name || !*name)
        return qnt_fail(QNT_ERR_ARG, "node %zu has no name", m->n_nodes);
    if (qnt_names_find(&m->node_names, nodes_of(m), name) >= 0)
        return qnt_fail(QNT_ERR_ARG, "node '%s': the name is taken", name);
    if (n_in < op->min_in || n_in > op->max_in)
        return qnt_fail(QNT_ERR_ARG, "node '%s': %zu inputs, %s takes %u to %u", name, n_in, op->name, op->min_in,
                        op->max_in);
    for (size_t i = 0; i < n_in; i++)
        if (in[i] < 0 || (size_t)in[i] >= m->n_tensors)
            return qnt_fail(QNT_ERR_ARG, "node '%s': input %zu is tensor %d, expected 0 to %zu", name, i, in[i],
                            m->n_tensors - 1);
        else if (qnt_tensor_packed(&m->tensor[in[i]]) && !(i == 1 && op->packed_weights))
            return qnt_fail(QNT_ERR_TYPE, "node '%s': %s of '%s', u8 of %u bits, expected 8", name, op->name,
                            m->tensor[in[i]].name, m->tensor[in[i]].bits);
    return QNT_OK;
}

/* Appends a node that is complete but for its name, and its output. */
static qnt_status commit_node(struct qnt_model *m, struct qnt_node *n, const char *name, const struct qnt_tensor *out,
                              int *id)
{
    void *array = m->node;
    qnt_status status = qnt_names_reserve(m->ctx, &m->node_names);
    if (status)
        return status;
    status = qnt_grow(m->ctx, &array, &m->cap_nodes, m->n_nodes + 1, sizeof *m->node, "nodes");
    m->node = array;
    if (status)
        return status;
    if (!(n->name = qnt_strdup(m->ctx, name)))
        return QNT_ERR_NOMEM;
    if ((status = qnt_model_append_tensor(m, out, &n->out))) {
        qnt_release(m->ctx, n->name);
        return status;
    }
    m->node[m->n_nodes] = *n;
    qnt_names_add(&m->node_names, n->name, (int)m->n_nodes++);
    *id = n->out;
    return QNT_OK;
}

/* The op's own normalise and infer, which see input 0 without the dimensions that are images; they are the output's,
 * too. */
static qnt_status infer(struct qnt_model *m, struct qnt_node *n, const qnt_node_attr *attr, struct qnt_tensor *out)
{
    struct qnt_tensor *x = &m->tensor[n->in[0]];
    const struct qnt_tensor whole = *x;
    if (n->op->rank && x->rank > n->op->rank)
        qnt_tensor_strip(x, n->op->rank);
    const uint32_t extra = whole.rank - x->rank;
    qnt_status status = normalise(m, n, attr);
    status = status ? qnt_fail_in(status, "node '%s'", n->name) : n->op->infer(m, n, out);
    *x = whole;
    if (status)
        return status;
    memmove(out->dim + extra, out->dim, out->rank * sizeof *out->dim);
    memcpy(out->dim, whole.dim, extra * sizeof *out->dim);
    out->rank += extra;
    return QNT_OK;
}

qnt_status qnt_model_append_node(struct qnt_model *m, const struct qnt_op_def *op, const char *name,
                                 const qnt_node_attr *attr, const int *in, size_t n_in, const char *out_name,
                                 const struct qnt_tensor *out_q, int *id)
{
    struct qnt_tensor out = {.name = (char *)(uintptr_t)(out_name ? out_name : name)}; /* copied by append_tensor */
    struct qnt_node n = {.name = (char *)(uintptr_t)name, .op = op, .n_in = (uint32_t)n_in};
    qnt_status status = check_node(m, op, name, in, n_in);
    if (status)
        return status;
    memcpy(n.in, in, n_in * sizeof *in);
    if (out_q) {
        out.type = out_q->type;
        out.bits = out_q->bits;
        out.scales = out_q->scales;
        out.scale = out_q->scale;
        out.zero = out_q->zero;
    }
    status = infer(m, &n, attr, &out);
    return status ? status : commit_node(m, &n, name, &out, id);
}

qnt_status qnt_model_copy_tensor(struct qnt_model *m, const struct qnt_tensor *from, bool alias, int *id)
{
    struct qnt_tensor t = *from;
    t.owns_data = false;
    if (t.data && !alias) {
        size_t bytes = qnt_tensor_bytes(&t);
        if (!(t.data = qnt_alloc(m->ctx, bytes, t.name)))
            return QNT_ERR_NOMEM;
        memcpy(t.data, from->data, bytes);
        t.owns_data = true;
    }
    qnt_status status = qnt_model_append_tensor(m, &t, id);
    if (status && t.owns_data)
        qnt_release(m->ctx, t.data);
    return status;
}

static qnt_status copy_nodes(struct qnt_model *m, const struct qnt_model *from)
{
    void *array = m->node;
    qnt_status status = qnt_grow(m->ctx, &array, &m->cap_nodes, from->n_nodes, sizeof *m->node, "nodes");
    m->node = array;
    for (size_t i = 0; i < from->n_nodes && !status; i++) {
        if ((status = qnt_names_reserve(m->ctx, &m->node_names)))
            break;
        struct qnt_node n = from->node[i];
        if (!(n.name = qnt_strdup(m->ctx, n.name)))
            return QNT_ERR_NOMEM;
        m->node[i] = n;
        m->n_nodes++;
        qnt_names_add(&m->node_names, n.name, (int)i);
    }
    return status;
}

static qnt_status copy_model(const struct qnt_model *from, bool alias, struct qnt_model **out)
{
    struct qnt_model *m;
    int id;
    qnt_status status = qnt_model_new(from->ctx, &m);
    if (status)
        return status;
    for (size_t i = 0; i < from->n_tensors && !status; i++)
        status = qnt_model_copy_tensor(m, &from->tensor[i], alias, &id);
    if (!status)
        status = copy_nodes(m, from);
    for (size_t i = 0; i < from->inputs.n && !status; i++)
        status = qnt_ids_push(m->ctx, &m->inputs, from->inputs.id[i]);
    for (size_t i = 0; i < from->outputs.n && !status; i++)
        status = qnt_ids_push(m->ctx, &m->outputs, from->outputs.id[i]);
    if (status) {
        qnt_model_free(m);
        return status;
    }
    memcpy(m->mean, from->mean, sizeof m->mean);
    memcpy(m->deviation, from->deviation, sizeof m->deviation);
    *out = m;
    return QNT_OK;
}

qnt_status qnt_model_clone(const struct qnt_model *m, struct qnt_model **out)
{
    return copy_model(m, false, out);
}

qnt_status qnt_model_alias(const struct qnt_model *m, struct qnt_model **out)
{
    return copy_model(m, true, out);
}
