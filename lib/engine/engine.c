/* Making and freeing engines; submitting and polling. */
#include <errno.h>
#include "lib/engine/engine.h"
#include "lib/run/clock.h"
#include "lib/run/thread.h"
#include "simd/fpenv.h"
#include "simd/wait.h"

enum { DEPTH = 256, SPIN_US = 100, SPIN_MOST_US = 1000000, QUEUES_MOST = 4096 };
enum { BARE_NS = 5000, REST_NS = 20000, NS_OF_US = 1000 };
static const uint8_t always = 1;

static qnt_status within(const char *field, uint32_t value, uint32_t most)
{
    if (value > most)
        return qnt_fail(QNT_ERR_ARG, "engine config: %s is %u, expected up to %u", field, value, most);
    return QNT_OK;
}

static qnt_status read_config(const qnt_engine_config *config, qnt_engine_config *c)
{
    qnt_status status = qnt_config_copy(c, sizeof *c, config, "engine config");
    if (status || (status = within("queue_pairs", c->queue_pairs, QUEUES_MOST)) ||
        (status = within("depth", c->depth, QNT_QUEUE_MOST)) || (status = within("idle", c->idle, QNT_IDLE_WAIT)) ||
        (status = within("spin_us", c->spin_us, SPIN_MOST_US)) ||
        (status = within("mode", c->mode, QNT_ENGINE_INTRA)) ||
        (status = within("caller_driven", c->caller_driven, 1)) ||
        (status = within("quantized_io", c->quantized_io, 1)) ||
        (status = within("small_weights", c->small_weights, 1)) || (status = within("reserved", c->reserved, 0)) ||
        (status = within("memory", c->memory, QNT_ENGINE_SMALL)) ||
        (status = within("policy", c->policy, QNT_POLICY_FIFO)) || (status = within("priority", c->priority, 99)))
        return status;
    if (c->depth & (c->depth - 1))
        return qnt_fail(QNT_ERR_ARG, "engine config: depth is %u, expected a power of two", c->depth);
    if (c->caller_driven && c->mode == QNT_ENGINE_INTRA)
        return qnt_fail(QNT_ERR_ARG, "engine config: caller_driven and the mode INTRA, which needs threads of its own");
    if (c->priority && c->policy != QNT_POLICY_FIFO)
        return qnt_fail(QNT_ERR_ARG, "engine config: priority is set, but the policy is not FIFO");
    c->depth = c->depth ? c->depth : DEPTH;
    c->max_batch = c->max_batch ? c->max_batch : 1;
    c->spin_us = c->spin_us ? c->spin_us : SPIN_US;
    c->priority = c->priority ? c->priority : 1;
    return QNT_OK;
}

static qnt_status choose_cores(qnt_engine *e)
{
    struct qnt_topo topo;
    if (!(e->cores = qnt_alloc(e->ctx, sizeof *e->cores, "an engine's cores")))
        return QNT_ERR_NOMEM;
    const bool known = !qnt_topo_read(NULL, &topo);
    if (!known)
        qnt_log(e->ctx, 1, "engine: %s", qnt_last_error());
    qnt_status status = qnt_cores_choose(&e->config, known ? &topo : NULL, e->cores);
    if (!status && known && topo.quota_milli && topo.quota_milli < 1000 * e->cores->n)
        qnt_log(e->ctx, 1, "engine: %u workers, but %s pays for %u.%03u CPUs", e->cores->n, topo.quota_file,
                topo.quota_milli / 1000, topo.quota_milli % 1000);
    return status;
}

/* What the workers wait by. */
static void choose_waiting(qnt_engine *e)
{
    struct qnt_cpu_words words;
    qnt_cpu_read(&words);
    if (e->config.idle == QNT_IDLE_WAIT && !qnt_wait_known(&words)) {
        qnt_log(e->ctx, 2, "engine: workers poll: the CPU lacks WAITPKG, which the idle policy WAIT takes");
        e->config.idle = QNT_IDLE_POLL;
    }
    e->barrier = e->config.idle == QNT_IDLE_SLEEP && !e->config.caller_driven && qnt_idle_barrier_known();
}

static uint64_t ticks_of(const qnt_engine *e, uint64_t ns)
{
    return (uint64_t)((double)ns * e->ticks_per_ns);
}

