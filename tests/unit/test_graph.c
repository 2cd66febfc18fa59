/* The model: building, refusals that name the node, inspection, copies, built-in architectures. */
#include <math.h>
#include <string.h>
#include <qnt/model.h>
#include "lib/op/op.h"
#include "unit.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())
#define DIM(...) ((const size_t[]){__VA_ARGS__})
#define IN(...) ((const int[]){__VA_ARGS__}), sizeof((const int[]){__VA_ARGS__}) / sizeof(int)
#define ATTR(...) (&(const qnt_node_attr){.size = sizeof(qnt_node_attr), __VA_ARGS__})

static qnt_ctx *ctx;
static qnt_model *m;
static const float zeros[4096];
static int image, full, w, b, id; /* image 8 x 6 x 4; full: 10; w 3 x 3 over 4 channels to 8; b 8 */

static void setup(void)
{
    OK(qnt_ctx_create(NULL, &ctx));
    OK(qnt_model_new(ctx, &m));
    OK(qnt_model_add_input(m, "image", 3, DIM(8, 6, 4), &image));
    OK(qnt_model_add_const(m, "w", 4, DIM(8, 3, 3, 4), zeros, &w));
    OK(qnt_model_add_const(m, "b", 1, DIM(8), zeros, &b));
    OK(qnt_model_add_node(m, "flatten", "full", NULL, IN(image), &full));
}

static void teardown(void)
{
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}

