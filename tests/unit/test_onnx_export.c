/* Models written as ONNX and read again give the same outputs, byte for byte; what the file says; what is refused. */
#include <string.h>
#include <qnt/qnt.h>
#include "lib/import/onnx/onnx.h"
#include "lib/op/op.h"
#include "tests/common/models.h"
#include "tests/common/qnt_bytes.h"
#include "onnx_files.h"

static qnt_status make_float(qnt_ctx *c, bool quantized, qnt_model **out)
{
    return quantized ? test_model_quantized(c, 8, out) : test_model_float(c, out);
}

static qnt_status make_narrow(qnt_ctx *c, bool one, qnt_model **out)
{
    return test_model_quantized(c, one ? 1 : 3, out);
}

/* A node; scale 0: of floats, or with the scale of its input. */
static int put(qnt_model *m, const char *op, const char *name, const qnt_node_attr *attr, int a, int b, float scale)
{
    const struct qnt_tensor q = {.type = QNT_S8, .bits = 8, .scales = 1, .scale = &scale, .zero = -5};
    int id;
    OK(qnt_model_append_node(m, qnt_op_find(op), name, attr, (int[]){a, b}, b < 0 ? 1 : 2, NULL,
                             scale > 0.0f ? &q : NULL, &id));
    return id;
}

static int put_const(qnt_model *m, const char *name, uint32_t rank, const size_t *dim)
{
    float data[64];
    int id;
    for (size_t i = 0; i < 64; i++)
        data[i] = unit_random_float();
    OK(qnt_model_add_const(m, name, rank, dim, data, &id));
    return id;
}

/* What the other models lack: windows past the end, constant operands, operands of fewer dimensions, bounds of what
 * moved, bounds behind an output, softmax of channels, an order that is none of images. */
static qnt_status make_rest(qnt_ctx *c, bool quantized, qnt_model **out)
{
    enum { SIZE = sizeof(qnt_node_attr) };
    const size_t image[] = {7, 5, 3}, map[] = {4, 3, 3};
    const float s = quantized ? 0.03f : 0.0f;
    const qnt_node_attr ceil = {.size = SIZE, .kernel = {2, 2}, .stride = {2, 2}, .mode = QNT_POOL_CEIL},
                        count = {.size = SIZE, .kernel = {2, 2}, .stride = {2, 2}, .pad = {1, 1}, .mode = 3},
                        bounds = {.size = SIZE, .lo = -0.5f, .hi = 0.75f}, turn = {.size = SIZE, .axis = {1, 0, 2}};
    qnt_model *m;
    int x, y;
    OK(qnt_model_new(c, &m));
    OK(qnt_model_add_input(m, "x", 3, image, &x));
    if (quantized)
        x = put(m, "quantize", "codes", NULL, x, -1, s);
    x = put(m, "maxpool", "windows", &ceil, x, -1, s);
    x = put(m, "clamp", "clamped", &bounds, x, -1, s);
    y = put(m, "flatten", "row", NULL, put(m, "global_avgpool", "mean", NULL, x, -1, s), -1, s);
    x = put(m, "sub", "centred", NULL, x, y, s);
    y = put(m, "relu", "positive", NULL, x, -1, s);
    OK(qnt_model_add_output(m, x));
    y = put(m, "avgpool", "smooth", &count, put(m, "transpose", "turned", &turn, y, -1, s), -1, s);
    OK(qnt_model_add_output(m, y));
    if (!quantized) {
        x = put(m, "mul", "weighted", NULL, x, put_const(m, "map", 3, map), 0.0f);
        x = put(m, "div", "inverse", NULL, put_const(m, "one", 1, map + 1), put(m, "exp", "e", NULL, x, -1, 0.0f),
                0.0f);
        OK(qnt_model_add_output(m,
                                put(m, "softmax", "share", &(qnt_node_attr){.size = SIZE, .axis = {1}}, x, -1, 0.0f)));
    }
    *out = m;
    return QNT_OK;
}

