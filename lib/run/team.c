/* Workers sleep on `round` (a futex) between calls. A call: the caller writes fn and arg, sets `pending`, raises `round`
 * (release) and wakes; each worker sees the new round (acquire), works, and lowers `pending` (release), which the caller
 * waits for (acquire), first spinning, then asleep. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include "lib/run/team.h"
#include "lib/run/thread.h"
#include "lib/run/topo.h"
#include "simd/pause.h"

enum { LINE = 64, SPINS = 2000, MAX_THREADS = QNT_MAX_CORES };
enum { PHASE = 1 << 16 }; /* in `gate`; below it the threads */
_Static_assert((int)MAX_THREADS < (int)PHASE, "a barrier counts the threads of a team below PHASE");

struct worker {
    struct qnt_team *team;
    pthread_t thread;
    uint32_t part;
};

struct qnt_team {
    qnt_ctx *ctx;
    struct worker *workers; /* threads of them; [0] is the caller's place, unused */
    uint32_t threads;
    uint32_t started;       /* workers running, for the way out */
    qnt_team_fn *fn;        /* NULL: end */
    void *arg;
    _Alignas(LINE) _Atomic uint32_t round;
    _Alignas(LINE) _Atomic uint32_t pending;
    _Alignas(LINE) _Atomic uint32_t gate;
    _Alignas(LINE) _Atomic uint32_t asleep; /* threads that may sleep on gate: no system call when there are none */
};

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct qnt_team *t = w->team;
    qnt_thread_touch_stack();
    for (uint32_t seen = 0;;) {
        uint32_t now;
        while ((now = atomic_load_explicit(&t->round, memory_order_acquire)) == seen) /* pairs with start_round */
            qnt_futex_wait(&t->round, seen);
        seen = now;
        if (!t->fn)
            return NULL;
        t->fn(t->arg, w->part, t->threads);
        if (atomic_fetch_sub_explicit(&t->pending, 1, memory_order_acq_rel) == 1) /* pairs with qnt_team_run */
            qnt_futex_wake(&t->pending, 1);
    }
}

static void start_round(struct qnt_team *t, qnt_team_fn *fn, void *arg)
{
    t->fn = fn;
    t->arg = arg;
    atomic_store_explicit(&t->pending, t->threads - 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->round, 1, memory_order_release); /* pairs with worker_main */
    qnt_futex_wake(&t->round, INT_MAX);
}

static qnt_status start_workers(struct qnt_team *t, const uint32_t *cpus, uint32_t n_cpus)
{
    int error = 0;
    for (uint32_t i = 1; i < t->threads && !error; i++) {
        struct worker *w = &t->workers[i];
        w->team = t;
        w->part = i;
        error = qnt_thread_start(&w->thread, worker_main, w);
        if (error)
            break;
        t->started = i;
        if (i >= n_cpus) {
            qnt_log(t->ctx, 1, "worker %u is not pinned: %u CPUs for %u threads", i, n_cpus, t->threads);
            continue;
        }
        cpu_set_t set;
        CPU_ZERO(&set);
        int refused = EINVAL;
        if (cpus[i] < CPU_SETSIZE) {
            CPU_SET(cpus[i], &set);
            refused = pthread_setaffinity_np(w->thread, sizeof set, &set);
        }
        if (refused)
            qnt_log(t->ctx, 1, "worker %u cannot be pinned to CPU %u: %s", i, cpus[i], strerror(refused));
    }
    if (error)
        return qnt_fail(QNT_ERR_SYSTEM, "starting worker %u of %u: %s", t->started + 1, t->threads, strerror(error));
    return QNT_OK;
}

qnt_status qnt_team_check_threads(uint32_t threads)
{
    if (threads < 1 || threads > MAX_THREADS)
        return qnt_fail(QNT_ERR_ARG, "threads: %u, expected 1 to %d", threads, MAX_THREADS);
    return QNT_OK;
}

