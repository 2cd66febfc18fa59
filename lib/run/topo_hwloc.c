/* The machine by hwloc, or one that hwloc recorded. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <hwloc.h>
#include "lib/core/core.h"
#include "lib/run/topo.h"

static void read_caches(hwloc_topology_t t, struct qnt_topo *out)
{
    hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(t, out->core_cpu[0]);
    for (hwloc_obj_t o = pu ? pu->parent : NULL; o; o = o->parent) {
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

/* The kind of a CPU's core: its rank by efficiency, which for hwloc is speed, and the kernel's capacity. */
static void read_kind(hwloc_topology_t t, hwloc_obj_t pu, struct qnt_topo_cpu *row)
{
    struct hwloc_info_s *info;
    unsigned infos;
    int rank;
    int kind = hwloc_cpukinds_get_by_cpuset(t, pu->cpuset, 0);
    if (kind < 0 || hwloc_cpukinds_get_info(t, (unsigned)kind, NULL, &rank, &infos, &info, 0))
        return;
    row->kind = rank > 0 ? (uint8_t)(rank < UINT8_MAX ? rank : UINT8_MAX) : 0;
    for (unsigned i = 0; i < infos; i++)
        if (!strcmp(info[i].name, "LinuxCapacity"))
            row->capacity = (uint16_t)strtoul(info[i].value, NULL, 10);
}

static void read_cpus(hwloc_topology_t t, struct qnt_topo *out)
{
    hwloc_const_cpuset_t allowed = hwloc_topology_get_allowed_cpuset(t);
    hwloc_obj_t pu = NULL, node = NULL;
    int cores = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_CORE);
    out->cpus = (uint32_t)hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PU);
    out->cores = cores > 0 ? (uint32_t)cores : out->cpus; /* some machines tell of no cores */
    while ((node = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_NUMANODE, node)))
        out->nodes += !hwloc_bitmap_iszero(node->cpuset);
    while ((pu = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_PU, pu))) {
        if (pu->os_index >= QNT_MAX_CORES)
            continue;
        hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_CORE, pu);
        hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_PACKAGE, pu);
        int first_node = hwloc_bitmap_first(pu->nodeset);
        struct qnt_topo_cpu *row = &out->cpu[out->n++];
        *row = (struct qnt_topo_cpu){
            .cpu = (uint16_t)pu->os_index,
            .core = (uint16_t)(core ? core->logical_index : pu->logical_index),
            .package = (uint16_t)(package ? package->logical_index : 0),
            .node = (uint16_t)(first_node > 0 ? first_node : 0),
            .use = hwloc_bitmap_isset(allowed, pu->os_index) ? QNT_CPU_USED : QNT_CPU_NOT_ALLOWED,
        };
        read_kind(t, pu, row);
    }
}

qnt_status qnt_topo_hwloc(const struct qnt_topo_source *source, struct qnt_topo *out)
{
    const char *xml = source->xml;
    qnt_status status;
    hwloc_topology_t t = NULL;
    if (source->root && !xml)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "%s: hwloc reads this machine or an XML file, not another root",
                        source->root);
    if (hwloc_topology_init(&t))
        return qnt_fail(QNT_ERR_NOMEM, "out of memory: the machine's topology");
    out->backend = "hwloc";
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
    read_name(t, out);
    read_cpus(t, out);
    if (!(status = qnt_topo_decide(source, out)))
        read_caches(t, out);
done:
    hwloc_topology_destroy(t);
    return status;
}
