/* Training of depthwise layers, sums, products and functions: the ranges that steps without weights make, and the same
 * weights for any thread count and on any kernels. */
#include "train_util.h"

enum { IMAGES = 40 };
static const struct layer *const nets[] = {residual_net, gated_net};
enum { NETS = sizeof nets / sizeof *nets };

static qnt_ctx *ctx;
static qnt_dataset *data;

static void setup(void)
{
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_dataset_builtin(ctx, QNT_TRAIN, IMAGES, &data));
}

static void teardown(void)
{
    qnt_dataset_free(data);
    qnt_ctx_free(ctx);
}

/* What two epochs make of the network. */
static qnt_model *trained(qnt_ctx *own, const struct layer *net, qnt_train_config c)
{
    qnt_model *start = net_make(own, net, 1, SIZE_MAX, 0, 0.0f), *m;
    qnt_train *t;
    int done = 0;
    c.epochs = 2;
    OK(qnt_train_create(start, NULL, data, &c, &t));
    while (!done)
        OK(qnt_train_step(t, NULL, &done));
    OK(qnt_train_model(t, &m));
    qnt_train_free(t);
    qnt_model_free(start);
    return m;
}

/* Of all images; 0 is inside. */
static float extent_of(const qnt_session *s, const char *tensor)
{
    const void *values;
    qnt_tensor_info info;
    float lo = 0.0f, hi = 0.0f;
    size_t n = IMAGES;
    OK(qnt_session_peek(s, tensor, &values, &info));
    for (uint32_t d = 0; d < info.rank; d++)
        n *= info.dim[d];
    for (size_t i = 0; i < n; i++) {
        lo = fminf(lo, ((const float *)values)[i]);
        hi = fmaxf(hi, ((const float *)values)[i]);
    }
    return hi - lo;
}

/* At learning rate 0 and with new ranges at each step, the scales are those of the float model's values, but for what
 * rounding does to these. */
START_TEST(scales_fit_the_float_values)
{
    static float in[IMAGES * IMAGE], out[IMAGES * 10];
    const struct layer *net = nets[_i];
    qnt_train_config c = QNT_TRAIN_CONFIG_INIT;
    c.batch = IMAGES;
    c.lr = 0.0f;
    c.ema = 1.0f;
    c.weight_bits = 8;
    qnt_model *plain = net_make(ctx, net, 1, SIZE_MAX, 0, 0.0f), *m = trained(ctx, net, c);
    qnt_session_config sc = {.size = sizeof sc, .max_batch = IMAGES, .keep_tensors = 1};
    qnt_session *s;
    size_t seen = 0;
    for (size_t i = 0; i < IMAGES; i++)
        OK(qnt_dataset_input(data, plain, i, in + i * IMAGE, NULL));
    OK(qnt_session_create(plain, &sc, &s));
    OK(qnt_session_run(s, in, out, IMAGES));
    for (size_t i = 0; i < qnt_session_step_count(s); i++) {
        qnt_step_info step;
        qnt_tensor_info codes;
        OK(qnt_session_step(s, i, &step));
        int id = qnt_model_find(m, step.output);
        if (!strncmp(step.output, "maxpool", 7) || strstr(step.output, "avgpool") || strstr(step.output, "flatten"))
            continue; /* their codes are those of the input */
        ck_assert_int_ge(id, 0);
        OK(qnt_model_tensor(m, (size_t)id, &codes));
        const float want = extent_of(s, step.output), got = codes.scale[0] * 255.0f;
        ck_assert_msg(fabsf(got - want) < 0.04f * want, "%s: a range of %g, expected %g", step.output, (double)got,
                      (double)want);
        seen++;
    }
    ck_assert_uint_ge(seen, 7);
    qnt_session_free(s);
    qnt_model_free(plain);
    qnt_model_free(m);
}
END_TEST

/* _i: network, and whether quantized. */
START_TEST(weights_do_not_depend_on_threads_and_kernels)
{
    const struct layer *net = nets[_i % NETS];
    qnt_config levels = {.size = sizeof levels, .isa = "ref"};
    qnt_train_config c = QNT_TRAIN_CONFIG_INIT;
    qnt_ctx *plain;
    c.batch = IMAGES;
    c.lr = 0.05f;
    c.momentum = 0.9f;
    c.ema = 0.1f;
    c.weight_bits = _i >= NETS ? 4 : 0;
    c.threads = 1;
    OK(qnt_ctx_create(&levels, &plain));
    qnt_model *one = trained(ctx, net, c), *ref = trained(plain, net, c);
    ck_assert_msg(same_model(one, ref), "reference kernels give another model");
    for (c.threads = 2; c.threads <= 3; c.threads++) {
        qnt_model *more = trained(ctx, net, c);
        ck_assert_msg(same_model(one, more), "%u threads give another model", c.threads);
        qnt_model_free(more);
    }
    qnt_model_free(one);
    qnt_model_free(ref);
    qnt_ctx_free(plain);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("train layers");
    TCase *tc = tcase_create("train layers");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, scales_fit_the_float_values, 0, NETS);
    tcase_add_loop_test(tc, weights_do_not_depend_on_threads_and_kernels, 0, 2 * NETS);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
