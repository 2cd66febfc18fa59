#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include "tools/qinfo/qinfo.h"

static const char *const uses[] = {
    [QNT_CPU_NOT_ALLOWED] = "a cpuset leaves them out",
    [QNT_CPU_NOT_BOUND] = "the affinity mask leaves them out",
    [QNT_CPU_SLOWER] = "their cores are slower than others",
    [QNT_CPU_SIBLING] = "another hardware thread of their core is used",
    [QNT_CPU_OVER_QUOTA] = "the quota does not pay for them",
};

/* A size in the largest unit that divides it. */
static void print_bytes(uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    size_t i = 0;
    for (; i < 3 && bytes && bytes % 1024 == 0; i++)
        bytes /= 1024;
    printf("%" PRIu64 " %s", bytes, units[i]);
}

/* The CPUs in the set as a list with ranges, "0-3,8". */
static void print_cpus(const bool *set)
{
    const char *before = "";
    for (size_t i = 0; i < QINFO_MAX_CPUS; i++) {
        if (!set[i])
            continue;
        size_t last = i;
        while (last + 1 < QINFO_MAX_CPUS && set[last + 1])
            last++;
        printf("%s%zu", before, i);
        if (last > i)
            printf("-%zu", last);
        before = ",";
        i = last;
    }
}

static void print_cores(const struct qinfo *q)
{
    const qnt_machine *m = &q->machine;
    const char *before = "(CPU ";
    printf("cores: %u physical, %u hardware threads, %u usable ", m->cores, m->cpus, m->usable_cores);
    for (size_t i = 0; i < q->cpus; i++) /* in the order of a team's threads */
        if (q->cpu[i].use == QNT_CPU_USED) {
            printf("%s%u", before, q->cpu[i].cpu);
            before = ",";
        }
    printf("), by %s\n", m->source);
    for (size_t use = QNT_CPU_USED + 1; use < sizeof uses / sizeof *uses; use++) {
        bool set[QINFO_MAX_CPUS] = {false}, any = false;
        for (size_t i = 0; i < q->cpus; i++)
            if (q->cpu[i].use == use)
                any = set[q->cpu[i].cpu] = true;
        if (!any)
            continue;
        printf("  not used: CPU ");
        print_cpus(set);
        printf(": %s\n", uses[use]);
    }
    printf("quota: ");
    if (m->quota_milli)
        printf("%u.%03u CPUs by %s\n", m->quota_milli / 1000, m->quota_milli % 1000, m->quota_file);
    else
        printf("none\n");
}

static void print_nodes(const struct qinfo *q)
{
    printf("NUMA nodes: %u", q->machine.numa_nodes);
    bool told[QINFO_MAX_CPUS] = {false};
    const char *before = " (";
    for (size_t i = 0; i < q->cpus; i++) {
        uint32_t node = q->cpu[i].node;
        bool set[QINFO_MAX_CPUS] = {false};
        if (node >= QINFO_MAX_CPUS || told[node])
            continue;
        told[node] = true;
        for (size_t k = i; k < q->cpus; k++)
            if (q->cpu[k].node == node)
                set[q->cpu[k].cpu] = true;
        printf("%s%u: CPU ", before, node);
        print_cpus(set);
        before = "; ";
    }
    printf(")\n");
}

static void print_memory(const qnt_memory *m)
{
    printf("pages: ");
    print_bytes(m->page_bytes);
    printf("; huge:");
    for (uint32_t i = 0; i < m->huge_sizes; i++) {
        printf("%s", i ? ", " : " ");
        print_bytes(m->huge[i].bytes);
        printf(" (%" PRIu64 " of %" PRIu64 " free)", m->huge[i].free, m->huge[i].total);
    }
    printf("%s; transparent: %s", m->huge_sizes ? "" : " none", *m->transparent ? m->transparent : "none");
    if (m->transparent_bytes) {
        printf(", ");
        print_bytes(m->transparent_bytes);
    }
    printf("\nlocked memory: ");
    if (m->memlock_bytes == UINT64_MAX)
        printf("no limit");
    else
        print_bytes(m->memlock_bytes);
    printf("\n");
}

static void print_levels(const qnt_ctx *ctx)
{
    qnt_isa_row isa;
    printf("\n%-12s %-6s %-6s %-7s\n", "ISA level", "found", "built", "usable");
    for (size_t i = 0; qnt_ctx_isa(ctx, i, &isa) == QNT_OK; i++)
        printf("%-12s %-6s %-6s %-7s %s%s%s\n", isa.name, isa.found ? "yes" : "no", isa.built ? "yes" : "no",
               isa.usable ? "yes" : "no", isa.text, *isa.reason ? ": " : "", isa.reason);
}

static void print_costs(const qnt_costs_info *c)
{
    if (*c->reason)
        printf("\ncosts of tiles: the library's own; %s%s%s\n", *c->file ? c->file : "", *c->file ? ": " : "",
               c->reason);
    else
        printf("\ncosts of tiles: measured, of %s\n", c->file);
}

/* One op: its variants from row *i on. The chosen one, or all tiles there are to choose from; then those that would be
 * faster (for tiles: all others), with the reason, once for neighbours that share it. */
static void print_op(const qnt_ctx *ctx, size_t *i)
{
    qnt_kernel_info k;
    char op[64];
    const char *reason = "";
    size_t first = *i, chosen = first;
    qnt_ctx_kernel(ctx, first, &k);
    snprintf(op, sizeof op, "%s", k.op);
    printf("%s:", op);
    for (; qnt_ctx_kernel(ctx, *i, &k) == QNT_OK && !strcmp(k.op, op); ++*i)
        if (k.tile ? k.usable : k.preferred) {
            printf(" %s", k.variant);
            chosen = k.tile ? first : *i;
        }
    for (size_t n = chosen; n < *i && qnt_ctx_kernel(ctx, n, &k) == QNT_OK; n++) {
        if (k.usable)
            continue;
        if (!strcmp(k.reason, reason))
            printf(", %s", k.variant);
        else
            printf("%s%s%s; not %s", *reason ? " (" : "", reason, *reason ? ")" : "", k.variant);
        reason = k.reason;
    }
    printf("%s%s%s\n", *reason ? " (" : "", reason, *reason ? ")" : "");
}

int qinfo_text(const struct qinfo *q)
{
    const qnt_machine *m = &q->machine;
    qnt_kernel_info k;
    printf("libqnt %s\nCPU: %s\n", qnt_version(), *m->cpu_name ? m->cpu_name : "unknown");
    print_cores(q);
    print_nodes(q);
    printf("caches: L1d %" PRIu64 " KiB, L2 %" PRIu64 " KiB, L3 %" PRIu64 " KiB\n", m->l1d_bytes / 1024,
           m->l2_bytes / 1024, m->l3_bytes / 1024);
    print_memory(&q->memory);
    print_levels(q->ctx);
    print_costs(&q->costs);
    printf(
        "\nkernels: the variant chosen and the faster ones that are not; for tiles, those to choose from by shape\n");
    for (size_t i = 0; qnt_ctx_kernel(q->ctx, i, &k) == QNT_OK;)
        print_op(q->ctx, &i);
    return ferror(stdout) ? EXIT_FAILED : EXIT_OK;
}
