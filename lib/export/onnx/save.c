/* The whole way: what can be written at all, the opset, nodes in order, the file. */
#include <string.h>
#include "lib/export/onnx/write.h"
#include "lib/import/onnx/onnx.pb-c.h"
#include "lib/op/op.h"

enum { LEAST_OPSET = 13, MOST_OPSET = 25, OPSET_INT4 = 21, OPSET_AVERAGE_DILATION = 19 };
#define MOST_BYTES 0x7fffffff /* of a message */

static const struct onnx_write_op ops[] = {
#define ONNX_WRITE(op, function, onnx, opset) {&qnt_op_##op, qnt_onnx_put_##function, onnx, opset},
#include "lib/export/onnx/ops.def"
#undef ONNX_WRITE
};

static const struct onnx_write_op *find(const struct qnt_op_def *op)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (ops[i].op == op)
            return &ops[i];
    return NULL;
}

static bool is_small(const struct onnx_export *e, const struct qnt_node *n)
{
    const struct qnt_tensor *w = n->n_in > 1 ? &e->m->tensor[n->in[1]] : NULL;
    return w && w->constant && (w->type == QNT_S8 || w->type == QNT_TERNARY) && w->bits <= 4;
}

/* The opset that a node needs. */
static uint32_t needed(const struct onnx_export *e, const struct qnt_node *n, const struct onnx_write_op *o)
{
    uint32_t opset = o->opset;
    if (e->config->int4 && is_small(e, n) && opset < OPSET_INT4)
        opset = OPSET_INT4;
    if (n->op == &qnt_op_avgpool && (n->attr.dilation[0] > 1 || n->attr.dilation[1] > 1) &&
        opset < OPSET_AVERAGE_DILATION)
        opset = OPSET_AVERAGE_DILATION;
    return opset;
}

/* n: the node that gives t, NULL: none. */
#define ACTIVATIONS "expected f32, or s8 or u8 with one"
static void check_tensor(struct onnx_export *e, const struct qnt_node *n, const struct qnt_tensor *t)
{
    const bool codes = (t->type == QNT_S8 || t->type == QNT_U8) && t->scales == 1;
    if (t->type == QNT_F32 || codes)
        return;
    const char *type = qnt_dtype_name(t->type);
    if (n)
        qnt_onnx_put_fail(e, QNT_ERR_UNSUPPORTED, n, "output '%s' is %s with %u scales, " ACTIVATIONS, t->name, type,
                          t->scales);
    else
        e->status =
            qnt_fail(QNT_ERR_UNSUPPORTED, "input '%s' is %s with %u scales, " ACTIVATIONS, t->name, type, t->scales);
}

static void check_nodes(struct onnx_export *e)
{
    const uint32_t asked = e->config->opset;
    if (asked && (asked < LEAST_OPSET || asked > MOST_OPSET))
        e->status =
            qnt_fail(QNT_ERR_ARG, "export config: opset %u, expected %d to %d, or 0", asked, LEAST_OPSET, MOST_OPSET);
    e->opset = asked ? asked : LEAST_OPSET;
    for (size_t i = 0; i < e->m->inputs.n && !e->status; i++)
        check_tensor(e, NULL, &e->m->tensor[e->m->inputs.id[i]]);
    for (size_t i = 0; i < e->m->n_nodes && !e->status; i++) {
        const struct qnt_node *n = &e->m->node[i];
        const struct onnx_write_op *o = find(n->op);
        if (!o) {
            qnt_onnx_put_fail(e, QNT_ERR_UNSUPPORTED, n, "an operation that is not written as ONNX");
            return;
        }
        const uint32_t opset = needed(e, n, o);
        if (asked && opset > asked)
            qnt_onnx_put_fail(e, QNT_ERR_UNSUPPORTED, n, "it needs opset %u, expected one of the asked %u", opset,
                              asked);
        e->opset = opset > e->opset ? opset : e->opset;
        check_tensor(e, n, &e->m->tensor[n->out]);
    }
}

static void count_readers(struct onnx_export *e)
{
    for (size_t i = 0; i < e->m->n_tensors; i++)
        e->value[i].source = -1;
    for (size_t i = 0; i < e->m->n_nodes; i++)
        for (uint32_t k = 0; k < e->m->node[i].n_in; k++) {
            struct onnx_written *v = &e->value[e->m->node[i].in[k]];
            v->readers++;
            v->reader = i;
        }
}

/* The version of the file format that came with an opset. */
static int64_t ir_version(uint32_t opset)
{
    return opset < 15 ? 7 : opset < 19 ? 8 : opset < 21 ? 9 : 10;
}

static void write_graph(struct onnx_export *e)
{
    count_readers(e);
    qnt_onnx_put_inputs(e);
    qnt_onnx_reserve_outputs(e);
    for (size_t i = 0; i < e->m->n_nodes && !e->status; i++) {
        const struct onnx_write_op *o = find(e->m->node[i].op);
        if (!e->done[i])
            o->put(e, &e->m->node[i], o->onnx);
    }
    qnt_onnx_put_outputs(e);
}

struct packed {
    uint8_t *data;
    size_t bytes;
};

static qnt_status fill(int fd, void *user)
{
    const struct packed *p = user;
    return qnt_write_at(fd, p->data, p->bytes, 0);
}

static qnt_status write_file(struct onnx_export *e, const char *path)
{
    QntOnnx__OperatorSetIdProto set = QNT_ONNX__OPERATOR_SET_ID_PROTO__INIT, microsoft = set;
    QntOnnx__OperatorSetIdProto *sets[] = {&set, &microsoft};
    QntOnnx__ModelProto file = QNT_ONNX__MODEL_PROTO__INIT;
    set.version = e->opset;
    file.ir_version = ir_version(e->opset);
    file.producer_name = (char *)(uintptr_t) "libqnt";
    file.producer_version = (char *)(uintptr_t)QNT_VERSION_STRING;
    microsoft.domain = (char *)(uintptr_t) "com.microsoft";
    microsoft.version = 1;
    file.opset_import = sets;
    file.n_opset_import = e->microsoft ? 2 : 1;
    file.graph = e->graph;
    struct packed p = {.bytes = qnt_onnx__model_proto__get_packed_size(&file)};
    if (p.bytes > MOST_BYTES)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "the file would have %zu bytes, expected at most %d", p.bytes, MOST_BYTES);
    if (!(p.data = qnt_alloc(e->ctx, p.bytes, "an ONNX file")))
        return QNT_ERR_NOMEM;
    qnt_onnx__model_proto__pack(&file, p.data);
    qnt_status status = qnt_replace_file(e->ctx, path, fill, &p);
    qnt_release(e->ctx, p.data);
    return status;
}

qnt_status qnt_onnx_save(const qnt_model *model, const char *path, const qnt_export_config *config)
{
    struct onnx_export e = {.ctx = model->ctx, .m = model, .config = config, .memory = {.ctx = model->ctx}};
    QntOnnx__GraphProto graph = QNT_ONNX__GRAPH_PROTO__INIT;
    graph.name = (char *)(uintptr_t) "model";
    e.graph = &graph;
    e.value = qnt_onnx_room(&e, model->n_tensors, sizeof *e.value);
    e.done = qnt_onnx_room(&e, model->n_nodes, sizeof *e.done);
    if (!e.status)
        check_nodes(&e);
    if (!e.status)
        write_graph(&e);
    if (!e.status)
        e.status = write_file(&e, path);
    qnt_release(e.ctx, e.name);
    qnt_names_free(e.ctx, &e.names);
    qnt_onnx_release(&e.memory);
    return e.status;
}
