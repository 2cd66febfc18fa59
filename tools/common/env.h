#ifndef TOOLS_ENV_H
#define TOOLS_ENV_H
/* What every tool sets up: context with warnings on stderr, data set by name, CPUs to run on, time. */
#include <sched.h>
#include <time.h>
#include <qnt/qnt.h>
#include "tools/common/opt.h"

/* A context whose warnings go to stderr as "TOOL: warning: text". `tool` must outlive it. */
qnt_status env_context(const struct opt_tool *tool, qnt_ctx **out);
/* The same with only the levels of `isa` and the costs of the file `costs`; NULL: as QNT_ISA and QNT_COSTS say. */
qnt_status env_context_with(const struct opt_tool *tool, const char *isa, const char *costs, qnt_ctx **out);
/* "builtin" or a CIFAR-10 folder; count: the first images only, 0 for all of them. */
qnt_status env_data(qnt_ctx *ctx, const char *where, qnt_split split, size_t count, qnt_dataset **out);

/* CPUs to run on, the caller's first. */
enum { ENV_MAX_CPUS = 256 };
struct env_cpus {
    uint32_t count, cpu[ENV_MAX_CPUS];
};
/* For struct opt: parses "0,2-3" into *target (struct env_cpus). */
const char *env_cpus_parse(void *target, const char *value);
/* An empty list becomes the first usable cores, `threads` of them (0: all). Returns the number of threads to start. */
uint32_t env_cpus_default(struct env_cpus *cpus, uint32_t threads);
/* Pins the calling thread to the first CPU; a refusal is a warning. `old` receives the affinity for env_unpin. */
void env_pin(const struct opt_tool *tool, const struct env_cpus *cpus, cpu_set_t *old);
void env_unpin(const cpu_set_t *old);

static inline uint64_t env_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
#endif
