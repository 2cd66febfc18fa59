#include <time.h>
#include "lib/core/core.h"
#include "lib/run/clock.h"
#include "simd/ticks.h"

enum { READINGS = 16, LEAST_NS = 10000000, SECOND_NS = 1000000000 };

/* The counter when the clock stood at ns, from the closest of some pairs of readings. */
struct qnt_moment qnt_moment_now(void)
{
    struct qnt_moment m = {0};
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < READINGS; i++) {
        struct timespec t;
        const uint64_t before = qnt_ticks();
        clock_gettime(CLOCK_MONOTONIC, &t);
        const uint64_t after = qnt_ticks();
        if (after - before >= best)
            continue;
        best = after - before;
        m.ticks = before + best / 2;
        m.ns = (int64_t)t.tv_sec * SECOND_NS + t.tv_nsec;
    }
    return m;
}

qnt_status qnt_moment_rate(const struct qnt_moment *since, double *out)
{
    if (qnt_ticks_rate()) {
        *out = (double)qnt_ticks_rate();
        return QNT_OK;
    }
    struct qnt_moment now = qnt_moment_now();
    if (now.ns - since->ns < LEAST_NS) {
        const struct timespec pause = {.tv_nsec = since->ns + LEAST_NS - now.ns};
        nanosleep(&pause, NULL); /* shortened by a signal: less exact */
        now = qnt_moment_now();
    }
    if (now.ns <= since->ns)
        return qnt_fail(QNT_ERR_SYSTEM, "the system's clock stands still");
    *out = (double)(now.ticks - since->ticks) * SECOND_NS / (double)(now.ns - since->ns);
    return QNT_OK;
}

qnt_status qnt_ticks_per_second(double *out)
{
    if (!out)
        return qnt_fail(QNT_ERR_ARG, "qnt_ticks_per_second: out is NULL");
    const struct qnt_moment begin = qnt_moment_now();
    qnt_status status = qnt_moment_rate(&begin, out);
    return status ? qnt_fail_in(status, "qnt_ticks_per_second") : QNT_OK;
}
