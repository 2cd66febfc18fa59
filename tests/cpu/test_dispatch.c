/* qnt_dsp_init for every closed set of levels: the last usable line of kernels.def is chosen, tiles are listed in
 * order. */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "simd/cpu.h"
#include "simd/kernels.h"

static const struct qnt_kernel_row *last_usable(const char *op, qnt_isa_set isas)
{
    const struct qnt_kernel_row *found = NULL;
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; row->op; row++)
        if (!strcmp(row->op, op) && (isas >> row->isa & 1))
            found = row;
    ck_assert_msg(found != NULL, "%s has no row for 0x%x", op, isas);
    return found;
}

static void same_function(const char *op, qnt_isa_set isas, qnt_any_fn *got)
{
    const struct qnt_kernel_row *want = last_usable(op, isas);
    if (got != want->fn)
        ck_abort_msg("%s with levels 0x%x: not %s", op, isas, want->variant);
}

static void same_tiles(const char *op, qnt_isa_set isas, const struct qnt_gemm_list *got)
{
    uint32_t n = 0;
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; row->op; row++)
        if (row->gemm && !strcmp(row->op, op) && (isas >> row->isa & 1)) {
            if (n >= got->count || got->v[n] != row->gemm)
                ck_abort_msg("%s with levels 0x%x: tile %u is not %s", op, isas, n, row->variant);
            n++;
        }
    if (n != got->count || n == 0) /* also: QNT_GEMM_MAX dropped none */
        ck_abort_msg("%s with levels 0x%x: %u tiles, expected %u", op, isas, got->count, n);
}

static void check_set(qnt_isa_set isas)
{
    struct qnt_dsp d;
    qnt_dsp_init(&d, isas);
    if (d.isas != (isas | QNT_ISA_FLAG(ref)))
        ck_abort_msg("levels 0x%x: the table says 0x%x", isas, d.isas);
    isas |= QNT_ISA_FLAG(ref);
#define QNT_OP(op) same_function(#op, isas, (qnt_any_fn *)d.op);
#define QNT_K(op, isa)
#define QNT_GEMM(op) same_tiles(#op, isas, &d.op);
#define QNT_GK(op, tile, isa)
#include "simd/kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK
}

START_TEST(every_closed_set)
{
    unsigned sets = 0;
    for (qnt_isa_set s = 0; s < (qnt_isa_set)1 << QNT_ISA_COUNT; s++)
        if (qnt_isa_close(s) == (s | QNT_ISA_FLAG(ref))) {
            check_set(s);
            sets++;
        }
    ck_assert_uint_ge(sets, QNT_ISA_COUNT);
}
END_TEST

/* The order of kernels.def itself: reference first, each level after those it implies. */
START_TEST(rows_are_in_order)
{
    const struct qnt_kernel_row *before = NULL;
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; row->op; before = row++) {
        bool first = !before || strcmp(before->op, row->op) != 0;
        ck_assert_msg(!first || row->isa == QNT_ISA_ref, "%s starts with %s", row->op, row->variant);
        ck_assert_msg((row->fn != NULL) != (row->gemm != NULL), "%s %s: neither or both", row->op, row->variant);
        ck_assert_msg(first || row->isa >= before->isa, "%s: %s after %s", row->op, row->variant, before->variant);
    }
}
END_TEST

/* Every line of kernels.def, built here or not. */
static const struct line {
    const char *op, *isa;
} lines[] = {
#define QNT_OP(op) {#op, "ref"},
#define QNT_K(op, isa) {#op, #isa},
#define QNT_GEMM(op) {#op, "ref"},
#define QNT_GK(op, tile, isa) {#op, #isa},
#include "simd/kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK
};
enum { LINES = sizeof lines / sizeof *lines };

/* Ops that are left to the reference on a level, and why. */
static const struct exception {
    const char *op, *isa, *reason;
} exceptions[] = {{NULL, NULL, NULL}};

static qnt_isa_set flag_of(const char *id)
{
    for (int i = 0; i < QNT_ISA_COUNT; i++)
        if (!strcmp(qnt_isa_table[i].id, id))
            return (qnt_isa_set)1 << i;
    ck_abort_msg("no level %s", id);
    return 0;
}

static bool has_variant(const char *op, qnt_isa_set isas)
{
    for (size_t i = 0; i < LINES; i++)
        if (!strcmp(lines[i].op, op) && strcmp(lines[i].isa, "ref") != 0 && (flag_of(lines[i].isa) & isas))
            return true;
    return false;
}

static bool excepted(const char *op, const char *isa)
{
    for (const struct exception *e = exceptions; e->op; e++)
        if (!strcmp(e->op, op) && !strcmp(e->isa, isa))
            return true;
    return false;
}

/* Nothing is left to the reference on these levels (with what they imply), on either architecture. */
START_TEST(every_op_has_a_variant)
{
    static const char *const levels[] = {"avx2", "avx512vnni", "neon", "neondot"};
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++)
        for (size_t i = 0; i < LINES; i++) {
            const bool has = has_variant(lines[i].op, qnt_isa_close(flag_of(levels[l])));
            ck_assert_msg(has || excepted(lines[i].op, levels[l]), "%s has no variant for %s", lines[i].op, levels[l]);
            ck_assert_msg(!has || !excepted(lines[i].op, levels[l]), "%s has a variant for %s and is an exception",
                          lines[i].op, levels[l]);
        }
}
END_TEST

START_TEST(tiles_are_described)
{
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; row->op; row++) {
        const struct qnt_gemm *g = row->gemm;
        char name[16];
        if (!g)
            continue;
        snprintf(name, sizeof name, "%ux%u", g->mr, g->nr);
        ck_assert_str_eq(g->name, name);
        ck_assert_msg(!strncmp(row->variant, name, strlen(name)), "%s: descriptor says %s", row->variant, name);
        ck_assert_msg(g->mr && g->nr && g->kr && g->a_size && g->w_bits && g->cost_step, "%s", row->variant);
        ck_assert_msg(g->w_bias == 0 || g->w_bias == 128, "%s", row->variant);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dispatch");
    TCase *tc = tcase_create("dispatch");
    tcase_add_test(tc, every_closed_set);
    tcase_add_test(tc, rows_are_in_order);
    tcase_add_test(tc, every_op_has_a_variant);
    tcase_add_test(tc, tiles_are_described);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