qnt_status qnt_team_create(qnt_ctx *ctx, uint32_t threads, const uint32_t *cpus, uint32_t n_cpus, struct qnt_team **out)
{
    struct qnt_topo topo;
    qnt_status status = qnt_team_check_threads(threads);
    *out = NULL;
    if (status)
        return status;
    struct qnt_team *t = qnt_alloc(ctx, sizeof *t, "a team");
    if (!t)
        return QNT_ERR_NOMEM;
    t->ctx = ctx;
    t->threads = threads;
    if (!(t->workers = qnt_alloc_array(ctx, threads, sizeof *t->workers, "a team's workers"))) {
        status = QNT_ERR_NOMEM;
        goto fail;
    }
    if (!cpus) {
        n_cpus = 0;
        if (threads > 1 && (status = qnt_topo_read(NULL, &topo))) {
            qnt_log(ctx, 1, "workers are not pinned: %s", qnt_last_error());
        } else if (threads > 1) {
            cpus = topo.core_cpu;
            n_cpus = topo.candidates;
            if (threads > topo.usable && topo.usable < topo.candidates)
                qnt_log(ctx, 1, "%u threads will wait for each other: %s pays for %u.%03u CPUs", threads,
                        topo.quota_file, topo.quota_milli / 1000, topo.quota_milli % 1000);
        }
    }
    if ((status = start_workers(t, cpus, n_cpus)))
        goto fail;
    *out = t;
    return QNT_OK;
fail:
    qnt_team_free(t);
    return status;
}

void qnt_team_free(struct qnt_team *t)
{
    if (!t)
        return;
    if (t->started > 0)
        start_round(t, NULL, NULL);
    for (uint32_t i = 1; i <= t->started; i++)
        pthread_join(t->workers[i].thread, NULL);
    const qnt_ctx *ctx = t->ctx;
    qnt_release(ctx, t->workers);
    qnt_release(ctx, t);
}

uint32_t qnt_team_size(const struct qnt_team *t)
{
    return t->threads;
}

void qnt_team_run(struct qnt_team *t, qnt_team_fn *fn, void *arg)
{
    if (t->threads == 1) {
        fn(arg, 0, 1);
        return;
    }
    start_round(t, fn, arg);
    fn(arg, 0, t->threads);
    uint32_t left;
    for (int spins = 0; (left = atomic_load_explicit(&t->pending, memory_order_acquire)) != 0;) { /* pairs: worker_main */
        if (spins++ < SPINS)
            qnt_pause();
        else
            qnt_futex_wait(&t->pending, left);
    }
}

/* `gate` counts who has come, and above that the phases: the last to come and those that wait meet in one cache line.
 * Who waits says so in `asleep` before a last look at the phase, who ends the phase looks at `asleep` after changing it,
 * all in one order (seq_cst): either the sleeper sees the new phase or it is woken. */
void qnt_team_barrier(struct qnt_team *t)
{
    const uint32_t before = atomic_fetch_add_explicit(&t->gate, 1, memory_order_acq_rel), phase = before / PHASE;
    if (before % PHASE + 1 == t->threads) {
        atomic_store_explicit(&t->gate, (phase + 1) * PHASE, memory_order_seq_cst); /* pairs with the loads below */
        if (atomic_load_explicit(&t->asleep, memory_order_seq_cst) > 0)
            qnt_futex_wake(&t->gate, INT_MAX);
        return;
    }
    for (int spins = 0; spins < SPINS; spins++) {
        if (atomic_load_explicit(&t->gate, memory_order_acquire) / PHASE != phase)
            return;
        qnt_pause();
    }
    atomic_fetch_add_explicit(&t->asleep, 1, memory_order_seq_cst);
    for (uint32_t now; (now = atomic_load_explicit(&t->gate, memory_order_seq_cst)) / PHASE == phase;)
        qnt_futex_wait(&t->gate, now);
    atomic_fetch_sub_explicit(&t->asleep, 1, memory_order_relaxed);
}

struct dynamic {
    _Atomic size_t next;
    size_t tasks;
    qnt_task_fn *fn;
    void *arg;
};

static void take_tasks(void *arg, uint32_t part, uint32_t parts)
{
    struct dynamic *d = arg;
    size_t task;
    (void)parts;
    while ((task = atomic_fetch_add_explicit(&d->next, 1, memory_order_relaxed)) < d->tasks)
        d->fn(d->arg, task, part);
}

void qnt_team_for(struct qnt_team *t, size_t tasks, qnt_task_fn *fn, void *arg)
{
    struct dynamic d = {.tasks = tasks, .fn = fn, .arg = arg};
    if (t->threads == 1 || tasks <= 1)
        take_tasks(&d, 0, 1);
    else
        qnt_team_run(t, take_tasks, &d);
}
