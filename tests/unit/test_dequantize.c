/* A quantized model's network in floats: the same layers, and constants that are what the codes mean. */
#include <qnt/session.h>
#include "op_util.h"
#include "tests/common/models.h"

static qnt_ctx *ctx;

static void setup(void)
{
    OK(qnt_ctx_create(NULL, &ctx));
}

static void teardown(void)
{
    qnt_ctx_free(ctx);
}

static const struct qnt_tensor *tensor(const struct qnt_model *m, const char *name)
{
    int id = qnt_model_find(m, name);
    ck_assert_msg(id >= 0, "no tensor '%s'", name);
    return &m->tensor[id];
}

/* Every activation and constant is of floats, and the nodes are `m`'s but for those that change the type. */
static void same_layers(const struct qnt_model *m, const struct qnt_model *f)
{
    size_t k = 0;
    for (size_t i = 0; i < f->n_tensors; i++)
        ck_assert_msg(f->tensor[i].type == QNT_F32 && !f->tensor[i].scales, "tensor '%s'", f->tensor[i].name);
    for (size_t i = 0; i < m->n_nodes; i++) {
        const struct qnt_node *n = &m->node[i];
        if (strstr(n->op->name, "quantize") || !strcmp(n->op->name, "recode"))
            continue;
        ck_assert_uint_lt(k, f->n_nodes);
        const struct qnt_node *other = &f->node[k++];
        const char *op = n->op->name;
        ck_assert_str_eq(n->name, other->name);
        ck_assert_str_eq(strncmp(op, "binary_", 7) ? op : op + 7, other->op->name);
        ck_assert_str_eq(m->tensor[n->out].name, f->tensor[other->out].name);
        ck_assert_mem_eq(m->tensor[n->out].dim, f->tensor[other->out].dim, sizeof n->attr.dim);
        ck_assert_uint_eq(n->attr.stride[0], other->attr.stride[0]);
        ck_assert_uint_eq(n->attr.pad[2], other->attr.pad[2]);
        ck_assert_uint_eq(n->attr.groups, other->attr.groups);
        ck_assert_uint_eq(qnt_node_macs(m, n), qnt_node_macs(f, other));
    }
    ck_assert_uint_eq(k, f->n_nodes);
}

static float *run(qnt_model *m, size_t n)
{
    static float in[12 * 12 * 16];
    qnt_session *s;
    float *out = malloc(n * sizeof *out);
    test_model_images(in, sizeof in / sizeof *in);
    OK(qnt_session_create(m, NULL, &s));
    OK(qnt_session_run(s, in, out, 1));
    qnt_session_free(s);
    return out;
}

/* Two layers of known codes, the second with one scale for all channels and a bias. */
START_TEST(constants_are_what_codes_mean)
{
    float sx = 0.5f, sy = 0.25f, sz = 0.125f, sc = 2.0f, sw[] = {0.5f, 3.0f};
    struct qnt_tensor x_q = quant(&sx, 7), y_q = quant(&sy, -3), z_q = quant(&sz, 1), c = quant(&sc, 5);
    struct qnt_model *m;
    qnt_model *f = NULL;
    int8_t codes[] = {1, -2, 3, 4, -5, 6};
    int8_t shift[] = {15, 4};
    int32_t bias[] = {10, -20};
    struct qnt_tensor w = {.name = (char *)"w", .type = QNT_S8, .bits = 4, .rank = 2, .dim = {2, 3}, .constant = true};
    struct qnt_tensor b = {.name = (char *)"b", .type = QNT_S32, .bits = 32, .rank = 1, .dim = {2}, .constant = true};
    int x, in[3];
    w.data = codes;
    w.scales = 2;
    w.scale = sw;
    b.data = bias;
    c.name = (char *)"c";
    c.rank = 1;
    c.dim[0] = 2;
    c.constant = true;
    c.data = shift;
    OK(qnt_model_new(ctx, &m));
    in[0] = add_input(m, 1, (size_t[]){3});
    in[0] = add_node(m, "quantize", "x.q", NULL, in, 1, &x_q);
    OK(qnt_model_append_tensor(m, &w, &in[1]));
    OK(qnt_model_append_tensor(m, &b, &in[2]));
    in[0] = add_node(m, "fully_connected", "fc", NULL, in, 3, &y_q);
    OK(qnt_model_append_tensor(m, &c, &in[1]));
    x = add_node(m, "add", "sum", NULL, in, 2, &z_q);
    x = add_node(m, "dequantize", "y", NULL, &x, 1, NULL);
    OK(qnt_model_set_output(m, x));
    OK(qnt_model_dequantize(m, &f));
    same_layers(m, f);
    const float want_w[] = {0.5f, -1.0f, 1.5f, 12.0f, -15.0f, 18.0f}, want_b[] = {2.5f, -30.0f}, want_c[] = {20, -2};
    ck_assert_mem_eq(tensor(f, "w")->data, want_w, sizeof want_w);
    ck_assert_mem_eq(tensor(f, "b")->data, want_b, sizeof want_b);
    ck_assert_mem_eq(tensor(f, "c")->data, want_c, sizeof want_c);
    float *out = run(f, 2), first[12 * 12 * 16], sum[2];
    test_model_images(first, sizeof first / sizeof *first);
    for (int i = 0; i < 2; i++) {
        sum[i] = want_b[i];
        for (int k = 0; k < 3; k++)
            sum[i] = fmaf(first[k], want_w[i * 3 + k], sum[i]);
        ck_assert_msg(out[i] == sum[i] + want_c[i], "%g, expected %g", (double)out[i], (double)(sum[i] + want_c[i]));
    }
    free(out);
    qnt_model_free(f);
    qnt_model_free(m);
}
END_TEST

