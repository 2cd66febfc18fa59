/* Building by hand: the public functions over the graph. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "lib/op/op.h"

static qnt_status shape(struct qnt_tensor *t, uint32_t rank, const size_t *dim)
{
    if (rank < 1 || rank > QNT_MAX_RANK)
        return qnt_fail(QNT_ERR_SHAPE, "tensor '%s': rank %u, expected 1 to %d", t->name, rank, QNT_MAX_RANK);
    t->rank = rank;
    memcpy(t->dim, dim, rank * sizeof *dim);
    return QNT_OK;
}

qnt_status qnt_model_add_input(qnt_model *model, const char *name, uint32_t rank, const size_t *dim, int *id)
{
    if (!model || !name || !dim || !id)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_add_input: a pointer is NULL");
    struct qnt_tensor t = {.name = (char *)(uintptr_t)name, .type = QNT_F32, .bits = 32};
    qnt_status status = shape(&t, rank, dim);
    return status ? status : qnt_model_append_input(model, &t, id);
}

qnt_status qnt_model_add_const(qnt_model *model, const char *name, uint32_t rank, const size_t *dim, const float *data,
                               int *id)
{
    if (!model || !name || !dim || !data || !id)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_add_const: a pointer is NULL");
    struct qnt_tensor t = {
        .name = (char *)(uintptr_t)name, .type = QNT_F32, .bits = 32, .constant = true, .owns_data = true};
    size_t count;
    qnt_status status = shape(&t, rank, dim);
    if (status || (status = qnt_tensor_elements(&t, &count)))
        return status;
    float *copy = qnt_alloc_array(model->ctx, count, sizeof *copy, name);
    if (!copy)
        return QNT_ERR_NOMEM;
    memcpy(copy, data, count * sizeof *copy);
    t.data = copy;
    if ((status = qnt_model_append_tensor(model, &t, id)))
        qnt_release(model->ctx, copy);
    return status;
}

static qnt_status unknown_op(const char *node, const char *op)
{
    char names[512] = "";
    size_t used = 0;
    for (size_t i = 0; qnt_op_table[i] && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", qnt_op_table[i]->name);
    return qnt_fail(QNT_ERR_ARG, "node '%s': unknown op '%s'; valid:%s", node, op, names);
}

qnt_status qnt_model_add_node(qnt_model *model, const char *op, const char *name, const qnt_node_attr *attr,
                              const int *inputs, size_t n_inputs, int *id)
{
    if (!model || !op || !name || !inputs || !id)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_add_node: a pointer is NULL");
    const struct qnt_op_def *def = qnt_op_find(op);
    if (!def)
        return unknown_op(name, op);
    return qnt_model_append_node(model, def, name, attr, inputs, n_inputs, NULL, NULL, id);
}

static qnt_status check_output(const qnt_model *model, const char *what, int id)
{
    if (!model)
        return qnt_fail(QNT_ERR_ARG, "%s: model is NULL", what);
    if (id < 0 || (size_t)id >= model->n_tensors)
        return qnt_fail(QNT_ERR_ARG, "output: tensor %d, the model has %zu", id, model->n_tensors);
    if (model->tensor[id].constant)
        return qnt_fail(QNT_ERR_ARG, "output: tensor '%s' is a constant", model->tensor[id].name);
    return QNT_OK;
}

qnt_status qnt_model_set_output(qnt_model *model, int id)
{
    qnt_status status = check_output(model, "qnt_model_set_output", id);
    if (!status && !model->outputs.n)
        return qnt_ids_push(model->ctx, &model->outputs, id);
    if (!status) {
        model->outputs.id[0] = id;
        model->outputs.n = 1;
    }
    return status;
}

qnt_status qnt_model_add_output(qnt_model *model, int id)
{
    qnt_status status = check_output(model, "qnt_model_add_output", id);
    return status ? status : qnt_ids_push(model->ctx, &model->outputs, id);
}

qnt_status qnt_model_set_normalisation(qnt_model *model, const float mean[4], const float deviation[4])
{
    if (!model || !mean || !deviation)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_set_normalisation: a pointer is NULL");
    for (int c = 0; c < 4; c++)
        if (!isfinite(mean[c]) || !(deviation[c] > 0.0f) || !isfinite(deviation[c]))
            return qnt_fail(QNT_ERR_ARG, "normalisation: channel %d: mean %g, deviation %g, expected finite and > 0", c,
                            (double)mean[c], (double)deviation[c]);
    memcpy(model->mean, mean, sizeof model->mean);
    memcpy(model->deviation, deviation, sizeof model->deviation);
    return QNT_OK;
}
