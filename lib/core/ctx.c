/* The context: configuration, ISA levels, dispatch table; rows for inspection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/core/costs.h"

static void *own_alloc(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    return aligned_alloc(alignment, bytes); /* qnt_alloc rounds bytes up to the alignment */
}

static void own_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static void no_log(void *user, int level, const char *text)
{
    (void)user;
    (void)level;
    (void)text;
}

static qnt_status copy_config(const qnt_config *config, qnt_config *out)
{
    qnt_status status = qnt_config_copy(out, sizeof *out, config, "config");
    if (status)
        return status;
    if (!out->alloc != !out->free)
        return qnt_fail(QNT_ERR_ARG, "config: alloc and free must be set together");
    if (!out->alloc) {
        out->alloc = own_alloc;
        out->free = own_free;
    }
    if (!out->log)
        out->log = no_log;
    return QNT_OK;
}

static qnt_status unknown_level(const char *where, const char *word)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < QNT_ISA_COUNT && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", qnt_isa_table[i].id);
    return qnt_fail(QNT_ERR_ARG, "%s: unknown ISA level '%s'; valid:%s", where, word, names);
}

/* Levels the caller or the environment allows: only ever fewer than `usable`. */
static qnt_status narrow(const char *isa, qnt_isa_set *usable)
{
    const char *where = "config: isa", *text = isa ? isa : secure_getenv("QNT_ISA");
    char bad[64];
    qnt_isa_set allowed;
    if (!isa) {
        where = "QNT_ISA";
        if (!text || !*text)
            return QNT_OK;
    }
    if (qnt_isa_parse(text, &allowed, bad, sizeof bad))
        return unknown_level(where, bad);
    *usable &= allowed | QNT_ISA_FLAG(ref);
    return QNT_OK;
}

static void find_reasons(const struct qnt_cpu_words *words, struct qnt_ctx *ctx)
{
    for (unsigned i = 0; i < QNT_ISA_COUNT; i++) {
        const struct qnt_isa_info *level = &qnt_isa_table[i];
        const char *missing = qnt_cpu_missing(words, (enum qnt_isa)i);
        if (ctx->usable >> i & 1)
            ctx->reason[i] = "";
        else if (level->arch != QNT_ARCH_ANY && level->arch != QNT_ARCH_HERE)
            ctx->reason[i] = "of another architecture";
        else if (missing)
            ctx->reason[i] = missing;
        else if (!level->built)
            ctx->reason[i] = "not in this build: the compiler has no flags for it";
        else
            ctx->reason[i] = ctx->config.isa ? "left out by the configuration" : "left out by QNT_ISA";
    }
}

qnt_status qnt_ctx_create(const qnt_config *config, qnt_ctx **out)
{
    struct qnt_ctx draft;
    struct qnt_cpu_words words;
    qnt_status status;
    if (!out)
        return qnt_fail(QNT_ERR_ARG, "qnt_ctx_create: out is NULL");
    *out = NULL;
    memset(&draft, 0, sizeof draft);
    if ((status = copy_config(config, &draft.config)))
        return status;
    draft.own_memory = draft.config.alloc == own_alloc;
    qnt_cpu_read(&words);
    draft.found = qnt_cpu_found(&words);
    draft.usable = draft.found & qnt_isa_built();
    if ((status = narrow(draft.config.isa, &draft.usable)))
        return status;
    find_reasons(&words, &draft);
    qnt_dsp_init(&draft.dsp, draft.usable);
    qnt_costs_init(&draft, &words);
    draft.config.isa = draft.config.costs = NULL; /* the caller's strings are not kept */
    struct qnt_ctx *ctx = qnt_alloc(&draft, sizeof draft, "the context");
    if (!ctx)
        return QNT_ERR_NOMEM;
    *ctx = draft;
    *out = ctx;
    return QNT_OK;
}

void qnt_ctx_free(qnt_ctx *ctx)
{
    if (ctx)
        qnt_release(ctx, ctx);
}

qnt_status qnt_ctx_costs(const qnt_ctx *ctx, qnt_costs_info *out)
{
    if (!ctx || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_ctx_costs: ctx or out is NULL");
    const qnt_costs_info info = {.size = sizeof info, .file = ctx->costs_file, .reason = ctx->costs_reason};
    return qnt_result_copy(out, &info, sizeof info, "qnt_ctx_costs");
}

qnt_status qnt_ctx_isa(const qnt_ctx *ctx, size_t i, qnt_isa_row *out)
{
    if (!ctx || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_ctx_isa: ctx or out is NULL");
    if (i >= QNT_ISA_COUNT)
        return QNT_ERR_ARG;
    out->name = qnt_isa_table[i].id;
    out->text = qnt_isa_table[i].text;
    out->found = ctx->found >> i & 1;
    out->built = qnt_isa_table[i].built;
    out->usable = ctx->usable >> i & 1;
    out->reason = ctx->reason[i];
    return QNT_OK;
}

/* A line of kernels.def that this architecture has. */
static bool is_here(const struct qnt_kernel_name *k)
{
    enum qnt_arch arch = qnt_isa_table[k->isa].arch;
    return arch == QNT_ARCH_ANY || arch == QNT_ARCH_HERE;
}

qnt_status qnt_ctx_kernel(const qnt_ctx *ctx, size_t i, qnt_kernel_info *out)
{
    if (!ctx || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_ctx_kernel: ctx or out is NULL");
    const struct qnt_kernel_name *row = qnt_kernel_names;
    for (size_t n = 0; row->op; row++)
        if (is_here(row) && n++ == i)
            break;
    if (!row->op)
        return QNT_ERR_ARG;
    out->op = row->op;
    out->variant = row->variant;
    out->isa = qnt_isa_table[row->isa].id;
    out->usable = ctx->usable >> row->isa & 1;
    out->tile = row->tile;
    out->reason = ctx->reason[row->isa];
    out->preferred = out->usable; /* unless a later usable line of the same op overrides it */
    for (const struct qnt_kernel_name *later = row + 1; out->preferred && later->op; later++)
        if (!strcmp(later->op, row->op) && (ctx->usable >> later->isa & 1))
            out->preferred = 0;
    return QNT_OK;
}
