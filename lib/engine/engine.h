#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H
/* An engine's inside. A worker reads its view (models, queues), which never changes: who changes something makes a new
 * one, has the worker take it, waits until it has and frees the old one. So nothing is locked and nothing is freed that
 * a worker uses, and other workers do not wait. */
#include <pthread.h>
#include "lib/core/core.h"
#include "lib/engine/cores.h"
#include "lib/engine/memory.h"
#include "lib/engine/queue.h"
#include "lib/run/session.h"

/* What a worker is to do, and what it says it does. */
enum qnt_order { QNT_ORDER_NEW, QNT_ORDER_RUN, QNT_ORDER_PAUSE, QNT_ORDER_CALL, QNT_ORDER_STOP };

/* A model as one worker runs it: its own arena, the node's plan. */
struct qnt_run {
    struct qnt_session s;
    const void **in; /* by input and output: of the operation under way */
    void **out;
    size_t in_align, out_align; /* the size of the largest elements */
};
struct qnt_view {
    struct qnt_run *run;
    size_t n_models;
    struct qnt_queue **queue;
    size_t n_queues;
    void **pointers; /* of all runs */
};

/* Latencies, in ticks: below 16 a bucket each, from there on 16 for every power of two. */
enum { QNT_BUCKET_BITS = 4, QNT_BUCKET_SPLIT = 1 << QNT_BUCKET_BITS };
enum { QNT_BUCKETS = (64 - QNT_BUCKET_BITS + 1) * QNT_BUCKET_SPLIT };

/* Written by the worker alone. */
struct qnt_counts {
    _Atomic uint64_t done, errors, missed, polls, empty, sleeps, busy; /* busy: ticks */
    _Atomic uint64_t most;
    _Atomic uint64_t bucket[QNT_BUCKETS];
};
static inline void qnt_count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* All workers on one operation: worker 0 writes `session` and raises `round`, which the others wait for; barriers keep
 * the steps apart, the last one ends the operation. */
enum qnt_crew_task { QNT_CREW_RUN, QNT_CREW_SLEEP, QNT_CREW_END };
struct qnt_crew {
    _Alignas(128) _Atomic uint32_t round; /* also what they sleep on, once told to */
    enum qnt_crew_task task;
    const struct qnt_session *session;
    bool asleep; /* worker 0's: they have been told to */
    uint32_t members;
    bool crowded;
    _Alignas(128) _Atomic uint32_t gate;
};

/* Where the models run. */
struct qnt_room {
    struct qnt_block block; /* {0}: in the worker's home */
    uint8_t *arena, *scratch;
    size_t arena_bytes, scratch_bytes; /* scratch: of each thread */
};

struct qnt_worker {
    /* Written by others. */
    _Alignas(128) _Atomic(struct qnt_view *) view;
    _Atomic uint32_t order, wake; /* wake: what it sleeps on */
    void (*call)(void *arg);      /* QNT_ORDER_CALL */
    void *call_arg;
    /* Written by the worker, read by others. using: NULL where a caller-driven one is not at work. */
    _Alignas(128) _Atomic(struct qnt_view *) using;
    _Atomic uint32_t obeyed;
    uint32_t thread_id;
    bool pinned, fifo;
    /* The worker's own. */
    _Alignas(128) qnt_engine *engine;
    struct qnt_view *mine;
    struct qnt_crew *crew; /* NULL: it runs operations alone */
    uint64_t now;          /* ticks: before it looked for operations, or at the end of the last one */
    uint32_t ran;          /* the model that was run last */
    uint64_t idle_since;   /* ticks; 0: it is not idle */
    uint32_t index;
    qnt_engine_idle idle;
    uint64_t bare, spin, rest; /* ticks: how long it looks without a pause; before it sleeps; at a time */
    /* Of the threads that control it. */
    _Alignas(128) pthread_t thread;
    bool started;
    struct qnt_block home; /* which this is in, with its queue pairs and the first room */
    struct qnt_room room;
    _Alignas(128) struct qnt_counts counts; /* the worker's own */
};

struct qnt_engine_model {
    qnt_model *source;        /* a reference */
    struct qnt_session *node; /* by node: plan and sizes */
};

struct qnt_engine {
    /* What submitting and polling read. */
    struct qnt_queue_user *user; /* queue_pairs of them */
    struct qnt_queue **queue;    /* the same ones from the worker's side */
    struct qnt_worker **worker;
    const uint8_t *alive; /* 0 in a child of fork, which has no workers' memory */
    uint32_t queue_pairs;
    _Atomic bool stopped; /* there are no workers any more */
    /* The rest. */
    qnt_ctx *ctx;
    qnt_engine_config config;
    struct qnt_cores *cores;
    uint32_t viewers;       /* workers with queues of their own: all, or worker 0 of a crew */
    struct qnt_view **view; /* by these: what they have */
    struct qnt_engine_model *model;
    size_t n_models;
    struct qnt_queue **attached;
    size_t n_attached, cap_attached;
    uint8_t *mark; /* what `alive` is in, if there is such a page */
    bool barrier;
    double ticks_per_ns;
    uint64_t begun;          /* ticks */
    pthread_mutex_t control; /* held by whoever changes views and orders */
    enum qnt_order order;
    struct qnt_crew *crew; /* in worker 0's home */
};

