/* qbench peak: what the other commands' shares are told of, and the same for the lower ISA levels. */
#include <stdio.h>
#include <string.h>
#include "tools/qbench/qbench.h"

static const struct {
    const char *op, *type;
    enum qb_peak kind;
} products[] = {
    {"peak_s8", "8-bit products", QB_S8},
    {"peak_b1", "xor, popcount, add", QB_B1},
    {"peak_f32", "float fma", QB_F32},
};
enum { KINDS = sizeof products / sizeof *products };

/* All levels of one kind, in the same rounds. */
static int run_kind(struct qbench *q, size_t kind)
{
    struct qb_case cases[QNT_ISA_COUNT];
    struct qb_products args[QNT_ISA_COUNT];
    size_t n = 0;
    for (const struct qnt_kernel_row *k = qnt_kernel_rows; k->op; k++) {
        if (strcmp(k->op, products[kind].op) || !(q->ctx->usable >> k->isa & 1))
            continue;
        struct qb_case *c = &cases[n];
        args[n] = (struct qb_products){products[kind].kind, k->fn};
        *c = (struct qb_case){.macs = qb_peak_work(q, products[kind].kind) / q->threads, .peak = products[kind].kind};
        c->work = (struct qb_work){.run = qb_run_products, .arg = &args[n], .each = true};
        snprintf(c->name, sizeof c->name, "%s", products[kind].type);
        snprintf(c->type, sizeof c->type, "registers");
        snprintf(c->kernel, sizeof c->kernel, "%s", k->variant);
        n++;
    }
    return qb_group(q, cases, n);
}

/* Reading and copying what each level of the caches holds. */
static int run_memory(struct qbench *q)
{
    static const char *const level[] = {"L1", "L2", "L3", "memory"};
    struct qb_case cases[2 * QB_LEVELS];
    size_t n = 0;
    const int top = q->cold ? QB_L3 : QB_L1;
    for (int l = top; l < QB_LEVELS; l++)
        for (int copy = 0; copy < 2 && q->bytes[l]; copy++) {
            struct qb_case *c = &cases[n];
            const enum qb_peak p = (enum qb_peak)((copy ? QB_COPY : QB_READ) + l);
            *c = (struct qb_case){.bytes = qb_peak_work(q, p) / q->threads, .exact = true};
            c->peak = (enum qb_peak)((copy ? QB_COPY : QB_READ) + top);
            snprintf(c->name, sizeof c->name, "%s %s", copy ? "copy" : "read", level[l]);
            if (!qb_wanted(q, c->name))
                continue;
            c->work = *qb_peak_prepare(q, p);
            snprintf(c->type, sizeof c->type, "%zu KiB", q->bytes[l] >> 10);
            snprintf(c->kernel, sizeof c->kernel, "%s", copy ? "memcpy" : "peak_read");
            n++;
        }
    return n ? qb_group(q, cases, n) : EXIT_OK;
}

int qb_peak(struct qbench *q)
{
    int code = EXIT_OK;
    for (size_t kind = 0; kind < KINDS && !code; kind++)
        if (qb_wanted(q, products[kind].type))
            code = run_kind(q, kind);
    if (!code)
        code = run_memory(q);
    return code || q->rows ? code : opt_usage(q->tool, "--sizes: no peak has '%s' in its name", q->sizes);
}
