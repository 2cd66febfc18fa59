/* The context's log, and the last error: what arrives there, when, and on which thread. */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <qnt/session.h>
#include "lib/core/core.h"
#include "tests/common/models.h"
#include "tests/common/temp.h"
#include "unit.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())
enum { NO_CPU = 1 << 20 };

static struct {
    int calls, level;
    char text[512];
} heard;

static void hear(void *user, int level, const char *text)
{
    ck_assert_ptr_eq(user, &heard);
    heard.calls++;
    heard.level = level;
    snprintf(heard.text, sizeof heard.text, "%s", text);
}

/* A session whose worker is to be pinned to a CPU that does not exist. */
static void pin_to_nowhere(qnt_ctx *ctx)
{
    const uint32_t cpus[] = {0, NO_CPU};
    const qnt_session_config c = {.size = sizeof c, .threads = 2, .cpus = cpus, .n_cpus = 2};
    float in[TEST_MODEL_IN], out[TEST_MODEL_OUT];
    qnt_model *m;
    qnt_session *s;
    test_model_images(in, TEST_MODEL_IN);
    OK(test_model_float(ctx, &m));
    OK(qnt_session_create(m, &c, &s)); /* a warning, no error */
    OK(qnt_session_run(s, in, out, 1));
    qnt_session_free(s);
    qnt_model_free(m);
}

START_TEST(a_failed_pinning_is_a_warning)
{
    const qnt_config c = {.size = sizeof c, .log = hear, .user = &heard};
    qnt_ctx *ctx;
    memset(&heard, 0, sizeof heard);
    OK(qnt_ctx_create(&c, &ctx));
    ck_assert_int_eq(heard.calls, 0);
    pin_to_nowhere(ctx);
    ck_assert_int_eq(heard.calls, 1);
    ck_assert_int_eq(heard.level, 1);
    ck_assert_msg(strstr(heard.text, "worker 1") && strstr(heard.text, "1048576"), "'%s'", heard.text);
    qnt_ctx_free(ctx);
}
END_TEST

START_TEST(too_few_cpus_are_a_warning)
{
    const qnt_config c = {.size = sizeof c, .log = hear, .user = &heard};
    const uint32_t cpu = 0;
    const qnt_session_config few = {.size = sizeof few, .threads = 3, .cpus = &cpu, .n_cpus = 1};
    qnt_ctx *ctx;
    qnt_model *m;
    qnt_session *s;
    memset(&heard, 0, sizeof heard);
    OK(qnt_ctx_create(&c, &ctx));
    OK(test_model_float(ctx, &m));
    OK(qnt_session_create(m, &few, &s));
    ck_assert_int_eq(heard.calls, 2);
    ck_assert_msg(strstr(heard.text, "worker 2 is not pinned") != NULL, "'%s'", heard.text);
    qnt_session_free(s);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

/* Neither warnings nor errors are printed when nobody listens. */
START_TEST(without_a_log_all_is_silent)
{
    char path[TEST_PATH];
    int file = test_temp_open(path), out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    qnt_ctx *ctx;
    qnt_model *m = NULL;
    ck_assert(file >= 0 && out >= 0 && err >= 0);
    unlink(path);
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    OK(qnt_ctx_create(NULL, &ctx));
    pin_to_nowhere(ctx);
    qnt_status status = qnt_model_load(ctx, "/nowhere/at.all", &m);
    qnt_ctx_free(ctx);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    ck_assert_int_eq(status, QNT_ERR_IO);
    ck_assert_int_eq(lseek(file, 0, SEEK_END), 0);
    close(file);
    close(out);
    close(err);
}
END_TEST

static void *fail_elsewhere(void *arg)
{
    const char **first = arg;
    *first = *qnt_last_error() ? "not empty" : "";
    qnt_ctx_create(NULL, NULL);
    return NULL;
}

START_TEST(the_last_error_stays_until_the_next)
{
    const char *elsewhere = NULL;
    qnt_ctx *ctx = NULL;
    qnt_model *m = (qnt_model *)&elsewhere;
    pthread_t thread;
    ck_assert_str_eq(qnt_last_error(), "");
    OK(qnt_ctx_create(NULL, &ctx));
    ck_assert_str_eq(qnt_last_error(), "");
    ck_assert_int_eq(qnt_model_load(ctx, "/nowhere/at.all", &m), QNT_ERR_IO);
    ck_assert_ptr_eq(m, (qnt_model *)&elsewhere); /* untouched */
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "/nowhere/at.all"));
    pin_to_nowhere(ctx); /* succeeds, with a warning: the text is the failure's still */
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "/nowhere/at.all"));
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, &elsewhere), 0);
    pthread_join(thread, NULL);
    ck_assert_str_eq(elsewhere, "");
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "/nowhere/at.all"));
    ck_assert_int_eq(qnt_model_load(ctx, NULL, &m), QNT_ERR_ARG);
    ck_assert_ptr_null(strstr(qnt_last_error(), "/nowhere/at.all"));
    qnt_ctx_free(ctx);
}
END_TEST

/* A text that is too long loses its end; one that is put into itself does not get mixed up. */
START_TEST(long_errors_are_cut)
{
    char name[1024];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_int_eq(qnt_fail(QNT_ERR_ARG, "the name '%s'", name), QNT_ERR_ARG);
    ck_assert_uint_eq(strlen(qnt_last_error()), 511);
    ck_assert_int_eq(strncmp(qnt_last_error(), "the name 'xxx", 13), 0);
    qnt_fail(QNT_ERR_ARG, "inner");
    ck_assert_int_eq(qnt_fail_in(QNT_ERR_IO, "outer %d", 1), QNT_ERR_IO);
    ck_assert_str_eq(qnt_last_error(), "outer 1: inner");
    qnt_fail(QNT_ERR_ARG, "again: %s", qnt_last_error());
    ck_assert_str_eq(qnt_last_error(), "again: outer 1: inner");
    qnt_fail_in(QNT_ERR_ARG, "%s", name);
    ck_assert_uint_eq(strlen(qnt_last_error()), 511);
}
END_TEST

START_TEST(every_status_has_a_name)
{
    for (int s = QNT_OK; s <= QNT_ERR_DEADLINE; s++) {
        ck_assert_str_ne(qnt_status_string((qnt_status)s), "unknown status");
        for (int other = QNT_OK; other < s; other++)
            ck_assert_str_ne(qnt_status_string((qnt_status)s), qnt_status_string((qnt_status)other));
    }
    ck_assert_str_eq(qnt_status_string((qnt_status)(QNT_ERR_DEADLINE + 1)), "unknown status");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context");
    TCase *tc = tcase_create("context");
    tcase_add_test(tc, the_last_error_stays_until_the_next); /* first: it wants a thread without one */
    tcase_add_test(tc, a_failed_pinning_is_a_warning);
    tcase_add_test(tc, too_few_cpus_are_a_warning);
    tcase_add_test(tc, without_a_log_all_is_silent);
    tcase_add_test(tc, long_errors_are_cut);
    tcase_add_test(tc, every_status_has_a_name);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
