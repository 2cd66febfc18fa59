/* What a worker in the default policy takes of its CPU when there is nothing to do. */
#include <time.h>
#include "tools/qbench/engine.h"

enum { SETTLE_MS = 1000, WATCH_MS = 1000, PER_THREAD = 4, SCHEDULED = 2 /* of the system's numbers of clocks */ };

static void rest(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&t, &t))
        ;
}

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    return clock_gettime(clock, &t) ? -1 : (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The share of the CPU, from a second after an operation on, for a second. */
static int watch(struct qe *e, qnt_engine *engine)
{
    qnt_engine_worker w = {.size = sizeof w};
    qnt_engine_op op = {.in = e->in, .out = e->out};
    qnt_status status = qnt_engine_worker_get(engine, 0, &w);
    if (status)
        return opt_fail(e->q->tool, status);
    qnt_engine_submit_burst(engine, 0, &op, 1);
    while (!qnt_engine_poll_burst(engine, 0, &op, 1))
        ;
    e->window->failed += op.status != QNT_OK;
    /* A thread's clock: how the system writes its number. */
    const clockid_t clock = (clockid_t)(~w.thread << 3 | PER_THREAD | SCHEDULED);
    rest(SETTLE_MS);
    const double used = seconds_of(clock), begun = seconds_of(CLOCK_MONOTONIC);
    rest(WATCH_MS);
    const double more = seconds_of(clock), ended = seconds_of(CLOCK_MONOTONIC);
    if (used < 0 || more < 0)
        return opt_error(e->q->tool, EXIT_RESOURCE, "engine: the worker's thread has no clock");
    e->window->rate = (more - used) / (ended - begun);
    return EXIT_OK;
}

int qe_idle(struct qe *e, const struct qe_case *c)
{
    char cores[16];
    qnt_engine *engine;
    (void)c;
    snprintf(cores, sizeof cores, "%u", e->cpu[1]);
    const qnt_engine_config config = {.size = sizeof config, .cores = cores, .workers = 1};
    qnt_status status = qnt_engine_create(&e->model, 1, &config, &engine);
    if (status)
        return opt_fail(e->q->tool, status);
    const int code = watch(e, engine);
    qnt_engine_destroy(engine);
    return code;
}
