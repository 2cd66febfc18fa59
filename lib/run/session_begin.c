/* What a run is given: checked, so that a run itself cannot fail, and noted. */
#include "lib/run/session.h"

static qnt_status check_place(const struct qnt_session *s, const char *what, const char *kind, size_t i, int id,
                              const void *p)
{
    const struct qnt_tensor *t = &s->plan->model->tensor[id];
    if (!p)
        return qnt_fail(QNT_ERR_ARG, "%s: %s %zu, '%s', is NULL", what, kind, i, t->name);
    if ((uintptr_t)p & (qnt_dtype_size(t->type) - 1))
        return qnt_fail(QNT_ERR_ARG, "%s: %s %zu, '%s', is not aligned to its %zu bytes, but at %p", what, kind, i,
                        t->name, qnt_dtype_size(t->type), p);
    return QNT_OK;
}

qnt_status qnt_session_begin(qnt_session *s, const char *what, const void *const *in, void *const *out, size_t batch)
{
    if (!s || !in || !out)
        return qnt_fail(QNT_ERR_ARG, "%s: a pointer is NULL", what);
    const struct qnt_ids *ins = &s->plan->model->inputs, *outs = &s->plan->model->outputs;
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < ins->n && !status; i++)
        status = check_place(s, what, "input", i, ins->id[i], in[i]);
    for (size_t i = 0; i < outs->n && !status; i++)
        status = check_place(s, what, "output", i, outs->id[i], out[i]);
    if (status)
        return status;
    if (batch < 1 || batch > s->max_batch)
        return qnt_fail(QNT_ERR_ARG, "%s: batch is %zu, expected 1 to %zu", what, batch, s->max_batch);
    s->in = in;
    s->out = out;
    s->batch = batch;
    atomic_store_explicit(&s->stray, false, memory_order_relaxed);
    return QNT_OK;
}

qnt_status qnt_session_begin_one(qnt_session *s, const char *what, const void *in, void *out, size_t batch)
{
    if (!s || !in || !out)
        return qnt_fail(QNT_ERR_ARG, "%s: a pointer is NULL", what);
    const struct qnt_model *m = s->plan->model;
    if (m->inputs.n != 1 || m->outputs.n != 1)
        return qnt_fail(QNT_ERR_ARG,
                        "%s: the model has %zu inputs and %zu outputs, expected one of each; %s_io takes all", what,
                        m->inputs.n, m->outputs.n, what);
    s->only_in = in;
    s->only_out = out;
    return qnt_session_begin(s, what, &s->only_in, &s->only_out, batch);
}
