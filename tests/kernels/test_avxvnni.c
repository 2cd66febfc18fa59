/* The variants of the level avxvnni on CPUs that have VNNI as part of AVX-512 only: the same sources, compiled to EVEX
 * encoding (avxvnni_evex.h gives their symbols other names), through the same checkers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "run.h"
#include "simd/cpu.h"

#define QNT_OP(op) ck_checker check_##op;
#define QNT_K(op, isa)
#define QNT_GEMM(op) ck_checker check_##op;
#define QNT_GK(op, tile, isa)
#include "simd/kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK

struct variant {
    const char *op, *name;
    enum qnt_isa isa;
    ck_checker *check;
    qnt_any_fn *ref, *fn;
    const struct qnt_gemm *gemm;
};
#define ROW(op_, name_, isa_) .op = #op_, .name = name_, .isa = QNT_ISA_##isa_, .check = check_##op_
#define FN(op, isa) (qnt_any_fn *)qnt_##op##_##isa
static const struct variant variants[] = {
#define QNT_OP(op)
#define QNT_K(op, isa) QNT_ON(isa, {ROW(op, #isa, isa), .ref = FN(op, ref), .fn = FN(op, isa)}, )
#define QNT_GEMM(op)
#define QNT_GK(op, tile, isa) QNT_ON(isa, {ROW(op, #tile "_" #isa, isa), .gemm = &qnt_##op##_##tile##_##isa}, )
#include "simd/kernels.def"
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static bool passes(const struct variant *v, const struct qnt_gemm *gemm_ref, bool bench)
{
    static struct ck c; /* outlives the jumps */
    struct ck_results results = {0};
    c = (struct ck){.op = v->op,
                    .variant = v->name,
                    .isa = v->isa,
                    .ref = v->ref,
                    .fn = v->fn,
                    .gemm = v->gemm,
                    .gemm_ref = gemm_ref,
                    .seed = 1,
                    .quick = ck_wants_quick(),
                    .bench = bench};
    ck_bench_into(&results, 0.03);
    bool ok = ck_run(&c, v->check);
    printf("%-10s %-14s %-6s %8llu cases\n", v->op, v->name, ok ? "ok" : "FAILED", (unsigned long long)c.cases);
    for (unsigned k = 0; k < results.count; k++)
        printf("    %-26s %9.3f G/s +-%.1f %%\n", results.v[k].label, results.v[k].rate * 1e-9,
               results.v[k].spread * 50);
    return ok;
}

/* The library's own, which is not in EVEX encoding. */
static bool is_of_library(const struct variant *v)
{
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; row->op; row++)
        if ((v->fn && row->fn == v->fn) || (v->gemm && row->gemm == v->gemm))
            return true;
    return false;
}

static void calibrate(void *found)
{
    ck_state_calibrate(*(const qnt_isa_set *)found);
}

int main(int argc, char **argv)
{
    const bool bench = argc > 1 && !strcmp(argv[1], "--bench");
    const struct qnt_gemm *gemm_ref = NULL;
    struct qnt_cpu_words words;
    unsigned count[2] = {0, 0};
    qnt_cpu_read(&words);
    qnt_isa_set found = qnt_cpu_found(&words);
    if (!(found & QNT_ISA_FLAG(avx512vnni))) {
        puts("1 skipped: no AVX-512 VNNI on this CPU");
        return 77;
    }
    ck_faults_install();
    ck_guarded(NULL, calibrate, &found);
    for (size_t i = 0; i < VARIANTS; i++) {
        const struct variant *v = &variants[i];
        if (v->gemm && v->isa == QNT_ISA_ref)
            gemm_ref = v->gemm; /* the op's list begins */
        if (v->isa != QNT_ISA_avxvnni)
            continue;
        if (is_of_library(v))
            printf("%s %s: no line in avxvnni_evex.h\n", v->op, v->name);
        count[!is_of_library(v) && passes(v, gemm_ref, bench)]++;
    }
    ck_slots_free();
    printf("%u passed, %u failed, 0 skipped\n", count[true], count[false]);
    return count[false] || !count[true] ? EXIT_FAILURE : EXIT_SUCCESS;
}
