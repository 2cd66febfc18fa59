/* What the trainer refuses. */
#include "train_fixture.h"

static void expect(qnt_train *t, qnt_status wanted, const char *text)
{
    qnt_status status = qnt_train_restore(t, file());
    ck_assert_msg(status == wanted && strstr(qnt_last_error(), text), "status %d, '%s' lacks '%s'", status,
                  qnt_last_error(), text);
}

static void expect_field(qnt_train_config c, const char *text)
{
    qnt_train *t = make(&c);
    expect(t, QNT_ERR_STATE, text);
    qnt_train_free(t);
}

START_TEST(restore_names_the_field_that_differs)
{
    qnt_train_config c = config(1), d;
    qnt_train *t = make(&c);
    OK(qnt_train_checkpoint(t, file()));
    qnt_train_free(t);
#define DIFFERENT(field, value, text) (d = c, d.field = (value), expect_field(d, text))
    DIFFERENT(epochs, 4, "epochs is 3");
    DIFFERENT(batch, 32, "batch is 40");
    DIFFERENT(lr, 0.5f, "lr is 0.05");
    DIFFERENT(momentum, 0.0f, "momentum is 0.9");
    DIFFERENT(weight_decay, 0.0f, "weight_decay");
    DIFFERENT(schedule, QNT_LR_CONSTANT, "schedule is 1");
    DIFFERENT(warmup_steps, 0, "warmup_steps is 2");
    DIFFERENT(augment, 0, "augment is 1");
    DIFFERENT(weight_bits, 4, "weight_bits is 8");
    DIFFERENT(layer_bits, "conv2d0=4", "layer_bits");
    DIFFERENT(ema, 0.5f, "ema is 0.1");
    DIFFERENT(freeze_ranges_epoch, 1, "freeze_ranges_epoch is 0");
    DIFFERENT(kl, 1.0f, "kl is 0");
    DIFFERENT(seed, 2, "seed is 1");
#undef DIFFERENT
    qnt_dataset *tail;
    OK(qnt_dataset_hold_out(data, 10, &tail));
    expect_field(c, "data (digest)");
    qnt_dataset_free(tail);
}
END_TEST

START_TEST(restore_refuses_damage)
{
    qnt_train_config c = config(1);
    qnt_train *t = make(&c), *fresh = make(&c);
    static unsigned char bytes[1 << 18];
    steps(t, 1);
    OK(qnt_train_checkpoint(t, file()));
    FILE *f = fopen(file(), "rb");
    size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    ck_assert_uint_lt(size, sizeof bytes);
    struct qnt_rng r = qnt_rng_key(1, 2, 3);
    for (int i = 0; i < 60; i++) { /* one bit; the first ones in the header */
        size_t at = i < 32 ? (size_t)i : qnt_rng_below(&r, size);
        bytes[at] ^= 4;
        f = fopen(file(), "wb");
        fwrite(bytes, 1, size, f);
        fclose(f);
        expect(fresh, QNT_ERR_FORMAT, file());
        bytes[at] ^= 4;
    }
    for (size_t n = 0; n < size; n += n < 64 ? 1 : size / 7) {
        f = fopen(file(), "wb");
        fwrite(bytes, 1, n, f);
        fclose(f);
        expect(fresh, QNT_ERR_FORMAT, file());
    }
    qnt_train *same = make(&c);
    assert_same(same, fresh, "after refusals"); /* untouched */
    qnt_train_free(same);
    qnt_train_free(fresh);
    qnt_train_free(t);
}
END_TEST

static void refuse(const qnt_model *m, qnt_train_config c, qnt_status wanted, const char *text)
{
    qnt_train *t = NULL;
    qnt_status status = qnt_train_create(m, NULL, data, &c, &t);
    ck_assert_msg(status == wanted && !t && strstr(qnt_last_error(), text), "status %d, '%s' lacks '%s'", status,
                  qnt_last_error(), text);
}

