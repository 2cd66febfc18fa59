#ifndef RUN_TEAM_H
#define RUN_TEAM_H
/* A team: the caller plus pinned workers, parked on a futex between calls; no spinning after a call returns. */
#include "lib/core/core.h"

struct qnt_team;
typedef void qnt_team_fn(void *arg, uint32_t part, uint32_t parts);

/* QNT_ERR_ARG for a number of threads that no team has. */
qnt_status qnt_team_check_threads(uint32_t threads);
/* threads >= 1 counts the caller, which is part 0. Workers take cpus[1..]; cpus NULL: usable cores from topo.h. A pinning
 * failure is a warning. The workers block every signal but those of their own faults. */
qnt_status qnt_team_create(qnt_ctx *ctx, uint32_t threads, const uint32_t *cpus, uint32_t n_cpus, struct qnt_team **out);
void qnt_team_free(struct qnt_team *t);
uint32_t qnt_team_size(const struct qnt_team *t);
/* Calls fn(arg, part, parts) once on every member at the same time and returns when all are done. */
void qnt_team_run(struct qnt_team *t, qnt_team_fn *fn, void *arg);
/* Called by every member inside fn: waits (spins with pause, then yields) until all have come. */
void qnt_team_barrier(struct qnt_team *t);
/* Calls fn(arg, task) for 0 <= task < tasks, each once, on any member (dynamic). `thread` tells which member runs it. */
typedef void qnt_task_fn(void *arg, size_t task, uint32_t thread);
void qnt_team_for(struct qnt_team *t, size_t tasks, qnt_task_fn *fn, void *arg);
#endif
