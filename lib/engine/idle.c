/* A worker without work. It looks on without a pause at first, since on some cores a pause takes as long as a message
 * does; then with one; then, if it may, it sleeps. */
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "lib/engine/engine.h"
#include "lib/run/thread.h"
#include "simd/wait.h"

bool qnt_idle_barrier_known(void)
{
    return !syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}

void qnt_worker_wake(struct qnt_worker *w)
{
    atomic_fetch_add_explicit(&w->wake, 1, memory_order_release);
    qnt_futex_wake(&w->wake, 1);
}

/* Also of a queue whose results nobody has fetched: it has to wait. */
static bool has_work(struct qnt_queue *q)
{
    return qnt_ring_ready(&q->ops) && qnt_ring_room(&q->results, 1);
}

static bool stays_idle(const struct qnt_worker *w)
{
    for (size_t i = 0; i < w->mine->n_queues; i++)
        if (has_work(w->mine->queue[i]))
            return false;
    return atomic_load_explicit(&w->view, memory_order_acquire) == w->mine &&
           atomic_load_explicit(&w->order, memory_order_acquire) == QNT_ORDER_RUN;
}

static void set_asleep(const struct qnt_view *v, uint32_t asleep)
{
    for (size_t i = 0; i < v->n_queues; i++)
        atomic_exchange_explicit(&v->queue[i]->flags->asleep, asleep, memory_order_acq_rel);
}

static void fall_asleep(struct qnt_worker *w)
{
    const uint32_t wake = atomic_load_explicit(&w->wake, memory_order_acquire);
    if (w->crew)
        qnt_crew_rest(w->crew);
    set_asleep(w->mine, 1);
    if (w->engine->barrier)
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    if (stays_idle(w)) {
        qnt_count(&w->counts.sleeps, 1);
        qnt_futex_wait(&w->wake, wake);
    }
    set_asleep(w->mine, 0);
}

/* One queue pair: the core rests until its next slot changes. Of several it can watch one only. */
static void rest(const struct qnt_worker *w)
{
    struct qnt_queue *q = w->mine->n_queues == 1 ? w->mine->queue[0] : NULL;
    _Atomic uint64_t *number = q ? &q->ops.ring->slot[q->ops.head & q->ops.mask].number : NULL;
    const uint64_t value = q ? atomic_load_explicit(number, memory_order_acquire) : 0;
    if (q && value != q->ops.head + 1)
        qnt_wait_while(number, value, w->now, w->rest);
    else
        qnt_pause();
}

/* What the next run of the same model writes first comes nearer than the last one has left it: where the input is
 * copied to. */
static inline __attribute__((always_inline)) void fetch_place(const struct qnt_worker *w)
{
    enum { MOST = 8192 };
    if (w->ran >= w->mine->n_models)
        return;
    const struct qnt_session *s = &w->mine->run[w->ran].s;
    const size_t bytes = s->in_bytes[0];
    qnt_fetch_lines(s->arena + s->plan->offset[s->plan->model->inputs.id[0]], bytes < MOST ? bytes : MOST);
}

void qnt_worker_idle(struct qnt_worker *w)
{
    if (!w->idle_since) {
        w->idle_since = w->now;
        fetch_place(w);
    }
    const uint64_t waited = w->now - w->idle_since;
    if (waited < w->bare)
        return;
    if (w->idle == QNT_IDLE_WAIT) {
        rest(w);
    } else if (w->idle == QNT_IDLE_POLL || waited < w->spin) {
        qnt_pause();
    } else {
        fall_asleep(w);
        w->idle_since = 0;
    }
}
