/* Outputs get the names that the graph gives them; what was named so before takes theirs. */
#include <string.h>
#include "lib/import/onnx/maps.h"

static qnt_status rename_output(struct qnt_model *m, const char *name, int id)
{
    const int other = qnt_model_find(m, name);
    char *own = m->tensor[id].name;
    if (other == id)
        return QNT_OK;
    if (other >= 0) {
        m->tensor[id].name = m->tensor[other].name;
        m->tensor[other].name = own;
    } else {
        char *copy = qnt_strdup(m->ctx, name);
        if (!copy)
            return QNT_ERR_NOMEM;
        qnt_release(m->ctx, own);
        m->tensor[id].name = copy;
    }
    qnt_names_free(m->ctx, &m->tensor_names);
    m->tensor_names = (struct qnt_names){0};
    for (size_t i = 0; i < m->n_tensors; i++) {
        qnt_status status = qnt_names_reserve(m->ctx, &m->tensor_names);
        if (status)
            return status;
        qnt_names_add(&m->tensor_names, m->tensor[i].name, (int)i);
    }
    return QNT_OK;
}

qnt_status qnt_onnx_name_outputs(struct onnx_mapper *mp)
{
    const struct onnx_graph *g = mp->g;
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < g->n_outputs && !status; i++)
        status = rename_output(mp->model, g->output[i].name, mp->model->outputs.id[i]);
    return status;
}
