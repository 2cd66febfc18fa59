/* The trainer: same weights for any thread count, resuming equals not stopping, refusals, learning. */
#include "train_util.h"

enum { IMAGES = 100, BATCH = 40 }; /* shards of 16, 16, 8 and, at the epoch's end, of 16 and 4 */

static qnt_ctx *ctx;
static qnt_dataset *data;
static qnt_model *start, *teacher;
static char folder[] = "/tmp/qnt-train-XXXXXX";

static void setup(void)
{
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_dataset_builtin(ctx, QNT_TRAIN, IMAGES, &data));
    start = net_make(ctx, small_net, 1, SIZE_MAX, 0, 0.0f);
    teacher = net_make(ctx, small_net, 2, SIZE_MAX, 0, 0.0f);
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static const char *file(void)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/ckpt", folder);
    return path;
}

static void teardown(void)
{
    remove(file());
    ck_assert_int_eq(remove(folder), 0);
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    qnt_model_free(start);
    qnt_model_free(teacher);
    qnt_dataset_free(data);
    qnt_ctx_free(ctx);
}

/* 0: float, 1: 8 bits, 2: low bits with a teacher. */
static qnt_train_config config(int kind)
{
    qnt_train_config c = QNT_TRAIN_CONFIG_INIT;
    c.epochs = 3;
    c.batch = BATCH;
    c.lr = 0.05f;
    c.momentum = 0.9f;
    c.weight_decay = 5e-4f;
    c.schedule = QNT_LR_COSINE;
    c.warmup_steps = 2;
    c.augment = 1;
    c.weight_bits = kind == 0 ? 0 : kind == 1 ? 8 : 3;
    c.layer_bits = kind == 2 ? "conv2d0=8,fully_connected7=2" : NULL;
    c.kl = kind == 2 ? 0.5f : 0.0f;
    c.ema = 0.1f;
    c.threads = 1;
    return c;
}

static qnt_train *make(const qnt_train_config *c)
{
    qnt_train *t;
    OK(qnt_train_create(start, c->kl > 0.0f ? teacher : NULL, data, c, &t));
    return t;
}

static qnt_train_progress steps(qnt_train *t, int n)
{
    qnt_train_progress p = {0};
    int done = 0;
    for (int i = 0; i < n && !done; i++)
        OK(qnt_train_step(t, &p, &done));
    return p;
}

static void assert_same(const qnt_train *a, const qnt_train *b, const char *what)
{
    qnt_model *ma, *mb;
    OK(qnt_train_float_model(a, &ma));
    OK(qnt_train_float_model(b, &mb));
    ck_assert_msg(same_model(ma, mb), "%s: models differ", what);
    qnt_model_free(ma);
    qnt_model_free(mb);
    OK(qnt_train_model(a, &ma));
    OK(qnt_train_model(b, &mb));
    ck_assert_msg(same_model(ma, mb), "%s: models differ", what);
    qnt_model_free(ma);
    qnt_model_free(mb);
}

START_TEST(weights_do_not_depend_on_the_thread_count)
{
    qnt_train_config c = config(_i);
    qnt_train *one = make(&c);
    qnt_train_progress p = steps(one, 7);
    for (c.threads = 2; c.threads <= 3; c.threads++) {
        qnt_train *more = make(&c);
        qnt_train_progress q = steps(more, 7);
        assert_same(one, more, c.threads == 2 ? "2 threads" : "3 threads");
        ck_assert(p.loss == q.loss && p.accuracy == q.accuracy);
        qnt_train_free(more);
    }
    c.seed++;
    qnt_train *other = make(&c);
    steps(other, 7);
    qnt_model *a, *b;
    OK(qnt_train_float_model(one, &a));
    OK(qnt_train_float_model(other, &b));
    ck_assert(!same_model(a, b)); /* the seed does count */
    qnt_model_free(a);
    qnt_model_free(b);
    qnt_train_free(other);
    qnt_train_free(one);
}
END_TEST

