/* relu, clamp, flatten, softmax, quantize, dequantize and batchnorm as steps of their own, against their definitions.
 */
#include "op_util.h"

static const size_t shape[] = {3, 5, 7};

static struct qnt_tensor *scaled(float scale, int32_t zero)
{
    static float kept;
    static struct qnt_tensor q;
    kept = scale;
    q = quant(&kept, zero);
    return &q;
}

static void build_float(struct qnt_model *m, const void *arg)
{
    qnt_node_attr clamp = ATTR(.lo = -0.75f, .hi = 0.5f), above = ATTR(.lo = 0.25f, .hi = INFINITY);
    int x = add_input(m, 3, shape);
    (void)arg;
    int a = add_node(m, "relu", "relu", NULL, &x, 1, NULL);
    int b = add_node(m, "clamp", "clamp", &clamp, &x, 1, NULL);
    add_node(m, "clamp", "above", &above, &x, 1, NULL);
    add_node(m, "softmax", "softmax", NULL, &a, 1, NULL);
    b = add_node(m, "flatten", "flat", NULL, &b, 1, NULL);
    OK(qnt_model_set_output(m, add_node(m, "softmax", "all", NULL, &b, 1, NULL)));
}

START_TEST(floats)
{
    check_model(build_float, NULL, 2.0f);
}
END_TEST

/* The codes of every function, from all 256 codes. */
static void build_functions(struct qnt_model *m, const void *arg)
{
    static const char *const ops[] = {"leaky_relu", "hard_swish", "sigmoid", "tanh"};
    const size_t long_shape[] = {1031};
    qnt_node_attr slope = ATTR(.lo = 0.1f);
    const bool codes = *(const bool *)arg;
    int x = add_input(m, 1, long_shape), y = x;
    if (codes)
        x = add_node(m, "quantize", "q", NULL, &x, 1, scaled(0.05f, -11));
    for (int i = 0; i < 4; i++)
        y = add_node(m, ops[i], ops[i], &slope, &x, 1, codes ? scaled(0.02f, i * 9) : NULL);
    OK(qnt_model_set_output(m, y));
}

START_TEST(functions)
{
    const bool codes = _i;
    check_model(build_functions, &codes, 8.0f);
}
END_TEST

static void build_codes(struct qnt_model *m, const void *arg)
{
    /* Bounds between two codes, and one beyond the range. */
    qnt_node_attr clamp = ATTR(.lo = -0.26f, .hi = 0.26f), beyond = ATTR(.lo = -100.0f, .hi = 0.35f);
    int x = add_input(m, 3, shape);
    x = add_node(m, "quantize", "q", NULL, &x, 1, scaled(0.1f, *(const int32_t *)arg));
    add_node(m, "relu", "relu", NULL, &x, 1, NULL);
    add_node(m, "clamp", "beyond", &beyond, &x, 1, NULL);
    int y = add_node(m, "clamp", "clamp", &clamp, &x, 1, NULL);
    add_node(m, "dequantize", "f", NULL, &x, 1, NULL);
    y = add_node(m, "flatten", "flat", NULL, &y, 1, NULL);
    OK(qnt_model_set_output(m, add_node(m, "dequantize", "g", NULL, &y, 1, NULL)));
}

START_TEST(codes)
{
    static const int32_t zeros[] = {0, -128, 127, 31};
    check_model(build_codes, &zeros[_i], 20.0f);
}
END_TEST

static void build_batchnorm(struct qnt_model *m, const void *arg)
{
    qnt_node_attr attr = ATTR(.epsilon = 1e-3f);
    const size_t *channels = &shape[2];
    int in[5] = {add_input(m, 3, shape)};
    (void)arg;
    in[1] = add_floats(m, "gamma", 1, channels, 2.0f);
    in[2] = add_floats(m, "beta", 1, channels, 2.0f);
    in[3] = add_floats(m, "mean", 1, channels, 2.0f);
    in[4] = add_floats(m, "variance", 1, channels, 2.0f);
    float *variance = m->tensor[in[4]].data;
    for (size_t c = 0; c < *channels; c++)
        variance[c] = fabsf(variance[c]);
    OK(qnt_model_set_output(m, add_node(m, "batchnorm", "bn", &attr, in, 5, NULL)));
}

START_TEST(batchnorm)
{
    check_model(build_batchnorm, NULL, 3.0f);
}
END_TEST

START_TEST(batchnorm_without_finite_factors_is_refused)
{
    qnt_ctx *ctx;
    struct qnt_model *m;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    build_batchnorm(m, NULL);
    ((float *)m->tensor[qnt_model_find(m, "variance")].data)[2] = -1.0f;
    refuse_plan(m, QNT_ERR_RANGE, "'bn'", "channel 2");
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

/* NaN passes relu and clamp, becomes the zero point when quantized, and is one NaN after batchnorm. */
START_TEST(nan_is_specified)
{
    qnt_ctx *ctx;
    struct qnt_model *m;
    struct qnt_plan *p;
    struct qnt_plan_options o = {.max_batch = 1, .keep_graph = true, .keep_tensors = true};
    static const uint32_t nans[] = {0x7fc00000, 0x7fc00001, 0xffc12345};
    uint32_t found;
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    build_batchnorm(m, NULL);
    int r = add_node(m, "relu", "relu", NULL, &m->inputs.id[0], 1, NULL);
    int q = add_node(m, "quantize", "q", NULL, &m->inputs.id[0], 1, scaled(1.0f, 17));
    OK(qnt_plan_create(m, &o, &p));
    uint8_t *arena = qnt_alloc(ctx, p->arena_bytes, "a");
    for (size_t i = 0; i < 3 * 5 * 7; i++)
        memcpy(arena + p->offset[p->model->inputs.id[0]] + 4 * i, &nans[i % 3], 4);
    run_parts(p, arena, NULL, 1, 1);
    for (size_t i = 0; i < 3 * 5 * 7; i++) {
        memcpy(&found, arena + p->offset[m->outputs.id[0]] + 4 * i, 4);
        ck_assert_uint_eq(found, 0x7fc00000);
        memcpy(&found, arena + p->offset[r] + 4 * i, 4);
        ck_assert_uint_eq(found, nans[i % 3]);
        ck_assert_int_eq(*((int8_t *)arena + p->offset[q] + i), 17);
    }
    qnt_release(ctx, arena);
    qnt_plan_free(p);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_pointwise");
    TCase *tc = tcase_create("op_pointwise");
    tcase_add_test(tc, floats);
    tcase_add_loop_test(tc, functions, 0, 2);
    tcase_add_loop_test(tc, codes, 0, 4);
    tcase_add_test(tc, batchnorm);
    tcase_add_test(tc, batchnorm_without_finite_factors_is_refused);
    tcase_add_test(tc, nan_is_specified);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
