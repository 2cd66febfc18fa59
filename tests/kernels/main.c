/* checkkern: every kernel variant this machine can run, against the reference. Driven by kernels.def: an op without its
 * checker does not link, and nothing is listed a second time. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "run.h"
#include "simd/cpu.h"
#include "tools/common/opt.h"

struct entry {
    const char *op, *variant; /* variant NULL: only ties a list of tiles to its checker */
    enum qnt_isa isa;
    ck_checker *check;
    qnt_any_fn *ref, *fn;
    const struct qnt_gemm *gemm;
};

#define QNT_OP(op) ck_checker check_##op;
#define QNT_K(op, isa)
#define QNT_GEMM(op) ck_checker check_##op;
#define QNT_GK(op, tile, isa)
#include "simd/kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK

#define PLAIN(op, isa) .ref = (qnt_any_fn *)qnt_##op##_ref, .fn = (qnt_any_fn *)qnt_##op##_##isa
static const struct entry entries[] = {
#define ROW(op_, variant_, isa_) .op = #op_, .variant = variant_, .isa = QNT_ISA_##isa_, .check = check_##op_
#define QNT_OP(op) {ROW(op, "ref", ref), PLAIN(op, ref)},
#define QNT_K(op, isa) {ROW(op, #isa, isa), QNT_ON(isa, PLAIN(op, isa))},
#define QNT_GEMM(op) {ROW(op, NULL, ref)},
#define QNT_GK(op, tile, isa) {ROW(op, #tile "_" #isa, isa), QNT_ON(isa, .gemm = &qnt_##op##_##tile##_##isa)},
#include "simd/kernels.def"
};
enum { ENTRIES = sizeof entries / sizeof *entries };

enum outcome { PASSED, FAILED, SKIPPED, NOT_ASKED };
struct run {
    const struct entry *e;
    enum outcome outcome;
    const char *reason; /* of a skip */
    uint64_t cases;
    struct ck_results bench;
};
static struct run runs[ENTRIES];

static struct {
    const char *op, *isa;
    uint64_t seed;
    int list, bench, json, quick;
    qnt_isa_set found, usable, asked;
} opt = {.seed = 1};

static size_t first_variant(const char *op)
{
    size_t i = 0;
    while (!entries[i].variant || strcmp(entries[i].op, op))
        i++;
    return i;
}

/* One variant: the cases, then, with --bench, the measurements. */
static void check(struct run *r)
{
    static struct ck c; /* outlives the jumps */
    const struct entry *e = r->e;
    c = (struct ck){.op = e->op,
                    .variant = e->variant,
                    .isa = e->isa,
                    .ref = e->ref,
                    .fn = e->fn,
                    .gemm = e->gemm,
                    .gemm_ref = entries[first_variant(e->op)].gemm,
                    .seed = opt.seed,
                    .quick = opt.quick,
                    .bench = opt.bench};
    ck_bench_into(&r->bench, 0.03);
    r->outcome = ck_run(&c, e->check) ? PASSED : FAILED;
    r->cases = c.cases;
}

/* Figures are told as multiples of the reference's, so it is measured even when not asked for. */
static void check_with_base(struct run *r)
{
    struct run *base = runs + first_variant(r->e->op);
    if (opt.bench && base != r && base->outcome == NOT_ASKED && !base->bench.count) {
        check(base);
        base->outcome = NOT_ASKED;
    }
    check(r);
}

static const char *why_not(const struct entry *e)
{
    if (!e->fn && !e->gemm)
        return "not built";
    if (!(opt.found >> e->isa & 1))
        return "not on this CPU";
    return opt.usable >> e->isa & 1 ? NULL : "narrowed by QNT_ISA";
}

static bool asked(const struct entry *e)
{
    return e->variant && (!opt.op || !strcmp(opt.op, e->op)) && (!opt.isa || (opt.asked >> e->isa & 1));
}

/* The reference's figure: of the first variant listed for the op. NULL when it failed. */
static const struct ck_result *base_of(const struct run *r, const char *label)
{
    const struct run *ref = runs + first_variant(r->e->op);
    for (unsigned k = 0; k < ref->bench.count; k++)
        if (!strcmp(ref->bench.v[k].label, label))
            return &ref->bench.v[k];
    return NULL;
}

static double times_ref(const struct run *r, const struct ck_result *b)
{
    const struct ck_result *ref = base_of(r, b->label);
    return ref ? b->rate / ref->rate : 0.0;
}

