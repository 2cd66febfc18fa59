/* The thread on the worker's CPU, and what every window is told by: a line's round trip and the kernel. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "simd/ticks.h"
#include "tools/qbench/engine.h"

enum { TRIPS = 64, TRIP_SAMPLES = 24, KERNEL_SAMPLES = 24, KERNELS = 8, KERNEL_LEAST = 3 };
static const double long_kernel = 20e-6; /* seconds, of which one is a sample */

/* Cores fetch lines in pairs. */
struct qe_lines {
    _Alignas(128) _Atomic uint64_t there;
    _Alignas(128) _Atomic uint64_t back;
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

static void echo(void *arg)
{
    struct qe_lines *l = ((struct qe *)arg)->lines;
    for (uint64_t i = 1; i <= TRIPS * TRIP_SAMPLES; i++) {
        while (atomic_load_explicit(&l->there, memory_order_acquire) != i)
            ;
        atomic_store_explicit(&l->back, i, memory_order_release);
    }
}

double qe_trip(struct qe *e)
{
    struct qe_lines *l = e->lines;
    double sample[TRIP_SAMPLES];
    uint64_t i = 0;
    atomic_store(&l->there, 0);
    atomic_store(&l->back, 0);
    qe_mate_begin(e, echo, e);
    for (size_t s = 0; s < TRIP_SAMPLES; s++) {
        const uint64_t begin = qnt_ticks();
        for (uint64_t end = i + TRIPS; i < end;) {
            atomic_store_explicit(&l->there, ++i, memory_order_release);
            while (atomic_load_explicit(&l->back, memory_order_acquire) != i)
                ;
        }
        sample[s] = (double)(qnt_ticks() - begin);
    }
    qe_mate_end(e);
    return qe_median(sample, TRIP_SAMPLES) / TRIPS / e->ticks_per_second;
}

/* Ends at 0. */
static void answer(void *arg)
{
    struct qe *e = arg;
    uint64_t now, last = 0;
    for (;;) {
        while ((now = atomic_load_explicit(&e->lines->there, memory_order_acquire)) == last)
            ;
        if (!now)
            return;
        qe_infer(e);
        atomic_store_explicit(&e->lines->back, last = now, memory_order_release);
    }
}

int qe_bare(struct qe *e, const struct qe_case *c)
{
    struct qe_lines *l = e->lines;
    struct qe_window *w = e->window;
    (void)c;
    atomic_store(&l->there, 0);
    atomic_store(&l->back, 0);
    qe_mate_begin(e, answer, e);
    const uint64_t until = qnt_ticks() + e->slice;
    for (uint64_t i = 1; w->samples < QE_SAMPLES; i++) {
        const uint64_t begin = qnt_ticks();
        atomic_store_explicit(&l->there, i, memory_order_release);
        while (atomic_load_explicit(&l->back, memory_order_acquire) != i)
            ;
        const uint64_t end = qnt_ticks();
        if (i > TRIPS) /* warm */
            w->ticks[w->samples++] = (double)(end - begin) - e->watch;
        if (w->samples >= KERNEL_LEAST && end > until)
            break;
    }
    atomic_store(&l->there, 0);
    qe_mate_end(e);
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
