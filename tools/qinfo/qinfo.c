/* qinfo: CPU, usable cores and why not the others, memory, ISA levels, the kernels chosen; or what a model is, or what
 * models may have. */
#include <string.h>
#include "tools/qinfo/qinfo.h"

static qnt_status read_machine(struct qinfo *q)
{
    q->machine.size = sizeof q->machine;
    q->memory.size = sizeof q->memory;
    qnt_status status = qnt_machine_get(&q->machine);
    if (!status)
        status = qnt_memory_get(&q->memory);
    if (!status)
        status = qnt_machine_cpus(q->cpu, QINFO_MAX_CPUS, &q->cpus);
    if (q->cpus > QINFO_MAX_CPUS)
        q->cpus = QINFO_MAX_CPUS;
    return status;
}

static const struct opt_word words[] = {
    {"ops", "what the operations of models may be, with their attributes, by format (a file of that name: ./ops)"},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
    int json = 0, selftest = 0, operands = 0;
    struct model_options model = {.external_data = 0};
    size_t checked = 0;
    const struct opt options[] = {
        {.name = "json", .letter = 'j', .help = "print JSON", .kind = OPT_FLAG, .target = &json},
        {.name = "selftest",
         .help = "compare every usable kernel variant with the reference",
         .kind = OPT_FLAG,
         .target = &selftest},
        MODEL_OPTIONS(model),
        {.name = NULL},
    };
    const struct opt_tool tool = {
        .name = "qinfo",
        .summary = "shows what this machine offers: cores, memory, ISA levels, kernels; or what MODEL is",
        .operands = "[ops | MODEL]",
        .max_operands = 1,
        .words = words,
        .options = options};
    static struct qinfo q;
    qnt_ctx *ctx;
    int code = opt_parse(&tool, argc, argv, &operands);
    if (code >= 0)
        return code;
    if (operands && !strcmp(argv[1], words[0].name))
        return qinfo_ops(json);
    qnt_status status = env_context(&tool, &ctx);
    if (status)
        return opt_fail(&tool, status);
    if (operands) {
        code = qinfo_model(&tool, ctx, argv[1], &model, json);
    } else if (selftest) {
        code = opt_fail(&tool, qnt_ctx_selftest(ctx, &checked));
        if (code == EXIT_OK)
            printf(json ? "{\"selftest\": \"ok\", \"variants\": %zu}\n"
                        : "selftest: %zu variants agree with the reference\n",
                   checked);
    } else if ((status = read_machine(&q))) {
        code = opt_fail(&tool, status);
    } else {
        q.ctx = ctx;
        q.costs.size = sizeof q.costs;
        qnt_ctx_costs(ctx, &q.costs);
        code = json ? qinfo_json(&q) : qinfo_text(&q);
    }
    qnt_ctx_free(ctx);
    return code;
}
