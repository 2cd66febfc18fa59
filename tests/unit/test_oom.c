/* Every allocation of the library fails in turn: the call reports it, nothing leaks, nothing crashes, what existed
 * before stays whole. Training: test_oom_train.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qnt/qnt.h>
#include "lib/op/op.h"
#include "tests/common/models.h"
#include "tests/common/oom.h"
#include "tests/common/qnt_bytes.h"
#include "tests/common/temp.h"
#include "unit.h"

/* Models of the other layers, each in float and quantized. */
static const struct {
    const char *name;
    qnt_status (*make)(qnt_ctx *ctx, bool quantized, qnt_model **out);
} layer_table[] = {
    {"pools", test_model_pools},         {"depthwise", test_model_depthwise}, {"binary", test_model_binary},
    {"pairs", test_model_pairs},         {"functions", test_model_functions}, {"moves", test_model_moves},
    {"integers", test_model_integers},   {"borders", test_model_borders},     {"values", test_model_values},
    {"recurrent", test_model_recurrent}, {"blocks", test_model_blocks},
};
static const char *const built_in[] = {"article-cnn",     "resnet-8",         "resnet-8-bn",
                                       "binary-resnet-8", "mobilenetv1-0.25", "mobilenetv1-0.25-cifar",
                                       "ds-cnn",          "fc-autoencoder"};
enum {
    FIRST_LAYER = 2,
    MODELS = FIRST_LAYER + 2 * sizeof layer_table / sizeof *layer_table,
    BUILT_IN = sizeof built_in / sizeof *built_in
};

static qnt_ctx *ctx;
static qnt_model *model[MODELS]; /* float, 3 bits, the layers' */
static int chosen;               /* of these, or of built_in: what the calls below are about */
static qnt_dataset *images;
static struct qnt_bytes file[3]; /* of models 0 and 1, and of the last one */
static char path[TEST_PATH];

static void setup(void)
{
    test_temp_file(path);
    ck_assert_int_eq(qnt_ctx_create(&oom_config, &ctx), QNT_OK);
    ck_assert_int_eq(test_model_float(ctx, &model[0]), QNT_OK);
    ck_assert_int_eq(test_model_quantized(ctx, 3, &model[1]), QNT_OK);
    for (int i = FIRST_LAYER; i < MODELS; i++)
        ck_assert_int_eq(layer_table[(i - FIRST_LAYER) / 2].make(ctx, i % 2, &model[i]), QNT_OK);
    ck_assert_int_eq(qnt_dataset_builtin(ctx, QNT_TRAIN, 20, &images), QNT_OK);
    for (int i = 2; i >= 0; i--) {
        ck_assert_int_eq(qnt_model_save(model[i < 2 ? i : MODELS - 1], path), QNT_OK);
        file[i] = qnt_bytes_read(path);
    }
}

static void teardown(void)
{
    for (int i = 0; i < MODELS; i++)
        qnt_model_free(model[i]);
    for (int i = 0; i < 3; i++)
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
    qnt_status status = qnt_model_build(ctx, built_in[chosen], 1, &m);
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

static qnt_status layer_by_hand(void)
{
    qnt_model *m = NULL;
    qnt_status status = layer_table[(chosen - FIRST_LAYER) / 2].make(ctx, chosen % 2, &m);
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

static qnt_status load_borders(void)
{
    return load(2);
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

#if QNT_HAVE_ONNX
static qnt_status export_model(void)
{
    return qnt_model_export(model[chosen], path, NULL);
}
#endif

static qnt_status save_borders(void)
{
    return qnt_model_save(model[MODELS - 1], path);
}

static qnt_status copy_borders(void)
{
    qnt_model *m = NULL, *f = NULL;
    qnt_status status = qnt_model_fold(model[MODELS - 1], &m);
    if (!status)
        status = qnt_model_dequantize(m, &f);
    qnt_model_free(m);
    qnt_model_free(f);
    return status;
}

static qnt_status clone(void)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_clone(model[1], &m);
    qnt_model_free(m);
    return status;
}

static qnt_status in_blocks(void)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_quantize_blocks(model[0], NULL, &m);
    qnt_model_free(m);
    return status;
}

static qnt_status dequantize(void)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_dequantize(model[1], &m);
    qnt_model_free(m);
    return status;
}

