/* What changes while workers run. A new view is stored where the worker looks after every turn, and the old one is
 * freed when the worker says that it uses the new one. */
#include <errno.h>
#include <time.h>
#include "lib/engine/engine.h"

enum { LOOK_NS = 20000, MS = 1000000 };

static void wait_a_little(void)
{
    const struct timespec t = {.tv_nsec = LOOK_NS};
    nanosleep(&t, NULL);
}

void qnt_view_free(const qnt_ctx *ctx, struct qnt_view *v)
{
    if (!v)
        return;
    qnt_release(ctx, v->run);
    qnt_release(ctx, v->queue);
    qnt_release(ctx, v->pointers);
    qnt_release(ctx, v);
}

static size_t largest_element(const struct qnt_model *m, const struct qnt_ids *ids)
{
    size_t most = 1;
    for (size_t i = 0; i < ids->n; i++) {
        const size_t bytes = qnt_dtype_size(m->tensor[ids->id[i]].type);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static void fill_runs(const qnt_engine *e, const struct qnt_worker *w, const struct qnt_room *room, struct qnt_view *v)
{
    void **at = v->pointers;
    for (size_t i = 0; i < e->n_models; i++) {
        struct qnt_run *r = &v->run[i];
        r->s = e->model[i].node[e->cores->node[w->index]];
        r->s.arena = room->arena;
        r->s.scratch = room->scratch;
        r->s.scratch_stride = room->scratch_bytes;
        r->in = (const void **)at;
        r->out = at + r->s.plan->model->inputs.n;
        const struct qnt_model *m = r->s.plan->model;
        r->in_align = largest_element(m, &m->inputs);
        r->out_align = largest_element(m, &m->outputs);
        r->s.in = r->in;
        r->s.out = r->out;
        at = r->out + r->s.plan->model->outputs.n;
    }
}

qnt_status qnt_view_make(const qnt_engine *e, const struct qnt_worker *w, const struct qnt_room *room,
                         struct qnt_view **out)
{
    size_t pointers = 0;
    struct qnt_view *v = qnt_alloc(e->ctx, sizeof *v, "a worker's view");
    if (!v)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < e->n_models; i++)
        pointers += e->model[i].node->plan->model->inputs.n + e->model[i].node->plan->model->outputs.n;
    if (!(v->run = qnt_alloc_array(e->ctx, e->n_models, sizeof *v->run, "a worker's models")) ||
        !(v->pointers = qnt_alloc_array(e->ctx, pointers, sizeof *v->pointers, "a worker's inputs and outputs")) ||
        !(v->queue = qnt_alloc_array(e->ctx, e->queue_pairs + e->n_attached, sizeof *v->queue, "a worker's queues"))) {
        qnt_view_free(e->ctx, v);
        return QNT_ERR_NOMEM;
    }
    v->n_models = e->n_models;
    fill_runs(e, w, room, v);
    for (uint32_t i = 0; i < e->queue_pairs; i++)
        if (e->queue[i]->worker == w->index)
            v->queue[v->n_queues++] = e->queue[i];
    for (size_t i = 0; i < e->n_attached; i++)
        if (e->attached[i]->worker == w->index)
            v->queue[v->n_queues++] = e->attached[i];
    *out = v;
    return QNT_OK;
}

void qnt_view_show(const qnt_engine *e, struct qnt_worker *w, struct qnt_view *v)
{
    atomic_store_explicit(&w->view, v, memory_order_seq_cst); /* pairs with worker.c and qnt_engine_poll_once */
    if (!e->config.caller_driven)
        qnt_worker_wake(w);
}

void qnt_view_await(qnt_engine *e, struct qnt_worker *w, struct qnt_view *v)
{
    for (;;) {
        const struct qnt_view *using = atomic_load_explicit(&w->using, memory_order_seq_cst);
        if (using == v || (!using && e->config.caller_driven) || e->order == QNT_ORDER_STOP)
            break;
        wait_a_little();
    }
    qnt_view_free(e->ctx, e->view[w->index]);
    e->view[w->index] = v;
}

void qnt_engine_await(const qnt_engine *e, const struct qnt_worker *w, enum qnt_order order)
{
    if (e->config.caller_driven)
        while (atomic_load_explicit(&w->using, memory_order_seq_cst))
            wait_a_little();
    else
        while (atomic_load_explicit(&w->obeyed, memory_order_acquire) != (uint32_t)order)
            wait_a_little();
}

static void tell(const qnt_engine *e, struct qnt_worker *w, enum qnt_order order)
{
    atomic_store_explicit(&w->order, order, memory_order_seq_cst);
    if (!e->config.caller_driven)
        qnt_worker_wake(w);
}

void qnt_engine_command(qnt_engine *e, enum qnt_order order)
{
    for (uint32_t i = 0; i < e->viewers; i++)
        tell(e, e->worker[i], order);
    for (uint32_t i = 0; i < e->viewers; i++)
        qnt_engine_await(e, e->worker[i], order);
    e->order = order;
}

qnt_status qnt_control_enter(qnt_engine *e, const char *what)
{
    qnt_status status = e ? qnt_engine_usable(e, what) : qnt_fail(QNT_ERR_ARG, "%s: engine is NULL", what);
    if (status)
        return status;
    pthread_mutex_lock(&e->control);
    if (e->order != QNT_ORDER_STOP)
        return QNT_OK;
    pthread_mutex_unlock(&e->control);
    return qnt_engine_usable(e, what);
}

qnt_status qnt_control_leave(qnt_engine *e, qnt_status status)
{
    pthread_mutex_unlock(&e->control);
    return status;
}

qnt_status qnt_engine_pause(qnt_engine *e)
{
    qnt_status status = qnt_control_enter(e, "qnt_engine_pause");
    if (status)
        return status;
    qnt_engine_command(e, QNT_ORDER_PAUSE);
    return qnt_control_leave(e, QNT_OK);
}

qnt_status qnt_engine_resume(qnt_engine *e)
{
    qnt_status status = qnt_control_enter(e, "qnt_engine_resume");
    if (status)
        return status;
    qnt_engine_command(e, QNT_ORDER_RUN);
    return qnt_control_leave(e, QNT_OK);
}

qnt_status qnt_engine_call(qnt_engine *e, uint32_t worker, void (*fn)(void *arg), void *arg)
{
    qnt_status status = qnt_control_enter(e, "qnt_engine_call");
    if (status)
        return status;
    if (e->config.caller_driven || worker >= e->viewers || e->order != QNT_ORDER_RUN)
        return qnt_control_leave(e,
                                 qnt_fail(QNT_ERR_STATE, "qnt_engine_call: worker %u has no thread that runs", worker));
    struct qnt_worker *w = e->worker[worker];
    w->call = fn;
    w->call_arg = arg;
    tell(e, w, QNT_ORDER_CALL);
    qnt_engine_await(e, w, QNT_ORDER_CALL);
    tell(e, w, QNT_ORDER_RUN);
    qnt_engine_await(e, w, QNT_ORDER_RUN);
    return qnt_control_leave(e, QNT_OK);
}

qnt_status qnt_engine_stop(qnt_engine *e)
{
    if (!e)
        return qnt_fail(QNT_ERR_ARG, "qnt_engine_stop: engine is NULL");
    if (!*e->alive)
        return qnt_engine_usable(e, "qnt_engine_stop");
    pthread_mutex_lock(&e->control);
    if (e->order != QNT_ORDER_STOP) {
        qnt_engine_command(e, QNT_ORDER_STOP);
        for (uint32_t i = 0; i < e->cores->n && !e->config.caller_driven; i++)
            pthread_join(e->worker[i]->thread, NULL);
        atomic_store_explicit(&e->stopped, true, memory_order_release); /* pairs with qnt_engine_poll_burst */
    }
    return qnt_control_leave(e, QNT_OK);
}

static bool is_drained(const qnt_engine *e)
{
    for (uint32_t i = 0; i < e->queue_pairs; i++) {
        const uint64_t done = atomic_load_explicit(&e->queue[i]->done, memory_order_acquire); /* pairs with worker.c */
        if (done < atomic_load_explicit(&e->user[i].submitted, memory_order_relaxed))
            return false;
    }
    return true;
}

qnt_status qnt_engine_drain(qnt_engine *e, uint32_t timeout_ms)
{
    qnt_status status =
        e ? qnt_engine_usable(e, "qnt_engine_drain") : qnt_fail(QNT_ERR_ARG, "qnt_engine_drain: engine is NULL");
    if (status)
        return status;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    const int64_t begin = (int64_t)t.tv_sec * 1000 + t.tv_nsec / MS;
    while (!is_drained(e)) {
        if (atomic_load_explicit(&e->worker[0]->order, memory_order_acquire) != QNT_ORDER_RUN)
            return qnt_fail(QNT_ERR_STATE, "qnt_engine_drain: the engine is paused or stopped");
        clock_gettime(CLOCK_MONOTONIC, &t);
        if ((int64_t)t.tv_sec * 1000 + t.tv_nsec / MS - begin > timeout_ms)
            return qnt_fail(QNT_ERR_STATE, "qnt_engine_drain: operations are left after %u ms", timeout_ms);
        for (uint32_t i = 0; i < e->cores->n && e->config.caller_driven; i++)
            qnt_engine_poll_once(e, i);
        if (!e->config.caller_driven)
            wait_a_little();
    }
    return QNT_OK;
}

/* Of the plans' inputs or outputs: what operations that wait in queues count on. */
static qnt_status same_borders(const struct qnt_model *a, const struct qnt_model *b, bool inputs)
{
    const struct qnt_ids *x = inputs ? &a->inputs : &a->outputs, *y = inputs ? &b->inputs : &b->outputs;
    const char *what = inputs ? "input" : "output";
    char had[QNT_SHAPE_TEXT], has[QNT_SHAPE_TEXT];
    if (x->n != y->n)
        return qnt_fail(QNT_ERR_SHAPE, "qnt_engine_swap: %zu %ss, expected %zu", y->n, what, x->n);
    for (size_t i = 0; i < x->n; i++) {
        const struct qnt_tensor *s = &a->tensor[x->id[i]], *t = &b->tensor[y->id[i]];
        if (s->type != t->type)
            return qnt_fail(QNT_ERR_TYPE, "qnt_engine_swap: %s %zu is %s, expected %s", what, i,
                            qnt_dtype_name(t->type), qnt_dtype_name(s->type));
        if (s->rank != t->rank || memcmp(s->dim, t->dim, s->rank * sizeof *s->dim) != 0)
            return qnt_fail(QNT_ERR_SHAPE, "qnt_engine_swap: %s %zu is %s, expected %s", what, i,
                            qnt_shape_text(t, has), qnt_shape_text(s, had));
    }
    return QNT_OK;
}

/* Rooms and views for e->model as it now is; on failure those made are freed. */
static qnt_status make_all(const qnt_engine *e, struct qnt_room *room, struct qnt_view **view)
{
    qnt_status status = QNT_OK;
    for (uint32_t i = 0; i < e->viewers && !status; i++) {
        room[i] = e->worker[i]->room;
        if (!(status = qnt_room_make(e, e->worker[i], &room[i])))
            status = qnt_view_make(e, e->worker[i], &room[i], &view[i]);
    }
    for (uint32_t i = 0; i < e->viewers && status; i++) {
        qnt_view_free(e->ctx, view[i]);
        if (room[i].block.base != e->worker[i]->room.block.base)
            qnt_block_unmap(&room[i].block);
    }
    return status;
}

static void show_all(qnt_engine *e, const struct qnt_room *room, struct qnt_view **view)
{
    for (uint32_t i = 0; i < e->viewers; i++)
        qnt_view_show(e, e->worker[i], view[i]);
    for (uint32_t i = 0; i < e->viewers; i++) {
        struct qnt_worker *w = e->worker[i];
        qnt_view_await(e, w, view[i]);
        if (room[i].block.base != w->room.block.base)
            qnt_block_unmap(&w->room.block);
        w->room = room[i];
    }
}

static qnt_status swap(qnt_engine *e, struct qnt_engine_model *at, struct qnt_engine_model *fresh)
{
    struct qnt_room *room = qnt_alloc_array(e->ctx, e->viewers, sizeof *room, "rooms");
    struct qnt_view **view = room ? qnt_alloc_array(e->ctx, e->viewers, sizeof *view, "views") : NULL;
    struct qnt_engine_model old = *at;
    qnt_status status = view ? QNT_OK : QNT_ERR_NOMEM;
    *at = *fresh;
    if (!status && !(status = make_all(e, room, view)))
        show_all(e, room, view);
    if (status)
        *at = old;
    qnt_engine_model_free(e, status ? fresh : &old);
    qnt_release(e->ctx, room);
    qnt_release(e->ctx, view);
    return status;
}

qnt_status qnt_engine_swap(qnt_engine *e, uint32_t i, qnt_model *model)
{
    struct qnt_engine_model fresh;
    if (!model)
        return qnt_fail(QNT_ERR_ARG, "qnt_engine_swap: model is NULL");
    qnt_status status = qnt_control_enter(e, "qnt_engine_swap");
    if (status)
        return status;
    if (i >= e->n_models)
        return qnt_control_leave(
            e, qnt_fail(QNT_ERR_ARG, "qnt_engine_swap: model %u, the engine has %zu", i, e->n_models));
    if ((status = qnt_engine_model_make(e, model, &fresh)))
        return qnt_control_leave(e, status);
    const struct qnt_model *had = e->model[i].node->plan->model, *has = fresh.node->plan->model;
    if ((status = same_borders(had, has, true)) || (status = same_borders(had, has, false))) {
        qnt_engine_model_free(e, &fresh);
        return qnt_control_leave(e, status);
    }
    return qnt_control_leave(e, swap(e, &e->model[i], &fresh));
}
