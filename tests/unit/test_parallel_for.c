/* parallel_for: the application's threads give the bytes that a team gives; what breaks its contract is told. */
#include <fenv.h>
#include <pthread.h>
#include <string.h>
#include <qnt/session.h>
#include "tests/common/models.h"
#include "tests/common/quick.h"
#include "unit.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())
enum { MOST = 7, LARGEST = 6 * 6 * 6 };

typedef void task_fn(void *arg, size_t i);
struct job {
    task_fn *task;
    void *arg;
    size_t n;
    _Atomic size_t next;
};
static int user; /* its address is the user pointer of every hook */
static _Atomic size_t calls;

static void called(void *u, size_t n)
{
    ck_assert_ptr_eq(u, &user);
    ck_assert_uint_gt(n, 0);
    calls++;
}

static void serially(void *u, size_t n, task_fn *task, void *arg)
{
    called(u, n);
    for (size_t i = 0; i < n; i++)
        task(arg, i);
}

static void backwards(void *u, size_t n, task_fn *task, void *arg)
{
    called(u, n);
    while (n-- > 0)
        task(arg, n);
}

/* As a foreign program's thread might be: rounding upwards. */
static void *take(void *arg)
{
    struct job *job = arg;
    size_t i;
    fesetround(FE_UPWARD);
    while ((i = job->next++) < job->n)
        job->task(job->arg, i);
    return fegetround() == FE_UPWARD ? arg : NULL;
}

static void by_threads(size_t threads, size_t n, task_fn *task, void *arg)
{
    struct job job = {.task = task, .arg = arg, .n = n};
    pthread_t thread[2];
    void *result;
    for (size_t i = 0; i < threads; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, take, &job), 0);
    for (size_t i = 0; i < threads; i++) {
        pthread_join(thread[i], &result);
        ck_assert_ptr_eq(result, &job); /* its rounding came back */
    }
}

static void on_two_threads(void *u, size_t n, task_fn *task, void *arg)
{
    called(u, n);
    by_threads(2, n, task, arg);
}

static void on_a_foreign_thread(void *u, size_t n, task_fn *task, void *arg)
{
    called(u, n);
    by_threads(1, n, task, arg);
}

typedef void hook_fn(void *user, size_t n, task_fn *task, void *arg);
static hook_fn *const hooks[] = {serially, backwards, on_two_threads, on_a_foreign_thread};

static qnt_status quantized(qnt_ctx *ctx, bool q, qnt_model **out)
{
    return q ? test_model_quantized(ctx, 4, out) : test_model_float(ctx, out);
}

static qnt_status (*const models[])(qnt_ctx *ctx, bool quantized,
                                    qnt_model **out) = {quantized,         test_model_pools,  test_model_depthwise,
                                                        test_model_binary, test_model_pairs,  test_model_functions,
                                                        test_model_moves,  test_model_values, test_model_recurrent,
                                                        test_model_blocks};
enum { MODELS = 2 * sizeof models / sizeof *models };

static qnt_ctx *ctx;
static qnt_model *model;
static float images[MOST * TEST_MODEL_IN];

static void setup(void)
{
    model = NULL;
    calls = 0;
    OK(qnt_ctx_create(NULL, &ctx));
    test_model_images(images, sizeof images / sizeof *images);
}

static void teardown(void)
{
    qnt_model_free(model);
    qnt_ctx_free(ctx);
}

static size_t run(hook_fn *hook, uint32_t threads, size_t batch, float *out)
{
    qnt_session_config c = {.size = sizeof c,
                            .max_batch = MOST,
                            .threads = threads,
                            .parallel_for = hook,
                            .parallel_user = hook ? &user : NULL};
    qnt_session *s;
    qnt_tensor_info t;
    size_t n = 1;
    OK(qnt_session_create(model, &c, &s));
    OK(qnt_session_output(s, &t));
    for (uint32_t d = 0; d < t.rank; d++)
        n *= t.dim[d];
    ck_assert_uint_le(n, LARGEST);
    for (size_t i = 0; i < MOST; i += batch)
        OK(qnt_session_run(s, images + i * TEST_MODEL_IN, out + i * n, batch));
    qnt_session_free(s);
    return MOST * n * sizeof *out;
}

