/* The thread on the worker's CPU, and what every window is told by: a line's round trip and the kernel. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "simd/ticks.h"
#include "tools/qbench/engine.h"

enum { PAIRS = 64, TRIPS = 64, TRIP_SAMPLES = 24, KERNEL_SAMPLES = 24, KERNELS = 8, KERNEL_LEAST = 3 };
static const double long_kernel = 20e-6; /* seconds, of which one is a sample */

/* Two words, each alone in what cores fetch. The next message takes the next pair, as in a ring the next slot: how far
 * a line is depends on its address. */
struct qe_pair {
    _Alignas(128) _Atomic uint64_t there;
    _Alignas(128) _Atomic uint64_t back;
};
struct qe_lines {
    struct qe_pair pair[PAIRS];
    _Alignas(128) _Atomic bool ends;
};

static void *mate_main(void *arg)
{
    struct qe_mate *m = arg;
    pthread_mutex_lock(&m->lock);
    while (!m->ends) {
        if (!m->fn) {
            pthread_cond_wait(&m->change, &m->lock);
            continue;
        }
        pthread_mutex_unlock(&m->lock);
        m->fn(m->arg);
        pthread_mutex_lock(&m->lock);
        m->fn = NULL;
        pthread_cond_broadcast(&m->change);
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

void qe_mate_begin(struct qe *e, void (*fn)(void *arg), void *arg)
{
    struct qe_mate *m = &e->mate;
    pthread_mutex_lock(&m->lock);
    m->fn = fn;
    m->arg = arg;
    pthread_cond_broadcast(&m->change);
    pthread_mutex_unlock(&m->lock);
}

void qe_mate_end(struct qe *e)
{
    struct qe_mate *m = &e->mate;
    pthread_mutex_lock(&m->lock);
    while (m->fn)
        pthread_cond_wait(&m->change, &m->lock);
    pthread_mutex_unlock(&m->lock);
}

int qe_mate_create(struct qe *e)
{
    struct qe_mate *m = &e->mate;
    pthread_attr_t attr;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(e->cpu[1], &one);
    if (!(e->lines = aligned_alloc(_Alignof(struct qe_lines), sizeof *e->lines)))
        return opt_fail(e->q->tool, QNT_ERR_NOMEM);
    memset(e->lines, 0, sizeof *e->lines);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->change, NULL);
    pthread_attr_init(&attr);
    pthread_attr_setaffinity_np(&attr, sizeof one, &one);
    const int error = pthread_create(&m->thread, &attr, mate_main, m);
    pthread_attr_destroy(&attr);
    if (error)
        return opt_error(e->q->tool, EXIT_RESOURCE, "engine: no thread on CPU %u: %s", e->cpu[1], strerror(error));
    m->started = true;
    return EXIT_OK;
}

void qe_mate_free(struct qe *e)
{
    struct qe_mate *m = &e->mate;
    if (m->started) {
        pthread_mutex_lock(&m->lock);
        m->ends = true;
        pthread_cond_broadcast(&m->change);
        pthread_mutex_unlock(&m->lock);
        pthread_join(m->thread, NULL);
    }
    free(e->lines);
}

void qe_infer(struct qe *e)
{
    if (qnt_session_run_io(e->session, e->in_at, e->out_at, 1))
        e->window->failed++;
}

/* Answers message after message, counted from 1, until it is to end. */
static inline __attribute__((always_inline)) void answer(struct qe *e, bool infers)
{
    struct qe_lines *l = e->lines;
    for (uint64_t i = 1;; i++) {
        struct qe_pair *p = &l->pair[i % PAIRS];
        while (atomic_load_explicit(&p->there, memory_order_acquire) != i)
            if (atomic_load_explicit(&l->ends, memory_order_relaxed))
                return;
        if (infers)
            qe_infer(e);
        atomic_store_explicit(&p->back, i, memory_order_release);
    }
}

static void echo(void *arg)
{
    answer(arg, false);
}

static void infer(void *arg)
{
    answer(arg, true);
}

static void begin_answers(struct qe *e, void (*fn)(void *arg))
{
    for (size_t i = 0; i < PAIRS; i++) {
        atomic_store(&e->lines->pair[i].there, 0);
        atomic_store(&e->lines->pair[i].back, 0);
    }
    atomic_store(&e->lines->ends, false);
    qe_mate_begin(e, fn, e);
}

static void end_answers(struct qe *e)
{
    atomic_store(&e->lines->ends, true);
    qe_mate_end(e);
}

static inline void ask(struct qe_lines *l, uint64_t i)
{
    struct qe_pair *p = &l->pair[i % PAIRS];
    atomic_store_explicit(&p->there, i, memory_order_release);
    while (atomic_load_explicit(&p->back, memory_order_acquire) != i)
        ;
}

double qe_trip(struct qe *e)
{
    double sample[TRIP_SAMPLES];
    uint64_t i = 0;
    begin_answers(e, echo);
    for (size_t s = 0; s < TRIP_SAMPLES; s++) {
        const uint64_t begin = qnt_ticks();
        for (uint64_t end = i + TRIPS; i < end;)
            ask(e->lines, ++i);
        sample[s] = (double)(qnt_ticks() - begin);
    }
    end_answers(e);
    return qe_median(sample, TRIP_SAMPLES) / TRIPS / e->ticks_per_second;
}

int qe_bare(struct qe *e, const struct qe_case *c)
{
    struct qe_window *w = e->window;
    (void)c;
    begin_answers(e, infer);
    const uint64_t until = qnt_ticks() + e->slice;
    for (uint64_t i = 1; w->samples < QE_SAMPLES; i++) {
        const uint64_t begin = qnt_ticks();
        ask(e->lines, i);
        const uint64_t end = qnt_ticks();
        if (i > TRIPS) /* warm */
            w->ticks[w->samples++] = (double)(end - begin) - e->watch;
        if (w->samples >= KERNEL_LEAST && end > until)
            break;
    }
    end_answers(e);
    return EXIT_OK;
}

static double time_runs(struct qe *e, uint32_t n)
{
    const uint64_t begin = qnt_ticks();
    for (uint32_t i = 0; i < n; i++)
        qe_infer(e);
    return (double)(qnt_ticks() - begin) / n;
}

struct kernel {
    struct qe *e;
    double seconds;
};

static void run_kernel(void *arg)
{
    struct kernel *k = arg;
    struct qe *e = k->e;
    double sample[KERNEL_SAMPLES];
    size_t n = 0;
    time_runs(e, 1);
    const uint32_t runs = time_runs(e, 1) > long_kernel * e->ticks_per_second ? 1 : KERNELS;
    const uint64_t begin = qnt_ticks();
    while (n < KERNEL_SAMPLES && (n < KERNEL_LEAST || qnt_ticks() - begin < e->slice))
        sample[n++] = time_runs(e, runs);
    k->seconds = qe_median(sample, n) / e->ticks_per_second;
}

double qe_kernel(struct qe *e)
{
    struct kernel k = {.e = e};
    qe_mate_begin(e, run_kernel, &k);
    qe_mate_end(e);
    return k.seconds;
}
