/* QNT_ISA and the configuration's levels through the public interface: they only take away, and say what is wrong. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <qnt/qnt.h>

enum { MOST = 32 };
static char names[MOST][24];
static int can[MOST];
static size_t count;

static qnt_ctx *create(const char *variable, const char *isa)
{
    qnt_config config = {.size = sizeof config, .isa = isa};
    qnt_ctx *ctx;
    if (variable)
        setenv("QNT_ISA", variable, 1);
    else
        unsetenv("QNT_ISA");
    ck_assert_msg(qnt_ctx_create(isa ? &config : NULL, &ctx) == QNT_OK, "QNT_ISA=%s isa=%s: %s",
                  variable ? variable : "", isa ? isa : "", qnt_last_error());
    return ctx;
}

/* What this machine offers when nothing is narrowed. */
static void learn(void)
{
    qnt_isa_row row;
    qnt_ctx *ctx = create(NULL, NULL);
    for (count = 0; qnt_ctx_isa(ctx, count, &row) == QNT_OK; count++) {
        ck_assert_uint_lt(count, MOST);
        ck_assert_int_eq(row.usable, row.found && row.built);
        ck_assert_msg(row.usable == !*row.reason, "%s: usable %d, '%s'", row.name, row.usable, row.reason);
        snprintf(names[count], sizeof *names, "%s", row.name);
        can[count] = row.usable;
    }
    ck_assert_uint_ge(count, 5);
    ck_assert_str_eq(names[0], "ref");
    qnt_ctx_free(ctx);
}

/* usable[i] must be among what the machine can, `wanted` must be among it if the machine can, and ref always. */
static void check_narrowed(qnt_ctx *ctx, const char *wanted, const char *by)
{
    qnt_isa_row row;
    qnt_kernel_info k;
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(qnt_ctx_isa(ctx, i, &row), QNT_OK);
        ck_assert_msg(!row.usable || can[i], "%s: %s was widened", wanted, row.name);
        ck_assert_msg(i != 0 || row.usable, "%s: ref is gone", wanted);
        if (!strcmp(row.name, wanted))
            ck_assert_int_eq(row.usable, can[i]);
        if (!strcmp(wanted, "ref") && i)
            ck_assert_msg(!row.usable, "ref: %s is usable", row.name);
        if (can[i] && !row.usable) /* narrowed, and by what */
            ck_assert_str_eq(row.reason, by);
    }
    for (size_t i = 0; qnt_ctx_kernel(ctx, i, &k) == QNT_OK; i++) {
        ck_assert_msg(k.usable == !*k.reason, "%s %s: usable %d, '%s'", k.op, k.variant, k.usable, k.reason);
        ck_assert(!k.preferred || k.usable);
        if (!strcmp(wanted, "ref"))
            ck_assert_int_eq(k.usable, !strcmp(k.isa, "ref"));
    }
}

START_TEST(every_level_narrows)
{
    learn();
    for (size_t i = 0; i < count; i++) {
        qnt_ctx *ctx = create(names[i], NULL);
        check_narrowed(ctx, names[i], "left out by QNT_ISA");
        qnt_ctx_free(ctx);
        ctx = create(NULL, names[i]);
        check_narrowed(ctx, names[i], "left out by the configuration");
        qnt_ctx_free(ctx);
    }
    qnt_ctx *ctx = create("", NULL); /* empty: as if unset */
    qnt_isa_row row;
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(qnt_ctx_isa(ctx, i, &row), QNT_OK);
        ck_assert_int_eq(row.usable, can[i]);
    }
    qnt_ctx_free(ctx);
}
END_TEST

START_TEST(configuration_beats_the_variable)
{
    learn();
    qnt_ctx *ctx = create("no such level", "ref");
    check_narrowed(ctx, "ref", "left out by the configuration");
    qnt_ctx_free(ctx);
}
END_TEST

START_TEST(lists_are_unions)
{
    char list[MOST * sizeof *names + 1] = "";
    qnt_isa_row row;
    learn();
    for (size_t i = 0; i < count; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? "," : "", names[i]);
    qnt_ctx *ctx = create(list, NULL);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(qnt_ctx_isa(ctx, i, &row), QNT_OK);
        ck_assert_int_eq(row.usable, can[i]);
    }
    qnt_ctx_free(ctx);
}
END_TEST

START_TEST(unknown_names_are_refused)
{
    static const char *const bad[] = {"avx9", "ref,avx9", "avx9,ref", "ref,", ",", "REF", "ref ", "re"};
    qnt_ctx *ctx = (qnt_ctx *)&count;
    learn();
    setenv("QNT_ISA", bad[_i], 1);
    ck_assert_int_eq(qnt_ctx_create(NULL, &ctx), QNT_ERR_ARG);
    ck_assert_ptr_null(ctx);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "QNT_ISA"));
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(strstr(qnt_last_error(), names[i]) != NULL, "'%s' does not list %s", qnt_last_error(), names[i]);
    if (_i < 3)
        ck_assert_ptr_nonnull(strstr(qnt_last_error(), "'avx9'"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("narrow");
    TCase *tc = tcase_create("narrow");
    tcase_add_test(tc, every_level_narrows);
    tcase_add_test(tc, configuration_beats_the_variable);
    tcase_add_test(tc, lists_are_unions);
    tcase_add_loop_test(tc, unknown_names_are_refused, 0, 8);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
