/* Parts of the file, as protobuf-c's structs. */
#include <stdio.h>
#include <string.h>
#include "lib/export/onnx/write.h"
#include "lib/import/onnx/onnx.pb-c.h"
#include "lib/op/op.h"

void *qnt_onnx_room(struct onnx_export *e, size_t count, size_t size)
{
    void *out = e->status ? NULL : qnt_onnx_take_array(&e->memory, count, size, "what an ONNX file holds");
    if (!out && !e->status)
        e->status = QNT_ERR_NOMEM;
    return out;
}

void qnt_onnx_put_fail(struct onnx_export *e, qnt_status status, const struct qnt_node *n, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (!e->status)
        e->status = qnt_fail(status, "node '%s' (%s): %s", n->name, n->op->name, text);
}

/* A list of pointers, of whatever type, has room for a power of two of them. Returns the list. */
static void *push(struct onnx_export *e, void *list, size_t *n, void *item)
{
    if (e->status || !item)
        return list;
    if (!(*n & (*n - 1))) {
        void *more = qnt_onnx_room(e, *n ? 2 * *n : 1, sizeof item);
        if (!more)
            return list;
        if (*n)
            memcpy(more, list, *n * sizeof item);
        list = more;
    }
    memcpy((char *)list + (*n)++ * sizeof item, &item, sizeof item);
    return list;
}
#define PUSH(e, list, n, item) ((list) = push(e, list, &(n), item))