static const char *unit_name(enum ck_unit u)
{
    return u == CK_MACS ? "GMAC/s" : u == CK_BYTES ? "GB/s" : "Gelem/s";
}

static void print_run(const struct run *r)
{
    if (r->outcome == SKIPPED || r->outcome == NOT_ASKED)
        return;
    printf("%-22s %-18s %-6s %8llu cases\n", r->e->op, r->e->variant, r->outcome == PASSED ? "ok" : "FAILED",
           (unsigned long long)r->cases);
    for (unsigned k = 0; k < r->bench.count; k++) {
        const struct ck_result *b = &r->bench.v[k];
        printf("    %-26s %9.3f %-7s +-%.1f %%  %.2f x ref\n", b->label, b->rate * 1e-9, unit_name(b->unit),
               b->spread * 50, times_ref(r, b));
    }
}

static void print_json(const unsigned *count)
{
    static const char *const names[] = {"passed", "failed", "skipped"};
    const char *comma = "";
    printf("{\"seed\": %llu, \"passed\": %u, \"failed\": %u, \"skipped\": %u, \"variants\": [",
           (unsigned long long)opt.seed, count[PASSED], count[FAILED], count[SKIPPED]);
    for (size_t i = 0; i < ENTRIES; i++) {
        const struct run *r = &runs[i];
        if (r->outcome == NOT_ASKED)
            continue;
        printf("%s\n  {\"op\": \"%s\", \"variant\": \"%s\", \"outcome\": \"%s\", ", comma, r->e->op, r->e->variant,
               names[r->outcome]);
        if (r->reason)
            printf("\"reason\": \"%s\", ", r->reason);
        printf("\"cases\": %llu, \"bench\": [", (unsigned long long)r->cases);
        for (unsigned k = 0; k < r->bench.count; k++) {
            const struct ck_result *b = &r->bench.v[k];
            printf("%s{\"label\": \"%s\", \"unit\": \"%s\", \"rate\": %.6g, \"spread\": %.3f, \"times_ref\": %.3f}",
                   k ? ", " : "", b->label, unit_name(b->unit), b->rate * 1e-9, b->spread, times_ref(r, b));
        }
        printf("]}");
        comma = ",";
    }
    printf("\n]}\n");
}

/* "skipped: neon: 12 not built" */
static void print_skips(void)
{
    static const char *const reasons[] = {"not built", "not on this CPU", "narrowed by QNT_ISA"};
    for (unsigned isa = 0; isa < QNT_ISA_COUNT; isa++)
        for (size_t k = 0; k < sizeof reasons / sizeof *reasons; k++) {
            unsigned n = 0;
            for (size_t i = 0; i < ENTRIES; i++)
                n += runs[i].outcome == SKIPPED && runs[i].e->isa == isa && !strcmp(runs[i].reason, reasons[k]);
            if (n)
                printf("skipped: %u %s variants, %s\n", n, qnt_isa_table[isa].id, reasons[k]);
        }
}

static void run_all(unsigned *count)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        struct run *r = &runs[i];
        r->e = &entries[i];
        r->outcome = NOT_ASKED;
    }
    for (size_t i = 0; i < ENTRIES; i++) {
        struct run *r = &runs[i];
        if (!asked(r->e))
            continue;
        if ((r->reason = why_not(r->e)))
            r->outcome = SKIPPED;
        else
            check_with_base(r);
        count[r->outcome]++;
        if (!opt.json)
            print_run(r);
        fflush(stdout);
    }
}

static void list(void)
{
    const char *comma = "";
    if (opt.json)
        printf("{\"variants\": [");
    for (size_t i = 0; i < ENTRIES; i++) {
        const struct entry *e = &entries[i];
        const char *reason = asked(e) ? why_not(e) : NULL;
        if (!asked(e))
            continue;
        if (!opt.json) {
            printf("%-22s %-18s %s\n", e->op, e->variant, reason ? reason : "usable");
            continue;
        }
        printf("%s\n  {\"op\": \"%s\", \"variant\": \"%s\", \"usable\": %s", comma, e->op, e->variant,
               reason ? "false" : "true");
        if (reason)
            printf(", \"reason\": \"%s\"", reason);
        printf("}");
        comma = ",";
    }
    if (opt.json)
        printf("\n]}\n");
}

