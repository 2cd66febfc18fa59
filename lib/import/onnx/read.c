/* From bytes to struct onnx_graph: the bytes are checked (wire.c), taken apart by protobuf-c, and what it gives is
 * copied into plain structs that point into it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/import/onnx/onnx.pb-c.h"
#include "lib/import/onnx/read.h"
#include "lib/import/onnx/wire.h"

enum { MOST_ATTRIBUTES = 256 /* of a node; they are compared with each other */, MADE_UP = 32 };

static void *take(void *memory, size_t bytes)
{
    return qnt_onnx_take(memory, bytes, "what an ONNX file holds");
}

static void keep(void *memory, void *piece)
{
    (void)memory, (void)piece; /* freed with all others */
}

static qnt_status unpack(struct onnx_memory *m, const ProtobufCMessageDescriptor *is, const uint8_t *data, size_t bytes,
                         void *out)
{
    ProtobufCAllocator allocator = {take, keep, m};
    qnt_status status = qnt_onnx_check(data, bytes, is, &qnt_onnx_limits);
    if (status)
        return status;
    ProtobufCMessage *message = protobuf_c_message_unpack(is, &allocator, bytes, data);
    if (!message)
        return m->failed ? QNT_ERR_NOMEM : qnt_fail(QNT_ERR_FORMAT, "protobuf-c cannot read it as %s", is->short_name);
    memcpy(out, &message, sizeof message);
    return QNT_OK;
}

/* Kinds of attributes that are refused, by their number in AttributeProto.AttributeType. */
static const char *const refused_kind[] = {[0] = "no type",           [5] = "a subgraph",
                                           [9] = "a list of tensors", [10] = "a list of subgraphs",
                                           [11] = "a sparse tensor",  [12] = "a list of sparse tensors",
                                           [13] = "a type",           [14] = "a list of types"};

static qnt_status read_string(ProtobufCBinaryData from, const char **s, struct onnx_memory *m)
{
    char *copy = qnt_onnx_take(m, from.len + 1, "a string"); /* bytes have no end of their own */
    *s = copy;
    if (!copy)
        return QNT_ERR_NOMEM;
    if (from.len && memchr(from.data, 0, from.len))
        return qnt_fail(QNT_ERR_UNSUPPORTED, "a string of %zu bytes with a zero in it", from.len);
    if (from.len)
        memcpy(copy, from.data, from.len);
    return QNT_OK;
}

static qnt_status read_strings(struct onnx_reader *r, const QntOnnx__AttributeProto *p, struct onnx_attr *a)
{
    const char **strings = qnt_onnx_take_array(r->memory, p->n_strings, sizeof *strings, "strings");
    qnt_status status = strings ? QNT_OK : QNT_ERR_NOMEM;
    a->strings = strings;
    for (a->n = 0; a->n < p->n_strings && !status; a->n++)
        status = read_string(p->strings[a->n], &strings[a->n], r->memory);
    return status;
}

static qnt_status read_tensor(struct onnx_reader *r, const QntOnnx__AttributeProto *p, struct onnx_attr *a)
{
    struct onnx_tensor *t = qnt_onnx_take(r->memory, sizeof *t, "a tensor");
    a->t = t;
    if (!t)
        return QNT_ERR_NOMEM;
    return p->t ? qnt_onnx_tensor(r, p->t, t) : qnt_fail(QNT_ERR_FORMAT, "no tensor, expected one");
}

