/* Every allocation of the library fails in turn: the call reports it, nothing leaks, nothing crashes, what existed
 * before stays whole. Training: test_oom_train.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qnt/qnt.h>
#include "lib/graph/graph.h"
#include "tests/common/models.h"
#include "tests/common/oom.h"
#include "tests/common/qnt_bytes.h"
#include "unit.h"

static qnt_ctx *ctx;
enum { MODELS = 4 };
static qnt_model *model[MODELS]; /* float, 3 bits, other ops in float and quantized */
static qnt_dataset *images;
static struct qnt_bytes file[2];
static char path[] = "/tmp/qnt-oom-XXXXXX";

static void setup(void)
{
    strcpy(path + strlen(path) - 6, "XXXXXX");
    close(mkstemp(path));
    ck_assert_int_eq(qnt_ctx_create(&oom_config, &ctx), QNT_OK);
    ck_assert_int_eq(test_model_float(ctx, &model[0]), QNT_OK);
    ck_assert_int_eq(test_model_quantized(ctx, 3, &model[1]), QNT_OK);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(test_model_pools(ctx, i, &model[2 + i]), QNT_OK);
    ck_assert_int_eq(qnt_dataset_builtin(ctx, QNT_TRAIN, 20, &images), QNT_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(qnt_model_save(model[i], path), QNT_OK);
        file[i] = qnt_bytes_read(path);
    }
}

static void teardown(void)
{
    for (int i = 0; i < MODELS; i++)
        qnt_model_free(model[i]);
    for (int i = 0; i < 2; i++)
        free(file[i].data);
    qnt_dataset_free(images);
    qnt_ctx_free(ctx);
    unlink(path);
    ck_assert_uint_eq(oom_live(), 0);
}

static qnt_status context(void)
{
    qnt_ctx *made = NULL;
    qnt_status status = qnt_ctx_create(&oom_config, &made);
    qnt_ctx_free(made);
    return status;
}

static qnt_status build(void)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_build(ctx, "article-cnn", 1, &m);
    qnt_model_free(m);
    return status;
}

static qnt_status by_hand(void)
{
    qnt_model *m = NULL;
    qnt_status status = test_model_quantized(ctx, 4, &m);
    qnt_model_free(m);
    return status;
}

static qnt_status load(int i)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_load_memory(ctx, file[i].data, file[i].n, &m);
    qnt_model_free(m);
    return status;
}

static qnt_status load_float(void)
{
    return load(0);
}

static qnt_status load_packed(void)
{
    return load(1);
}

static qnt_status load_mapped(void)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_load(ctx, path, &m);
    qnt_model_free(m);
    return status;
}

static qnt_status save(void)
{
    return qnt_model_save(model[1], path);
}

static qnt_status clone(void)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_clone(model[1], &m);
    qnt_model_free(m);
    return status;
}

static qnt_status session(int i, uint32_t threads, uint32_t batch)
{
    qnt_session_config c = {.size = sizeof c, .max_batch = batch, .threads = threads};
    qnt_session *s = NULL;
    qnt_status status = qnt_session_create(model[i], &c, &s);
    qnt_session_free(s);
    return status;
}

static qnt_status session_float(void)
{
    return session(0, 1, 7);
}

static qnt_status session_quantized(void)
{
    return session(1, 1, 7);
}

static qnt_status session_pools(void)
{
    return session(2, 1, 7);
}

static qnt_status session_pools_quantized(void)
{
    return session(3, 1, 7);
}

static qnt_status session_of_a_team(void)
{
    return session(1, 2, 3);
}

static qnt_status data_set(void)
{
    qnt_dataset *d = NULL;
    qnt_status status = qnt_dataset_builtin(ctx, QNT_TEST, 20, &d);
    qnt_dataset_free(d);
    return status;
}

static const struct {
    const char *name;
    qnt_status (*call)(void);
} call_table[] = {
    {"context", context},
    {"build", build},
    {"build by hand", by_hand},
    {"load from memory, float", load_float},
    {"load from memory, 3 bits", load_packed},
    {"load by mapping", load_mapped},
    {"save", save},
    {"clone", clone},
    {"session, float", session_float},
    {"session, 3 bits", session_quantized},
    {"session, other ops", session_pools},
    {"session, other ops quantized", session_pools_quantized},
    {"session, two threads", session_of_a_team},
    {"data set", data_set},
};

START_TEST(every_failing_allocation_is_reported)
{
    oom_sweep(call_table[_i].name, call_table[_i].call);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom");
    TCase *tc = tcase_create("oom");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, every_failing_allocation_is_reported, 0, sizeof call_table / sizeof *call_table);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
