/* The trainer: same weights for any thread count, resuming equals not stopping, learning. */
#include "lib/train/trainer.h"
#include "tests/common/quick.h"
#include "train_fixture.h"

START_TEST(weights_do_not_depend_on_the_thread_count)
{
    qnt_train_config c = config(_i);
    const int n = !test_quick() ? 7 : _i == 3 ? 1 : test_emulated() ? 2 : 4; /* the fourth begins an epoch */
    qnt_train *one = make(&c);
    qnt_train_progress p = steps(one, n);
    for (c.threads = test_quick() ? 3 : 2; c.threads <= 3; c.threads++) {
        qnt_train *more = make(&c);
        qnt_train_progress q = steps(more, n);
        assert_same(one, more, c.threads == 2 ? "2 threads" : "3 threads");
        ck_assert(p.loss == q.loss && p.accuracy == q.accuracy);
        qnt_train_free(more);
    }
    qnt_train_free(one);
}
END_TEST

START_TEST(the_seed_does_count)
{
    qnt_train_config c = config(_i);
    qnt_train *one = make(&c);
    qnt_model *a, *b;
    steps(one, 1);
    c.seed++;
    qnt_train *other = make(&c);
    steps(other, 1);
    OK(qnt_train_float_model(one, &a));
    OK(qnt_train_float_model(other, &b));
    ck_assert(!same_model(a, b));
    qnt_model_free(a);
    qnt_model_free(b);
    qnt_train_free(other);
    qnt_train_free(one);
}
END_TEST

/* 9 steps are three epochs; the stop falls inside one. */
START_TEST(resuming_equals_not_stopping)
{
    qnt_train_config c = config(_i);
    qnt_train *whole = make(&c), *first = make(&c);
    qnt_train_progress p = steps(whole, 9);
    steps(first, 4);
    OK(qnt_train_checkpoint(first, file()));
    qnt_train_free(first);
    c.threads = 2;
    qnt_train *second = make(&c);
    OK(qnt_train_restore(second, file()));
    qnt_train_progress q = steps(second, 9);
    ck_assert(q.epoch == 2 && q.step == 3 && p.epoch == 2 && p.step == 3);
    ck_assert(p.loss == q.loss && p.accuracy == q.accuracy);
    assert_same(whole, second, "resumed");
    int done;
    OK(qnt_train_step(second, &q, &done)); /* after the end: nothing more */
    ck_assert_int_eq(done, 1);
    assert_same(whole, second, "after the end");
    qnt_train_free(whole);
    qnt_train_free(second);
}
END_TEST

/* Over few images the loss falls, float and quantized. It ends when it has: reference kernels under an emulator count
 * each step. */
START_TEST(training_lowers_the_loss)
{
    qnt_train_config c = config(_i);
    c.epochs = 40;
    c.lr = _i == 4 ? 0.01f : 0.1f;
    c.augment = 0;
    c.threads = 2;
    qnt_train *t = make(&c);
    qnt_train_progress first = steps(t, 3), last;
    ck_assert_uint_eq(first.epoch, 0);
    ck_assert_uint_eq(first.step, 3);
    do { /* whole epochs: a figure of one batch is luck */
        last = steps(t, 3);
        ck_assert_uint_eq(last.step, 3);
    } while (last.epoch < 39 && (last.loss >= 0.8 * first.loss || last.accuracy <= 0.3));
    ck_assert_msg(last.loss < 0.8 * first.loss, "kind %d: loss %g, then %g", _i, first.loss, last.loss);
    ck_assert_msg(last.accuracy > 0.3, "kind %d: accuracy %g", _i, last.accuracy);
    ck_assert_double_gt(last.images_per_second, 0.0);
    qnt_train_free(t);
}
END_TEST

/* sum over the images of order[first ...] of p - y, which times an image's weight is the gradient of the last bias */
static void bias_gradient(qnt_train *t, size_t first, size_t images, double sum[10])
{
    static float x[32 * 32 * 3];
    float z[10];
    int label;
    memset(sum, 0, 10 * sizeof *sum);
    for (size_t i = first; i < first + images; i++) {
        double all = 0.0;
        OK(qnt_dataset_input(data, start, t->order[i], x, &label));
        OK(qnt_train_forward(t, x, 1, z, NULL, NULL, NULL));
        for (int c = 0; c < 10; c++)
            all += exp((double)z[c]);
        for (int c = 0; c < 10; c++)
            sum[c] += exp((double)z[c]) / all - (c == label);
    }
}

static const float *last_bias(const qnt_train *t)
{
    return t->weights + t->n_weights - 10;
}

/* Else the few images that batch leaves over would make a whole step of their own, just before evaluation. */
START_TEST(images_of_a_smaller_last_batch_weigh_as_much)
{
    qnt_train_config c = config(0);
    c.schedule = QNT_LR_CONSTANT;
    c.momentum = c.weight_decay = 0.0f;
    c.warmup_steps = c.augment = 0;
    qnt_train *t = make(&c);
    steps(t, 1);
    for (size_t step = 1; step < 3; step++) { /* of 40 images and of 20 */
        double sum[10];
        float before[10];
        memcpy(before, last_bias(t), sizeof before);
        bias_gradient(t, step * BATCH, step == 1 ? BATCH : IMAGES - 2 * BATCH, sum);
        steps(t, 1);
        for (int k = 0; k < 10; k++)
            ck_assert_double_eq_tol(before[k] - last_bias(t)[k], c.lr * sum[k] / BATCH, 1e-6);
    }
    qnt_train_free(t);
}
END_TEST

START_TEST(the_minus_sign_is_another_training)
{
    qnt_train_config c = config(2);
    qnt_train *plus = make(&c);
    c.kl_minus = 1;
    qnt_train *minus = make(&c);
    ck_assert_double_gt(steps(plus, 1).loss, steps(minus, 1).loss); /* KL >= 0 */
    qnt_train_free(plus);
    qnt_train_free(minus);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("train");
    TCase *tc = tcase_create("train");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, weights_do_not_depend_on_the_thread_count, 0, 5);
    tcase_add_loop_test(tc, the_seed_does_count, 0, test_quick() ? 1 : 5);
    tcase_add_loop_test(tc, resuming_equals_not_stopping, test_quick() ? 2 : 0, 3); /* with a teacher: all there is */
    tcase_add_loop_test(tc, resuming_equals_not_stopping, 4, 5);
    if (!test_quick()) { /* weights are the same elsewhere (test_train_kernels.c), so they learn there too */
        tcase_add_loop_test(tc, training_lowers_the_loss, 0, 3);
        tcase_add_loop_test(tc, training_lowers_the_loss, 4, 5);
    }
    tcase_add_test(tc, images_of_a_smaller_last_batch_weigh_as_much);
    tcase_add_test(tc, the_minus_sign_is_another_training);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