START_TEST(the_bytes_of_a_team)
{
    static float team[MOST * LARGEST], own[MOST * LARGEST];
    OK(models[_i / 2](ctx, _i % 2, &model));
    size_t bytes = run(NULL, 2, MOST, team);
    ck_assert_uint_eq(calls, 0);
    for (size_t h = 0; h < sizeof hooks / sizeof *hooks; h++)
        for (uint32_t threads = 1; threads <= 5; threads += test_quick() ? 2 : 1)
            for (size_t batch = 1; batch <= MOST; batch += MOST - 1) {
                if (test_quick() && (h + threads / 2 + (batch > 1)) % (test_emulated() ? 6 : 2))
                    continue;
                memset(own, 0x55, bytes);
                calls = 0;
                run(hooks[h], threads, batch, own);
                ck_assert_msg(!memcmp(team, own, bytes), "hook %zu, %u parts, batch %zu: other bytes", h, threads,
                              batch);
                ck_assert_uint_gt(calls, 2);
            }
}
END_TEST

/* How the broken hook breaks its contract, in its third call. */
static enum { GOOD, LEFT_OUT, NONE, TWICE, PAST, BREAKS } fault;

static void broken(void *u, size_t n, task_fn *task, void *arg)
{
    called(u, n);
    bool now = calls == 3;
    for (size_t i = 0; i < n; i++)
        if (!(now && fault == NONE) && !(now && fault == LEFT_OUT && i == 1))
            task(arg, i);
    if (now && fault == TWICE)
        task(arg, 0);
    if (now && fault == PAST)
        task(arg, n);
}

START_TEST(broken_contracts_are_told)
{
    static const char *const texts[BREAKS] = {[LEFT_OUT] = "left out part 1 of 3",
                                              [NONE] = "left out part 0 of 3",
                                              [TWICE] = "ran a part twice",
                                              [PAST] = "past the last of 3"};
    float want[TEST_MODEL_OUT], out[TEST_MODEL_OUT];
    qnt_session_config c = {.size = sizeof c, .threads = 3, .parallel_for = broken, .parallel_user = &user};
    qnt_session *s;
    OK(test_model_quantized(ctx, 4, &model));
    OK(qnt_session_create(model, &c, &s));
    fault = GOOD;
    OK(qnt_session_run(s, images, want, 1));
    for (int i = LEFT_OUT; i < BREAKS; i++) {
        fault = i;
        calls = 0;
        ck_assert_int_eq(qnt_session_run(s, images, out, 1), QNT_ERR_STATE);
        ck_assert_msg(strstr(qnt_last_error(), texts[i]) != NULL, "'%s' lacks '%s'", qnt_last_error(), texts[i]);
        ck_assert_uint_eq(calls, 3); /* nothing after it */
        fault = GOOD;
        memset(out, 0x55, sizeof out);
        OK(qnt_session_run(s, images, out, 1));
        ck_assert_mem_eq(want, out, sizeof out);
    }
    qnt_session_free(s);
}
END_TEST

static void refused(qnt_session_config c, const char *text)
{
    qnt_session *s = NULL;
    c.size = sizeof c;
    ck_assert_int_eq(qnt_session_create(model, &c, &s), QNT_ERR_ARG);
    ck_assert_ptr_null(s);
    ck_assert_msg(strstr(qnt_last_error(), text) != NULL, "'%s' lacks '%s'", qnt_last_error(), text);
}

START_TEST(nonsense_is_refused)
{
    const uint32_t cpus[2] = {0, 0};
    OK(test_model_quantized(ctx, 4, &model));
    refused((qnt_session_config){.threads = 2, .parallel_user = &user}, "parallel_user is set");
    refused((qnt_session_config){.parallel_for = serially}, "threads is 0");
    refused((qnt_session_config){.threads = 1025, .parallel_for = serially}, "1 to 1024");
    refused((qnt_session_config){.threads = 2, .cpus = cpus, .n_cpus = 2, .parallel_for = serially}, "cpus");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parallel_for");
    TCase *tc = tcase_create("parallel_for");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, the_bytes_of_a_team, 0, MODELS);
    tcase_add_test(tc, broken_contracts_are_told);
    tcase_add_test(tc, nonsense_is_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