/* Each call must fail with a status and a text, and leave the model as it was. */
#define REFUSED(call, wanted, ...)                                                                                     \
    do {                                                                                                               \
        const char *const parts[] = {__VA_ARGS__};                                                                     \
        size_t tensors = qnt_model_tensor_count(m), nodes = qnt_model_node_count(m);                                   \
        qnt_status found = (call);                                                                                     \
        ck_assert_msg(found == (wanted), "%s: status %d, '%s'", #call, found, qnt_last_error());                       \
        for (size_t i_ = 0; i_ < sizeof parts / sizeof *parts; i_++)                                                   \
            ck_assert_msg(strstr(qnt_last_error(), parts[i_]) != NULL, "%s: '%s' lacks '%s'", #call, qnt_last_error(), \
                          parts[i_]);                                                                                  \
        ck_assert_uint_eq(tensors, qnt_model_tensor_count(m));                                                         \
        ck_assert_uint_eq(nodes, qnt_model_node_count(m));                                                             \
    } while (0)

static qnt_status node(const char *op, const qnt_node_attr *attr, const int *in, size_t n)
{
    return qnt_model_add_node(m, op, "n", attr, in, n, &id);
}

START_TEST(shapes_are_inferred)
{
    qnt_tensor_info t;
    int pool, gap;
    OK(node("conv2d", ATTR(.pad = {1, 0, 0, 2}, .stride = {2, 1}, .dilation = {1, 2}), IN(image, w, b)));
    OK(qnt_model_tensor(m, (size_t)id, &t));
    ck_assert(t.rank == 3 && t.dim[0] == 4 && t.dim[1] == 4 && t.dim[2] == 8 && t.type == QNT_F32 && t.bits == 32);
    ck_assert_str_eq(t.name, "n");
    OK(qnt_model_add_node(m, "maxpool", "pool", ATTR(.kernel = {3, 2}, .stride = {2, 2}, .pad = {1, 0, 1, 0}), IN(id),
                          &pool));
    OK(qnt_model_tensor(m, (size_t)pool, &t));
    ck_assert(t.dim[0] == 2 && t.dim[1] == 2 && t.dim[2] == 8);
    OK(qnt_model_add_node(m, "global_avgpool", "gap", NULL, IN(pool), &gap));
    OK(qnt_model_tensor(m, (size_t)gap, &t));
    ck_assert(t.rank == 3 && t.dim[0] == 1 && t.dim[1] == 1 && t.dim[2] == 8);
    OK(qnt_model_tensor(m, (size_t)full, &t));
    ck_assert(t.rank == 1 && t.dim[0] == 8 * 6 * 4);
    ck_assert_int_eq(qnt_model_find(m, "pool"), pool);
    ck_assert_int_eq(qnt_model_find(m, "absent"), -1);
}
END_TEST

START_TEST(refusals_name_the_node)
{
    int w10, wq, half;
    OK(qnt_model_add_const(m, "w10", 2, DIM(5, 10), zeros, &w10));
    OK(qnt_model_add_const(m, "wq", 4, DIM(8, 3, 3, 3), zeros, &wq));
    OK(qnt_model_add_const(m, "half", 1, DIM(4), zeros, &half));
    REFUSED(node("conv3d", NULL, IN(image)), QNT_ERR_ARG, "'n'", "conv3d", "valid: conv2d", "batchnorm");
    REFUSED(node("relu", NULL, IN(image, image)), QNT_ERR_ARG, "'n'", "2 inputs", "takes 1 to 1");
    REFUSED(node("relu", NULL, IN(99)), QNT_ERR_ARG, "'n'", "tensor 99");
    REFUSED(node("relu", NULL, IN(-1)), QNT_ERR_ARG, "'n'", "tensor -1");
    REFUSED(node("relu", NULL, IN(w)), QNT_ERR_TYPE, "'n'", "'w'", "constant");
    REFUSED(node("conv2d", NULL, IN(image, wq)), QNT_ERR_SHAPE, "'n'", "'wq'", "8 x 3 x 3 x 3", "8 x 3 x 3 x 4");
    REFUSED(node("conv2d", ATTR(.kernel = {5, 3}), IN(image, w)), QNT_ERR_SHAPE, "'n'", "8 x 3 x 3 x 4",
            "8 x 5 x 3 x 4");
    REFUSED(node("conv2d", ATTR(.groups = 3), IN(image, w)), QNT_ERR_SHAPE, "'n'", "3 groups");
    REFUSED(node("conv2d", ATTR(.groups = 2), IN(image, w)), QNT_ERR_SHAPE, "'n'", "8 x 3 x 3 x 2");
    REFUSED(node("conv2d", ATTR(.dilation = {4, 1}), IN(image, w)), QNT_ERR_SHAPE, "'n'", "height 8", "needs 9");
    REFUSED(node("conv2d", NULL, IN(image, w, half)), QNT_ERR_SHAPE, "'n'", "'half'", "expected 8");
    REFUSED(node("conv2d", NULL, IN(image, image)), QNT_ERR_UNSUPPORTED, "'n'", "'image'", "not a constant");
    REFUSED(node("conv2d", NULL, IN(full, w)), QNT_ERR_SHAPE, "'n'", "'full'", "192", "height x width x channels");
    REFUSED(node("conv2d", ATTR(.pad = {1u << 21, 0, 0, 0}), IN(image, w)), QNT_ERR_ARG, "'n'", "2097152");
    REFUSED(node("fully_connected", NULL, IN(full, w10)), QNT_ERR_SHAPE, "'n'", "5 x 10", "5 x 192");
    REFUSED(node("fully_connected", NULL, IN(image, w10)), QNT_ERR_SHAPE, "'n'", "5 x 10", "expected 5 x 4");
    REFUSED(node("fully_connected", NULL, IN(full, w)), QNT_ERR_SHAPE, "'n'", "'w'", "rank 2");
    REFUSED(node("maxpool", ATTR(.kernel = {2, 2}, .pad = {0, 2, 0, 0}), IN(image)), QNT_ERR_SHAPE, "'n'",
            "pad 2 and 0");
    REFUSED(node("maxpool", ATTR(.kernel = {9, 1}), IN(image)), QNT_ERR_SHAPE, "'n'", "height 8", "needs 9");
    REFUSED(node("avgpool", ATTR(.kernel = {1, 2}, .dilation = {1, 7}, .pad = {0, 1, 0, 1}), IN(image)), QNT_ERR_SHAPE,
            "'n'", "dilation 7");
    REFUSED(node("clamp", ATTR(.lo = 1.0f, .hi = 0.5f), IN(image)), QNT_ERR_ARG, "'n'", "1 and 0.5");
    REFUSED(node("clamp", ATTR(.lo = NAN, .hi = 0.5f), IN(image)), QNT_ERR_ARG, "'n'", "nan");
    REFUSED(node("quantize", NULL, IN(image)), QNT_ERR_TYPE, "'n'", "without a scale", "s8");
    REFUSED(node("dequantize", NULL, IN(image)), QNT_ERR_TYPE, "'n'", "'image'", "f32", "s8");
    REFUSED(node("batchnorm", NULL, IN(image, half, half, b, half)), QNT_ERR_SHAPE, "'n'", "'b'", "8", "4");
    REFUSED(node("batchnorm", ATTR(.epsilon = -1.0f), IN(image, half, half, half, half)), QNT_ERR_ARG, "'n'", "-1");
    REFUSED(node("relu", &(qnt_node_attr){.size = 1}, IN(image)), QNT_ERR_ARG, "'n'", "size is 1");
    REFUSED(qnt_model_add_node(m, "relu", "full", NULL, IN(image), &id), QNT_ERR_ARG, "'full'", "taken");
    REFUSED(qnt_model_add_node(m, "relu", "w", NULL, IN(image), &id), QNT_ERR_ARG, "'w'", "taken");
    REFUSED(qnt_model_add_node(m, "relu", "", NULL, IN(image), &id), QNT_ERR_ARG, "no name");
}
END_TEST

START_TEST(refusals_name_the_tensor)
{
    REFUSED(qnt_model_add_const(m, "c", 7, DIM(1, 1, 1, 1, 1, 1, 1), zeros, &id), QNT_ERR_SHAPE, "'c'", "rank 7");
    REFUSED(qnt_model_add_const(m, "c", 0, DIM(1), zeros, &id), QNT_ERR_SHAPE, "'c'", "rank 0");
    REFUSED(qnt_model_add_const(m, "c", 2, DIM(1, 0), zeros, &id), QNT_ERR_SHAPE, "'c'", "dimension 1");
    REFUSED(qnt_model_add_const(m, "c", 3, DIM(1u << 20, 1u << 20, 2), zeros, &id), QNT_ERR_RANGE, "'c'",
            "1048576 x 1048576 x 2", "2^40");
    REFUSED(qnt_model_add_const(m, "c", 2, DIM(SIZE_MAX, SIZE_MAX), zeros, &id), QNT_ERR_RANGE, "'c'");
    REFUSED(qnt_model_add_const(m, "b", 1, DIM(1), zeros, &id), QNT_ERR_ARG, "'b'", "taken");
    REFUSED(qnt_model_set_output(m, w), QNT_ERR_ARG, "'w'", "constant");
    REFUSED(qnt_model_set_output(m, 1000), QNT_ERR_ARG, "1000");
    REFUSED(qnt_model_set_normalisation(m, zeros, zeros), QNT_ERR_ARG, "channel 0", "deviation 0");
    qnt_tensor_info t;
    REFUSED(qnt_model_output(m, &t), QNT_ERR_STATE, "no output");
}
END_TEST

static struct qnt_tensor s8(float *scale, int32_t zero)
{
    return (struct qnt_tensor){.type = QNT_S8, .bits = 8, .scales = 1, .scale = scale, .zero = zero};
}

static qnt_status append(const char *op, const char *name, const int *in, size_t n, const struct qnt_tensor *q)
{
    return qnt_model_append_node(m, qnt_op_find(op), name, NULL, in, n, NULL, q, &id);
}

START_TEST(quantized_types_are_checked)
{
    float one = 1.0f, two = 2.0f, bad = 0.0f;
    struct qnt_tensor q = s8(&one, 3), other = s8(&two, 3), shifted = s8(&one, 4), zero = s8(&bad, 0);
    struct qnt_tensor wide = s8(&one, 200), f = {.type = QNT_F32, .bits = 32};
    int x, wq;
    struct qnt_tensor weights = {.name = (char[]){"wq"}, .type = QNT_S8, .bits = 4, .rank = 4, .dim = {8, 3, 3, 4}};
    weights.constant = true;
    weights.data = (void *)(uintptr_t)zeros;
    weights.scales = 3;
    weights.scale = (float[]){1.0f, 1.0f, 1.0f};
    OK(append("quantize", "q", IN(image), &q));
    x = id;
    REFUSED(append("quantize", "n", IN(image), &zero), QNT_ERR_TYPE, "'n'", "scale 0");
    REFUSED(append("quantize", "n", IN(image), &wide), QNT_ERR_TYPE, "'n'", "zero point 200");
    REFUSED(append("quantize", "n", IN(image), &f), QNT_ERR_TYPE, "'n'", "f32", "s8");
    REFUSED(append("relu", "n", IN(x), &other), QNT_ERR_TYPE, "'n'", "scale 2", "1 and 3");
    REFUSED(append("maxpool", "n", IN(x), &shifted), QNT_ERR_TYPE, "'n'", "zero point 4");
    REFUSED(append("relu", "n", IN(x), &f), QNT_ERR_TYPE, "'n'", "f32");
    REFUSED(append("relu", "n", IN(image), &q), QNT_ERR_TYPE, "'n'", "s8", "f32");
    REFUSED(append("softmax", "n", IN(x), NULL), QNT_ERR_UNSUPPORTED, "'n'", "s8");
    REFUSED(append("quantize", "n", IN(x), &q), QNT_ERR_TYPE, "'n'", "f32");
    REFUSED(append("conv2d", "n", IN(x, w), &q), QNT_ERR_TYPE, "'n'", "'w'", "f32", "s8");
    OK(qnt_model_append_tensor(m, &weights, &wq));
    REFUSED(append("conv2d", "n", IN(x, wq), &q), QNT_ERR_TYPE, "'n'", "3 scales", "1 or 8");
    m->tensor[wq].scales = 1;
    REFUSED(append("conv2d", "n", IN(x, wq), NULL), QNT_ERR_TYPE, "'n'", "without a scale");
    REFUSED(append("conv2d", "n", IN(x, wq, b), &q), QNT_ERR_TYPE, "'n'", "'b'", "f32", "s32");
    OK(append("conv2d", "n", IN(x, wq), &other));
    OK(append("relu", "r", IN(id), NULL)); /* inherits */
    ck_assert(m->tensor[id].scale[0] == 2.0f && m->tensor[id].zero == 3 && m->tensor[id].type == QNT_S8);
    OK(append("avgpool", "a", IN(id), &q));
    OK(append("dequantize", "d", IN(id), NULL));
    ck_assert(m->tensor[id].type == QNT_F32 && m->tensor[id].scales == 0);
}
END_TEST

START_TEST(article_cnn_is_what_it_says)
{
    static const char *const names[] = {"conv1", "relu1",   "pool1", "conv2", "relu2",
                                        "pool2", "flatten", "fc1",   "relu3", "fc2"};
    qnt_model *a, *same, *other;
    qnt_tensor_info t;
    qnt_node_info n;
    OK(qnt_model_build(ctx, "article-cnn", 5, &a));
    OK(qnt_model_build(ctx, "article-cnn", 5, &same));
    OK(qnt_model_build(ctx, "article-cnn", 6, &other));
    ck_assert_uint_eq(qnt_model_node_count(a), 10);
    for (size_t i = 0; i < 10; i++) {
        OK(qnt_model_node(a, i, &n));
        ck_assert_str_eq(n.name, names[i]);
    }
    OK(qnt_model_node(a, 3, &n));
    ck_assert_uint_eq(n.macs, 16 * 16 * 32 * 9 * 16);
    ck_assert_uint_eq(n.weight_bytes, 4 * (32 * 9 * 16 + 32));
    ck_assert_uint_eq(qnt_model_weight_bytes(a), 4 * (16 * 27 + 16 + 32 * 144 + 32 + 128 * 2048 + 128 + 1280 + 10));
    OK(qnt_model_input(a, &t));
    ck_assert(t.rank == 3 && t.dim[0] == 32 && t.dim[2] == 3);
    OK(qnt_model_output(a, &t));
    ck_assert(t.rank == 1 && t.dim[0] == 10);
    const struct qnt_tensor *fc1 = &a->tensor[qnt_model_find(a, "fc1.weight")];
    const float *v = fc1->data, bound = 1.0f / sqrtf(2048.0f);
    double sum = 0.0, squares = 0.0;
    size_t count = qnt_tensor_count(fc1);
    for (size_t i = 0; i < count; i++) {
        EACH_MUST(fabsf(v[i]) <= bound, "weight %zu is %g", i, (double)v[i]);
        sum += (double)v[i];
        squares += (double)v[i] * (double)v[i];
    }
    ck_assert_double_lt(fabs(sum / (double)count), 1e-4);
    ck_assert_double_lt(fabs(squares / (double)count * 3.0 / ((double)bound * (double)bound) - 1.0), 0.01);
    ck_assert_int_eq(memcmp(v, same->tensor[qnt_model_find(same, "fc1.weight")].data, count * sizeof *v), 0);
    ck_assert_int_ne(memcmp(v, other->tensor[qnt_model_find(other, "fc1.weight")].data, count * sizeof *v), 0);
    REFUSED(qnt_model_build(ctx, "resnet", 1, &other), QNT_ERR_ARG, "resnet", "article-cnn");
    qnt_model_free(a);
    qnt_model_free(same);
    qnt_model_free(other);
}
END_TEST

START_TEST(a_clone_is_equal_and_apart)
{
    qnt_model *c, *alias;
    OK(node("conv2d", NULL, IN(image, w, b)));
    OK(qnt_model_set_output(m, id));
    OK(qnt_model_set_normalisation(m, (const float[]){1, 2, 3, 4}, (const float[]){5, 6, 7, 8}));
    OK(qnt_model_clone(m, &c));
    OK(qnt_model_alias(m, &alias));
    ck_assert_uint_eq(c->n_tensors, m->n_tensors);
    ck_assert_uint_eq(c->n_nodes, m->n_nodes);
    ck_assert(c->inputs.id[0] == m->inputs.id[0] && c->outputs.id[0] == m->outputs.id[0] && c->mean[3] == 4.0f &&
              c->deviation[0] == 5.0f);
    for (size_t i = 0; i < m->n_tensors; i++) {
        ck_assert_str_eq(c->tensor[i].name, m->tensor[i].name);
        ck_assert_ptr_ne(c->tensor[i].name, m->tensor[i].name);
        if (m->tensor[i].data) {
            ck_assert(c->tensor[i].data != m->tensor[i].data && c->tensor[i].owns_data);
            ck_assert(alias->tensor[i].data == m->tensor[i].data && !alias->tensor[i].owns_data);
        }
    }
    OK(qnt_model_add_node(c, "relu", "more", NULL, &c->outputs.id[0], 1, &id));
    ck_assert_int_eq(qnt_model_find(m, "more"), -1);
    qnt_model_free(alias);
    qnt_model_ref(c);
    qnt_model_free(c);
    ck_assert_int_ge(qnt_model_find(c, "more"), 0); /* one reference is left */
    qnt_model_free(c);
}
END_TEST

START_TEST(many_names_are_found)
{
    char name[32];
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "tensor%d", i);
        OK(qnt_model_add_node(m, "relu", name, NULL, IN(image), &id));
    }
    for (int i = 0; i < 3000; i += 7) {
        snprintf(name, sizeof name, "tensor%d", i);
        ck_assert_int_ge(qnt_model_find(m, name), 0);
        ck_assert_str_eq(m->tensor[qnt_model_find(m, name)].name, name);
        REFUSED(qnt_model_add_node(m, "relu", name, NULL, IN(image), &id), QNT_ERR_ARG, name);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph");
    TCase *tc = tcase_create("graph");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, shapes_are_inferred);
    tcase_add_test(tc, refusals_name_the_node);
    tcase_add_test(tc, refusals_name_the_tensor);
    tcase_add_test(tc, quantized_types_are_checked);
    tcase_add_test(tc, article_cnn_is_what_it_says);
    tcase_add_test(tc, a_clone_is_equal_and_apart);
    tcase_add_test(tc, many_names_are_found);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
