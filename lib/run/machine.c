/* The machine as the public interface tells of it. */
#include <string.h>
#include "lib/core/core.h"
#include "lib/run/topo.h"

qnt_status qnt_machine_get(qnt_machine *out)
{
    struct qnt_topo topo;
    qnt_machine full;
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
    full.numa_nodes = topo.nodes;
    full.quota_milli = topo.quota_milli;
    memcpy(full.quota_file, topo.quota_file, sizeof full.quota_file);
    full.source = topo.backend;
    return qnt_result_copy(out, &full, sizeof full, "qnt_machine_get");
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

qnt_status qnt_machine_cpus(qnt_cpu_row *rows, size_t room, size_t *count)
{
    struct qnt_topo topo;
    if (!count || (room && !rows))
        return qnt_fail(QNT_ERR_ARG, "qnt_machine_cpus: %s is NULL", count ? "rows" : "count");
    qnt_status status = qnt_topo_read(NULL, &topo);
    if (status)
        return status;
    for (size_t i = 0; i < topo.n && i < room; i++) {
        const struct qnt_topo_cpu *c = &topo.cpu[i];
        rows[i] = (qnt_cpu_row){.cpu = c->cpu,
                                .core = c->core,
                                .package = c->package,
                                .node = c->node,
                                .capacity = c->capacity,
                                .use = (qnt_cpu_use)c->use};
    }
    *count = topo.n;
    return QNT_OK;
}
