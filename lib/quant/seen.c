/* Histograms of the float model's tensors. Which ones: those that codes may be of for any choice of layers, so that
 * another choice needs no other look at the inputs. */
#include "lib/op/function.h"
#include "lib/op/pair.h"
#include "lib/quant/ptq.h"

static qnt_status watch(struct qnt_ptq *p, int tensor)
{
    const struct qnt_tensor *t = &p->f->tensor[tensor];
    const int id = qnt_model_find(p->plan->model, t->name);
    if (t->constant || t->type != QNT_F32 || qnt_seen_of(p, tensor) || id < 0 || p->plan->offset[id] == SIZE_MAX)
        return QNT_OK;
    struct qnt_watched *w = &p->watched[p->n_watched];
    *w = (struct qnt_watched){tensor, id, qnt_alloc(p->ctx, sizeof *w->seen, "a histogram")};
    p->n_watched += w->seen != NULL;
    return w->seen ? QNT_OK : QNT_ERR_NOMEM;
}

qnt_status qnt_seen_create(struct qnt_ptq *p)
{
    qnt_status status = QNT_OK;
    if (!(p->watched = qnt_alloc_array(p->ctx, p->f->n_tensors + 1, sizeof *p->watched, "histograms")))
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < p->f->n_nodes && !status; i++) {
        const struct qnt_node *n = &p->f->node[i];
        const bool reads = qnt_has_weights(n) || qnt_is_pair(n);
        for (uint32_t k = 0; k < n->n_in && reads && !status; k++)
            status = watch(p, n->in[k]);
        if (!status && (reads || n->op == &qnt_op_concat || qnt_is_function(n)))
            status = watch(p, reads ? qnt_clamped(p->f, n) : n->out);
    }
    return status;
}

void qnt_seen_add(struct qnt_ptq *p, size_t at)
{
    const struct qnt_plan *plan = p->plan;
    for (size_t i = 0; i < p->n_watched; i++) {
        const struct qnt_watched *w = &p->watched[i];
        const size_t n = qnt_tensor_count(&plan->model->tensor[w->plan_id]);
        qnt_histogram_add(w->seen, (const float *)(p->arena + plan->offset[w->plan_id]) + at * n, n);
    }
}

const struct qnt_histogram *qnt_seen_of(const struct qnt_ptq *p, int tensor)
{
    for (size_t i = 0; i < p->n_watched; i++)
        if (p->watched[i].tensor == tensor)
            return p->watched[i].seen;
    return NULL;
}

void qnt_seen_free(struct qnt_ptq *p)
{
    for (size_t i = 0; i < p->n_watched; i++)
        qnt_release(p->ctx, p->watched[i].seen);
    qnt_release(p->ctx, p->watched);
}