static qnt_status read_attribute(struct onnx_reader *r, const QntOnnx__AttributeProto *p, struct onnx_attr *a)
{
    *a = (struct onnx_attr){.name = p->name, .kind = (enum onnx_attr_kind)p->type, .f = p->f, .i = p->i};
    if (*p->ref_attr_name)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "its value is attribute '%s' of a function", p->ref_attr_name);
    switch (p->type) {
    case ONNX_ATTR_FLOAT:
    case ONNX_ATTR_INT:
        return QNT_OK;
    case ONNX_ATTR_STRING:
        a->s_len = p->s.len;
        return read_string(p->s, &a->s, r->memory);
    case ONNX_ATTR_TENSOR:
        return read_tensor(r, p, a);
    case ONNX_ATTR_FLOATS:
        a->floats = p->floats;
        a->n = p->n_floats;
        return QNT_OK;
    case ONNX_ATTR_INTS:
        a->ints = p->ints;
        a->n = p->n_ints;
        return QNT_OK;
    case ONNX_ATTR_STRINGS:
        return read_strings(r, p, a);
    default:
        break;
    }
    if (p->type < 0 || p->type >= (int32_t)(sizeof refused_kind / sizeof *refused_kind))
        return qnt_fail(QNT_ERR_UNSUPPORTED, "its type is %" PRId32 ", expected 1 to 14", p->type);
    return qnt_fail(p->type ? QNT_ERR_UNSUPPORTED : QNT_ERR_FORMAT,
                    "it holds %s, expected numbers, strings or a tensor", refused_kind[p->type]);
}

static qnt_status read_attributes(struct onnx_reader *r, const QntOnnx__NodeProto *p, struct onnx_node *n)
{
    if (p->n_attribute > MOST_ATTRIBUTES)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "%zu attributes, expected at most %d", p->n_attribute, MOST_ATTRIBUTES);
    struct onnx_attr *attr = qnt_onnx_take_array(r->memory, p->n_attribute, sizeof *attr, "attributes");
    if (!attr)
        return QNT_ERR_NOMEM;
    n->attr = attr;
    for (n->n_attr = 0; n->n_attr < p->n_attribute; n->n_attr++) {
        const char *name = p->attribute[n->n_attr]->name;
        if (!*name)
            return qnt_fail(QNT_ERR_FORMAT, "attribute %zu has no name", n->n_attr);
        for (size_t k = 0; k < n->n_attr; k++)
            if (!strcmp(name, attr[k].name))
                return qnt_fail(QNT_ERR_FORMAT, "attribute '%s' is there twice", name);
        qnt_status status = read_attribute(r, p->attribute[n->n_attr], &attr[n->n_attr]);
        if (status)
            return qnt_fail_in(status, "attribute '%s'", name);
    }
    return QNT_OK;
}

static qnt_status read_node(struct onnx_reader *r, const QntOnnx__NodeProto *p, size_t index, struct onnx_node *n)
{
    *n = (struct onnx_node){.name = p->name,
                            .op = p->op_type,
                            .domain = strcmp(p->domain, "ai.onnx") ? p->domain : "",
                            .in = (const char *const *)p->input,
                            .out = (const char *const *)p->output,
                            .n_in = p->n_input,
                            .n_out = p->n_output};
    if (!*p->op_type)
        return qnt_fail(QNT_ERR_FORMAT, "node %zu ('%s') has no op_type", index, p->name);
    if (!*n->name) {
        size_t bytes = strlen(n->op) + MADE_UP;
        char *name = qnt_onnx_take(r->memory, bytes, "a name");
        if (!name)
            return QNT_ERR_NOMEM;
        snprintf(name, bytes, "%s_%zu", n->op, index);
        n->name = name;
    }
    qnt_status status = *p->overload
                            ? qnt_fail(QNT_ERR_UNSUPPORTED, "it calls overload '%s' of a function", p->overload)
                            : read_attributes(r, p, n);
    return status ? qnt_fail_in(status, "node '%s' (%s)", n->name, n->op) : QNT_OK;
}

static qnt_status read_shape(const QntOnnx__TensorShapeProto *p, struct onnx_value_info *v)
{
    if (p->n_dim > ONNX_MAX_RANK)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "rank %zu, expected at most %d", p->n_dim, ONNX_MAX_RANK);
    v->has_shape = true;
    v->rank = (uint32_t)p->n_dim;
    for (uint32_t d = 0; d < v->rank; d++) {
        const QntOnnx__Dimension *dim = p->dim[d];
        v->dim[d] = -1; /* which writers also use for what they do not know */
        if (dim->value_case == QNT_ONNX__DIMENSION__VALUE_DIM_PARAM && *dim->dim_param)
            v->param[d] = dim->dim_param;
        else if (dim->value_case == QNT_ONNX__DIMENSION__VALUE_DIM_VALUE)
            v->dim[d] = dim->dim_value;
        if (v->dim[d] < -1)
            return qnt_fail(QNT_ERR_FORMAT, "dimension %" PRIu32 " is %" PRId64 ", expected 0 or more", d, v->dim[d]);
    }
    return QNT_OK;
}

