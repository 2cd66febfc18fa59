#ifndef RUN_TOPO_H
#define RUN_TOPO_H
/* What the machine offers: topo.c is the only file that includes hwloc. */
#include <qnt/cpu.h>
enum { QNT_MAX_CORES = 1024 };
struct qnt_topo {
    uint32_t cores, cpus, usable;      /* physical cores, hardware threads, usable physical cores */
    uint32_t core_cpu[QNT_MAX_CORES];  /* one OS CPU number per usable core, topology order */
    uint64_t l1d, l2, l3;
    char cpu_name[64];
};
/* xml: NULL for this machine (intersected with the thread's affinity), or an hwloc XML file (tests). */
qnt_status qnt_topo_read(const char *xml, struct qnt_topo *out);
/* Pins the calling thread; QNT_ERR_SYSTEM when refused. */
qnt_status qnt_topo_pin_self(uint32_t cpu);
#endif
