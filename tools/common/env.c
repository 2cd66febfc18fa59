#include "env.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void warn(void *user, int level, const char *text)
{
    const struct opt_tool *tool = user;
    if (level <= 1)
        fprintf(stderr, "%s: warning: %s\n", tool->name, text);
}

qnt_status env_context(const struct opt_tool *tool, qnt_ctx **out)
{
    return env_context_with(tool, NULL, NULL, out);
}

qnt_status env_context_with(const struct opt_tool *tool, const char *isa, const char *costs, qnt_ctx **out)
{
    qnt_config config = {.size = sizeof config, .isa = isa, .log = warn, .user = (void *)tool, .costs = costs};
    return qnt_ctx_create(&config, out);
}

qnt_status env_data(qnt_ctx *ctx, const char *where, qnt_split split, size_t count, qnt_dataset **out)
{
    if (!strcmp(where, "builtin"))
        return qnt_dataset_builtin(ctx, split, count, out);
    qnt_status status = qnt_dataset_cifar10(ctx, where, split, out);
    if (status || count == 0 || count >= qnt_dataset_size(*out))
        return status;
    qnt_dataset *rest = NULL;
    if ((status = qnt_dataset_hold_out(*out, qnt_dataset_size(*out) - count, &rest))) {
        qnt_dataset_free(*out);
        *out = NULL;
    }
    qnt_dataset_free(rest);
    return status;
}

/* Reads a number and moves past it; -1 when there is none. */
static long number(const char **text)
{
    char *end;
    if (**text < '0' || **text > '9')
        return -1;
    long n = strtol(*text, &end, 10);
    *text = end;
    return n < CPU_SETSIZE ? n : -1;
}

const char *env_cpus_parse(void *target, const char *value)
{
    struct env_cpus *cpus = target;
    cpus->count = 0;
    for (const char *p = value;; p++) {
        long first = number(&p), last = first;
        if (first >= 0 && *p == '-') {
            p++;
            last = number(&p);
        }
        if (first < 0 || last < first || (*p && *p != ','))
            return "expected CPU numbers such as 0,2-3";
        for (long cpu = first; cpu <= last; cpu++) {
            if (cpus->count == ENV_MAX_CPUS)
                return "too many CPUs";
            cpus->cpu[cpus->count++] = (uint32_t)cpu;
        }
        if (!*p)
            return NULL;
    }
}

uint32_t env_cpus_default(struct env_cpus *cpus, uint32_t threads)
{
    if (cpus->count > 0)
        return threads ? threads : cpus->count;
    qnt_machine machine = {.size = sizeof machine};
    if (qnt_machine_get(&machine))
        return threads ? threads : 1; /* not pinned, with a warning by the library */
    uint32_t most = threads ? threads : machine.usable_cores;
    while (cpus->count < most && cpus->count < machine.usable_cores && cpus->count < ENV_MAX_CPUS &&
           qnt_machine_core(cpus->count, &cpus->cpu[cpus->count]) == QNT_OK)
        cpus->count++;
    return most;
}

void env_pin(const struct opt_tool *tool, const struct env_cpus *cpus, cpu_set_t *old)
{
    cpu_set_t one;
    CPU_ZERO(old);
    if (sched_getaffinity(0, sizeof *old, old))
        CPU_ZERO(old); /* env_unpin then leaves things as they are */
    if (cpus->count == 0)
        return;
    CPU_ZERO(&one);
    CPU_SET(cpus->cpu[0], &one);
    if (sched_setaffinity(0, sizeof one, &one))
        fprintf(stderr, "%s: warning: cannot be pinned to CPU %u: %s\n", tool->name, cpus->cpu[0], strerror(errno));
}

void env_unpin(const cpu_set_t *old)
{
    if (CPU_COUNT(old) > 0)
        sched_setaffinity(0, sizeof *old, old);
}