static qnt_status read_value(const QntOnnx__ValueInfoProto *p, bool typed, struct onnx_value_info *v)
{
    const QntOnnx__TypeProto *type = p->type;
    *v = (struct onnx_value_info){.name = p->name};
    if (!*p->name)
        return qnt_fail(QNT_ERR_FORMAT, "it has no name");
    if (!type || !type->tensor_type) {
        const char *other = !type                          ? NULL
                            : type->sequence_type.len      ? "a sequence"
                            : type->map_type.len           ? "a map"
                            : type->optional_type.len      ? "an optional value"
                            : type->sparse_tensor_type.len ? "a sparse tensor"
                            : type->opaque_type.len        ? "an opaque value"
                                                           : NULL;
        if (other)
            return qnt_fail(QNT_ERR_UNSUPPORTED, "it is %s, expected a tensor", other);
        return typed ? qnt_fail(QNT_ERR_FORMAT, "its type is not said, expected that of a tensor") : QNT_OK;
    }
    v->type = type->tensor_type->elem_type;
    if (!qnt_onnx_type_bits(v->type) && (typed || v->type))
        return qnt_fail(QNT_ERR_UNSUPPORTED, "its type is %" PRId32 " (%s), expected integers, bools or floats",
                        v->type, qnt_onnx_type_name(v->type));
    return type->tensor_type->shape ? read_shape(type->tensor_type->shape, v) : QNT_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* names: of the initializers, sorted. Inputs that one of them gives were the custom up to IR version 3. */
static qnt_status read_values(struct onnx_reader *r, QntOnnx__ValueInfoProto *const *from, size_t n, const char **names,
                              size_t n_names, const char *what, const struct onnx_value_info **out, size_t *n_out)
{
    struct onnx_value_info *v = qnt_onnx_take_array(r->memory, n, sizeof *v, what);
    *out = v;
    if (!v)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (n_names && bsearch(&from[i]->name, names, n_names, sizeof *names, by_name))
            continue;
        qnt_status status = read_value(from[i], names != NULL, &v[*n_out]);
        if (status)
            return qnt_fail_in(status, "%s %zu ('%s')", what, i, from[i]->name);
        ++*n_out;
    }
    return QNT_OK;
}

static qnt_status read_initializers(struct onnx_reader *r, const QntOnnx__GraphProto *p, struct onnx_graph *g,
                                    const char **names)
{
    struct onnx_tensor *t = qnt_onnx_take_array(r->memory, p->n_initializer, sizeof *t, "initializers");
    if (!t)
        return QNT_ERR_NOMEM;
    g->init = t;
    for (g->n_init = 0; g->n_init < p->n_initializer; g->n_init++) {
        const char *name = names[g->n_init] = p->initializer[g->n_init]->name;
        if (!*name)
            return qnt_fail(QNT_ERR_FORMAT, "initializer %zu has no name", g->n_init);
        qnt_status status = qnt_onnx_tensor(r, p->initializer[g->n_init], &t[g->n_init]);
        if (status)
            return qnt_fail_in(status, "initializer '%s'", name);
    }
    qsort(names, g->n_init, sizeof *names, by_name);
    for (size_t i = 1; i < g->n_init; i++)
        if (!strcmp(names[i], names[i - 1]))
            return qnt_fail(QNT_ERR_FORMAT, "initializer '%s' is there twice", names[i]);
    return QNT_OK;
}

static qnt_status read_graph(struct onnx_reader *r, const QntOnnx__GraphProto *p, struct onnx_graph *g)
{
    const char **names = qnt_onnx_take_array(r->memory, p->n_initializer, sizeof *names, "names");
    struct onnx_node *node = qnt_onnx_take_array(r->memory, p->n_node, sizeof *node, "nodes");
    if (!names || !node)
        return QNT_ERR_NOMEM;
    g->name = p->name;
    g->node = node;
    if (p->n_sparse_initializer)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "the graph has %zu sparse initializers", p->n_sparse_initializer);
    qnt_status status = read_initializers(r, p, g, names);
    if (!status)
        status = read_values(r, p->input, p->n_input, names, g->n_init, "input", &g->input, &g->n_inputs);
    if (!status)
        status = read_values(r, p->output, p->n_output, NULL, 0, "output", &g->output, &g->n_outputs);
    for (; g->n_nodes < p->n_node && !status; g->n_nodes++)
        status = read_node(r, p->node[g->n_nodes], g->n_nodes, &node[g->n_nodes]);
    return status;
}

