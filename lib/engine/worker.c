/* A worker: takes operations off its queues in turn, runs each and puts its result where it came from at once. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "lib/engine/engine.h"
#include "lib/run/thread.h"
#include "simd/fpenv.h"
#include "simd/pause.h"

enum { BURST = 16, ALIGN = 64, FETCHED = 1024 };

/* Bytes from the first input or output to the end of the last. */
static size_t span(const size_t *bytes, size_t n, size_t batch)
{
    size_t at = 0;
    for (size_t i = 0; i + 1 < n; i++)
        at += qnt_round_up(batch * bytes[i], ALIGN);
    return at + batch * bytes[n - 1];
}

/* Where `need` bytes of an operation are; NULL: nowhere. */
static uint8_t *locate(const struct qnt_queue *q, uintptr_t at, size_t need, size_t align)
{
    if (!q->base)
        return (uint8_t *)at;
    return at % align == 0 && at <= q->length && need <= q->length - at ? q->base + at : NULL;
}

static bool place_arrays(const struct qnt_run *r, const qnt_engine_op *op)
{
    const size_t n_in = r->s.plan->model->inputs.n, n_out = r->s.plan->model->outputs.n;
    const void *const *in = op->in;
    void *const *out = op->out;
    if (!in || !out)
        return false;
    for (size_t i = 0; i < n_in; i++)
        if (!(r->in[i] = in[i]))
            return false;
    for (size_t i = 0; i < n_out; i++)
        if (!(r->out[i] = out[i]))
            return false;
    return true;
}

static bool place_blocks(const struct qnt_run *r, const struct qnt_queue *q, const qnt_engine_op *op, size_t batch)
{
    const size_t n_in = r->s.plan->model->inputs.n, n_out = r->s.plan->model->outputs.n;
    const uint8_t *in = locate(q, (uintptr_t)op->in, span(r->s.in_bytes, n_in, batch), r->in_align);
    uint8_t *out = locate(q, (uintptr_t)op->out, span(r->s.out_bytes, n_out, batch), r->out_align);
    if (!in || !out)
        return false;
    for (size_t i = 0; i < n_in; i++) {
        r->in[i] = in;
        in += qnt_round_up(batch * r->s.in_bytes[i], ALIGN);
    }
    for (size_t i = 0; i < n_out; i++) {
        r->out[i] = out;
        out += qnt_round_up(batch * r->s.out_bytes[i], ALIGN);
    }
    return true;
}

static void run_session(const struct qnt_worker *w, const struct qnt_session *s)
{
    if (w->crew)
        qnt_crew_run(w->crew, s);
    else
        qnt_run_share(s, 0, NULL);
}

/* Nothing of the operation is believed: it may be another process's. */
static qnt_status run_op(struct qnt_worker *w, const struct qnt_queue *q, const qnt_engine_op *op)
{
    const struct qnt_view *v = w->mine;
    if (op->deadline_ns && w->now > op->deadline_ns) /* ticks, here */
        return QNT_ERR_DEADLINE;
    if (op->model >= v->n_models || op->flags & ~(uint32_t)QNT_OP_ARRAYS)
        return QNT_ERR_ARG;
    struct qnt_run *r = &v->run[op->model];
    const size_t batch = op->batch ? op->batch : 1;
    if (batch > r->s.max_batch || (op->flags && q->base))
        return QNT_ERR_ARG;
    if (!(op->flags ? place_arrays(r, op) : place_blocks(r, q, op, batch)))
        return QNT_ERR_ARG;
    r->s.batch = batch;
    w->ran = op->model;
    run_session(w, &r->s);
    return QNT_OK;
}

/* Runs the operation and gives its result back, for which there is room. */
static void finish(struct qnt_worker *w, struct qnt_queue *q, const struct qnt_message *m)
{
    qnt_engine_op op;
    memcpy(&op, m, sizeof op);
    const qnt_status status = run_op(w, q, &op);
    /* The next operation, if it was written meanwhile, comes while this one is given back. */
    __builtin_prefetch(&q->ops.ring->slot[q->ops.head & q->ops.mask]);
    uint64_t *word = qnt_ring_next(&q->results)->word; /* see queue.h for the order */
    word[QNT_WORD_USER] = op.user;
    word[QNT_WORD_IN] = (uintptr_t)op.in;
    word[QNT_WORD_OUT] = (uintptr_t)op.out;
    word[QNT_WORD_DEADLINE] = 0;
    word[QNT_WORD_MODEL] = qnt_word_of(op.model, op.batch);
    word[QNT_WORD_FLAGS] = qnt_word_of(op.flags, (uint32_t)status);
    const uint64_t begin = q->base ? w->now : op.ticks, end = qnt_queue_now(), ticks = end > begin ? end - begin : 0;
    word[QNT_WORD_TICKS] = ticks;
    qnt_ring_send(&q->results);
    w->now = end;
    qnt_count(&w->counts.done, 1);
    if (status)
        qnt_count(&w->counts.errors, 1);
    if (status == QNT_ERR_DEADLINE)
        qnt_count(&w->counts.missed, 1);
    qnt_counts_latency(&w->counts, ticks);
    /* Release: who reads it finds the result (qnt_engine_drain). */
    atomic_store_explicit(&q->done, atomic_load_explicit(&q->done, memory_order_relaxed) + 1, memory_order_release);
}