START_TEST(create_refuses_what_it_cannot_train)
{
    static const struct layer soft[] = {
        {.op = "flatten"}, {.op = "fully_connected", .out = 10, .in = IMAGE}, {.op = "softmax"}, {.op = NULL}};
    static const struct layer wide[] = {
        {.op = "flatten"}, {.op = "fully_connected", .out = 7, .in = IMAGE}, {.op = NULL}};
    static const struct layer bare[] = {
        {.op = "maxpool", .attr = ATTR(.kernel = {32, 10}, .stride = {32, 10})}, {.op = "flatten"}, {.op = NULL}};
    static const struct layer pixels[] = {{.op = "maxpool", .attr = ATTR(.kernel = {32, 32}, .stride = {32, 32})},
                                          {.op = "fully_connected", .out = 10, .in = 3},
                                          {.op = NULL}};
    qnt_model *m = net_make(ctx, pixels, 1, SIZE_MAX, 0, 0.0f);
    refuse(m, config(0), QNT_ERR_UNSUPPORTED, "has 3 dimensions, a fully_connected trains with 1");
    qnt_model_free(m);
    m = net_make(ctx, soft, 1, SIZE_MAX, 0, 0.0f);
    refuse(m, config(0), QNT_ERR_UNSUPPORTED, "node 'softmax2' is a softmax");
    qnt_model_free(m);
    m = net_make(ctx, wide, 1, SIZE_MAX, 0, 0.0f);
    refuse(m, config(0), QNT_ERR_SHAPE, "7 values");
    ck_assert_int_eq(qnt_model_add_output(m, m->inputs.id[0]), QNT_OK);
    refuse(m, config(0), QNT_ERR_UNSUPPORTED, "1 inputs and 2 outputs, training knows one of each");
    qnt_model_free(m);
    m = net_make(ctx, bare, 1, SIZE_MAX, 0, 0.0f);
    refuse(m, config(0), QNT_ERR_SHAPE, "9 values");
    qnt_model_free(m);
    qnt_train_config c = config(1);
#define BAD(field, value, status, text) (c = config(1), c.field = (value), refuse(start, c, status, text))
    BAD(batch, 0, QNT_ERR_ARG, "batch is 0");
    BAD(lr, NAN, QNT_ERR_ARG, "lr is nan");
    BAD(momentum, 1.0f, QNT_ERR_ARG, "momentum is 1");
    BAD(optimizer, (qnt_optimizer)2, QNT_ERR_ARG, "optimizer is 2");
    BAD(optimizer, QNT_ADAM, QNT_ERR_ARG, "momentum is 0.9");
    BAD(weight_bits, 9, QNT_ERR_ARG, "weight_bits is 9");
    BAD(activation_bits, 4, QNT_ERR_UNSUPPORTED, "activation_bits is 4");
    BAD(layer_bits, "conv9=4", QNT_ERR_ARG, "named 'conv9'");
    BAD(layer_bits, "conv2d0", QNT_ERR_ARG, "'conv2d0', expected LAYER=BITS");
    BAD(layer_bits, "conv2d0=9", QNT_ERR_ARG, "'conv2d0=9', expected 1 to 8");
    BAD(layer_bits, "conv2d0=ternar", QNT_ERR_ARG, "'conv2d0=ternar', expected 1 to 8 bits or ternary");
    BAD(layer_bits, "conv2d0=4,conv2d3=16", QNT_ERR_ARG, "'conv2d3=16'");
    BAD(kl, 1.0f, QNT_ERR_ARG, "without a teacher");
    BAD(size, 4, QNT_ERR_ARG, "size is 4");
#undef BAD
    const float mean[4] = {0.5f}, deviation[4] = {1.0f, 1.0f, 1.0f, 1.0f};
    OK(qnt_model_set_normalisation(teacher, mean, deviation));
    c = config(2);
    qnt_train *t = NULL;
    ck_assert_int_eq(qnt_train_create(start, teacher, data, &c, &t), QNT_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "mean 0.5"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("train errors");
    TCase *tc = tcase_create("train errors");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, restore_names_the_field_that_differs);
    tcase_add_test(tc, restore_refuses_damage);
    tcase_add_test(tc, create_refuses_what_it_cannot_train);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
