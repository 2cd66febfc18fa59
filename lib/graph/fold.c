/* A model without the batch norms that its weights can take in. */
#include <string.h>
#include "lib/op/op.h"
#include "rewrite.h"

struct copy {
    const struct qnt_model *from;
    struct qnt_model *to;
    int *twin; /* by tensor id of `from`, -1: not there yet */
};

static qnt_status copy_node(struct copy *c, const struct qnt_node *n)
{
    const struct qnt_tensor *out = &c->from->tensor[n->out];
    int in[QNT_MAX_INPUTS];
    for (uint32_t k = 0; k < n->n_in; k++) {
        const struct qnt_tensor *t = &c->from->tensor[n->in[k]];
        qnt_status status = QNT_OK;
        if (t->constant && c->twin[n->in[k]] < 0)
            status = qnt_model_copy_tensor(c->to, t, false, &c->twin[n->in[k]]);
        if (status)
            return status;
        in[k] = c->twin[n->in[k]];
    }
    return qnt_model_append_node(c->to, n->op, n->name, &n->attr, in, n->n_in, out->name, out, &c->twin[n->out]);
}

/* What is left of m, and nothing else. */
static qnt_status copy_rest(const struct qnt_model *m, const struct qnt_rewrite *r, struct qnt_model **out)
{
    struct copy c = {.from = m, .twin = qnt_alloc_array(m->ctx, m->n_tensors, sizeof *c.twin, "tensor ids")};
    qnt_status status = c.twin ? qnt_model_new(m->ctx, &c.to) : QNT_ERR_NOMEM;
    for (size_t i = 0; c.twin && i < m->n_tensors; i++)
        c.twin[i] = -1;
    for (size_t i = 0; i < m->inputs.n && !status; i++)
        status = qnt_model_append_input(c.to, &m->tensor[m->inputs.id[i]], &c.twin[m->inputs.id[i]]);
    for (size_t i = 0; i < m->n_nodes && !status; i++)
        status = r[i].gone ? QNT_OK : copy_node(&c, &m->node[i]);
    for (size_t i = 0; i < m->outputs.n && !status; i++)
        status = qnt_ids_push(m->ctx, &c.to->outputs, c.twin[m->outputs.id[i]]);
    if (!status)
        status = qnt_model_set_normalisation(c.to, m->mean, m->deviation);
    qnt_release(m->ctx, c.twin);
    if (status)
        qnt_model_free(c.to);
    else
        *out = c.to;
    return status;
}

qnt_status qnt_model_fold(const struct qnt_model *m, struct qnt_model **out)
{
    struct qnt_model *work;
    qnt_status status = qnt_model_alias(m, &work);
    if (status)
        return status;
    struct qnt_rewrite *r = qnt_alloc_array(m->ctx, m->n_nodes, sizeof *r, "rewriting");
    status = r ? qnt_rewrite_fold(work, r) : QNT_ERR_NOMEM;
    if (!status)
        status = copy_rest(work, r, out);
    qnt_release(m->ctx, r);
    qnt_model_free(work);
    return status;
}