static qnt_status session(qnt_session_config c)
{
    qnt_session *s = NULL;
    c.size = sizeof c;
    c.max_batch = 7;
    qnt_status status = qnt_session_create(model[chosen], &c, &s);
    qnt_session_free(s);
    return status;
}

static qnt_status session_alone(void)
{
    return session((qnt_session_config){.threads = 1});
}

static qnt_status session_of_a_team(void)
{
    return session((qnt_session_config){.threads = 2});
}

static qnt_status session_of_bytes(void)
{
    return session((qnt_session_config){.quantized_io = 1, .keep_tensors = 1});
}

static void serially(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    (void)user;
    for (size_t i = 0; i < n; i++)
        task(arg, i);
}

static qnt_status session_of_foreign_threads(void)
{
    return session((qnt_session_config){.threads = 3, .parallel_for = serially});
}

static qnt_status hold_out(void)
{
    qnt_dataset *tail = NULL, *d = NULL;
    qnt_status status = qnt_dataset_builtin(ctx, QNT_TEST, 20, &d);
    if (!status)
        status = qnt_dataset_hold_out(d, 5, &tail);
    qnt_dataset_free(tail);
    qnt_dataset_free(d);
    return status;
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
    {"build by hand", by_hand},
    {"load from memory, float", load_float},
    {"load from memory, 3 bits", load_packed},
    {"load by mapping", load_mapped},
    {"load from memory, several inputs", load_borders},
    {"save", save},
    {"save, several inputs", save_borders},
    {"fold and dequantize, several inputs", copy_borders},
    {"clone", clone},
    {"dequantize", dequantize},
    {"weights in blocks", in_blocks},
    {"data set", data_set},
    {"held-out images", hold_out},
};

START_TEST(every_failing_allocation_is_reported)
{
    oom_sweep(call_table[_i].name, call_table[_i].call);
}
END_TEST

START_TEST(every_built_in_model)
{
    chosen = _i;
    oom_sweep(built_in[_i], build);
}
END_TEST

START_TEST(every_layer_and_its_session)
{
    char name[64];
    chosen = _i;
    snprintf(name, sizeof name, "%s, %s",
             _i < FIRST_LAYER ? "article's layers" : layer_table[(_i - FIRST_LAYER) / 2].name,
             _i % 2 ? "quantized" : "float");
    if (_i >= FIRST_LAYER)
        oom_sweep(name, layer_by_hand);
    oom_sweep(name, session_alone);
    oom_sweep(name, session_of_a_team);
    oom_sweep(name, session_of_foreign_threads);
#if QNT_HAVE_ONNX
    if (export_model() == QNT_OK) /* some have no form there */
        oom_sweep(name, export_model);
#endif
    if (_i % 2 && model[_i]->node[model[_i]->n_nodes - 1].op == qnt_op_find("dequantize"))
        oom_sweep(name, session_of_bytes);
}
END_TEST

/* Whoever adds an op adds it to a model of these. */
START_TEST(every_op_is_in_a_model)
{
    for (size_t i = 0; qnt_op_table[i]; i++) {
        bool found = false;
        for (int k = 0; k < MODELS; k++)
            for (size_t n = 0; n < model[k]->n_nodes; n++)
                found |= model[k]->node[n].op == qnt_op_table[i];
        ck_assert_msg(found, "'%s' is in no model", qnt_op_table[i]->name);
    }
}
END_TEST

/* Of the largest, with their depthwise layers. */
START_TEST(session_of_a_built_in_model)
{
    qnt_model_free(model[0]);
    model[0] = NULL;
    chosen = 0;
    ck_assert_int_eq(qnt_model_build(ctx, "ds-cnn", 1, &model[0]), QNT_OK);
    oom_sweep("session, ds-cnn", session_alone);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom");
    TCase *tc = tcase_create("oom");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, every_failing_allocation_is_reported, 0, sizeof call_table / sizeof *call_table);
    tcase_add_loop_test(tc, every_built_in_model, 0, BUILT_IN);
    tcase_add_loop_test(tc, every_layer_and_its_session, 0, MODELS);
    tcase_add_test(tc, every_op_is_in_a_model);
    tcase_add_test(tc, session_of_a_built_in_model);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