static const char *set_isa(void *target, const char *text)
{
    static char bad[80];
    /* Only the named levels, not what they imply. */
    const char *word = text;
    (void)target;
    opt.isa = text;
    for (opt.asked = 0; *word; word += strcspn(word, ","), word += *word == ',') {
        size_t len = strcspn(word, ","), i = 0;
        while (i < QNT_ISA_COUNT && (strlen(qnt_isa_table[i].id) != len || memcmp(qnt_isa_table[i].id, word, len) != 0))
            i++;
        if (i == QNT_ISA_COUNT) {
            snprintf(bad, sizeof bad, "unknown ISA level '%.*s'", (int)(len < 40 ? len : 40), word);
            return bad;
        }
        opt.asked |= (qnt_isa_set)1 << i;
    }
    return NULL;
}

static void calibrate(void *arg)
{
    *(const char **)arg = ck_state_calibrate(opt.found);
}

/* A measurement stays on one core. */
static void pin(void)
{
    cpu_set_t set;
    int cpu = sched_getcpu();
    if (cpu < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set))
        fprintf(stderr, "checkkern: cannot pin to CPU %d\n", cpu);
}

static int set_up(const struct opt_tool *tool)
{
    const char *narrow = getenv("QNT_ISA"), *levels = getenv("CHECKKERN_ISA"), *upper = "not reported here", *wrong;
    struct qnt_cpu_words words;
    char bad[40];
    bool known = false;
    qnt_cpu_read(&words);
    opt.found = qnt_cpu_found(&words);
    opt.usable = opt.found & qnt_isa_built();
    if (narrow && *narrow) {
        qnt_isa_set allowed;
        if (qnt_isa_parse(narrow, &allowed, bad, sizeof bad))
            return opt_usage(tool, "QNT_ISA: unknown ISA level '%s'", bad);
        opt.usable &= allowed;
    }
    opt.quick |= ck_wants_quick();
    if (!opt.isa && levels && *levels && (wrong = set_isa(NULL, levels)))
        return opt_usage(tool, "CHECKKERN_ISA: %s", wrong);
    for (size_t i = 0; opt.op && i < ENTRIES; i++)
        known |= !strcmp(entries[i].op, opt.op);
    if (opt.op && !known)
        return opt_usage(tool, "no op '%s'; --list shows them", opt.op);
    ck_faults_install();
    if (!ck_guarded(NULL, calibrate, &upper))
        upper = "not reported here";
    if (!opt.json && !opt.list)
        printf("checkkern: seed %llu; upper vector halves checked: %s%s\n", (unsigned long long)opt.seed, upper,
               opt.quick ? "; quick" : "");
    if (opt.bench)
        pin();
    return -1;
}

int main(int argc, char **argv)
{
    const struct opt options[] = {
        {.name = "op", .arg = "OP", .help = "check this op only", .kind = OPT_STRING, .target = &opt.op},
        {.name = "isa",
         .arg = "LEVELS",
         .help = "check variants of these levels only (also CHECKKERN_ISA=LEVELS)",
         .kind = OPT_CALL,
         .call = set_isa},
        {.name = "seed", .arg = "N", .help = "seed of all inputs (default 1)", .kind = OPT_U64, .target = &opt.seed},
        {.name = "list", .help = "list the variants and end", .kind = OPT_FLAG, .target = &opt.list},
        {.name = "bench", .help = "measure the variants that pass", .kind = OPT_FLAG, .target = &opt.bench},
        {.name = "quick",
         .help = "fewer, smaller sizes (also CHECKKERN_QUICK=1)",
         .kind = OPT_FLAG,
         .target = &opt.quick},
        {.name = "json", .help = "print JSON", .kind = OPT_FLAG, .target = &opt.json},
        {.name = NULL},
    };
    const struct opt_tool tool = {.name = "checkkern",
                                  .summary = "compares every kernel variant with the reference",
                                  .operands = "",
                                  .options = options};
    unsigned count[4] = {0};
    int code = opt_parse(&tool, argc, argv, NULL);
    if (code >= 0 || (code = set_up(&tool)) >= 0)
        return code;
    if (opt.list) {
        list();
        return EXIT_OK;
    }
    run_all(count);
    ck_slots_free();
    if (opt.json) {
        print_json(count);
    } else {
        print_skips();
        printf("%u passed, %u failed, %u skipped\n", count[PASSED], count[FAILED], count[SKIPPED]);
    }
    return count[FAILED] ? EXIT_FAILED : EXIT_OK;
}