static const struct {
    const char *name;
    qnt_status (*make)(qnt_ctx *ctx, bool quantized, qnt_model **out);
    const char *refused[2]; /* float, quantized: part of the text; NULL: it is written */
} models[] = {
    {"network", make_float, {0}},
    {"3 bits, 1 bit", make_narrow, {0}},
    {"pools", test_model_pools, {0}},
    {"depthwise", test_model_depthwise, {0}},
    {"pairs", test_model_pairs, {0}},
    {"functions", test_model_functions, {0}},
    {"borders", test_model_borders, {0}},
    {"the rest", make_rest, {0}},
    {"moves", test_model_moves, {NULL, "node 'shrink' (resize): linear interpolation between codes"}},
    {"binary", test_model_binary, {"(binary_conv2d): an operation", "(binary_conv2d): an operation"}},
    {"values", test_model_values, {"an operation that is not written", "an operation that is not written"}},
    {"recurrent", test_model_recurrent, {"an operation that is not written", "an operation that is not written"}},
    {"blocks", test_model_blocks, {0}},
    {"integers", test_model_integers, {NULL, "node 'sums' (fully_connected): output 'sums' is s32 with 0 scales"}},
};
static const char *const built_in[] = {"article-cnn", "resnet-8",      "resnet-8-bn", "mobilenetv1-0.25-cifar-bn",
                                       "ds-cnn",      "fc-autoencoder"};

START_TEST(models_come_back)
{
    const bool quantized = _i % 2;
    const char *refused = models[_i / 2].refused[quantized];
    char name[64];
    qnt_model *m;
    snprintf(name, sizeof name, "%s, %s", models[_i / 2].name, quantized ? "quantized" : "float");
    OK(models[_i / 2].make(ctx, quantized, &m));
    if (refused) {
        const qnt_status status = qnt_model_export(m, path, NULL);
        ck_assert_msg(status == QNT_ERR_UNSUPPORTED && strstr(qnt_last_error(), refused) &&
                          strstr(qnt_last_error(), path),
                      "%s: status %d, '%s', expected '%s'", name, (int)status, qnt_last_error(), refused);
    } else {
        round_trip(m, (qnt_export_config){0}, name);
        round_trip(m, (qnt_export_config){.int4 = 1}, name);
    }
    qnt_model_free(m);
}
END_TEST

static void observe(qnt_ptq *p, size_t n)
{
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = unit_random_float();
    OK(qnt_ptq_observe(p, x, 1));
    free(x);
}

/* In floats, in 8 bits, in 4 with activations of 5. */
START_TEST(networks_come_back)
{
    static const uint32_t bits[][2] = {{8, 8}, {4, 5}};
    qnt_model *m, *q;
    qnt_tensor_info in;
    OK(qnt_model_build(ctx, built_in[_i], 1, &m));
    OK(qnt_model_input(m, &in));
    round_trip(m, (qnt_export_config){0}, built_in[_i]);
    for (int b = 0; b < 2; b++) {
        qnt_ptq_config c = QNT_PTQ_CONFIG_INIT;
        qnt_ptq *p;
        c.weight_bits = bits[b][0];
        c.activation_bits = bits[b][1];
        OK(qnt_ptq_create(m, &c, &p));
        observe(p, bytes_of(&in) / sizeof(float));
        OK(qnt_ptq_model(p, &q));
        qnt_ptq_free(p);
        round_trip(q, (qnt_export_config){.int4 = (uint32_t)b}, built_in[_i]);
        qnt_model_free(q);
    }
    qnt_model_free(m);
}
END_TEST

static struct onnx_graph *read_file(struct qnt_bytes *file)
{
    struct onnx_graph *g;
    *file = qnt_bytes_read(path);
    OK(qnt_onnx_read(ctx, file->data, file->n, NULL, &g));
    return g;
}

static const struct onnx_tensor *constant(const struct onnx_graph *g, const char *name)
{
    for (size_t i = 0; i < g->n_init; i++)
        if (!strcmp(g->init[i].name, name))
            return &g->init[i];
    ck_abort_msg("no constant '%s'", name);
}

static size_t count(const struct onnx_graph *g, const char *op)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        n += !strcmp(g->node[i].op, op);
    return n;
}