/* Every product is one chain of fma whatever the tile, so neither do they depend on the kernels. */
START_TEST(weights_do_not_depend_on_the_kernels)
{
    qnt_train_config c = config(_i);
    qnt_config plain = {.size = sizeof plain, .isa = "ref"};
    qnt_train *best = make(&c), *ref;
    qnt_ctx *other;
    OK(qnt_ctx_create(&plain, &other));
    qnt_model *m = net_make(other, small_net, 1, SIZE_MAX, 0, 0.0f),
              *p = net_make(other, small_net, 2, SIZE_MAX, 0, 0.0f);
    OK(qnt_train_create(m, c.kl > 0.0f ? p : NULL, data, &c, &ref));
    steps(best, 5);
    steps(ref, 5);
    assert_same(best, ref, "reference kernels");
    qnt_train_free(best);
    qnt_train_free(ref);
    qnt_model_free(m);
    qnt_model_free(p);
    qnt_ctx_free(other);
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
    qnt_model *m = net_make(ctx, soft, 1, SIZE_MAX, 0, 0.0f);
    refuse(m, config(0), QNT_ERR_UNSUPPORTED, "node 'softmax2' is a softmax");
    qnt_model_free(m);
    m = net_make(ctx, wide, 1, SIZE_MAX, 0, 0.0f);
    refuse(m, config(0), QNT_ERR_SHAPE, "7 values");
    qnt_model_free(m);
    m = net_make(ctx, bare, 1, SIZE_MAX, 0, 0.0f);
    refuse(m, config(0), QNT_ERR_SHAPE, "9 values");
    qnt_model_free(m);
    qnt_train_config c = config(1);
#define BAD(field, value, status, text) (c = config(1), c.field = (value), refuse(start, c, status, text))
    BAD(batch, 0, QNT_ERR_ARG, "batch is 0");
    BAD(lr, NAN, QNT_ERR_ARG, "lr is nan");
    BAD(momentum, 1.0f, QNT_ERR_ARG, "momentum is 1");
    BAD(weight_bits, 1, QNT_ERR_ARG, "weight_bits is 1");
    BAD(weight_bits, 9, QNT_ERR_ARG, "weight_bits is 9");
    BAD(activation_bits, 4, QNT_ERR_UNSUPPORTED, "activation_bits is 4");
    BAD(layer_bits, "conv9=4", QNT_ERR_ARG, "named 'conv9'");
    BAD(layer_bits, "conv2d0", QNT_ERR_ARG, "'conv2d0', expected LAYER=BITS");
    BAD(layer_bits, "conv2d0=9", QNT_ERR_ARG, "'conv2d0=9', expected 2 to 8");
    BAD(layer_bits, "conv2d0=4,conv2d3=16", QNT_ERR_ARG, "'conv2d3=16'");
    BAD(kl, 1.0f, QNT_ERR_ARG, "without a teacher");
    BAD(size, 4, QNT_ERR_ARG, "size is 4");
#undef BAD
}
END_TEST

/* A few epochs over few images: the loss falls, float and quantized; the minus sign is another training. */
START_TEST(training_lowers_the_loss)
{
    qnt_train_config c = config(_i);
    c.epochs = 40;
    c.lr = 0.1f;
    c.augment = 0;
    c.threads = 2;
    qnt_train *t = make(&c);
    qnt_train_progress first = steps(t, 3), last = steps(t, 1000);
    ck_assert_uint_eq(first.epoch, 0);
    ck_assert_uint_eq(first.step, 3);
    ck_assert_uint_eq(last.epoch, 39);
    ck_assert_msg(last.loss < 0.8 * first.loss, "kind %d: loss %g, then %g", _i, first.loss, last.loss);
    ck_assert_double_gt(last.accuracy, 0.3);
    ck_assert_double_gt(last.images_per_second, 0.0);
    ck_assert_double_eq(last.seconds_left, 0.0);
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

static size_t allocations, fail_at, alive;

static void *counting_alloc(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    if (++allocations == fail_at)
        return NULL;
    alive++;
    return aligned_alloc(alignment, bytes);
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    alive--;
    free(ptr);
}

static qnt_status whole_life(const qnt_model *from, const qnt_model *towards)
{
    qnt_train_config c = config(2);
    qnt_train *t = NULL;
    qnt_model *m = NULL;
    int done;
    qnt_status status = qnt_train_create(from, towards, data, &c, &t);
    if (!status)
        status = qnt_train_step(t, NULL, &done);
    if (!status)
        status = qnt_train_model(t, &m);
    if (!status)
        status = qnt_train_checkpoint(t, file());
    if (!status)
        status = qnt_train_restore(t, file());
    qnt_model_free(m);
    qnt_train_free(t);
    return status;
}

/* Each allocation fails once: a clean error, nothing is left behind. */
START_TEST(every_allocation_may_fail)
{
    qnt_config k = {.size = sizeof k, .alloc = counting_alloc, .free = counting_free};
    qnt_status status = QNT_ERR_NOMEM;
    qnt_ctx *counted;
    allocations = fail_at = alive = 0;
    OK(qnt_ctx_create(&k, &counted));
    qnt_model *from = net_make(counted, small_net, 1, SIZE_MAX, 0, 0.0f);
    qnt_model *towards = net_make(counted, small_net, 2, SIZE_MAX, 0, 0.0f);
    size_t before = alive;
    for (size_t n = 1; status == QNT_ERR_NOMEM; n++) {
        allocations = 0;
        fail_at = n;
        status = whole_life(from, towards);
        ck_assert_uint_eq(alive, before);
        ck_assert(status == QNT_OK || status == QNT_ERR_NOMEM);
    }
    ck_assert_uint_gt(allocations, 100);
    qnt_model_free(from);
    qnt_model_free(towards);
    qnt_ctx_free(counted);
    ck_assert_uint_eq(alive, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("train");
    TCase *tc = tcase_create("train");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, weights_do_not_depend_on_the_thread_count, 0, 3);
    tcase_add_loop_test(tc, weights_do_not_depend_on_the_kernels, 0, 3);
    tcase_add_loop_test(tc, resuming_equals_not_stopping, 0, 3);
    tcase_add_test(tc, restore_names_the_field_that_differs);
    tcase_add_test(tc, restore_refuses_damage);
    tcase_add_test(tc, create_refuses_what_it_cannot_train);
    tcase_add_loop_test(tc, training_lowers_the_loss, 0, 3);
    tcase_add_test(tc, every_allocation_may_fail);
    tcase_add_test(tc, the_minus_sign_is_another_training);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
