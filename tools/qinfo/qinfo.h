#ifndef QINFO_QINFO_H
#define QINFO_QINFO_H
/* qinfo: what it has read of the machine, and its two ways to print that. */
#include "tools/common/env.h"
#include "tools/common/model.h"

enum { QINFO_MAX_CPUS = 1024 };
struct qinfo {
    const qnt_ctx *ctx;
    qnt_machine machine;
    qnt_memory memory;
    qnt_costs_info costs;
    size_t cpus; /* rows in cpu[] */
    qnt_cpu_row cpu[QINFO_MAX_CPUS];
};
/* The exit code of each. */
int qinfo_json(const struct qinfo *q);
int qinfo_text(const struct qinfo *q);
int qinfo_ops(int json);
int qinfo_model(const struct opt_tool *tool, qnt_ctx *ctx, const char *path, const struct model_options *options,
                int json);
#endif
