/* What a program calls in its loop. Refusals are in functions of their own, out of the way. */
#include "lib/engine/engine.h"
#include "simd/fpenv.h"

qnt_status qnt_engine_usable(const qnt_engine *e, const char *what)
{
    if (!*e->alive)
        return qnt_fail(QNT_ERR_STATE, "%s: this is a child of fork, the engine is the parent's", what);
    if (atomic_load_explicit(&e->stopped, memory_order_acquire))
        return qnt_fail(QNT_ERR_STATE, "%s: the engine is stopped", what);
    return QNT_OK;
}

qnt_status qnt_engine_check(const qnt_engine *e)
{
    return e ? qnt_engine_usable(e, "qnt_engine_check") : qnt_fail(QNT_ERR_ARG, "qnt_engine_check: engine is NULL");
}

static __attribute__((noinline, cold)) uint32_t refuse(const qnt_engine *e, uint32_t qp, const char *what)
{
    if (!e)
        qnt_fail(QNT_ERR_ARG, "%s: engine is NULL", what);
    else if (qp >= e->queue_pairs)
        qnt_fail(QNT_ERR_ARG, "%s: queue pair %u, the engine has %u", what, qp, e->queue_pairs);
    else if (!qnt_engine_usable(e, what))
        qnt_fail(QNT_ERR_ARG, "%s: ops is NULL", what);
    return 0;
}

static inline bool has(const qnt_engine *e, uint32_t qp)
{
    return e && qp < e->queue_pairs && *e->alive;
}

uint32_t qnt_engine_submit_burst(qnt_engine *e, uint32_t qp, const qnt_engine_op *ops, uint32_t n)
{
    bool wake;
    if (!has(e, qp) || !ops || atomic_load_explicit(&e->stopped, memory_order_relaxed))
        return refuse(e, qp, "qnt_engine_submit_burst");
    const uint32_t taken = qnt_queue_submit(&e->user[qp], ops, n, &wake);
    if (wake)
        qnt_worker_wake(e->worker[qnt_engine_worker_of(e, qp)]);
    return taken;
}

/* What the workers of a stopped engine have left in the queue, whose other side is nobody's now. */
static __attribute__((noinline, cold)) uint32_t take_back(qnt_engine *e, uint32_t qp, qnt_engine_op *ops, uint32_t n)
{
    struct qnt_message m;
    uint32_t taken = 0;
    while (taken < n && qnt_ring_get(&e->queue[qp]->ops, &m, 1)) {
        memcpy(&ops[taken], &m, sizeof m);
        ops[taken].deadline_ns = ops[taken].ticks = 0;
        ops[taken++].status = QNT_ERR_INTERRUPTED;
    }
    const uint64_t polled = atomic_load_explicit(&e->user[qp].polled, memory_order_relaxed);
    atomic_store_explicit(&e->user[qp].polled, polled + taken, memory_order_relaxed);
    return taken;
}

uint32_t qnt_engine_poll_burst(qnt_engine *e, uint32_t qp, qnt_engine_op *ops, uint32_t n)
{
    bool wake;
    if (!has(e, qp))
        return refuse(e, qp, "qnt_engine_poll_burst");
    /* Before the results: when it is set there are no more to come. */
    const bool stopped = atomic_load_explicit(&e->stopped, memory_order_acquire);
    uint32_t taken = qnt_queue_poll(&e->user[qp], ops, n, &wake);
    if (stopped)
        return taken < n ? taken + take_back(e, qp, ops + taken, n - taken) : taken;
    if (wake)
        qnt_worker_wake(e->worker[qnt_engine_worker_of(e, qp)]);
    return taken;
}

uint32_t qnt_engine_poll_once(qnt_engine *e, uint32_t worker)
{
    uint32_t n = 0;
    if (!e || !e->config.caller_driven || worker >= e->cores->n || !*e->alive)
        return 0;
    struct qnt_worker *w = e->worker[worker];
    struct qnt_view *v;
    /* Whoever waits for the end of a view's use looks at `using` after storing `view`; here it is the other way round.
     */
    do {
        v = atomic_load_explicit(&w->view, memory_order_seq_cst);
        atomic_store_explicit(&w->using, v, memory_order_seq_cst);
    } while (atomic_load_explicit(&w->view, memory_order_seq_cst) != v);
    if (atomic_load_explicit(&w->order, memory_order_seq_cst) == QNT_ORDER_RUN) {
        const qnt_fpenv saved = qnt_fpenv_enter();
        w->mine = v;
        n = qnt_worker_turn(w);
        qnt_fpenv_leave(saved);
    }
    atomic_store_explicit(&w->using, NULL, memory_order_seq_cst);
    return n;
}

static qnt_status find(const qnt_engine *e, uint32_t model, const char *what, const qnt_model **out)
{
    if (!e)
        return qnt_fail(QNT_ERR_ARG, "%s: engine is NULL", what);
    if (model >= e->n_models)
        return qnt_fail(QNT_ERR_ARG, "%s: model %u, the engine has %zu", what, model, e->n_models);
    *out = e->model[model].node->plan->model;
    return QNT_OK;
}

qnt_status qnt_engine_input(const qnt_engine *e, uint32_t model, size_t i, qnt_tensor_info *out)
{
    const qnt_model *m = NULL;
    qnt_status status = find(e, model, "qnt_engine_input", &m);
    return status ? status : qnt_model_input_at(m, i, out);
}

qnt_status qnt_engine_output(const qnt_engine *e, uint32_t model, size_t i, qnt_tensor_info *out)
{
    const qnt_model *m = NULL;
    qnt_status status = find(e, model, "qnt_engine_output", &m);
    return status ? status : qnt_model_output_at(m, i, out);
}
