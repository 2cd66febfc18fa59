/* What an engine tells of itself. Counters have one writer each and are read as they stand. */
#include "lib/engine/engine.h"

enum { MEDIAN, P90, P99, P999, MOST, QUANTILES };

static uint32_t bucket_of(uint64_t ticks)
{
    if (ticks < QNT_BUCKET_SPLIT)
        return (uint32_t)ticks;
    const uint32_t shift = 63 - QNT_BUCKET_BITS - (uint32_t)__builtin_clzll(ticks);
    return (shift + 1) * QNT_BUCKET_SPLIT + (uint32_t)(ticks >> shift) % QNT_BUCKET_SPLIT;
}

/* Its least value. */
static uint64_t bucket_begin(uint32_t i)
{
    if (i < QNT_BUCKET_SPLIT)
        return i;
    return (uint64_t)(QNT_BUCKET_SPLIT + i % QNT_BUCKET_SPLIT) << (i / QNT_BUCKET_SPLIT - 1);
}

void qnt_counts_latency(struct qnt_counts *c, uint64_t ticks)
{
    qnt_count(&c->bucket[bucket_of(ticks)], 1);
    if (ticks > atomic_load_explicit(&c->most, memory_order_relaxed))
        atomic_store_explicit(&c->most, ticks, memory_order_relaxed);
}

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint64_t to_ns(const qnt_engine *e, uint64_t ticks)
{
    return (uint64_t)((double)ticks / e->ticks_per_ns);
}

/* The middle of the bucket that holds the quantile. */
static void tell_latencies(const qnt_engine *e, const struct qnt_counts *c, uint64_t out[QUANTILES])
{
    static const double part[] = {[MEDIAN] = 0.5, [P90] = 0.9, [P99] = 0.99, [P999] = 0.999};
    uint64_t count[QNT_BUCKETS], all = 0, seen = 0;
    for (uint32_t i = 0; i < QNT_BUCKETS; i++)
        all += count[i] = load(&c->bucket[i]);
    const uint64_t most = load(&c->most);
    uint32_t q = MEDIAN;
    for (uint32_t i = 0; i < QNT_BUCKETS && q < MOST; i++) {
        seen += count[i];
        const uint64_t middle =
            bucket_begin(i) + (i + 1 < QNT_BUCKETS ? (bucket_begin(i + 1) - bucket_begin(i)) / 2 : 0);
        for (; all && q < MOST && (double)seen >= part[q] * (double)all; q++)
            out[q] = to_ns(e, middle < most ? middle : most);
    }
    out[MOST] = to_ns(e, most);
}

/* NULL: *status says why. */
static const struct qnt_worker *find_worker(const qnt_engine *e, uint32_t worker, const char *what, qnt_status *status)
{
    if (!e)
        *status = qnt_fail(QNT_ERR_ARG, "%s: engine is NULL", what);
    else if (!*e->alive)
        *status = qnt_fail(QNT_ERR_STATE, "%s: this is a child of fork, the engine is the parent's", what);
    else if (worker >= e->cores->n)
        *status = qnt_fail(QNT_ERR_ARG, "%s: worker %u, the engine has %u", what, worker, e->cores->n);
    else
        return e->worker[worker];
    return NULL;
}

qnt_status qnt_engine_worker_get(const qnt_engine *e, uint32_t worker, qnt_engine_worker *out)
{
    qnt_status status = QNT_OK;
    const struct qnt_worker *w = find_worker(e, worker, "qnt_engine_worker_get", &status);
    if (!w)
        return status;
    const struct qnt_counts *c = &w->counts;
    /* The worker counts on: parts are read before what they are parts of. */
    const uint64_t busy = load(&c->busy), empty = load(&c->empty), polls = load(&c->polls);
    const uint64_t age = qnt_ticks() - e->begun;
    qnt_engine_worker full = {.size = sizeof full,
                              .cpu = e->cores->cpu[worker],
                              .node = e->cores->os_node[e->cores->node[worker]],
                              .thread = w->thread_id,
                              .pinned = w->pinned,
                              .locked = w->home.locked,
                              .policy = w->fifo ? QNT_POLICY_FIFO : QNT_POLICY_NORMAL,
                              .memory = w->home.kind,
                              .idle = w->idle,
                              .done = load(&c->done),
                              .errors = load(&c->errors),
                              .missed = load(&c->missed),
                              .polls = polls,
                              .empty = empty < polls ? empty : polls, /* they may be seen in another order */
                              .sleeps = load(&c->sleeps),
                              .busy = !age         ? 0
                                      : busy < age ? (double)busy / (double)age
                                                   : 1 /* that turn began before the engine was made */};
    tell_latencies(e, c, full.latency_ns);
    return qnt_result_copy(out, &full, sizeof full, "qnt_engine_worker_get");
}

qnt_status qnt_engine_stats_get(const qnt_engine *e, qnt_engine_stats *out)
{
    qnt_status status = QNT_OK;
    const struct qnt_worker *w = find_worker(e, 0, "qnt_engine_stats_get", &status);
    if (!w)
        return status;
    qnt_engine_stats full = {.size = sizeof full,
                             .workers = e->cores->n,
                             .queue_pairs = e->queue_pairs,
                             .ns = to_ns(e, qnt_ticks() - e->begun)};
    for (uint32_t i = 0; i < e->queue_pairs; i++) {
        full.submitted += load(&e->user[i].submitted);
        full.polled += load(&e->user[i].polled);
    }
    for (uint32_t i = 0; i < e->cores->n; i++) {
        const struct qnt_counts *c = &e->worker[i]->counts;
        full.done += load(&c->done);
        full.errors += load(&c->errors);
        full.missed += load(&c->missed);
    }
    return qnt_result_copy(out, &full, sizeof full, "qnt_engine_stats_get");
}

qnt_status qnt_engine_latencies(const qnt_engine *e, uint32_t worker, uint64_t *ns, uint64_t *counts, size_t room,
                                size_t *count)
{
    qnt_status status = QNT_OK;
    const struct qnt_worker *w = find_worker(e, worker, "qnt_engine_latencies", &status);
    if (!w)
        return status;
    if (!count || (room && (!ns || !counts)))
        return qnt_fail(QNT_ERR_ARG, "qnt_engine_latencies: a pointer is NULL");
    for (uint32_t i = 0; i < QNT_BUCKETS && i < room; i++) {
        ns[i] = to_ns(e, bucket_begin(i));
        counts[i] = load(&w->counts.bucket[i]);
    }
    *count = QNT_BUCKETS;
    return QNT_OK;
}
