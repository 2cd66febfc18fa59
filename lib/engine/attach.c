/* Queue pairs in memory of somebody else's, taken and given up while the engine runs. */
#include "lib/engine/engine.h"

static qnt_status check_memory(const struct qnt_queue_memory *m)
{
    if (!m->memory || (uintptr_t)m->memory % 128)
        return qnt_fail(QNT_ERR_ARG, "qnt_queue_attach: memory at %p, expected a multiple of 128", m->memory);
    if (m->depth < 1 || m->depth > QNT_QUEUE_MOST || m->depth & (m->depth - 1))
        return qnt_fail(QNT_ERR_ARG, "qnt_queue_attach: depth %u, expected a power of two up to %d", m->depth,
                        QNT_QUEUE_MOST);
    if (m->bytes < qnt_queue_bytes(m->depth))
        return qnt_fail(QNT_ERR_ARG, "qnt_queue_attach: %zu bytes of memory, expected %zu for a depth of %u", m->bytes,
                        qnt_queue_bytes(m->depth), m->depth);
    return m->data ? QNT_OK : qnt_fail(QNT_ERR_ARG, "qnt_queue_attach: data is NULL");
}

static uint32_t least_loaded(const qnt_engine *e)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < e->viewers; i++)
        if (e->view[i]->n_queues < e->view[best]->n_queues)
            best = i;
    return best;
}

/* Worker w sees the queues as they now are. */
static qnt_status renew(qnt_engine *e, struct qnt_worker *w)
{
    struct qnt_view *v;
    qnt_status status = qnt_view_make(e, w, &w->room, &v);
    if (status)
        return status;
    qnt_view_show(e, w, v);
    qnt_view_await(e, w, v);
    return QNT_OK;
}

static qnt_status attach(qnt_engine *e, const struct qnt_queue_memory *m, struct qnt_queue **out)
{
    qnt_status status = qnt_grow(e->ctx, (void **)&e->attached, &e->cap_attached, e->n_attached + 1,
                                 sizeof(struct qnt_queue *), "queues");
    struct qnt_queue *q = status ? NULL : qnt_alloc_untouched(e->ctx, sizeof *q, "a queue");
    if (!q)
        return QNT_ERR_NOMEM;
    memset(q, 0, sizeof *q);
    q->ops = qnt_ring_consumer(qnt_queue_ops(m->memory), m->depth, 0);
    q->results = qnt_ring_producer(qnt_queue_results(m->memory, m->depth), m->depth, 0);
    q->flags = m->memory;
    q->base = m->data;
    q->length = m->length;
    q->worker = least_loaded(e);
    e->attached[e->n_attached++] = q;
    if ((status = renew(e, e->worker[q->worker]))) {
        e->n_attached--;
        qnt_release(e->ctx, q);
        return status;
    }
    *out = q;
    return QNT_OK;
}

qnt_status qnt_queue_attach(qnt_engine *e, const struct qnt_queue_memory *m, struct qnt_queue **out)
{
    if (!m || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_queue_attach: a pointer is NULL");
    qnt_status status = check_memory(m);
    if (status || (status = qnt_control_enter(e, "qnt_queue_attach")))
        return status;
    return qnt_control_leave(e, attach(e, m, out));
}

/* A stopped engine has no worker that could use it. */
qnt_status qnt_queue_detach(qnt_engine *e, struct qnt_queue *q)
{
    if (!e || !q)
        return qnt_fail(QNT_ERR_ARG, "qnt_queue_detach: a pointer is NULL");
    pthread_mutex_lock(&e->control);
    size_t at = 0;
    qnt_status status = QNT_OK;
    while (at < e->n_attached && e->attached[at] != q)
        at++;
    if (at == e->n_attached)
        return qnt_control_leave(e, qnt_fail(QNT_ERR_ARG, "qnt_queue_detach: it is not attached"));
    e->attached[at] = e->attached[e->n_attached - 1];
    e->n_attached--;
    if (e->order != QNT_ORDER_STOP && (status = renew(e, e->worker[q->worker]))) {
        e->attached[e->n_attached++] = e->attached[at];
        e->attached[at] = q;
        return qnt_control_leave(e, status);
    }
    qnt_release(e->ctx, q);
    return qnt_control_leave(e, QNT_OK);
}

void qnt_queue_wake(qnt_engine *e, struct qnt_queue *q)
{
    qnt_worker_wake(e->worker[q->worker]);
}