void qnt_engine_open_queue(qnt_engine *e, uint32_t qp, uint8_t *memory)
{
    struct qnt_queue *q = (void *)memory;
    struct qnt_queue_user *u = &e->user[qp];
    const uint32_t depth = e->config.depth;
    uint8_t *pair = memory + sizeof *q;
    qnt_queue_format(pair, depth);
    *q = (struct qnt_queue){.ops = qnt_ring_consumer(qnt_queue_ops(pair), depth, 0),
                            .results = qnt_ring_producer(qnt_queue_results(pair, depth), depth, 0),
                            .flags = (void *)pair,
                            .worker = qnt_engine_worker_of(e, qp)};
    qnt_queue_user_init(u, pair, depth, 0);
    u->sleeps = e->config.idle == QNT_IDLE_SLEEP && !e->config.caller_driven;
    u->barrier = e->barrier;
    e->queue[qp] = q;
}

static qnt_status make_models(qnt_engine *e, qnt_model *const *models, size_t n)
{
    if (!(e->model = qnt_alloc_array(e->ctx, n, sizeof *e->model, "an engine's models")))
        return QNT_ERR_NOMEM;
    for (; e->n_models < n; e->n_models++) {
        qnt_status status = qnt_engine_model_make(e, models[e->n_models], &e->model[e->n_models]);
        if (status)
            return status;
    }
    return QNT_OK;
}

static qnt_status make_workers(qnt_engine *e)
{
    const uint32_t n = e->cores->n;
    const bool intra = e->config.mode == QNT_ENGINE_INTRA;
    qnt_status status = QNT_OK;
    e->viewers = intra ? 1 : n;
    e->queue_pairs = e->config.queue_pairs ? e->config.queue_pairs : e->viewers;
    if (!(e->user = qnt_apart_alloc(e->ctx, e->queue_pairs * sizeof *e->user, "an engine's queue pairs")) ||
        !(e->queue = qnt_alloc_array(e->ctx, e->queue_pairs, sizeof *e->queue, "an engine's queues")) ||
        !(e->worker = qnt_alloc_array(e->ctx, n, sizeof *e->worker, "an engine's workers")) ||
        !(e->view = qnt_alloc_array(e->ctx, e->viewers, sizeof *e->view, "an engine's views")))
        return QNT_ERR_NOMEM;
    for (uint32_t i = 0; i < n && !status; i++)
        status = qnt_worker_make(e, i);
    for (uint32_t i = 0; i < n && !status; i++) {
        struct qnt_worker *w = e->worker[i];
        w->crew = e->crew;
        w->idle = (qnt_engine_idle)e->config.idle;
        if (i < e->viewers && !(status = qnt_view_make(e, w, &w->room, &e->view[i])))
            atomic_store_explicit(&w->view, e->view[i], memory_order_relaxed);
    }
    if (e->crew) {
        e->crew->members = n;
        e->crew->crowded = e->cores->crowded;
    }
    return status;
}

/* Times become ticks, now that there has been some time to measure the counter's rate. */
static qnt_status set_clock(qnt_engine *e, const struct qnt_moment *begun)
{
    double rate = 0;
    qnt_status status = qnt_moment_rate(begun, &rate);
    if (status)
        return qnt_fail_in(status, "engine");
    e->ticks_per_ns = rate * 1e-9;
    for (uint32_t i = 0; i < e->queue_pairs; i++)
        e->user[i].ticks_per_ns = e->ticks_per_ns;
    for (uint32_t i = 0; i < e->cores->n; i++) {
        struct qnt_worker *w = e->worker[i];
        w->spin = ticks_of(e, (uint64_t)e->config.spin_us * NS_OF_US);
        w->bare = ticks_of(e, BARE_NS);
        w->rest = ticks_of(e, REST_NS);
    }
    return QNT_OK;
}

/* Of a crew worker 0 last: the others follow it. */
static qnt_status start_threads(qnt_engine *e)
{
    for (uint32_t k = e->cores->n; k-- > 0;) {
        struct qnt_worker *w = e->worker[k];
        atomic_store_explicit(&w->order, QNT_ORDER_RUN, memory_order_relaxed);
        const int error = qnt_thread_start(&w->thread, qnt_worker_main, w);
        if (error)
            return qnt_fail(QNT_ERR_SYSTEM, "starting worker %u of %u: %s", k, e->cores->n, strerror(error));
        w->started = true;
    }
    for (uint32_t k = 0; k < e->cores->n; k++)
        qnt_engine_await(e, e->worker[k], QNT_ORDER_RUN);
    return QNT_OK;
}

/* On this thread, which will do their part, or another one. */
static void warm_all(qnt_engine *e)
{
    const qnt_fpenv saved = qnt_fpenv_enter();
    for (uint32_t i = 0; i < e->cores->n; i++) {
        struct qnt_worker *w = e->worker[i];
        atomic_store_explicit(&w->order, QNT_ORDER_RUN, memory_order_relaxed);
        w->mine = e->view[i];
        qnt_worker_warm(w);
    }
    qnt_fpenv_leave(saved);
}

