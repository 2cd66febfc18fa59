/* Every allocation of training fails in turn. */
#include <unistd.h>
#include "lib/train/dataset.h"
#include "tests/common/oom.h"
#include "tests/common/temp.h"
#include "train_util.h"
#include "unit.h"

enum { BATCH = 8 };
static qnt_ctx *ctx;
static qnt_model *start, *teacher;
static qnt_dataset *images;
static qnt_train *trainer; /* quantized, with its first step done */
static qnt_train_config config;
static char path[TEST_PATH];

static qnt_status create(qnt_train **out)
{
    return qnt_train_create(start, config.kl > 0.0f ? teacher : NULL, images, &config, out);
}

static void setup(void)
{
    qnt_train_progress progress;
    int finished;
    test_temp_file(path);
    OK(qnt_ctx_create(&oom_config, &ctx));
    start = net_make(ctx, small_net, 1, 0, 0, 0.0f);
    teacher = net_make(ctx, small_net, 2, 0, 0, 0.0f);
    OK(qnt_dataset_builtin(ctx, QNT_TRAIN, 20, &images));
    config = (qnt_train_config)QNT_TRAIN_CONFIG_INIT;
    config.epochs = 1;
    config.batch = BATCH;
    config.threads = 1;
    config.weight_bits = 3;
    OK(create(&trainer));
    OK(qnt_train_step(trainer, &progress, &finished));
    OK(qnt_train_checkpoint(trainer, path));
}

static void teardown(void)
{
    qnt_train_free(trainer);
    qnt_model_free(start);
    qnt_model_free(teacher);
    qnt_dataset_free(images);
    qnt_ctx_free(ctx);
    unlink(path);
    ck_assert_uint_eq(oom_live(), 0);
}

/* Create, two steps, both models. */
static qnt_status whole(void)
{
    qnt_train *t = NULL;
    qnt_model *m = NULL, *f = NULL;
    qnt_train_progress progress;
    int finished;
    qnt_status status = create(&t);
    for (int i = 0; i < 2 && !status; i++)
        status = qnt_train_step(t, &progress, &finished);
    if (!status)
        status = qnt_train_model(t, &m);
    if (!status)
        status = qnt_train_float_model(t, &f);
    qnt_model_free(m);
    qnt_model_free(f);
    qnt_train_free(t);
    return status;
}

static qnt_status forward(void)
{
    static float x[BATCH * IMAGE], logits[BATCH * 10];
    const void *data;
    qnt_tensor_info info;
    return qnt_train_forward(trainer, x, BATCH, logits, "relu1", &data, &info);
}

static qnt_status checkpoint(void)
{
    return qnt_train_checkpoint(trainer, path);
}

static qnt_status restore(void)
{
    return qnt_train_restore(trainer, path);
}

START_TEST(float_training)
{
    config.weight_bits = 0;
    config.momentum = 0.9f;
    oom_sweep("float training", whole);
}
END_TEST

/* With the evaluation's plan. */
static qnt_status normed(void)
{
    static float x[BATCH * IMAGE], logits[BATCH * 10];
    qnt_train *t = NULL;
    qnt_train_progress progress;
    int finished;
    qnt_status status = create(&t);
    if (!status)
        status = qnt_train_step(t, &progress, &finished);
    if (!status)
        status = qnt_train_forward(t, x, BATCH, logits, NULL, NULL, NULL);
    qnt_train_free(t);
    return status;
}

/* _i: in float, folded for 8 bits, and between binary layers. */
START_TEST(training_of_batch_norms)
{
    qnt_model_free(start);
    start = net_make(ctx, _i == 2 ? binary_net : foldable_net, 1, SIZE_MAX, 0, 0.0f);
    config.weight_bits = _i == 1 ? 8 : 0;
    oom_sweep("training of batch norms", normed);
}
END_TEST

START_TEST(quantized_training)
{
    config.layer_bits = "conv2d0=8";
    oom_sweep("quantized training", whole);
}
END_TEST

START_TEST(binary_training_with_adam)
{
    config.weight_bits = 1;
    config.optimizer = QNT_ADAM;
    oom_sweep("binary training with Adam", whole);
}
END_TEST

/* Sums and depthwise layers, in float and quantized. */
START_TEST(residual_training)
{
    qnt_model *small = start;
    start = net_make(ctx, residual_net, 1, 0, 0, 0.0f);
    config.weight_bits = _i ? 4 : 0;
    oom_sweep(_i ? "quantized residual training" : "float residual training", whole);
    qnt_model_free(start);
    start = small;
}
END_TEST

START_TEST(training_with_a_teacher_by_a_team)
{
    config.kl = 0.5f;
    config.threads = 2;
    oom_sweep("training with a teacher by two threads", whole);
}
END_TEST

/* With the moments that Adam has. */
START_TEST(checkpoint_of_adam)
{
    qnt_train_progress progress;
    int finished;
    config.optimizer = QNT_ADAM;
    qnt_train_free(trainer);
    trainer = NULL;
    OK(create(&trainer));
    OK(qnt_train_step(trainer, &progress, &finished));
    oom_sweep("checkpoint with Adam", checkpoint);
    oom_sweep("restore with Adam", restore);
}
END_TEST

START_TEST(a_trainer_stays_whole)
{
    static float x[BATCH * IMAGE], before[BATCH * 10], after[BATCH * 10];
    OK(qnt_train_forward(trainer, x, BATCH, before, NULL, NULL, NULL));
    oom_sweep("checkpoint", checkpoint);
    oom_sweep("restore", restore);
    OK(qnt_train_forward(trainer, x, BATCH, after, NULL, NULL, NULL));
    ck_assert_mem_eq(before, after, sizeof before);
    OK(forward());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_train");
    TCase *tc = tcase_create("oom_train");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, float_training);
    tcase_add_loop_test(tc, training_of_batch_norms, 0, 3);
    tcase_add_test(tc, quantized_training);
    tcase_add_test(tc, binary_training_with_adam);
    tcase_add_loop_test(tc, residual_training, 0, 2);
    tcase_add_test(tc, training_with_a_teacher_by_a_team);
    tcase_add_test(tc, checkpoint_of_adam);
    tcase_add_test(tc, a_trainer_stays_whole);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
