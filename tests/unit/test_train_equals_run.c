/* What trains is what runs: the trainer's evaluation forward pass and the session of the model it hands out give the
 * same bytes at every step's output, for every width, after saving and loading, and on other kernels. */
#include "tests/common/quick.h"
#include "tests/common/temp.h"
#include "train_util.h"

enum { TRAINED = 64, SEEN = 21 }; /* images: 21 is a shard and a rest */

struct width {
    uint32_t bits;
    const char *layers;
    const struct layer *net; /* NULL: small_net */
};
static const struct width widths[] = {{0, NULL, NULL},
                                      {8, NULL, NULL},
                                      {7, NULL, NULL},
                                      {6, NULL, NULL},
                                      {5, NULL, NULL},
                                      {4, NULL, NULL},
                                      {3, NULL, NULL},
                                      {2, NULL, NULL},
                                      {1, NULL, NULL},
                                      {QNT_BITS_TERNARY, NULL, NULL},
                                      {8, "conv2d0=ternary,conv2d3=4", NULL},
                                      {4, "conv2d0=8,conv2d3=1", NULL},
                                      {0, NULL, residual_net},
                                      {8, NULL, residual_net},
                                      {4, "conv2d2=8", residual_net},
                                      {0, NULL, gated_net},
                                      {8, NULL, gated_net},
                                      {3, "conv2d8=8,conv2d2=1", gated_net},
                                      {0, NULL, moved_net},
                                      {8, NULL, moved_net},
                                      {3, "conv2d5=8", moved_net},
                                      {0, NULL, joined_net},
                                      {0, NULL, norm_net},
                                      {0, NULL, foldable_net},
                                      {8, NULL, foldable_net},
                                      {2, "conv2d3=8", foldable_net},
                                      {0, NULL, binary_net},
                                      {0, NULL, signs_net}};
static const char *const levels[] = {NULL, "ref", "avx2", "neon"};

static float images[SEEN * IMAGE];

static qnt_model *trained(qnt_ctx *ctx, const struct width *w, qnt_train **t, qnt_dataset **data)
{
    qnt_train_config c = QNT_TRAIN_CONFIG_INIT;
    qnt_model *start = net_make(ctx, w->net ? w->net : small_net, 3, SIZE_MAX, 0, 0.0f), *m;
    float mean[4], deviation[4];
    int done = 0;
    c.weight_bits = w->bits;
    c.layer_bits = w->layers;
    c.batch = 32;
    c.epochs = test_quick() ? 1 : 2;
    c.lr = 0.05f;
    c.momentum = 0.9f;
    c.threads = 2;
    OK(qnt_dataset_builtin(ctx, QNT_TRAIN, TRAINED, data));
    qnt_dataset_moments(*data, mean, deviation);
    OK(qnt_model_set_normalisation(start, mean, deviation));
    OK(qnt_train_create(start, NULL, *data, &c, t));
    while (!done)
        OK(qnt_train_step(*t, NULL, &done));
    OK(qnt_train_model(*t, &m));
    for (size_t i = 0; i < SEEN; i++)
        OK(qnt_dataset_input(*data, m, i, images + i * IMAGE, NULL));
    qnt_model_free(start);
    return m;
}

static size_t bytes_of(const qnt_tensor_info *info)
{
    size_t n = SEEN * (info->type == QNT_F32 ? sizeof(float) : 1);
    for (uint32_t d = 0; d < info->rank; d++)
        n *= info->dim[d];
    return n;
}

/* Without names for its tensors, where values may go on as bits. */
static void compare_outputs(qnt_model *m, const float *want, const char *what)
{
    static float its[SEEN * 10];
    qnt_session_config c = {.size = sizeof c, .max_batch = SEEN};
    qnt_session *s;
    OK(qnt_session_create(m, &c, &s));
    OK(qnt_session_run(s, images, its, SEEN));
    ck_assert_msg(!memcmp(want, its, sizeof its), "%s: outputs differ", what);
    qnt_session_free(s);
}

/* Returns the number of tensors compared. */
static size_t compare(qnt_train *t, qnt_model *m, const char *what)
{
    static float mine[SEEN * 10], its[SEEN * 10];
    qnt_session_config c = {.size = sizeof c, .max_batch = SEEN, .keep_tensors = 1};
    qnt_session *s;
    OK(qnt_session_create(m, &c, &s));
    OK(qnt_session_run(s, images, its, SEEN));
    size_t n = qnt_session_step_count(s);
    for (size_t i = 0; i < n; i++) {
        qnt_step_info step;
        qnt_tensor_info a, b;
        const void *da, *db;
        OK(qnt_session_step(s, i, &step));
        OK(qnt_session_peek(s, step.output, &da, &a));
        OK(qnt_train_forward(t, images, SEEN, mine, step.output, &db, &b));
        ck_assert_msg(a.type == b.type && a.zero_point == b.zero_point && a.scales == b.scales &&
                          (!a.scales || a.scale[0] == b.scale[0]) && bytes_of(&a) == bytes_of(&b),
                      "%s: %s: description differs", what, step.output);
        ck_assert_msg(!memcmp(da, db, bytes_of(&a)), "%s: %s differs", what, step.output);
    }
    ck_assert_msg(!memcmp(mine, its, sizeof mine), "%s: outputs differ", what);
    qnt_session_free(s);
    compare_outputs(m, mine, what);
    return n;
}

START_TEST(every_layer_has_the_same_bytes)
{
    qnt_ctx *ctx;
    qnt_train *t;
    qnt_dataset *data;
    char path[TEST_PATH], what[64];
    OK(qnt_ctx_create(NULL, &ctx));
    qnt_model *m = trained(ctx, &widths[_i], &t, &data);
    snprintf(what, sizeof what, "%u bits", widths[_i].bits);
    ck_assert_uint_ge(compare(t, m, what), widths[_i].net == signs_net ? 4 : widths[_i].bits ? 8 : 6);
    test_temp_file(path);
    OK(qnt_model_save(m, path));
    for (size_t k = 0; k < (test_emulated() ? 1 : sizeof levels / sizeof *levels); k++) {
        qnt_config c = {.size = sizeof c, .isa = levels[k]};
        qnt_ctx *other;
        qnt_model *loaded;
        OK(qnt_ctx_create(&c, &other));
        OK(qnt_model_load(other, path, &loaded));
        snprintf(what, sizeof what, "%u bits, loaded, %s", widths[_i].bits, levels[k] ? levels[k] : "all levels");
        compare(t, loaded, what);
        qnt_model_free(loaded);
        qnt_ctx_free(other);
    }
    remove(path);
    qnt_train_free(t);
    qnt_model_free(m);
    qnt_dataset_free(data);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("train equals run");
    TCase *tc = tcase_create("train equals run");
    for (int i = 0; i < (int)(sizeof widths / sizeof *widths); i += test_quick() && !test_emulated() ? 2 : 1)
        tcase_add_loop_test(tc, every_layer_has_the_same_bytes, i, i + 1);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