/* Domains that we know no operations of may be imported: only their nodes are in the way. */
static qnt_status read_opsets(const QntOnnx__ModelProto *p, struct onnx_graph *g)
{
    for (size_t i = 0; i < p->n_opset_import; i++) {
        const QntOnnx__OperatorSetIdProto *set = p->opset_import[i];
        bool standard = !*set->domain || !strcmp(set->domain, "ai.onnx");
        int64_t *version = standard ? &g->opset : !strcmp(set->domain, "com.microsoft") ? &g->opset_ms : NULL;
        if (set->version <= 0)
            return qnt_fail(QNT_ERR_FORMAT, "opset_import: '%s' has version %" PRId64 ", expected 1 or more",
                            set->domain, set->version);
        if (version && *version && *version != set->version)
            return qnt_fail(QNT_ERR_FORMAT, "opset_import: '%s' has versions %" PRId64 " and %" PRId64, set->domain,
                            *version, set->version);
        if (version)
            *version = set->version;
    }
    return QNT_OK;
}

static qnt_status read_model(struct onnx_reader *r, const QntOnnx__ModelProto *p, struct onnx_graph *g)
{
    if (p->n_functions || p->n_training_info)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "the model has %s",
                        p->n_functions ? "functions of its own (functions)" : "training information (training_info)");
    if (!p->graph)
        return qnt_fail(QNT_ERR_FORMAT, "the model has no graph");
    g->ir_version = p->ir_version;
    qnt_status status = read_opsets(p, g);
    return status ? status : read_graph(r, p->graph, g);
}

static qnt_status read_one(struct onnx_reader *r, const QntOnnx__TensorProto *p, struct onnx_graph *g)
{
    struct onnx_tensor *t = qnt_onnx_take(r->memory, sizeof *t, "a tensor");
    if (!t)
        return QNT_ERR_NOMEM;
    g->init = t;
    g->n_init = 1;
    qnt_status status = qnt_onnx_tensor(r, p, t);
    return status ? qnt_fail_in(status, "tensor '%s'", p->name) : QNT_OK;
}

static qnt_status read_file(qnt_ctx *ctx, const void *data, size_t bytes, const ProtobufCMessageDescriptor *is,
                            const char *folder, struct onnx_graph **out)
{
    struct onnx_graph *g = qnt_alloc(ctx, sizeof *g + sizeof *g->memory, "an ONNX graph");
    const void *message = NULL;
    if (!g)
        return QNT_ERR_NOMEM;
    g->memory = (struct onnx_memory *)(g + 1);
    g->memory->ctx = ctx;
    struct onnx_reader r = {.memory = g->memory, .folder = folder};
    qnt_status status = unpack(g->memory, is, data, bytes, &message);
    if (!status)
        status = is == &qnt_onnx__model_proto__descriptor ? read_model(&r, message, g) : read_one(&r, message, g);
    if (status)
        qnt_onnx_graph_free(g);
    else
        *out = g;
    return status;
}

qnt_status qnt_onnx_read(qnt_ctx *ctx, const void *data, size_t bytes, const char *folder, struct onnx_graph **out)
{
    return read_file(ctx, data, bytes, &qnt_onnx__model_proto__descriptor, folder, out);
}

qnt_status qnt_onnx_read_tensor(qnt_ctx *ctx, const void *data, size_t bytes, struct onnx_graph **out)
{
    return read_file(ctx, data, bytes, &qnt_onnx__tensor_proto__descriptor, NULL, out);
}

void qnt_onnx_graph_free(struct onnx_graph *g)
{
    if (!g)
        return;
    const qnt_ctx *ctx = g->memory->ctx;
    qnt_onnx_release(g->memory);
    qnt_release(ctx, g);
}
