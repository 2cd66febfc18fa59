/* qinfo: CPU, caches, usable cores, ISA levels, kernel variants. */
#include <string.h>
#include <jansson.h>
#include "tools/common/env.h"

static int print_json(const qnt_ctx *ctx, const qnt_machine *m)
{
    qnt_isa_row isa;
    qnt_kernel_info k;
    uint32_t cpu;
    json_t *isas = json_array(), *kernels = json_array(), *cpus = json_array();
    for (size_t i = 0; i < m->usable_cores && qnt_machine_core(i, &cpu) == QNT_OK; i++)
        json_array_append_new(cpus, json_integer((json_int_t)cpu));
    for (size_t i = 0; qnt_ctx_isa(ctx, i, &isa) == QNT_OK; i++)
        json_array_append_new(isas, json_pack("{ss,ss,sb,sb,sb}", "name", isa.name, "text", isa.text, "found",
                                              isa.found, "built", isa.built, "usable", isa.usable));
    for (size_t i = 0; qnt_ctx_kernel(ctx, i, &k) == QNT_OK; i++)
        json_array_append_new(kernels, json_pack("{ss,ss,ss,sb,sb,sb}", "op", k.op, "variant", k.variant, "isa", k.isa,
                                                 "usable", k.usable, "preferred", k.preferred, "tile", k.tile));
    json_t *all = json_pack("{ss,ss,si,si,si,so,sI,sI,sI,so,so}", "version", qnt_version(), "cpu", m->cpu_name, "cores",
                            (int)m->cores, "cpus", (int)m->cpus, "usable_cores", (int)m->usable_cores, "usable_cpus",
                            cpus, "l1d_bytes", (json_int_t)m->l1d_bytes, "l2_bytes", (json_int_t)m->l2_bytes,
                            "l3_bytes", (json_int_t)m->l3_bytes, "isas", isas, "kernels", kernels);
    int bad = !all || json_dumpf(all, stdout, JSON_INDENT(2)) || putchar('\n') == EOF;
    json_decref(all);
    return bad ? EXIT_FAILED : EXIT_OK;
}

static void print_text(const qnt_ctx *ctx, const qnt_machine *m)
{
    qnt_isa_row isa;
    qnt_kernel_info k;
    uint32_t cpu;
    printf("libqnt %s\nCPU: %s\n", qnt_version(), *m->cpu_name ? m->cpu_name : "unknown");
    printf("cores: %u physical, %u hardware threads, %u usable (CPU", m->cores, m->cpus, m->usable_cores);
    for (size_t i = 0; i < m->usable_cores && qnt_machine_core(i, &cpu) == QNT_OK; i++)
        printf("%s%u", i ? "," : " ", cpu);
    printf(")\n");
    printf("caches: L1d %llu KiB, L2 %llu KiB, L3 %llu KiB\n", (unsigned long long)m->l1d_bytes / 1024,
           (unsigned long long)m->l2_bytes / 1024, (unsigned long long)m->l3_bytes / 1024);
    printf("\n%-12s %-6s %-6s %-7s\n", "ISA level", "found", "built", "usable");
    for (size_t i = 0; qnt_ctx_isa(ctx, i, &isa) == QNT_OK; i++)
        printf("%-12s %-6s %-6s %-7s %s\n", isa.name, isa.found ? "yes" : "no", isa.built ? "yes" : "no",
               isa.usable ? "yes" : "no", isa.text);
    printf("\nkernels (* preferred, - not usable here; tiles of a gemm are chosen by shape)\n");
    const char *op = "";
    for (size_t i = 0; qnt_ctx_kernel(ctx, i, &k) == QNT_OK; i++) {
        if (strcmp(op, k.op) != 0)
            printf("%s%s:", i ? "\n" : "", k.op);
        op = k.op;
        printf(" %s%s", k.variant, !k.usable ? "-" : k.preferred && !k.tile ? "*" : "");
    }
    if (*op)
        printf("\n");
}

int main(int argc, char **argv)
{
    int json = 0, selftest = 0;
    size_t checked = 0;
    const struct opt options[] = {
        {.name = "json", .letter = 'j', .help = "print JSON", .kind = OPT_FLAG, .target = &json},
        {.name = "selftest",
         .help = "compare every usable kernel variant with the reference",
         .kind = OPT_FLAG,
         .target = &selftest},
        {.name = NULL},
    };
    const struct opt_tool tool = {.name = "qinfo",
                                  .summary = "shows the CPU, its ISA levels and the kernels used on it",
                                  .operands = "",
                                  .options = options};
    qnt_machine machine = {.size = sizeof machine};
    qnt_ctx *ctx;
    int code = opt_parse(&tool, argc, argv, NULL);
    if (code >= 0)
        return code;
    qnt_status status = env_context(&tool, &ctx);
    if (status)
        return opt_fail(&tool, status);
    if (selftest) {
        code = opt_fail(&tool, qnt_ctx_selftest(ctx, &checked));
        if (code == EXIT_OK)
            printf(json ? "{\"selftest\": \"ok\", \"variants\": %zu}\n"
                        : "selftest: %zu variants agree with the reference\n",
                   checked);
    } else if ((status = qnt_machine_get(&machine)))
        code = opt_fail(&tool, status);
    else if (json)
        code = print_json(ctx, &machine);
    else {
        print_text(ctx, &machine);
        code = EXIT_OK;
    }
    qnt_ctx_free(ctx);
    return code;
}