static qnt_status create(qnt_engine *e, qnt_model *const *models, size_t n)
{
    const struct qnt_moment begun = qnt_moment_now();
    qnt_status status = choose_cores(e);
    choose_waiting(e);
    e->mark = qnt_fork_mark();
    e->alive = e->mark ? e->mark : &always;
    if (!e->mark)
        qnt_log(e->ctx, 2, "engine: a child of fork will not be told that the engine is its parent's");
    if (status || (status = make_models(e, models, n)) || (status = make_workers(e)) || (status = set_clock(e, &begun)))
        return status;
    if (e->config.caller_driven)
        warm_all(e);
    else if ((status = start_threads(e)))
        return status;
    e->order = QNT_ORDER_RUN;
    e->begun = qnt_ticks();
    return QNT_OK;
}

qnt_status qnt_engine_create(qnt_model *const *models, size_t n_models, const qnt_engine_config *config,
                             qnt_engine **out)
{
    qnt_engine_config c;
    if (!models || !n_models || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_engine_create: models or out is NULL, or there are no models");
    for (size_t i = 0; i < n_models; i++)
        if (!models[i])
            return qnt_fail(QNT_ERR_ARG, "qnt_engine_create: model %zu is NULL", i);
    if (n_models > UINT32_MAX)
        return qnt_fail(QNT_ERR_ARG, "qnt_engine_create: %zu models", n_models);
    qnt_status status = read_config(config, &c);
    if (status)
        return status;
    qnt_engine *e = qnt_apart_alloc(models[0]->ctx, sizeof *e, "an engine");
    if (!e)
        return QNT_ERR_NOMEM;
    e->ctx = models[0]->ctx;
    e->config = c;
    pthread_mutex_init(&e->control, NULL);
    if ((status = create(e, models, n_models))) {
        qnt_engine_destroy(e);
        return status;
    }
    e->config.cores = NULL; /* the caller's text is not kept */
    *out = e;
    return QNT_OK;
}

/* Threads that have been started, also when not all have. */
static void end_threads(qnt_engine *e)
{
    uint32_t started = 0;
    if (!e->worker || atomic_load_explicit(&e->stopped, memory_order_relaxed))
        return;
    for (uint32_t i = 0; i < e->cores->n; i++)
        started += e->worker[i] && e->worker[i]->started;
    if (!started)
        return;
    if (started == e->cores->n) {
        qnt_engine_stop(e);
        return;
    }
    if (e->crew) { /* worker 0 is missing: this thread is it */
        e->crew->members = started + 1;
        qnt_crew_end(e->crew);
    }
    for (uint32_t i = 0; i < e->cores->n; i++) {
        struct qnt_worker *w = e->worker[i];
        if (!w->started)
            continue;
        atomic_store_explicit(&w->order, QNT_ORDER_STOP, memory_order_seq_cst);
        qnt_worker_wake(w);
        pthread_join(w->thread, NULL);
    }
}

static void free_workers(qnt_engine *e)
{
    for (uint32_t i = 0; e->worker && i < e->cores->n; i++) {
        struct qnt_worker *w = e->worker[i];
        if (!w || !*e->alive)
            continue;
        struct qnt_block home = w->home; /* it is in there */
        qnt_block_unmap(&w->room.block);
        qnt_block_unmap(&home);
    }
    for (uint32_t i = 0; e->view && i < e->viewers; i++)
        qnt_view_free(e->ctx, e->view[i]);
}

void qnt_engine_destroy(qnt_engine *e)
{
    if (!e)
        return;
    const qnt_ctx *ctx = e->ctx;
    if (e->alive && *e->alive)
        end_threads(e);
    free_workers(e);
    for (size_t i = 0; i < e->n_models; i++)
        qnt_engine_model_free(e, &e->model[i]);
    for (size_t i = 0; i < e->n_attached; i++)
        qnt_release(ctx, e->attached[i]);
    qnt_release(ctx, e->attached);
    qnt_release(ctx, e->model);
    qnt_release(ctx, e->view);
    qnt_release(ctx, e->worker);
    qnt_release(ctx, e->queue);
    qnt_apart_free(ctx, e->user);
    qnt_release(ctx, e->cores);
    qnt_fork_mark_free(e->mark);
    pthread_mutex_destroy(&e->control);
    qnt_apart_free(ctx, e);
}
