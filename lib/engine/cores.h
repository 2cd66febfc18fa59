#ifndef ENGINE_CORES_H
#define ENGINE_CORES_H
/* Which CPU each worker has. */
#include <qnt/engine.h>
#include "lib/run/topo.h"

struct qnt_cores {
    uint32_t n;
    uint32_t cpu[QNT_MAX_CORES];  /* UINT32_MAX: not known, the worker is not pinned */
    uint32_t node[QNT_MAX_CORES]; /* place in os_node */
    uint32_t nodes, os_node[QNT_MAX_CORES];
    bool crowded; /* workers share CPUs, or the quota does not pay for all: they must let each other run */
};

/* "2-5,7", or "0@2,1@4" with each worker from 0 on once. QNT_ERR_ARG with a text. */
qnt_status qnt_cores_parse(const char *text, struct qnt_cores *out);
/* As qnt_engine_config says; topo NULL: nothing is known of the machine. QNT_ERR_ARG: more workers than CPUs named. */
qnt_status qnt_cores_choose(const qnt_engine_config *c, const struct qnt_topo *topo, struct qnt_cores *out);
#endif
