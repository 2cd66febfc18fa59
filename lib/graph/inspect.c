/* The model as its users see it. */
#include <string.h>
#include "lib/graph/qnt_file.h"
#include "lib/op/op.h"

uint64_t qnt_node_macs(const struct qnt_model *m, const struct qnt_node *n)
{
    uint64_t macs;
    const bool product = n->op == &qnt_op_matmul || n->op == &qnt_op_block_fully_connected;
    if (n->op != &qnt_op_conv2d && n->op != &qnt_op_fully_connected && n->op != &qnt_op_binary_conv2d &&
        n->op != &qnt_op_binary_fully_connected && !product)
        return 0;
    const struct qnt_tensor *a = &m->tensor[n->in[0]], *w = &m->tensor[n->in[1]]; /* whose blocks may be longer */
    size_t outputs = qnt_tensor_count(&m->tensor[n->out]);
    size_t depth = product ? a->dim[a->rank - 1] : qnt_tensor_count(w) / w->dim[0];
    return __builtin_mul_overflow(outputs, depth, &macs) ? UINT64_MAX : macs;
}

static uint64_t stored_bytes(const struct qnt_tensor *t)
{
    return t->constant ? qnt_stored_bytes(t->bits, qnt_tensor_count(t)) : 0;
}

size_t qnt_model_node_count(const qnt_model *model)
{
    return model ? model->n_nodes : 0;
}

qnt_status qnt_model_node(const qnt_model *model, size_t i, qnt_node_info *out)
{
    if (!model || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_node: a pointer is NULL");
    if (i >= model->n_nodes)
        return qnt_fail(QNT_ERR_ARG, "node %zu, the model has %zu", i, model->n_nodes);
    const struct qnt_node *n = &model->node[i];
    *out = (qnt_node_info){.name = n->name, .op = n->op->name, .macs = qnt_node_macs(model, n)};
    for (uint32_t k = 0; k < n->n_in; k++)
        out->weight_bytes += stored_bytes(&model->tensor[n->in[k]]);
    return QNT_OK;
}

size_t qnt_model_tensor_count(const qnt_model *model)
{
    return model ? model->n_tensors : 0;
}

qnt_status qnt_model_tensor(const qnt_model *model, size_t i, qnt_tensor_info *out)
{
    if (!model || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_tensor: a pointer is NULL");
    if (i >= model->n_tensors)
        return qnt_fail(QNT_ERR_ARG, "tensor %zu, the model has %zu", i, model->n_tensors);
    const struct qnt_tensor *t = &model->tensor[i];
    *out = (qnt_tensor_info){.name = t->name,
                             .type = t->type,
                             .bits = t->bits,
                             .rank = t->rank,
                             .constant = t->constant,
                             .scales = t->scales,
                             .scale = t->scale,
                             .zero_point = t->zero};
    memcpy(out->dim, t->dim, t->rank * sizeof *t->dim);
    return QNT_OK;
}

size_t qnt_model_input_count(const qnt_model *model)
{
    return model ? model->inputs.n : 0;
}

size_t qnt_model_output_count(const qnt_model *model)
{
    return model ? model->outputs.n : 0;
}

static qnt_status border(const qnt_model *model, bool output, size_t i, qnt_tensor_info *out)
{
    const char *what = output ? "output" : "input";
    if (!model)
        return qnt_fail(QNT_ERR_ARG, "the model whose %s is asked for is NULL", what);
    const struct qnt_ids *ids = output ? &model->outputs : &model->inputs;
    if (!ids->n)
        return qnt_fail(QNT_ERR_STATE, "the model has no %s yet", what);
    if (i >= ids->n)
        return qnt_fail(QNT_ERR_ARG, "%s %zu, the model has %zu", what, i, ids->n);
    return qnt_model_tensor(model, (size_t)ids->id[i], out);
}

qnt_status qnt_model_input_at(const qnt_model *model, size_t i, qnt_tensor_info *out)
{
    return border(model, false, i, out);
}

qnt_status qnt_model_output_at(const qnt_model *model, size_t i, qnt_tensor_info *out)
{
    return border(model, true, i, out);
}

qnt_status qnt_model_input(const qnt_model *model, qnt_tensor_info *out)
{
    return qnt_model_input_at(model, 0, out);
}

qnt_status qnt_model_output(const qnt_model *model, qnt_tensor_info *out)
{
    return qnt_model_output_at(model, 0, out);
}

uint64_t qnt_model_weight_bytes(const qnt_model *model)
{
    uint64_t bytes = 0;
    for (size_t i = 0; model && i < model->n_tensors; i++)
        bytes += stored_bytes(&model->tensor[i]);
    return bytes;
}

void qnt_model_normalisation(const qnt_model *model, float mean[4], float deviation[4])
{
    if (model && mean)
        memcpy(mean, model->mean, sizeof model->mean);
    if (model && deviation)
        memcpy(deviation, model->deviation, sizeof model->deviation);
}