START_TEST(the_file_says_what_is_meant)
{
    struct qnt_bytes file;
    qnt_model *m;
    OK(test_model_quantized(ctx, 4, &m));
    for (uint32_t fours = 0; fours < 2; fours++) {
        const qnt_export_config c = {.size = sizeof c, .int4 = fours};
        OK(qnt_model_export(m, path, &c));
        struct onnx_graph *g = read_file(&file);
        ck_assert_int_eq(g->opset, fours ? 21 : 13);
        ck_assert_int_eq(constant(g, "conv.weight")->type, fours ? ONNX_INT4 : ONNX_INT8);
        ck_assert_int_eq(constant(g, "conv.bias")->type, ONNX_INT32);
        ck_assert_uint_eq(constant(g, "conv.weight")->dim[1], 3);
        ck_assert_uint_eq(count(g, "Transpose"), 0);      /* images are given and flattened channels first */
        ck_assert_uint_eq(count(g, "Clip"), 1);           /* relu, whose 0 is none of the ends of the codes */
        ck_assert_uint_eq(count(g, "QuantizeLinear"), 3); /* of image, conv with relu, fc: moves need none */
        ck_assert_int_eq(g->input[0].dim[1], 3);
        ck_assert_int_eq(g->input[0].dim[0], -1);
        ck_assert_str_eq(g->output[0].name, "logits");
        qnt_onnx_graph_free(g);
        free(file.data);
    }
    qnt_model_free(m);
}
END_TEST

static qnt_status append_const(qnt_model *m, const struct qnt_tensor *t, size_t bytes, int *id)
{
    struct qnt_tensor own = *t;
    own.constant = own.owns_data = true;
    own.data = qnt_alloc(ctx, bytes, t->name);
    memcpy(own.data, t->data, bytes);
    return qnt_model_append_tensor(m, &own, id);
}

/* Weights that are not symmetric. */
START_TEST(zero_points_come_back)
{
    static int8_t codes[4 * 5];
    static int32_t zeros[] = {90, -100, 0, 127}, sums[] = {10, -200, 3000, 0};
    float scale[] = {0.01f, 0.02f, 0.03f, 0.04f}, x_scale = 0.02f, y_scale = 0.05f;
    const struct qnt_tensor
        w = {.name = (char[]){"w"},
             .type = QNT_S8,
             .bits = 8,
             .rank = 2,
             .dim = {4, 5},
             .scales = 4,
             .scale = scale,
             .data = codes},
        b = {.name = (char[]){"b"}, .type = QNT_S32, .bits = 32, .rank = 1, .dim = {4}, .data = sums},
        z = {.name = (char[]){"z"}, .type = QNT_S32, .bits = 32, .rank = 1, .dim = {4}, .data = zeros},
        x_q = {.type = QNT_S8, .bits = 8, .scales = 1, .scale = &x_scale, .zero = 7},
        y_q = {.type = QNT_S8, .bits = 8, .scales = 1, .scale = &y_scale, .zero = -9};
    qnt_model *m;
    int in[4], id;
    for (size_t i = 0; i < sizeof codes; i++)
        codes[i] = (int8_t)unit_random();
    OK(qnt_model_new(ctx, &m));
    OK(qnt_model_add_input(m, "x", 1, (const size_t[]){5}, &id));
    OK(qnt_model_append_node(m, &qnt_op_quantize, "q", NULL, &id, 1, NULL, &x_q, &in[0]));
    OK(append_const(m, &w, sizeof codes, &in[1]));
    OK(append_const(m, &b, sizeof sums, &in[2]));
    OK(append_const(m, &z, sizeof zeros, &in[3]));
    OK(qnt_model_append_node(m, &qnt_op_fully_connected, "full", NULL, in, 4, NULL, &y_q, &id));
    OK(qnt_model_append_node(m, &qnt_op_dequantize, "y", NULL, &id, 1, NULL, NULL, &id));
    OK(qnt_model_set_output(m, id));
    round_trip(m, (qnt_export_config){.int4 = 1}, "zero points");
    qnt_model_free(m);
}
END_TEST

/* The model of an ONNX file transposes at its borders what the file then need not. */
START_TEST(an_imported_model_has_no_transposes)
{
    struct qnt_bytes file;
    qnt_model *m, *again;
    OK(test_model_depthwise(ctx, true, &m));
    OK(qnt_model_export(m, path, NULL));
    OK(qnt_model_import(ctx, path, NULL, &again));
    OK(qnt_model_export(again, path, NULL));
    struct onnx_graph *g = read_file(&file);
    ck_assert_uint_eq(count(g, "Transpose"), 0);
    qnt_onnx_graph_free(g);
    free(file.data);
    qnt_model_free(m);
    OK(qnt_model_import(ctx, path, NULL, &m));
    ck_assert(same_borders(m, again));
    equal_outputs(m, again, "depthwise");
    qnt_model_free(again);
    qnt_model_free(m);
}
END_TEST

