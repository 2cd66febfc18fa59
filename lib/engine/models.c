/* What is made before a worker runs: plans, one for each NUMA node, and workers' memory, each by a thread of the node.
 */
#include <errno.h>
#include <stdio.h>
#include "lib/engine/engine.h"
#include "lib/run/thread.h"

enum { PART = 128 };

struct errand {
    const qnt_engine *e;
    uint32_t node;
    qnt_status (*fn)(void *arg);
    void *arg;
    qnt_status status;
    char text[512];
};

/* To the node's CPUs that this thread may use; where that is refused memory lies where it falls. */
static void bind_to_node(const qnt_engine *e, uint32_t node)
{
    struct qnt_topo topo;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (qnt_topo_read(NULL, &topo))
        return;
    for (uint32_t i = 0; i < topo.n; i++)
        if (topo.cpu[i].node == e->cores->os_node[node] && topo.cpu[i].use != QNT_CPU_NOT_ALLOWED)
            CPU_SET(topo.cpu[i].cpu, &set);
    if (pthread_setaffinity_np(pthread_self(), sizeof set, &set))
        qnt_log(e->ctx, 1, "engine: nothing can be placed on NUMA node %u", e->cores->os_node[node]);
}

static void *run_errand(void *arg)
{
    struct errand *j = arg;
    bind_to_node(j->e, j->node);
    j->status = j->fn(j->arg);
    snprintf(j->text, sizeof j->text, "%s", qnt_last_error());
    return NULL;
}

qnt_status qnt_on_node(const qnt_engine *e, uint32_t node, qnt_status (*fn)(void *arg), void *arg)
{
    struct errand j = {.e = e, .node = node, .fn = fn, .arg = arg};
    pthread_t thread;
    if (e->cores->nodes == 1)
        return fn(arg);
    int error = qnt_thread_start(&thread, run_errand, &j);
    if (error)
        return qnt_fail(QNT_ERR_SYSTEM, "starting a thread on NUMA node %u: %s", e->cores->os_node[node],
                        strerror(error));
    pthread_join(thread, NULL);
    return j.status ? qnt_fail(j.status, "%s", j.text) : QNT_OK;
}

struct preparation {
    const qnt_engine *e;
    qnt_model *source;
    struct qnt_session *s;
};

static qnt_status prepare(void *arg)
{
    const struct preparation *p = arg;
    const qnt_engine_config *c = &p->e->config;
    const qnt_session_config session = {.size = sizeof session,
                                        .max_batch = c->max_batch,
                                        .threads = c->mode == QNT_ENGINE_INTRA ? p->e->cores->n : 1,
                                        .quantized_io = (int)c->quantized_io,
                                        .small_weights = (int)c->small_weights};
    return qnt_session_prepare(p->s, p->source, &session);
}

/* An operation's data are counted in bytes of whole batches: these must fit. */
static qnt_status check_sizes(const struct qnt_session *s)
{
    const struct qnt_model *m = s->plan->model;
    size_t all = 0, bytes;
    for (size_t i = 0; i < m->inputs.n + m->outputs.n; i++) {
        const size_t one = i < m->inputs.n ? s->in_bytes[i] : s->out_bytes[i - m->inputs.n];
        if (qnt_mul_overflows(one, s->max_batch, &bytes) || bytes > SIZE_MAX / 4 - all)
            return qnt_fail(QNT_ERR_RANGE, "engine: max_batch %zu of inputs and outputs of %zu bytes", s->max_batch,
                            one);
        all += bytes + PART;
    }
    return QNT_OK;
}

qnt_status qnt_engine_model_make(const qnt_engine *e, qnt_model *source, struct qnt_engine_model *out)
{
    qnt_status status = QNT_OK;
    *out = (struct qnt_engine_model){.source = source};
    if (!(out->node = qnt_alloc_array(e->ctx, e->cores->nodes, sizeof *out->node, "an engine's plans")))
        return QNT_ERR_NOMEM;
    qnt_model_ref(source);
    for (uint32_t i = 0; i < e->cores->nodes && !status; i++) {
        struct preparation p = {.e = e, .source = source, .s = &out->node[i]};
        status = qnt_on_node(e, i, prepare, &p);
        if (!status)
            status = check_sizes(&out->node[i]);
    }
    if (status)
        qnt_engine_model_free(e, out);
    return status;
}

