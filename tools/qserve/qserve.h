#ifndef TOOLS_QSERVE_H
#define TOOLS_QSERVE_H
#include "tools/common/env.h"
#include "tools/common/model.h"

enum { QSERVE_MODELS = 256, QSERVE_IDS = 1024, QSERVE_NAME = 256 };

/* Users or groups, as numbers. */
struct ids {
    uint32_t n, id[QSERVE_IDS];
};
struct served {
    const char *file;
    char name[QSERVE_NAME];
};
struct qserve {
    struct served model[QSERVE_MODELS];
    uint32_t models;
    const char *socket, *cpus;
    struct ids uids, gids;
    uint32_t max_clients, depth, batch, idle, spin, workers;
    uint64_t bytes;
    int intra, quantized, small_weights, stats, json;
    struct model_options model_options;
};

/* For struct opt: NAME=FILE, or FILE, whose name without folder and ending is the model's. */
const char *qserve_model_parse(void *target, const char *value);
/* User and group names or numbers, separated by commas; may be repeated. */
const char *qserve_uids_parse(void *target, const char *value);
const char *qserve_gids_parse(void *target, const char *value);
const char *qserve_idle_parse(void *target, const char *value);

/* Tells of the server that runs at the socket. */
int qserve_stats(const struct opt_tool *tool, const struct qserve *q);
#endif
