/* Gradients against finite differences: one optimizer step at lr 1 leaves w - dL/dw; the loss comes from sessions. */
#include "train_util.h"

enum { IMAGES = 16, SAMPLES = 4 };

static const struct layer plain_net[] = {
    {.op = "conv2d", .out = 4, .in = 3, .attr = ATTR(.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1})},
    {.op = "relu"},
    {.op = "maxpool", .attr = ATTR(.kernel = {2, 2}, .stride = {2, 2})},
    {.op = "flatten"},
    {.op = "fully_connected", .out = 10, .in = 8 * 8 * 4},
    {.op = NULL},
};
static const struct layer odd_net[] = {
    {.op = "conv2d", .out = 6, .in = 3, .attr = ATTR(.kernel = {5, 3}, .stride = {3, 2}, .pad = {2, 1, 2, 1})},
    {.op = "avgpool", .attr = ATTR(.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1})},
    {.op = "clamp", .attr = ATTR(.lo = -0.3f, .hi = 0.4f)},
    {.op = "conv2d",
     .out = 8,
     .in = 3,
     .attr = ATTR(.kernel = {3, 3}, .dilation = {1, 2}, .pad = {1, 2, 1, 2}, .groups = 2)},
    {.op = "global_avgpool"},
    {.op = "flatten"},
    {.op = "fully_connected", .out = 10, .in = 8},
    {.op = NULL},
};
static const struct layer pool_net[] = {
    {.op = "conv2d",
     .out = 5,
     .in = 3,
     .attr = ATTR(.kernel = {3, 3}, .dilation = {2, 2}, .pad = {2, 2, 2, 2}, .stride = {2, 2})},
    {.op = "maxpool", .attr = ATTR(.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1})},
    {.op = "relu"},
    {.op = "flatten"},
    {.op = "fully_connected", .out = 16, .in = 8 * 8 * 5},
    {.op = "relu"},
    {.op = "fully_connected", .out = 10, .in = 16},
    {.op = NULL},
};
/* Operands that are constants: one for each channel, and for each output. */
static const struct layer scaled_net[] = {
    {.op = "conv2d", .out = 5, .in = 3, .attr = ATTR(.kernel = {3, 3}, .stride = {3, 3})},
    {.op = "mul", .out = 5},
    {.op = "relu"},
    {.op = "sub", .out = 5},
    {.op = "maxpool", .attr = ATTR(.kernel = {2, 2}, .stride = {2, 2})},
    {.op = "flatten"},
    {.op = "fully_connected", .out = 10, .in = 5 * 5 * 5},
    {.op = "tanh"},
    {.op = "mul", .out = 10},
    {.op = "add", .out = 10},
    {.op = NULL},
};
static const struct layer *const nets[] = {plain_net, odd_net,    pool_net,  residual_net,
                                           gated_net, scaled_net, moved_net, joined_net};

/* Mean cross-entropy of the whole set. */
static double loss_of(qnt_model *m, const qnt_dataset *data)
{
    static float in[IMAGES * IMAGE], z[IMAGES * 10];
    int label[IMAGES];
    qnt_session *s;
    qnt_session_config c = {.size = sizeof c, .max_batch = IMAGES};
    double loss = 0.0;
    for (size_t i = 0; i < IMAGES; i++)
        OK(qnt_dataset_input(data, m, i, in + i * IMAGE, &label[i]));
    OK(qnt_session_create(m, &c, &s));
    OK(qnt_session_run(s, in, z, IMAGES));
    qnt_session_free(s);
    for (size_t i = 0; i < IMAGES; i++) {
        double sum = 0.0;
        for (size_t k = 0; k < 10; k++)
            sum += exp((double)z[i * 10 + k]);
        loss += log(sum) - (double)z[i * 10 + (size_t)label[i]];
    }
    return loss / IMAGES;
}

static const float *constant(const qnt_model *m, const char *name, size_t *count)
{
    int id = qnt_model_find(m, name);
    ck_assert_int_ge(id, 0);
    *count = qnt_tensor_count(&m->tensor[id]);
    return m->tensor[id].data;
}

