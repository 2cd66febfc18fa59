/* The machine by the kernel's own files: for builds without hwloc. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/core/core.h"
#include "lib/run/sysfile.h"
#include "lib/run/topo.h"

#define CPU_DIR "/sys/devices/system/cpu"
#define NODE_DIR "/sys/devices/system/node"
enum { NO_PACKAGE = UINT16_MAX };

/* Rows are sorted by the first CPU of their package, their node and their core, then by their own number: so hwloc,
 * too, orders what it finds. */
struct place {
    uint32_t package_first, node_first, core_first;
    struct qnt_topo_cpu row; /* .package: still the OS's number */
};
struct places {
    uint32_t n;
    struct place place[QNT_MAX_CORES];
};

static int compare(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    uint32_t p[] = {x->package_first, x->node_first, x->core_first, x->row.cpu};
    uint32_t q[] = {y->package_first, y->node_first, y->core_first, y->row.cpu};
    for (size_t i = 0; i < sizeof p / sizeof *p; i++)
        if (p[i] != q[i])
            return p[i] < q[i] ? -1 : 1;
    return 0;
}

/* Threads of one core; kernels before 5.3 have the second name only. */
static uint32_t first_of_core(const char *root, uint32_t cpu)
{
    cpu_set_t set;
    if (!qnt_sysfile_cpus(root, &set, CPU_DIR "/cpu%u/topology/core_cpus_list", cpu) &&
        !qnt_sysfile_cpus(root, &set, CPU_DIR "/cpu%u/topology/thread_siblings_list", cpu))
        return cpu;
    int first = qnt_cpus_first(&set);
    return first < 0 ? cpu : (uint32_t)first;
}

static void read_cpu(const char *root, uint32_t cpu, struct place *p)
{
    cpu_set_t slower;
    uint64_t package, capacity;
    *p = (struct place){.core_first = first_of_core(root, cpu), .row = {.cpu = (uint16_t)cpu, .package = NO_PACKAGE}};
    if (qnt_sysfile_number(root, &package, CPU_DIR "/cpu%u/topology/physical_package_id", cpu) && package < NO_PACKAGE)
        p->row.package = (uint16_t)package; /* some ARM machines say -1 */
    if (qnt_sysfile_number(root, &capacity, CPU_DIR "/cpu%u/cpu_capacity", cpu) && capacity <= UINT16_MAX)
        p->row.capacity = (uint16_t)capacity;
    /* x86 kernels without capacities name the slower cores of a hybrid CPU as a device of their own. */
    p->row.kind = !(qnt_sysfile_cpus(root, &slower, "/sys/devices/cpu_atom/cpus") && CPU_ISSET(cpu, &slower));
}

static uint32_t read_nodes(const char *root, struct places *all)
{
    cpu_set_t nodes, cpus;
    uint32_t count = 0;
    if (!qnt_sysfile_cpus(root, &nodes, NODE_DIR "/online"))
        return 1; /* a kernel without NUMA */
    for (uint32_t node = 0; node < CPU_SETSIZE; node++) {
        if (!CPU_ISSET(node, &nodes) || !qnt_sysfile_cpus(root, &cpus, NODE_DIR "/node%u/cpulist", node) ||
            CPU_COUNT(&cpus) == 0)
            continue;
        count++;
        for (uint32_t i = 0; i < all->n; i++)
            if (CPU_ISSET(all->place[i].row.cpu, &cpus)) {
                all->place[i].row.node = (uint16_t)node;
                all->place[i].node_first = (uint32_t)qnt_cpus_first(&cpus);
            }
    }
    return count ? count : 1;
}

/* Places come in the order of their numbers, so the first of a package is its first CPU. */
static void find_packages(struct places *all)
{
    for (uint32_t i = 0; i < all->n; i++) {
        uint32_t k = 0;
        while (all->place[k].row.package != all->place[i].row.package)
            k++;
        all->place[i].package_first = all->place[k].row.cpu;
    }
}

static void number_rows(struct places *all, struct qnt_topo *out)
{
    uint32_t package = 0;
    qsort(all->place, all->n, sizeof *all->place, compare);
    for (uint32_t i = 0; i < all->n; i++) {
        const struct place *p = &all->place[i], *before = i ? p - 1 : NULL;
        if (before && p->package_first != before->package_first)
            package++;
        if (!before || p->core_first != before->core_first)
            out->cores++;
        struct qnt_topo_cpu *row = &out->cpu[out->n++];
        *row = p->row;
        row->package = (uint16_t)package;
        row->core = (uint16_t)(out->cores - 1);
        row->use = QNT_CPU_USED;
    }
}

static void read_caches(const char *root, struct qnt_topo *out)
{
    char type[32];
    uint64_t level, size;
    uint32_t cpu = out->core_cpu[0];
    for (uint32_t i = 0; qnt_sysfile_number(root, &level, CPU_DIR "/cpu%u/cache/index%u/level", cpu, i); i++) {
        if (!qnt_sysfile_text(root, type, sizeof type, CPU_DIR "/cpu%u/cache/index%u/type", cpu, i) ||
            !strcmp(type, "Instruction") ||
            !qnt_sysfile_number(root, &size, CPU_DIR "/cpu%u/cache/index%u/size", cpu, i))
            continue;
        if (level == 1)
            out->l1d = size;
        if (level == 2)
            out->l2 = size;
        if (level == 3)
            out->l3 = size;
    }
}

/* x86 has "model name : ..." in /proc/cpuinfo, ARM64 has no name there. */
static void read_name(const char *root, struct qnt_topo *out)
{
    char text[4096];
    const char *line, *colon;
    if (!qnt_sysfile_text(root, text, sizeof text, "/proc/cpuinfo") || !(line = strstr(text, "model name")) ||
        !(colon = strchr(line, ':')))
        return;
    colon += 1 + strspn(colon + 1, " ");
    snprintf(out->cpu_name, sizeof out->cpu_name, "%.*s", (int)strcspn(colon, "\n"), colon);
}

qnt_status qnt_topo_sysfs(const struct qnt_topo_source *source, struct qnt_topo *out)
{
    const char *root = source->root;
    cpu_set_t online;
    if (source->xml)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "%s: XML topologies need hwloc", source->xml);
    out->backend = "sysfs";
    if (!qnt_sysfile_cpus(root, &online, CPU_DIR "/online") || CPU_COUNT(&online) == 0)
        return qnt_fail(QNT_ERR_SYSTEM,
                        "the machine's topology cannot be read: no list of CPUs in %s" CPU_DIR "/online",
                        root ? root : "");
    struct places *all = calloc(1, sizeof *all);
    if (!all)
        return qnt_fail(QNT_ERR_NOMEM, "out of memory: the machine's topology");
    for (uint32_t cpu = 0; cpu < QNT_MAX_CORES; cpu++)
        if (CPU_ISSET(cpu, &online))
            read_cpu(root, cpu, &all->place[all->n++]);
    find_packages(all);
    out->nodes = read_nodes(root, all);
    number_rows(all, out);
    out->cpus = out->n;
    free(all);
    read_name(root, out);
    qnt_status status = qnt_topo_decide(source, out);
    if (!status)
        read_caches(root, out);
    return status;
}
