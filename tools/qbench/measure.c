/* Rounds: in each, every work has a slice of time in turn, so that what the machine does meanwhile (clock, neighbours)
 * meets all of them alike. */
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "tools/qbench/qbench.h"

enum { RETAKES = 6, LEAST_ROUNDS = 3 };
static const double longest_retaken = 20e-3; /* seconds of a slice: longer ones cannot but be interrupted */
static const double longest_warm = 10e-3;    /* seconds of a call before which caches are warmed by another */
static const double patience = 6;            /* how much more than was asked for a group may take */

struct slice {
    struct qbench *q;
    const struct qb_work *work;
    size_t calls;
    double seconds, cpu; /* of all calls; cpu: while thread 0 was running */
};

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double now(void)
{
    return 1e-9 * (double)env_ns();
}

/* One thread's share of a slice. Thread 0 holds the watch. */
static void run_slice(void *arg, uint32_t part, uint32_t parts)
{
    struct slice *s = arg;
    struct qbench *q = s->q;
    double begun = 0, sum = 0;
    if (!q->cold && s->work->usual < longest_warm) /* another's data are in the caches */
        s->work->run(s->work->arg, part, parts);
    for (size_t i = 0; i < s->calls; i++) {
        if (q->cold)
            qb_sweep(q, part);
        if (q->team && (q->cold || i == 0))
            qnt_team_barrier(q->team);
        if (part == 0 && i == 0)
            s->cpu = cpu_now();
        if (part == 0 && (q->cold || i == 0))
            begun = now();
        s->work->run(s->work->arg, part, parts);
        if (q->team)
            qnt_team_barrier(q->team);
        if (part == 0 && (q->cold || i == s->calls - 1))
            sum += now() - begun - q->clock_overhead;
    }
    if (part == 0) {
        s->cpu = cpu_now() - s->cpu;
        s->seconds = sum;
    }
}

static long preemptions(const struct qbench *q)
{
    struct rusage r;
    return getrusage(q->team ? RUSAGE_SELF : RUSAGE_THREAD, &r) ? 0 : r.ru_nivcsw;
}

/* Seconds of one call; a slice in which a thread was preempted is taken again. Where that cannot help, what one thread
 * spent running counts. */
static double take(struct qbench *q, const struct qb_work *w)
{
    struct slice s = {.q = q, .work = w, .calls = w->calls};
    bool whole = false;
    for (int i = 0; !whole; i++) {
        long before = preemptions(q);
        if (q->team)
            qnt_team_run(q->team, run_slice, &s);
        else
            run_slice(&s, 0, 1);
        whole = preemptions(q) == before;
        if (i == RETAKES || w->usual * (double)w->calls > longest_retaken)
            break;
    }
    if (!whole && !q->team && !q->cold && s.cpu < s.seconds)
        s.seconds = s.cpu;
    return (s.seconds > 1e-12 ? s.seconds : 1e-12) / (double)w->calls;
}

/* How often the watch alone takes: the least of many. */
static double clock_overhead(void)
{
    double least = 1;
    for (int i = 0; i < 1000; i++) {
        double t = now();
        least = fmin(least, now() - t);
    }
    return least;
}

/* The number of calls that fill a slice; also warms up. */
static void calibrate(struct qbench *q, struct qb_work *w, double slice)
{
    const double most = q->cold ? 4 : 1e6; /* between calls the caches are swept, which takes longer than most calls */
    w->calls = 1;
    w->usual = 0;
    for (;;) {
        double t = w->usual = take(q, w), calls = floor(slice / t + 0.5);
        if ((double)w->calls * t >= slice / 4 || calls <= (double)w->calls || (double)w->calls >= most) {
            w->calls = (size_t)fmin(fmax(calls, 1), most);
            return;
        }
        w->calls = (size_t)fmin(fmin(calls, 8 * (double)w->calls), most);
    }
}

void qb_measure(struct qbench *q, struct qb_work *const *work, size_t n)
{
    const double slice = (double)q->seconds / q->rounds, begun = now();
    if (q->cold)
        qb_sweep_prepare(q);
    if (q->clock_overhead == 0)
        q->clock_overhead = clock_overhead();
    for (size_t i = 0; i < n; i++)
        calibrate(q, work[i], slice);
    for (q->taken = 0; q->taken < q->rounds; q->taken++) {
        if (q->taken >= LEAST_ROUNDS && now() - begun > patience * (double)n * (double)q->seconds)
            break;
        for (size_t i = 0; i < n; i++)
            work[i]->seconds[q->taken] = take(q, work[i]);
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between the values next to it. */
static double quantile(const double *sorted, size_t n, double at)
{
    double place = at * (double)(n - 1);
    size_t i = (size_t)place;
    return i + 1 < n ? sorted[i] + (place - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

struct qb_stat qb_stat_of(double *value, size_t n)
{
    qsort(value, n, sizeof *value, ascending);
    return (struct qb_stat){quantile(value, n, 0.5), quantile(value, n, 0.25), quantile(value, n, 0.75)};
}
