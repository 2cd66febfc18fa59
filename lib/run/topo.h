#ifndef RUN_TOPO_H
#define RUN_TOPO_H
/* What the machine offers. A back end (topo_hwloc.c, the only file that includes hwloc, or topo_sysfs.c) lists the
 * hardware threads; topo.c decides which of them stand for usable cores, and why the others do not. */
#include <sched.h>
#include <stdbool.h>
#include <qnt/cpu.h>

/* CPUs that a thread can be pinned to have numbers below this; others are counted but not listed. */
enum { QNT_MAX_CORES = CPU_SETSIZE };

/* A hardware thread. */
struct qnt_topo_cpu {
    uint16_t cpu;           /* the OS's number */
    uint16_t core, package; /* counted from 0 in topology order */
    uint16_t node;          /* NUMA node, the OS's number */
    uint16_t capacity;      /* of its core, 0: unknown */
    uint8_t kind;           /* of its core: a greater number is faster; only compared where a capacity is unknown */
    uint8_t use;            /* qnt_cpu_use */
};
struct qnt_topo {
    uint32_t cores, cpus, nodes;            /* physical cores, hardware threads, NUMA nodes with CPUs */
    uint32_t n;                             /* rows in cpu[] */
    struct qnt_topo_cpu cpu[QNT_MAX_CORES]; /* topology order: the threads of a core one after another */
    /* One CPU number per core that may be used, topology order; a team should have `usable` threads, but may have
     * `candidates` of them (those past `usable` are over the quota). */
    uint32_t usable, candidates;
    uint32_t core_cpu[QNT_MAX_CORES];
    uint32_t quota_milli; /* as in struct qnt_cgroup */
    char quota_file[128];
    uint64_t l1d, l2, l3;
    char cpu_name[64];
    const char *backend; /* "hwloc", "sysfs" */
};

/* Where to read. All NULL: this machine, for the calling thread. */
struct qnt_topo_source {
    const char *root;     /* of a file system with sys/ and proc/, the cgroups where its mounts are; no slash at the end */
    const char *xml;      /* a recorded topology for the back end hwloc, instead of sys/ */
    const char *affinity; /* CPU list "0-3,8"; NULL: the calling thread's, with root or xml: every CPU */
    bool sysfs;           /* the back end sysfs although hwloc is there */
};
/* source: NULL is all NULL. QNT_ERR_UNSUPPORTED: xml in a build without hwloc, or a root without xml for hwloc. */
qnt_status qnt_topo_read(const struct qnt_topo_source *source, struct qnt_topo *out);
/* Pins the calling thread; QNT_ERR_SYSTEM when refused. */
qnt_status qnt_topo_pin_self(uint32_t cpu);

/* A back end: fills in cores, cpus, nodes, the rows (use: QNT_CPU_USED, or QNT_CPU_NOT_ALLOWED where the machine
 * forbids it) and cpu_name, calls qnt_topo_decide, then fills in the caches of the CPU core_cpu[0]. */
qnt_status qnt_topo_hwloc(const struct qnt_topo_source *source, struct qnt_topo *out);
qnt_status qnt_topo_sysfs(const struct qnt_topo_source *source, struct qnt_topo *out);
qnt_status qnt_topo_decide(const struct qnt_topo_source *source, struct qnt_topo *t);
#endif
