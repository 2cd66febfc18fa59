/* The machine by hwloc. Usable cores: physical cores with at least one hardware thread that the topology allows and, for
 * this machine, that the calling thread's affinity holds; the first such hardware thread stands for the core. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <hwloc.h>
#include "lib/core/core.h"
#include "lib/run/topo.h"

static void read_caches(hwloc_topology_t t, hwloc_obj_t pu, struct qnt_topo *out)
{
    (void)t;
    for (hwloc_obj_t o = pu->parent; o; o = o->parent) {
        if (o->type == HWLOC_OBJ_L1CACHE)
            out->l1d = o->attr->cache.size;
        if (o->type == HWLOC_OBJ_L2CACHE)
            out->l2 = o->attr->cache.size;
        if (o->type == HWLOC_OBJ_L3CACHE)
            out->l3 = o->attr->cache.size;
    }
}

static void read_name(hwloc_topology_t t, struct qnt_topo *out)
{
    hwloc_obj_t pack = hwloc_get_obj_by_type(t, HWLOC_OBJ_PACKAGE, 0);
    const char *name = pack ? hwloc_obj_get_info_by_name(pack, "CPUModel") : NULL;
    if (!name)
        name = hwloc_obj_get_info_by_name(hwloc_get_root_obj(t), "CPUModel");
    snprintf(out->cpu_name, sizeof out->cpu_name, "%s", name ? name : "");
}

static void read_cores(hwloc_topology_t t, hwloc_const_cpuset_t allowed, struct qnt_topo *out)
{
    int cores = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_CORE);
    hwloc_obj_type_t type = cores > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU; /* some machines tell of no cores */
    hwloc_obj_t core = NULL;
    out->cpus = (uint32_t)hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PU);
    while ((core = hwloc_get_next_obj_by_type(t, type, core))) {
        out->cores++;
        for (int cpu = hwloc_bitmap_first(core->cpuset); cpu >= 0; cpu = hwloc_bitmap_next(core->cpuset, cpu)) {
            if (!hwloc_bitmap_isset(allowed, (unsigned)cpu))
                continue;
            if (out->usable == 0)
                read_caches(t, hwloc_get_pu_obj_by_os_index(t, (unsigned)cpu), out);
            if (out->usable < QNT_MAX_CORES)
                out->core_cpu[out->usable++] = (uint32_t)cpu;
            break;
        }
    }
}

qnt_status qnt_topo_read(const char *xml, struct qnt_topo *out)
{
    qnt_status status = QNT_OK;
    hwloc_topology_t t = NULL;
    hwloc_cpuset_t allowed = NULL, bound = NULL;
    memset(out, 0, sizeof *out);
    if (hwloc_topology_init(&t))
        return qnt_fail(QNT_ERR_NOMEM, "out of memory: the machine's topology");
    if (xml && hwloc_topology_set_xml(t, xml)) {
        status = qnt_fail(QNT_ERR_IO, "%s: cannot be read as a topology", xml);
        goto done;
    }
    hwloc_topology_set_flags(t, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    if (hwloc_topology_load(t)) {
        status = xml ? qnt_fail(QNT_ERR_FORMAT, "%s: not a topology", xml)
                     : qnt_fail(QNT_ERR_SYSTEM, "the machine's topology cannot be read: %s", strerror(errno));
        goto done;
    }
    allowed = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(t));
    bound = hwloc_bitmap_alloc();
    if (!allowed || !bound) {
        status = qnt_fail(QNT_ERR_NOMEM, "out of memory: a CPU set");
        goto done;
    }
    if (!xml && !hwloc_get_cpubind(t, bound, HWLOC_CPUBIND_THREAD) && !hwloc_bitmap_iszero(bound))
        hwloc_bitmap_and(allowed, allowed, bound);
    read_name(t, out);
    read_cores(t, allowed, out);
    if (out->usable == 0)
        status = qnt_fail(QNT_ERR_SYSTEM, "no usable core: the affinity mask and the topology share none");
done:
    hwloc_bitmap_free(bound);
    hwloc_bitmap_free(allowed);
    hwloc_topology_destroy(t);
    return status;
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

qnt_status qnt_machine_get(qnt_machine *out)
{
    struct qnt_topo topo;
    qnt_machine full;
    size_t size = out ? out->size : 0;
    if (size < sizeof size)
        return qnt_fail(QNT_ERR_ARG, "qnt_machine_get: size is %zu, expected sizeof(qnt_machine), %zu", size, sizeof full);
    qnt_status status = qnt_topo_read(NULL, &topo);
    if (status)
        return status;
    memset(&full, 0, sizeof full);
    memcpy(full.cpu_name, topo.cpu_name, sizeof full.cpu_name);
    full.cores = topo.cores;
    full.cpus = topo.cpus;
    full.usable_cores = topo.usable;
    full.l1d_bytes = topo.l1d;
    full.l2_bytes = topo.l2;
    full.l3_bytes = topo.l3;
    full.size = size;
    memset(out, 0, size);
    memcpy(out, &full, size < sizeof full ? size : sizeof full);
    return QNT_OK;
}

qnt_status qnt_machine_core(size_t i, uint32_t *cpu)
{
    struct qnt_topo topo;
    qnt_status status = cpu ? qnt_topo_read(NULL, &topo) : qnt_fail(QNT_ERR_ARG, "qnt_machine_core: cpu is NULL");
    if (status)
        return status;
    if (i >= topo.usable)
        return qnt_fail(QNT_ERR_ARG, "core %zu: this process may use %u", i, topo.usable);
    *cpu = topo.core_cpu[i];
    return QNT_OK;
}