static uint32_t serve(struct qnt_worker *w, struct qnt_queue *q)
{
    struct qnt_message m[BURST];
    const uint64_t room = qnt_ring_room(&q->results, 1);
    const uint32_t n = qnt_ring_get(&q->ops, m, room < BURST ? (uint32_t)room : BURST);
    if (!n)
        return 0;
    const uint64_t begin = w->now;
    for (uint32_t i = 0; i < n; i++) {
        if (i + 1 < n) /* the beginning of the next input, while this operation is run */
            qnt_fetch_lines((const void *)((uintptr_t)q->base + m[i + 1].word[QNT_WORD_IN]), FETCHED);
        else
            __builtin_prefetch(&q->ops.ring->slot[q->ops.head & q->ops.mask]);
        finish(w, q, &m[i]);
    }
    qnt_count(&w->counts.busy, w->now - begin);
    return n;
}

uint32_t qnt_worker_turn(struct qnt_worker *w)
{
    const struct qnt_view *v = w->mine;
    uint32_t n = 0;
    w->now = qnt_ticks_near(); /* not once an operation is there, which would wait for it */
    for (size_t i = 0; i < v->n_queues; i++)
        n += serve(w, v->queue[i]);
    qnt_count(&w->counts.polls, 1);
    if (!n)
        qnt_count(&w->counts.empty, 1);
    return n;
}

/* One image, and as many as go through the steps together, where kernels may be others: of zeros, which the arena
 * holds. */
void qnt_worker_warm(struct qnt_worker *w)
{
    const struct qnt_view *v = w->mine;
    for (size_t i = 0; i < v->n_models; i++) {
        struct qnt_session *s = &v->run[i].s;
        const struct qnt_plan *p = s->plan;
        const struct qnt_ids *in = &p->model->inputs, *out = &p->model->outputs;
        for (size_t k = 0; k < in->n; k++) /* onto themselves */
            v->run[i].in[k] = s->arena + p->offset[in->id[k]];
        for (size_t k = 0; k < out->n; k++)
            v->run[i].out[k] = s->arena + p->offset[out->id[k]];
        for (size_t batch = 1;; batch = s->chunk) {
            s->batch = batch;
            run_session(w, s);
            if (batch == s->chunk)
                break;
        }
    }
    qnt_worker_turn(w);
}

static void take_view(struct qnt_worker *w)
{
    struct qnt_view *v = atomic_load_explicit(&w->view, memory_order_acquire); /* pairs with control.c */
    if (v == w->mine)
        return;
    w->mine = v;
    atomic_store_explicit(&w->using, v, memory_order_release);
}

/* Follows views and orders; false: it is to end. */
static bool obey(struct qnt_worker *w)
{
    for (;;) {
        const uint32_t wake = atomic_load_explicit(&w->wake, memory_order_acquire);
        const uint32_t order = atomic_load_explicit(&w->order, memory_order_acquire);
        const uint32_t before = atomic_load_explicit(&w->obeyed, memory_order_relaxed);
        take_view(w);
        if (order == QNT_ORDER_CALL && before != order)
            w->call(w->call_arg);
        if (order == QNT_ORDER_PAUSE && w->crew)
            qnt_crew_rest(w->crew);
        atomic_store_explicit(&w->obeyed, order, memory_order_release);
        if (order == QNT_ORDER_RUN || order == QNT_ORDER_STOP)
            return order == QNT_ORDER_RUN;
        if (order == QNT_ORDER_CALL)
            qnt_pause(); /* what comes next is on its way, and a call that counts system calls counts none here */
        else
            qnt_futex_wait(&w->wake, wake);
    }
}

static void settle(struct qnt_worker *w)
{
    const qnt_engine *e = w->engine;
    const uint32_t cpu = e->cores->cpu[w->index];
    char name[16];
    snprintf(name, sizeof name, "qnt-worker-%u", w->index % 1000);
    pthread_setname_np(pthread_self(), name);
    w->thread_id = (uint32_t)syscall(SYS_gettid);
    if (cpu == UINT32_MAX)
        qnt_log(e->ctx, 1, "engine: worker %u is not pinned: there is no CPU of its own", w->index);
    else if (qnt_topo_pin_self(cpu))
        qnt_log(e->ctx, 1, "engine: worker %u is not pinned: %s", w->index, qnt_last_error());
    else
        w->pinned = true;
    if (e->config.policy == QNT_POLICY_FIFO) {
        const struct sched_param p = {.sched_priority = (int)e->config.priority};
        const int error = pthread_setschedparam(pthread_self(), SCHED_FIFO, &p);
        w->fifo = !error;
        if (error)
            qnt_log(e->ctx, 1, "engine: worker %u runs under the normal policy: SCHED_FIFO: %s", w->index,
                    strerror(error));
    }
    qnt_thread_touch_stack();
}

void *qnt_worker_main(void *worker)
{
    struct qnt_worker *w = worker;
    settle(w);
    qnt_fpenv_enter(); /* its own thread: there is nothing to come back to */
    if (w->crew && w->index) {
        atomic_store_explicit(&w->obeyed, QNT_ORDER_RUN, memory_order_release);
        qnt_crew_follow(w->crew, w->index);
        return NULL;
    }
    take_view(w);
    qnt_worker_warm(w);
    while (obey(w)) {
        do {
            if (qnt_worker_turn(w))
                w->idle_since = 0;
            else
                qnt_worker_idle(w);
        } while (atomic_load_explicit(&w->view, memory_order_relaxed) == w->mine &&
                 atomic_load_explicit(&w->order, memory_order_relaxed) == QNT_ORDER_RUN);
        w->idle_since = 0;
    }
    if (w->crew)
        qnt_crew_end(w->crew);
    return NULL;
}