/* The lines of these bytes come nearer; of an address that is none nothing comes of it. Inlined by force: calls of
 * functions that only prefetch are dropped by gcc 12, as of such that do nothing. */
static inline __attribute__((always_inline)) void qnt_fetch_lines(const void *at, size_t bytes)
{
    enum { LINE = 64 };
    for (size_t i = 0; i < bytes; i += LINE)
        __builtin_prefetch((const void *)((uintptr_t)at + i));
}

static inline uint32_t qnt_engine_worker_of(const qnt_engine *e, uint32_t qp)
{
    return e->config.mode == QNT_ENGINE_INTRA ? 0 : qp % e->cores->n;
}

/* models.c. Does fn(arg) on a thread of that node's CPUs, so that what it writes first lies there; on this one when
 * there is one node only. */
qnt_status qnt_on_node(const qnt_engine *e, uint32_t node, qnt_status (*fn)(void *arg), void *arg);
/* The model's plans, one for each node. On failure nothing is left. */
qnt_status qnt_engine_model_make(const qnt_engine *e, qnt_model *source, struct qnt_engine_model *out);
void qnt_engine_model_free(const qnt_engine *e, struct qnt_engine_model *m);
/* Worker `index`, its queue pairs and its room, in memory of its node. */
qnt_status qnt_worker_make(qnt_engine *e, uint32_t index);
/* A room that is large enough for e->model: the worker's own, or a new one. */
qnt_status qnt_room_make(const qnt_engine *e, const struct qnt_worker *w, struct qnt_room *out);

/* engine.c. Both sides of queue pair qp, whose memory begins at `memory`. */
void qnt_engine_open_queue(qnt_engine *e, uint32_t qp, uint8_t *memory);
qnt_status qnt_engine_usable(const qnt_engine *e, const char *what);

/* control.c. What worker w will see: the engine's models and queues, in that room. */
qnt_status qnt_view_make(const qnt_engine *e, const struct qnt_worker *w, const struct qnt_room *room,
                         struct qnt_view **out);
void qnt_view_free(const qnt_ctx *ctx, struct qnt_view *v);
/* Has worker w take v; then waits until it uses v alone, and frees the one before. */
void qnt_view_show(const qnt_engine *e, struct qnt_worker *w, struct qnt_view *v);
void qnt_view_await(qnt_engine *e, struct qnt_worker *w, struct qnt_view *v);
/* Whoever changes something stands between these two; the first holds the lock when it is QNT_OK. */
qnt_status qnt_control_enter(qnt_engine *e, const char *what);
qnt_status qnt_control_leave(qnt_engine *e, qnt_status status);
/* Tells every worker and returns when each obeys. */
void qnt_engine_command(qnt_engine *e, enum qnt_order order);
void qnt_engine_await(const qnt_engine *e, const struct qnt_worker *w, enum qnt_order order);
/* Has worker w's thread call fn(arg) between two operations. */
qnt_status qnt_engine_call(qnt_engine *e, uint32_t worker, void (*fn)(void *arg), void *arg);

/* worker.c */
void *qnt_worker_main(void *worker);
/* Serves each of its queues once; how many operations it did. */
uint32_t qnt_worker_turn(struct qnt_worker *w);
/* Runs every model of its view. */
void qnt_worker_warm(struct qnt_worker *w);

/* crew.c */
void qnt_crew_run(struct qnt_crew *c, const struct qnt_session *s);
void qnt_crew_rest(struct qnt_crew *c); /* until the next run */
void qnt_crew_end(struct qnt_crew *c);
/* Member `part` > 0: returns after qnt_crew_end. */
void qnt_crew_follow(struct qnt_crew *c, uint32_t part);

/* idle.c. After a turn that found nothing. */
void qnt_worker_idle(struct qnt_worker *w);
void qnt_worker_wake(struct qnt_worker *w);
/* Whether the system has the barrier that makes a plain look at `asleep` enough. */
bool qnt_idle_barrier_known(void);

/* stats.c */
void qnt_counts_latency(struct qnt_counts *c, uint64_t ticks);

void qnt_crew_meet(struct qnt_crew *c);
/* One member's share of a run; crew NULL: it is the only one. */
static inline void qnt_run_share(const struct qnt_session *s, uint32_t part, struct qnt_crew *crew)
{
    for (size_t first = 0; first < s->batch; first += s->chunk)
        for (size_t phase = 0; phase < qnt_session_phases(s); phase++) {
            if (!qnt_session_has_work(s, phase))
                continue;
            if (crew && (first || phase))
                qnt_crew_meet(crew);
            qnt_session_run_phase(s, first, phase, part);
        }
}
#endif