static qnt_status build_model(int i, qnt_model **m)
{
    switch (i) {
    case 0:
        return test_model_quantized(ctx, 8, m);
    case 1:
        return test_model_quantized(ctx, 2, m);
    case 2:
        return test_model_pools(ctx, true, m);
    case 3:
        return test_model_depthwise(ctx, true, m);
    case 4:
        return test_model_pairs(ctx, true, m);
    case 5:
        return test_model_functions(ctx, true, m);
    case 6:
        return test_model_moves(ctx, true, m);
    case 7:
        return test_model_signs(ctx, m);
    default:
        return test_model_binary(ctx, i == 8, m);
    }
}

START_TEST(every_layer_has_its_twin)
{
    qnt_model *m, *f;
    qnt_session *s;
    OK(build_model(_i, &m));
    OK(qnt_model_dequantize(m, &f));
    same_layers(m, f);
    OK(qnt_session_create(f, NULL, &s));
    qnt_session_free(s);
    qnt_model_free(m); /* the twin stands alone */
    free(run(f, 1024));
    qnt_model_free(f);
}
END_TEST

START_TEST(floats_are_copied)
{
    qnt_model *m, *f;
    OK(test_model_float(ctx, &m));
    OK(qnt_model_dequantize(m, &f));
    same_layers(m, f);
    float *a = run(m, TEST_MODEL_OUT), *b = run(f, TEST_MODEL_OUT);
    ck_assert_mem_eq(a, b, TEST_MODEL_OUT * sizeof *a);
    free(a);
    free(b);
    qnt_model_free(f);
    qnt_model_free(m);
}
END_TEST

/* One bias behind two inputs of different scales. */
START_TEST(a_constant_of_two_meanings_is_refused)
{
    float scale[] = {0.5f, 0.25f};
    struct qnt_tensor q[] = {quant(&scale[0], 0), quant(&scale[1], 0)};
    struct qnt_model *m;
    qnt_model *f = NULL;
    int in[3];
    OK(qnt_model_new(ctx, &m));
    unit_seed();
    in[0] = add_input(m, 1, (size_t[]){4});
    in[0] = add_node(m, "quantize", "x.q", NULL, in, 1, &q[0]);
    in[1] = add_weights(m, "w", 8, 2, (size_t[]){4, 4}, 1, RANDOM);
    in[2] = add_bias(m, "b", 4, 100);
    in[0] = add_node(m, "fully_connected", "first", NULL, in, 3, &q[1]);
    OK(qnt_model_set_output(m, in[0]));
    OK(qnt_model_dequantize(m, &f));
    qnt_model_free(f);
    f = NULL;
    in[0] = add_node(m, "fully_connected", "second", NULL, in, 3, &q[1]);
    OK(qnt_model_set_output(m, in[0]));
    ck_assert_int_eq(qnt_model_dequantize(m, &f), QNT_ERR_UNSUPPORTED);
    ck_assert_str_eq(qnt_last_error(), "node 'second': constant 'b' means something else in another node");
    ck_assert_ptr_null(f);
    qnt_model_free(m);
}
END_TEST

START_TEST(wrong_calls_are_refused)
{
    struct qnt_model *m;
    qnt_model *f = NULL;
    OK(qnt_model_new(ctx, &m));
    ck_assert_int_eq(qnt_model_dequantize(NULL, &f), QNT_ERR_ARG);
    ck_assert_int_eq(qnt_model_dequantize(m, NULL), QNT_ERR_ARG);
    ck_assert_int_eq(qnt_model_dequantize(m, &f), QNT_ERR_STATE);
    ck_assert_str_eq(qnt_last_error(), "the model has no input yet");
    qnt_model_free(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dequantize");
    TCase *tc = tcase_create("dequantize");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, constants_are_what_codes_mean);
    tcase_add_loop_test(tc, every_layer_has_its_twin, 0, 10);
    tcase_add_test(tc, floats_are_copied);
    tcase_add_test(tc, a_constant_of_two_meanings_is_refused);
    tcase_add_test(tc, wrong_calls_are_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