void qnt_engine_model_free(const qnt_engine *e, struct qnt_engine_model *m)
{
    if (!m->node)
        return;
    for (uint32_t i = 0; i < e->cores->nodes; i++)
        if (m->node[i].ctx)
            qnt_session_unprepare(&m->node[i]);
    qnt_release(e->ctx, m->node);
    qnt_model_free(m->source);
    m->node = NULL;
}

static size_t arena_bytes(const qnt_engine *e)
{
    size_t most = 0;
    for (size_t i = 0; i < e->n_models; i++)
        most = e->model[i].node->plan->arena_bytes > most ? e->model[i].node->plan->arena_bytes : most;
    return qnt_round_up(most ? most : 1, PART);
}

static size_t scratch_bytes(const qnt_engine *e)
{
    size_t most = 0;
    for (size_t i = 0; i < e->n_models; i++)
        most = e->model[i].node->plan->scratch_bytes > most ? e->model[i].node->plan->scratch_bytes : most;
    return qnt_round_up(most ? most : 1, PART);
}

struct place {
    const qnt_engine *e;
    size_t bytes;
    struct qnt_block *block;
};

static qnt_status map_block(void *arg)
{
    const struct place *p = arg;
    return qnt_block_map(p->e->ctx, p->bytes, (qnt_engine_memory)p->e->config.memory, p->block);
}

/* How many threads have scratch in worker `index`'s memory. */
static size_t scratches(const qnt_engine *e, uint32_t index)
{
    return e->config.mode != QNT_ENGINE_INTRA ? 1 : index ? 0 : e->cores->n;
}

/* The arena and scratch of worker w, from `at` on. */
static struct qnt_room room_at(const qnt_engine *e, uint32_t index, uint8_t *at)
{
    const size_t arena = arena_bytes(e), scratch = scratch_bytes(e);
    if (!scratches(e, index))
        return (struct qnt_room){.arena = NULL};
    return (struct qnt_room){.arena = at, .arena_bytes = arena, .scratch = at + arena, .scratch_bytes = scratch};
}

qnt_status qnt_room_make(const qnt_engine *e, const struct qnt_worker *w, struct qnt_room *out)
{
    const size_t arena = arena_bytes(e), scratch = scratch_bytes(e);
    struct qnt_block block;
    *out = w->room;
    if (!scratches(e, w->index) || (arena <= w->room.arena_bytes && scratch <= w->room.scratch_bytes))
        return QNT_OK;
    struct place p = {.e = e, .bytes = arena + scratches(e, w->index) * scratch, .block = &block};
    qnt_status status = qnt_on_node(e, e->cores->node[w->index], map_block, &p);
    if (status)
        return status;
    *out = room_at(e, w->index, block.base);
    out->block = block;
    return QNT_OK;
}

qnt_status qnt_worker_make(qnt_engine *e, uint32_t index)
{
    const size_t queue = qnt_round_up(sizeof(struct qnt_queue) + qnt_queue_bytes(e->config.depth), PART);
    const size_t n = scratches(e, index), crew = n > 1 ? sizeof(struct qnt_crew) : 0;
    size_t at = qnt_round_up(sizeof(struct qnt_worker), PART) + crew;
    struct qnt_block home;
    struct place p = {.e = e, .bytes = at, .block = &home};
    for (uint32_t q = 0; q < e->queue_pairs; q++)
        p.bytes += qnt_engine_worker_of(e, q) == index ? queue : 0;
    p.bytes += n ? arena_bytes(e) + n * scratch_bytes(e) : 0;
    qnt_status status = qnt_on_node(e, e->cores->node[index], map_block, &p);
    if (status)
        return status;
    struct qnt_worker *w = (void *)home.base;
    w->home = home;
    w->engine = e;
    w->index = index;
    if (crew)
        e->crew = (void *)(home.base + at - crew);
    for (uint32_t q = 0; q < e->queue_pairs; q++)
        if (qnt_engine_worker_of(e, q) == index) {
            qnt_engine_open_queue(e, q, home.base + at);
            at += queue;
        }
    w->room = room_at(e, index, home.base + at);
    e->worker[index] = w;
    return QNT_OK;
}