/* protobuf-c's messages own their texts, which these do not. */
static char *lent(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* A name that a tensor of the model has is this one's alone. */
static bool is_taken(const struct onnx_export *e, const char *name, bool own)
{
    return qnt_names_find(&e->names, (struct qnt_named){e->name, sizeof *e->name}, name) >= 0 ||
           (!own && qnt_model_find(e->m, name) >= 0);
}

const char *qnt_onnx_new_name(struct onnx_export *e, const char *base, const char *suffix)
{
    const size_t room = strlen(base) + strlen(suffix) + 24;
    char *name = qnt_onnx_room(e, room, 1);
    if (!name)
        return "";
    snprintf(name, room, "%s%s", base, suffix);
    for (unsigned i = 1; is_taken(e, name, i == 1 && !*suffix); i++)
        snprintf(name, room, "%s%s_%u", base, suffix, i);
    void *names = e->name;
    e->status = qnt_grow(e->ctx, &names, &e->cap_names, e->n_names + 1, sizeof *e->name, "names");
    e->name = names;
    if (e->status || (e->status = qnt_names_reserve(e->ctx, &e->names)))
        return "";
    e->name[e->n_names].name = name;
    qnt_names_add(&e->names, name, (int)e->n_names++);
    return name;
}

onnx_node_proto *qnt_onnx_put_node(struct onnx_export *e, const char *name, const char *op, const char *const *in,
                                   size_t n_in, const char *out)
{
    onnx_node_proto *node = qnt_onnx_room(e, 1, sizeof *node);
    if (!node)
        return NULL;
    qnt_onnx__node_proto__init(node);
    node->name = lent(name ? name : "");
    node->op_type = lent(op);
    for (size_t k = 0; k < n_in; k++)
        PUSH(e, node->input, node->n_input, lent(in[k]));
    PUSH(e, node->output, node->n_output, lent(out));
    PUSH(e, e->graph->node, e->graph->n_node, node);
    return e->status ? NULL : node;
}

void qnt_onnx_set_microsoft(struct onnx_export *e, onnx_node_proto *node)
{
    if (!node)
        return;
    node->domain = lent("com.microsoft");
    e->microsoft = true;
}

/* Numbers of AttributeProto.AttributeType. */
enum { FLOAT = 1, INT = 2, STRING = 3, INTS = 7 };

static QntOnnx__AttributeProto *attribute(struct onnx_export *e, onnx_node_proto *node, const char *name, int32_t type)
{
    QntOnnx__AttributeProto *a = node ? qnt_onnx_room(e, 1, sizeof *a) : NULL;
    if (!a)
        return NULL;
    qnt_onnx__attribute_proto__init(a);
    a->name = lent(name);
    a->type = type;
    PUSH(e, node->attribute, node->n_attribute, a);
    return a;
}

void qnt_onnx_set_int(struct onnx_export *e, onnx_node_proto *node, const char *name, int64_t i)
{
    QntOnnx__AttributeProto *a = attribute(e, node, name, INT);
    if (a)
        a->i = i;
}

void qnt_onnx_set_float(struct onnx_export *e, onnx_node_proto *node, const char *name, float f)
{
    QntOnnx__AttributeProto *a = attribute(e, node, name, FLOAT);
    if (a)
        a->f = f;
}

void qnt_onnx_set_text(struct onnx_export *e, onnx_node_proto *node, const char *name, const char *text)
{
    QntOnnx__AttributeProto *a = attribute(e, node, name, STRING);
    if (a)
        a->s = (ProtobufCBinaryData){strlen(text), (uint8_t *)lent(text)};
}

void qnt_onnx_set_ints(struct onnx_export *e, onnx_node_proto *node, const char *name, const int64_t *ints, size_t n)
{
    QntOnnx__AttributeProto *a = attribute(e, node, name, INTS);
    int64_t *to = a ? qnt_onnx_room(e, n, sizeof *to) : NULL;
    if (!to)
        return;
    memcpy(to, ints, n * sizeof *to);
    a->ints = to;
    a->n_ints = n;
}

static void pack_fours(const int8_t *from, size_t n, uint8_t *to)
{
    for (size_t i = 0; i < n; i++)
        to[i / 2] |= (uint8_t)((from[i] & 15) << i % 2 * 4);
}

const char *qnt_onnx_put_const(struct onnx_export *e, const char *base, const char *suffix, int32_t type, uint32_t rank,
                               const size_t *dim, const void *data)
{
    size_t count = 1;
    const char *name = qnt_onnx_new_name(e, base, suffix);
    for (uint32_t d = 0; d < rank; d++)
        count *= dim[d];
    const size_t bytes = (count * qnt_onnx_type_bits(type) + 7) / 8;
    QntOnnx__TensorProto *t = qnt_onnx_room(e, 1, sizeof *t);
    int64_t *dims = qnt_onnx_room(e, rank, sizeof *dims);
    uint8_t *raw = qnt_onnx_room(e, bytes, 1);
    if (e->status)
        return "";
    qnt_onnx__tensor_proto__init(t);
    t->name = lent(name);
    t->data_type = type;
    t->dims = dims;
    for (t->n_dims = 0; t->n_dims < rank; t->n_dims++)
        dims[t->n_dims] = (int64_t)dim[t->n_dims];
    if (type == ONNX_INT4)
        pack_fours(data, count, raw);
    else
        memcpy(raw, data, bytes);
    t->raw_data = (ProtobufCBinaryData){bytes, raw};
    PUSH(e, e->graph->initializer, e->graph->n_initializer, t);
    return name;
}

const char *qnt_onnx_put_const_ints(struct onnx_export *e, const char *base, const char *suffix, const int64_t *ints,
                                    size_t n)
{
    return qnt_onnx_put_const(e, base, suffix, ONNX_INT64, 1, &n, ints);
}

const char *qnt_onnx_put_const_float(struct onnx_export *e, const char *base, const char *suffix, float x)
{
    return qnt_onnx_put_const(e, base, suffix, ONNX_FLOAT, 0, NULL, &x);
}

void qnt_onnx_put_border(struct onnx_export *e, const struct qnt_tensor *t, const char *name, enum onnx_order order,
                         bool output)
{
    QntOnnx__ValueInfoProto *v = qnt_onnx_room(e, 1, sizeof *v);
    QntOnnx__TypeProto *type = qnt_onnx_room(e, 1, sizeof *type);
    QntOnnx__TensorType *tensor = qnt_onnx_room(e, 1, sizeof *tensor);
    QntOnnx__TensorShapeProto *shape = qnt_onnx_room(e, 1, sizeof *shape);
    QntOnnx__Dimension *d = qnt_onnx_room(e, t->rank + 1, sizeof *d);
    size_t dim[QNT_MAX_RANK];
    if (e->status)
        return;
    qnt_onnx__value_info_proto__init(v);
    qnt_onnx__type_proto__init(type);
    qnt_onnx__tensor_type__init(tensor);
    qnt_onnx__tensor_shape_proto__init(shape);
    v->name = lent(name);
    v->type = type;
    type->tensor_type = tensor;
    tensor->elem_type = qnt_onnx_type_of(t);
    tensor->shape = shape;
    qnt_onnx_dims(t, order, dim);
    for (uint32_t i = 0; i <= t->rank; i++) {
        qnt_onnx__dimension__init(&d[i]);
        d[i].value_case = i ? QNT_ONNX__DIMENSION__VALUE_DIM_VALUE : QNT_ONNX__DIMENSION__VALUE_DIM_PARAM;
        if (i)
            d[i].dim_value = (int64_t)dim[i - 1];
        else
            d[i].dim_param = lent("batch");
        PUSH(e, shape->dim, shape->n_dim, &d[i]);
    }
    if (output)
        PUSH(e, e->graph->output, e->graph->n_output, v);
    else
        PUSH(e, e->graph->input, e->graph->n_input, v);
}
