/* Workers that run one operation together. They spin between operations as long as worker 0 looks for work, and sleep
 * when it says so, not by a clock of their own: so worker 0 knows whether it must wake them without asking. */
#include <limits.h>
#include <sched.h>
#include "lib/engine/engine.h"
#include "lib/run/thread.h"
#include "simd/pause.h"

enum { PHASE = 1 << 16 }; /* in `gate`; below it the members */
enum { BARE = 1000 };

/* Between two looks of a wait of mostly less than a microsecond. Members without a core of their own let others run. */
static void look_again(const struct qnt_crew *c, uint32_t *looks)
{
    if (++*looks < BARE)
        return;
    if (c->crowded)
        sched_yield();
    else
        qnt_pause();
}

void qnt_crew_meet(struct qnt_crew *c)
{
    const uint32_t before = atomic_fetch_add_explicit(&c->gate, 1, memory_order_acq_rel), phase = before / PHASE;
    uint32_t looks = 0;
    if (before % PHASE + 1 == c->members)
        atomic_store_explicit(&c->gate, (phase + 1) * PHASE, memory_order_release); /* pairs with the load below */
    else
        while (atomic_load_explicit(&c->gate, memory_order_acquire) / PHASE == phase)
            look_again(c, &looks);
}

/* All have read the round when the last barrier of it is passed: the next one may overwrite it. */
static void announce(struct qnt_crew *c, enum qnt_crew_task task, const struct qnt_session *s)
{
    c->task = task;
    c->session = s;
    atomic_fetch_add_explicit(&c->round, 1, memory_order_release); /* pairs with qnt_crew_follow */
    if (c->asleep)
        qnt_futex_wake(&c->round, INT_MAX);
    c->asleep = false;
}

void qnt_crew_run(struct qnt_crew *c, const struct qnt_session *s)
{
    announce(c, QNT_CREW_RUN, s);
    qnt_run_share(s, 0, c);
    qnt_crew_meet(c);
}

void qnt_crew_rest(struct qnt_crew *c)
{
    if (c->asleep)
        return;
    announce(c, QNT_CREW_SLEEP, NULL);
    qnt_crew_meet(c);
    c->asleep = true;
}

void qnt_crew_end(struct qnt_crew *c)
{
    announce(c, QNT_CREW_END, NULL);
    qnt_crew_meet(c);
}

void qnt_crew_follow(struct qnt_crew *c, uint32_t part)
{
    enum qnt_crew_task task = QNT_CREW_RUN;
    for (uint32_t seen = 0; task != QNT_CREW_END;) {
        uint32_t now, looks = 0;
        while ((now = atomic_load_explicit(&c->round, memory_order_acquire)) == seen) {
            if (task == QNT_CREW_SLEEP)
                qnt_futex_wait(&c->round, seen);
            else
                look_again(c, &looks);
        }
        seen = now;
        task = c->task;
        if (task == QNT_CREW_RUN)
            qnt_run_share(c->session, part, c);
        qnt_crew_meet(c);
    }
}