/* An order that the model itself asks for is no image's. */
START_TEST(an_output_that_was_turned_stays_so)
{
    const size_t dim[] = {2, 3, 4};
    const qnt_node_attr turn = {.size = sizeof turn, .axis = {1, 2, 0}};
    struct qnt_bytes file;
    qnt_model *m;
    int id;
    OK(qnt_model_new(ctx, &m));
    OK(qnt_model_add_input(m, "x", 3, dim, &id));
    OK(qnt_model_add_node(m, "transpose", "turn", &turn, &id, 1, &id));
    OK(qnt_model_add_node(m, "relu", "y", NULL, &id, 1, &id));
    OK(qnt_model_set_output(m, id));
    OK(qnt_model_export(m, path, NULL));
    struct onnx_graph *g = read_file(&file);
    for (uint32_t d = 0; d < 3; d++) {
        ck_assert_int_eq(g->input[0].dim[d + 1], (int64_t)dim[d]);
        ck_assert_int_eq(g->output[0].dim[d + 1], (int64_t)dim[(d + 1) % 3]);
    }
    ck_assert_str_eq(g->output[0].name, "y");
    qnt_onnx_graph_free(g);
    free(file.data);
    qnt_model_free(m);
}
END_TEST

static void fails(const qnt_model *m, const qnt_export_config *c, qnt_status expected, const char *text)
{
    const struct qnt_bytes before = qnt_bytes_read(path);
    const qnt_status status = qnt_model_export(m, path, c);
    const struct qnt_bytes after = qnt_bytes_read(path);
    ck_assert_msg(status == expected && strstr(qnt_last_error(), text), "status %d, '%s', expected %d, '%s'",
                  (int)status, qnt_last_error(), (int)expected, text);
    ck_assert(before.n == after.n && !memcmp(before.data, after.data, before.n));
    free(before.data);
    free(after.data);
}

START_TEST(what_is_refused_leaves_the_file)
{
    qnt_model *m, *empty;
    qnt_export_config c = {.size = sizeof c};
    OK(test_model_functions(ctx, false, &m));
    OK(qnt_model_export(m, path, NULL));
    c.opset = 13;
    fails(m, &c, QNT_ERR_UNSUPPORTED, "node 'swish' (hard_swish): it needs opset 14, expected one of the asked 13");
    c.opset = 12;
    fails(m, &c, QNT_ERR_ARG, "opset 12, expected 13 to 25");
    c = (qnt_export_config){.size = sizeof c, .format = "tflite"};
    fails(m, &c, QNT_ERR_ARG, "format 'tflite' is not known");
    c = (qnt_export_config){.size = sizeof c, .channels_last = 4};
    fails(m, &c, QNT_ERR_ARG, "channels_last is 4");
    c = (qnt_export_config){.size = sizeof c, .int4 = 2};
    fails(m, &c, QNT_ERR_ARG, "int4 is 2");
    fails(NULL, NULL, QNT_ERR_ARG, "a pointer is NULL");
    OK(qnt_model_new(ctx, &empty));
    fails(empty, NULL, QNT_ERR_STATE, "");
    qnt_model_free(empty);
    ck_assert_int_eq(qnt_model_export(m, "/absent/model.onnx", NULL), QNT_ERR_IO);
    qnt_model_free(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("onnx_export");
    TCase *tc = tcase_create("onnx_export");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, models_come_back, 0, 2 * sizeof models / sizeof *models);
    tcase_add_loop_test(tc, networks_come_back, 0, test_emulated() ? 2 : sizeof built_in / sizeof *built_in);
    tcase_add_test(tc, zero_points_come_back);
    tcase_add_test(tc, the_file_says_what_is_meant);
    tcase_add_test(tc, an_imported_model_has_no_transposes);
    tcase_add_test(tc, an_output_that_was_turned_stays_so);
    tcase_add_test(tc, what_is_refused_leaves_the_file);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