static void check_param(qnt_ctx *ctx, const struct layer *net, const qnt_dataset *data, size_t p, const float *before,
                        const float *after, size_t n)
{
    struct qnt_rng r = qnt_rng_key(7, p, 0);
    float largest = 0.0f, h = 1e-3f;
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(before[i] - after[i]));
    ck_assert_float_gt(largest, 1e-4f);
    for (int s = 0; s < SAMPLES; s++) {
        size_t e = qnt_rng_below(&r, n);
        qnt_model *up = net_make(ctx, net, 1, p, e, h), *down = net_make(ctx, net, 1, p, e, -h);
        double slope = (loss_of(up, data) - loss_of(down, data)) / (2.0 * (double)h);
        double found = (double)before[e] - (double)after[e];
        qnt_model_free(up);
        qnt_model_free(down);
        ck_assert_msg(fabs(slope - found) < 0.02 * (double)largest + 1e-4, "parameter %zu[%zu]: slope %g, gradient %g",
                      p, e, slope, found);
    }
}

/* The float weights after one step at learning rate 1. */
static qnt_model *step(const qnt_model *before, const qnt_dataset *data, uint32_t bits)
{
    qnt_train_config c = QNT_TRAIN_CONFIG_INIT;
    qnt_train *t;
    qnt_model *after;
    int done;
    c.batch = IMAGES;
    c.epochs = 1;
    c.lr = 1.0f;
    c.threads = 2;
    c.weight_bits = bits;
    OK(qnt_train_create(before, NULL, data, &c, &t));
    OK(qnt_train_step(t, NULL, &done));
    ck_assert_int_eq(done, 1);
    OK(qnt_train_float_model(t, &after));
    qnt_train_free(t);
    return after;
}

/* Name and place of each parameter in turn. */
#define EACH_PARAM(net, i, k, p, name)                                                                                 \
    for (size_t i = 0, p = 0; (net)[i].op; i++)                                                                        \
        for (int k = 0; k < net_params(&(net)[i]) && snprintf(name, sizeof(name), "%c%zu", "wb"[k], i); k++, p++)

START_TEST(gradients_match_finite_differences)
{
    const struct layer *net = nets[_i];
    qnt_ctx *ctx;
    qnt_dataset *data;
    char name[32];
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_dataset_builtin(ctx, QNT_TRAIN, IMAGES, &data));
    qnt_model *before = net_make(ctx, net, 1, SIZE_MAX, 0, 0.0f), *after = step(before, data, 0);
    EACH_PARAM(net, i, k, p, name)
    {
        size_t n;
        const float *b = constant(before, name, &n), *a = constant(after, name, &n);
        check_param(ctx, net, data, p, b, a, n);
    }
    qnt_model_free(before);
    qnt_model_free(after);
    qnt_dataset_free(data);
    qnt_ctx_free(ctx);
}
END_TEST

/* Straight-through gradients of 8-bit training: those of float training, but for what rounding does. */
START_TEST(quantized_gradients_are_near_the_float_ones)
{
    static const struct layer *const quantized[] = {plain_net, residual_net, gated_net};
    const struct layer *net = quantized[_i];
    qnt_ctx *ctx;
    qnt_dataset *data;
    char name[32];
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_dataset_builtin(ctx, QNT_TRAIN, IMAGES, &data));
    qnt_model *before = net_make(ctx, net, 1, SIZE_MAX, 0, 0.0f);
    qnt_model *exact = step(before, data, 0), *rounded = step(before, data, 8);
    EACH_PARAM(net, i, k, p, name)
    {
        size_t n;
        const float *b = constant(before, name, &n), *x = constant(exact, name, &n), *r = constant(rounded, name, &n);
        double error = 0.0, all = 0.0;
        for (size_t e = 0; e < n; e++) {
            error += pow((double)x[e] - (double)r[e], 2.0);
            all += pow((double)b[e] - (double)x[e], 2.0);
        }
        ck_assert_msg(error <= 0.04 * all, "%s: the gradient is off by %g of its length", name, sqrt(error / all));
    }
    qnt_model_free(before);
    qnt_model_free(exact);
    qnt_model_free(rounded);
    qnt_dataset_free(data);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backward");
    TCase *tc = tcase_create("backward");
    tcase_add_loop_test(tc, gradients_match_finite_differences, 0, sizeof nets / sizeof *nets);
    tcase_add_loop_test(tc, quantized_gradients_are_near_the_float_ones, 0, 3);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
