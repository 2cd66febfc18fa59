/* Which hardware threads are used: those that the cpuset and the affinity mask allow, of these the ones of the fastest
 * cores, of these the first of each core, of these as many as the quota pays for. */
#include <errno.h>
#include <string.h>
#include "lib/core/core.h"
#include "lib/run/cgroup.h"
#include "lib/run/sysfile.h"
#include "lib/run/topo.h"

enum { MILLI = 1000 };

/* The calling thread's mask. Kernels for more CPUs than a cpu_set_t holds want a longer one; its first part is enough.
 */
static bool own_affinity(cpu_set_t *out)
{
    cpu_set_t sets[16];
    if (sched_getaffinity(0, sizeof sets, sets))
        return false;
    *out = sets[0];
    return true;
}

static qnt_status leave_out_forbidden(const struct qnt_topo_source *s, const struct qnt_cgroup *g, struct qnt_topo *t)
{
    cpu_set_t bound;
    bool masked = s->affinity ? qnt_cpus_parse(s->affinity, &bound) : !s->root && !s->xml && own_affinity(&bound);
    if (s->affinity && !masked)
        return qnt_fail(QNT_ERR_ARG, "'%s' is no list of CPUs", s->affinity);
    for (uint32_t i = 0; i < t->n; i++) {
        struct qnt_topo_cpu *c = &t->cpu[i];
        if (c->use == QNT_CPU_USED && g->has_cpuset && !CPU_ISSET(c->cpu, &g->cpuset))
            c->use = QNT_CPU_NOT_ALLOWED;
        if (c->use == QNT_CPU_USED && masked && !CPU_ISSET(c->cpu, &bound))
            c->use = QNT_CPU_NOT_BOUND;
    }
    return QNT_OK;
}

/* Cores that differ little are of one kind: sold as equal, they may reach frequencies that differ by some percent, and
 * a phone's fastest core has no twin. What counts is whether a team would wait for a core. */
static bool as_fast(uint32_t capacity, uint32_t most)
{
    return capacity * 4 >= most * 3;
}

static void leave_out_slower(struct qnt_topo *t)
{
    uint32_t most = 0, kind = 0;
    bool known = true;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct qnt_topo_cpu *c = &t->cpu[i];
        if (c->use != QNT_CPU_USED)
            continue;
        known = known && c->capacity;
        most = c->capacity > most ? c->capacity : most;
        kind = c->kind > kind ? c->kind : kind;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        struct qnt_topo_cpu *c = &t->cpu[i];
        if (c->use == QNT_CPU_USED && !(known ? as_fast(c->capacity, most) : c->kind == kind))
            c->use = QNT_CPU_SLOWER;
    }
}

/* A quota of 1.5 CPUs pays for one worker: a second one would stand still for a third of every period, and the whole
 * team would wait for it at each barrier. */
static void take_cores(struct qnt_topo *t)
{
    uint32_t most = t->quota_milli / MILLI, core = UINT32_MAX;
    if (!t->quota_milli)
        most = UINT32_MAX;
    else if (most == 0)
        most = 1;
    for (uint32_t i = 0; i < t->n; i++) {
        struct qnt_topo_cpu *c = &t->cpu[i];
        if (c->use != QNT_CPU_USED)
            continue;
        if (c->core == core) {
            c->use = QNT_CPU_SIBLING;
            continue;
        }
        core = c->core;
        t->core_cpu[t->candidates++] = c->cpu;
        if (t->usable < most)
            t->usable++;
        else
            c->use = QNT_CPU_OVER_QUOTA;
    }
}

qnt_status qnt_topo_decide(const struct qnt_topo_source *source, struct qnt_topo *t)
{
    struct qnt_cgroup group;
    qnt_cgroup_read(source->root, &group);
    t->quota_milli = group.quota_milli;
    memcpy(t->quota_file, group.quota_file, sizeof t->quota_file);
    qnt_status status = leave_out_forbidden(source, &group, t);
    if (status)
        return status;
    leave_out_slower(t);
    take_cores(t);
    if (t->usable == 0)
        return qnt_fail(QNT_ERR_SYSTEM, "no usable core: the affinity mask and the topology share none");
    return QNT_OK;
}

qnt_status qnt_topo_read(const struct qnt_topo_source *source, struct qnt_topo *out)
{
    static const struct qnt_topo_source here = {.root = NULL};
    const struct qnt_topo_source *s = source ? source : &here;
    memset(out, 0, sizeof *out);
#if QNT_HAVE_HWLOC
    if (!s->sysfs)
        return qnt_topo_hwloc(s, out);
#endif
    return qnt_topo_sysfs(s, out);
}

qnt_status qnt_topo_pin_self(uint32_t cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu >= CPU_SETSIZE)
        return qnt_fail(QNT_ERR_ARG, "CPU %u: numbers run to %d", cpu, CPU_SETSIZE - 1);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set))
        return qnt_fail(QNT_ERR_SYSTEM, "pinning to CPU %u: %s", cpu, strerror(errno));
    return QNT_OK;
}
