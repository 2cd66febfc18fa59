/* qbench: how fast the kernels are, and how near to what this machine can do. */
#include <stdio.h>
#include <string.h>
#include "tools/qbench/qbench.h"

static const struct {
    const char *name;
    int (*run)(struct qbench *q);
} commands[] = {
#define QB_COMMAND(name, text) {#name, qb_##name},
#include "tools/qbench/commands.def"
#undef QB_COMMAND
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const struct opt_word words[] = {
#define QB_COMMAND(name, text) {#name, text},
#include "tools/qbench/commands.def"
#undef QB_COMMAND
    {NULL, NULL},
};

static const char *read_format(void *target, const char *value)
{
    static const char *const names[] = {[QB_MD] = "md", [QB_CSV] = "csv", [QB_JSON] = "json"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(value, names[i])) {
            *(enum qb_format *)target = (enum qb_format)i;
            return NULL;
        }
    return "expected md, csv or json";
}

/* "libqnt 0.1.0 on CPU, levels": what a figure is worth nothing without. */
static qnt_status read_machine(struct qbench *q)
{
    size_t used = 0;
    q->machine.size = sizeof q->machine;
    qnt_status status = qnt_machine_get(&q->machine);
    for (int i = 0; i < QNT_ISA_COUNT && !status; i++)
        if ((q->ctx->usable >> i & 1) && used < sizeof q->levels)
            used += (size_t)snprintf(q->levels + used, sizeof q->levels - used, "%s%s", used ? " " : "",
                                     qnt_isa_table[i].id);
    return status;
}

static int set_up(struct qbench *q, size_t command, cpu_set_t *old)
{
    const bool tunes = !strcmp(commands[command].name, "tune"); /* from the library's own costs */
    qnt_status status = env_context_with(q->tool, q->isa, tunes ? "" : q->costs, &q->ctx);
    if (status)
        return opt_fail(q->tool, status);
    if ((status = read_machine(q)))
        return opt_fail(q->tool, status);
    if (!strcmp(commands[command].name, "engine")) /* one for the worker, too */
        env_cpus_default(&q->cpus, 2);
    q->threads = env_cpus_default(&q->cpus, q->threads);
    env_pin(q->tool, &q->cpus, old);
    if (q->threads > 1 && (status = qnt_team_create(q->ctx, q->threads, q->cpus.cpu, q->cpus.count, &q->team)))
        return opt_fail(q->tool, status);
    return qb_peaks_create(q);
}

static void tear_down(struct qbench *q, const cpu_set_t *old)
{
    env_unpin(old);
    if (!q->ctx)
        return;
    qb_peaks_free(q);
    qnt_team_free(q->team);
    qnt_release(q->ctx, q->row);
    qnt_release(q->ctx, q->owned);
    qnt_ctx_free(q->ctx);
}

/* The command named by the first operand, or COMMANDS. */
static size_t find(const char *name)
{
    size_t i = 0;
    while (i < COMMANDS && strcmp(commands[i].name, name))
        i++;
    return i;
}

static int run(struct qbench *q, size_t command)
{
    cpu_set_t old;
    CPU_ZERO(&old);
    int code = set_up(q, command, &old);
    if (code == EXIT_OK)
        code = commands[command].run(q);
    if (code == EXIT_OK && !q->reported)
        code = qb_report(q, commands[command].name);
    if (code == EXIT_OK && q->plot && !q->drawn)
        code = qb_chart(q, commands[command].name);
    tear_down(q, &old);
    return code;
}

static struct qbench q = {.threads = 1, .batch = 1, .rounds = 21, .seconds = 0.05f};
static const struct opt options[] = {
    {.name = "threads",
     .letter = 't',
     .arg = "N",
     .help = "threads, each pinned to a core of its own; 0: all usable cores (default 1)",
     .kind = OPT_U32,
     .target = &q.threads,
     .max = ENV_MAX_CPUS},
    {.name = "cpus",
     .arg = "LIST",
     .help = "CPUs to run on, such as 0,2-3 (default: the first usable cores)",
     .kind = OPT_CALL,
     .target = &q.cpus,
     .call = env_cpus_parse},
    {.name = "cold",
     .help = "before each call, displace what the caches next to the core hold (default: warm caches)",
     .kind = OPT_FLAG,
     .target = &q.cold},
    {.name = "isa",
     .arg = "LEVELS",
     .help = "use no other ISA levels than these, as QNT_ISA",
     .kind = OPT_STRING,
     .target = &q.isa},
    {.name = "costs",
     .arg = "FILE",
     .help = "choose tiles by the costs in FILE, by the library's own where it is empty, as QNT_COSTS; tune: write it",
     .kind = OPT_STRING,
     .target = &q.costs},
    {.name = "sizes",
     .arg = "LIST",
     .help = "only these: M,N,K of products, separated by semicolons; elements; parts of the names of layers, "
             "kernels or rows",
     .kind = OPT_STRING,
     .target = &q.sizes},
    {.name = "batch",
     .letter = 'b',
     .arg = "N",
     .help = "model: images a call (default 1)",
     .kind = OPT_U32,
     .target = &q.batch,
     .min = 1,
     .max = 65536},
    {.name = "compare-fp32",
     .help = "model: name the layers that are not faster than in floats",
     .kind = OPT_FLAG,
     .target = &q.compare},
    {.name = "rounds",
     .arg = "N",
     .help = "rounds: in each, everything to be compared is timed in turn (default 21)",
     .kind = OPT_U32,
     .target = &q.rounds,
     .min = 1,
     .max = 1000},
    {.name = "seconds",
     .arg = "S",
     .help = "time for each figure (default 0.05)",
     .kind = OPT_F32,
     .target = &q.seconds,
     .min = 1e-6,
     .max = 3600},
    {.name = "format",
     .arg = "FORMAT",
     .help = "md, csv or json (default md)",
     .kind = OPT_CALL,
     .target = &q.format,
     .call = read_format},
    {.name = "json", .letter = 'j', .help = "print JSON", .kind = OPT_FLAG, .target = &q.json},
    {.name = "plot",
     .arg = "FILE",
     .help = "write a chart of the shares to FILE (SVG); engine: of the latencies",
     .kind = OPT_STRING,
     .target = &q.plot},
    {.name = "ort",
     .arg = "FILE",
     .help = "engine: a libonnxruntime.so, whose Run is measured too",
     .kind = OPT_STRING,
     .target = &q.ort},
    MODEL_OPTIONS(q.import),
    {.name = NULL},
};

int main(int argc, char **argv)
{
    const struct opt_tool tool = {.name = "qbench",
                                  .summary = "measures kernels and layers as shares of what this machine can do",
                                  .operands = "COMMAND [FILE]",
                                  .min_operands = 1,
                                  .max_operands = 2,
                                  .words = words,
                                  .options = options};
    int operands, code = opt_parse(&tool, argc, argv, &operands);
    if (code >= 0)
        return code;
    size_t command = find(argv[1]);
    if (command == COMMANDS)
        return opt_usage(&tool, "unknown command '%s'", argv[1]);
    const bool wants_file = !strcmp(argv[1], "model"), may_file = wants_file || !strcmp(argv[1], "engine");
    if (wants_file ? operands < 2 : operands == 2 && !may_file)
        return wants_file ? opt_usage(&tool, "missing operand, expected a model's FILE")
                          : opt_usage(&tool, "unexpected operand '%s'", argv[2]);
    q.tool = &tool;
    q.file = operands == 2 ? argv[2] : NULL;
    if (q.json)
        q.format = QB_JSON;
    return run(&q, command);
}
