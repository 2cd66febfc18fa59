/* From ONNX graphs to models: layouts, the batch left open, opsets, what is refused and how. Codes:
 * test_onnx_meaning.c.
 */
#include <math.h>
#include "onnx_graphs.h"

static const int64_t image[] = {-1, 3, 4, 5};
static float weights[2 * 3 * 3 * 3], dense[4 * 2 * 4 * 5], x[3 * 3 * 4 * 5];

static void random_floats(float *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = unit_random_float();
}

/* Conv 3 x 3, padded, 3 -> 2 channels; Relu; flattened; Gemm to 4. */
static void network(struct graph *b, const int64_t *dims)
{
    static const int64_t pads[] = {1, 1, 1, 1};
    begin(b, 13);
    input(b, "x", ONNX_FLOAT, 4, dims);
    constant(b, "w", ONNX_FLOAT, 4, (size_t[]){2, 3, 3, 3}, weights);
    constant(b, "d", ONNX_FLOAT, 2, (size_t[]){4, 2 * 4 * 5}, dense);
    node(b, "Conv", "x w", "c");
    attr_ints(b, "pads", pads, 4);
    node(b, "Relu", "c", "r");
    node(b, "Flatten", "r", "f");
    node(b, "Gemm", "f d", "y");
    attr_int(b, "transB", 1);
    output(b, "y");
}

/* The same, by the definitions. */
static void by_definition(const float *in, float *out)
{
    float flat[2 * 4 * 5];
    for (int m = 0; m < 2; m++)
        for (int h = 0; h < 4; h++)
            for (int v = 0; v < 5; v++) {
                float sum = 0.0f;
                for (int c = 0; c < 3; c++)
                    for (int i = 0; i < 9; i++) {
                        const int at_h = h + i / 3 - 1, at_v = v + i % 3 - 1;
                        if (at_h >= 0 && at_h < 4 && at_v >= 0 && at_v < 5)
                            sum += in[(c * 4 + at_h) * 5 + at_v] * weights[(m * 3 + c) * 9 + i];
                    }
                flat[(m * 4 + h) * 5 + v] = sum > 0.0f ? sum : 0.0f;
            }
    for (int k = 0; k < 4; k++) {
        out[k] = 0.0f;
        for (int i = 0; i < 40; i++)
            out[k] += flat[i] * dense[k * 40 + i];
    }
}

static void fill(void)
{
    random_floats(weights, sizeof weights / sizeof *weights);
    random_floats(dense, sizeof dense / sizeof *dense);
    random_floats(x, sizeof x / sizeof *x);
}

START_TEST(an_open_batch_is_the_sessions)
{
    struct graph b;
    float y[3 * 4], expected[4];
    fill();
    network(&b, image);
    qnt_model *m = mapped(&b);
    run(m, x, y, 3);
    for (int i = 0; i < 3; i++) {
        by_definition(x + i * 60, expected);
        for (int k = 0; k < 4; k++)
            EACH_MUST(fabsf(y[i * 4 + k] - expected[k]) < 1e-4f, "image %d, output %d: %g, expected %g", i, k,
                      (double)y[i * 4 + k], (double)expected[k]);
    }
    ck_assert_uint_eq(count_op(m, "transpose"), 1); /* of the input: what is flattened has its weights moved */
    qnt_tensor_info t;
    OK(qnt_model_output(m, &t));
    ck_assert_str_eq(t.name, "y");
    qnt_model_free(m);
}
END_TEST

START_TEST(channels_last_inputs_need_no_transpose)
{
    const qnt_import_config config = {.size = sizeof config, .channels_last = QNT_CHANNELS_LAST_INPUTS};
    struct graph b;
    float nhwc[60], y[4], expected[4];
    qnt_model *m;
    fill();
    network(&b, image);
    OK(map_with(&b, &config, &m));
    for (int i = 0; i < 60; i++)
        nhwc[i] = x[i % 3 * 20 + i / 3];
    run(m, nhwc, y, 1);
    by_definition(x, expected);
    for (int k = 0; k < 4; k++)
        EACH_MUST(fabsf(y[k] - expected[k]) < 1e-4f, "output %d: %g, expected %g", k, (double)y[k],
                  (double)expected[k]);
    ck_assert_uint_eq(count_op(m, "transpose"), 0);
    qnt_model_free(m);
}
END_TEST

/* Reshape to [Shape(x)[0], -1], as exporters write it. */
static void shaped(struct graph *b, const int64_t *dims, const char *until)
{
    static const int64_t zero = 0, minus = -1;
    begin(b, 13);
    input(b, "x", ONNX_FLOAT, 3, dims);
    constant(b, "zero", ONNX_INT64, 1, (size_t[]){1}, &zero);
    constant(b, "minus", ONNX_INT64, 1, (size_t[]){1}, &minus);
    node(b, "Shape", "x", "s");
    node(b, "Gather", "s zero", "n");
    if (!strcmp(until, "Reshape")) {
        node(b, "Concat", "n minus", "to");
        attr_int(b, "axis", 0);
        node(b, "Reshape", "x to", "y");
    } else {
        node(b, "Cast", "n", "f");
        attr_int(b, "to", ONNX_FLOAT);
        node(b, "Div", "x f", "y");
    }
    output(b, "y");
}

START_TEST(the_size_of_an_open_batch_passes_or_is_refused)
{
    static const int64_t open[] = {-1, 2, 3}, fixed[] = {2, 2, 3};
    const qnt_import_config config = {.size = sizeof config, .batch = 2};
    struct graph b;
    float y[12];
    shaped(&b, open, "Reshape");
    qnt_model *m = mapped(&b);
    fill();
    run(m, x, y, 2);
    ck_assert_mem_eq(x, y, sizeof y);
    qnt_tensor_info t;
    OK(qnt_model_output(m, &t));
    ck_assert(t.rank == 1 && t.dim[0] == 6);
    qnt_model_free(m);
    shaped(&b, open, "Div");
    refused(&b, QNT_ERR_UNSUPPORTED, "depends on the size of dimension 0");
    OK(map_with(&b, &config, &m)); /* as a whole: 2 x 2 x 3 is one input */
    run(m, x, y, 1);
    for (int i = 0; i < 12; i++)
        EACH_MUST(y[i] == x[i] / 2.0f, "element %d: %g, expected %g", i, (double)y[i], (double)x[i] / 2.0);
    qnt_model_free(m);
    shaped(&b, fixed, "Div");
    m = mapped(&b);
    run(m, x, y, 1);
    ck_assert(y[0] == x[0] / 2.0f);
    qnt_model_free(m);
}
END_TEST

static void transposed(struct graph *b, const int64_t *dims)
{
    static const int64_t perm[] = {1, 0, 2};
    begin(b, 13);
    input(b, "x", ONNX_FLOAT, 3, dims);
    node(b, "Transpose", "x", "y");
    attr_ints(b, "perm", perm, 3);
    output(b, "y");
}

START_TEST(what_moves_dimension_0_is_imported_as_a_whole)
{
    static const int64_t open[] = {-1, 2, 3}, one[] = {1, 2, 3};
    struct graph b;
    float y[6];
    transposed(&b, open);
    refused(&b, QNT_ERR_UNSUPPORTED, "output 'y' has no batch in dimension 0");
    transposed(&b, one);
    qnt_model *m = mapped(&b);
    qnt_tensor_info t;
    OK(qnt_model_input(m, &t));
    ck_assert_uint_eq(t.rank, 3);
    fill();
    run(m, x, y, 1);
    ck_assert_mem_eq(x, y, sizeof y);
    qnt_model_free(m);
}
END_TEST

/* Softmax over all from axis 1 on before opset 13, along axis 1 alone since. */
START_TEST(opsets_differ)
{
    static const int64_t dims[] = {1, 2, 3};
    float y[6], sum[2];
    for (int late = 0; late < 2; late++) {
        struct graph b;
        begin(&b, late ? 13 : 11);
        input(&b, "x", ONNX_FLOAT, 3, dims);
        node(&b, "Softmax", "x", "y");
        attr_int(&b, "axis", 1);
        output(&b, "y");
        qnt_model *m = mapped(&b);
        fill();
        run(m, x, y, 1);
        sum[late] = late ? y[0] + y[3] : y[0] + y[1] + y[2] + y[3] + y[4] + y[5];
        ck_assert_msg(fabsf(sum[late] - 1.0f) < 1e-6f, "late %d: %g", late, (double)sum[late]);
        qnt_model_free(m);
    }
}
END_TEST

/* Before opset 7 b's dimensions are those of a from an axis on. */
START_TEST(an_axis_places_what_is_broadcast)
{
    static const int64_t dims[] = {1, 2, 3};
    static const float by[] = {10, 20};
    struct graph b;
    float y[6];
    for (int axis = 0; axis < 2; axis++) {
        begin(&b, 6);
        input(&b, "x", ONNX_FLOAT, 3, dims);
        constant(&b, "c", ONNX_FLOAT, 1, (size_t[]){2}, by);
        node(&b, axis ? "Add" : "PRelu", "x c", "y");
        if (axis) {
            attr_int(&b, "axis", 1);
            attr_int(&b, "broadcast", 1);
        }
        output(&b, "y");
        qnt_model *m = mapped(&b);
        fill();
        run(m, x, y, 1);
        for (int i = 0; i < 6; i++) {
            const float expected = axis ? x[i] + by[i / 3] : x[i] < 0.0f ? x[i] * by[i / 3] : x[i];
            EACH_MUST(y[i] == expected, "axis %d, element %d: %g, expected %g", axis, i, (double)y[i],
                      (double)expected);
        }
        qnt_model_free(m);
        b.g.opset = 13;
        refused(&b, axis ? QNT_ERR_UNSUPPORTED : QNT_ERR_SHAPE, axis ? "attribute 'axis'" : "do not fit together");
    }
}
END_TEST

START_TEST(attributes_are_known_by_their_whole_names)
{
    static const int64_t dims[] = {1, 2};
    static const char *const names[] = {" axis", "axis ", "axis broadcast", "axi", "broadcastaxis"};
    static const float by[] = {10, 20};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct graph b;
        begin(&b, 6);
        input(&b, "x", ONNX_FLOAT, 2, dims);
        constant(&b, "c", ONNX_FLOAT, 1, (size_t[]){2}, by);
        node(&b, "Add", "x c", "y");
        attr_int(&b, names[i], 1);
        output(&b, "y");
        char text[64];
        snprintf(text, sizeof text, "attribute '%s' is not known", names[i]);
        refused(&b, QNT_ERR_UNSUPPORTED, text);
    }
}
END_TEST

/* Constants only, behind the input that gives the shape. */
START_TEST(arithmetic_of_constants)
{
    static const struct {
        const char *op;
        int64_t a, b, y;
    } cases[] = {{"Add", 5, -7, -2},
                 {"Sub", 5, 7, -2},
                 {"Mul", 6, -7, -42},
                 {"Div", -7, 2, -3},
                 {"Div", INT64_MIN, -1, INT64_MIN},
                 {"Mod", -7, 3, 2},
                 {"Mod", 7, -3, -2},
                 {"Mod", 7, -1, 0},
                 {"Min", 3, -4, -4},
                 {"Max", 3, -4, 3}};
    static const int64_t dims[] = {1, 6};
    struct onnx_shape none = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct graph b;
        static const qnt_import_config config = {.size = sizeof config};
        begin(&b, 13);
        input(&b, "x", ONNX_FLOAT, 2, dims);
        constant(&b, "a", ONNX_INT64, 0, NULL, &cases[i].a);
        constant(&b, "b", ONNX_INT64, 0, NULL, &cases[i].b);
        node(&b, cases[i].op, "a b", "y");
        struct onnx_mapper mp = {.ctx = ctx, .g = &b.g, .config = &config};
        OK(qnt_onnx_values_create(&mp));
        OK(qnt_onnx_op("", cases[i].op)->fold(&mp, &b.node[0]));
        struct onnx_value *y = qnt_onnx_find(&mp, "y");
        ck_assert(y->type == ONNX_INT64 && y->shape.rank == none.rank);
        ck_assert_int_eq(*(const int64_t *)y->data, cases[i].y);
        qnt_onnx_free_all(&mp);
    }
}
END_TEST

static void small(struct graph *b)
{
    static const int64_t dims[] = {1, 6};
    begin(b, 13);
    input(b, "x", ONNX_FLOAT, 2, dims);
    output(b, "y");
}

START_TEST(refusals_name_the_thing)
{
    static const int64_t matrix[] = {6, 2};
    struct graph b;
    small(&b);
    node(&b, "Frobnicate", "x", "y");
    refused(&b, QNT_ERR_UNSUPPORTED, "node 'Frobnicate' (Frobnicate): an operation that is not supported");
    small(&b);
    node(&b, "Relu", "x", "y");
    attr_int(&b, "slope", 1);
    refused(&b, QNT_ERR_UNSUPPORTED, "attribute 'slope' is not known");
    small(&b);
    input(&b, "w", ONNX_FLOAT, 2, matrix);
    node(&b, "Gemm", "x w", "y");
    refused(&b, QNT_ERR_UNSUPPORTED, "'w' is an input of the model, expected a constant (bind it)");
    small(&b);
    node(&b, "Relu", "z", "y");
    node(&b, "Relu", "x", "z");
    refused(&b, QNT_ERR_FORMAT, "input 'z' is computed by a later node");
    small(&b);
    node(&b, "Relu", "x", "y");
    node(&b, "Tanh", "x", "y");
    refused(&b, QNT_ERR_FORMAT, "'y' (Tanh) is given twice");
    small(&b);
    node(&b, "Relu", "nowhere", "y");
    refused(&b, QNT_ERR_FORMAT, "input 'nowhere' is given by nothing in the graph");
    small(&b);
    node(&b, "Softmax", "x", "y");
    attr_int(&b, "axis", 7);
    refused(&b, QNT_ERR_SHAPE, "axis 7, expected -2 to 1");
    small(&b);
    node(&b, "Relu", "x", "z");
    refused(&b, QNT_ERR_FORMAT, "output 'y' is given by nothing");
}
END_TEST

START_TEST(bound_inputs_are_constants)
{
    static const int64_t matrix[] = {6, 1};
    static const float w[] = {1, 2, 3, 4, 5, 6}, ones[] = {1, 1, 1, 1, 1, 1};
    const size_t dim[] = {6, 1};
    qnt_import_bind bind = {.name = "w", .data = w, .bytes = sizeof w, .dim = dim, .rank = 2};
    const qnt_import_config config = {.size = sizeof config, .bind = &bind, .n_bind = 1};
    struct graph b;
    qnt_model *m;
    float y;
    small(&b);
    input(&b, "w", ONNX_FLOAT, 2, matrix);
    node(&b, "MatMul", "x w", "y");
    OK(map_with(&b, &config, &m));
    run(m, ones, &y, 1);
    ck_assert(y == 21.0f);
    qnt_model_free(m);
    bind.bytes = 20;
    ck_assert_int_eq(map_with(&b, &config, &m), QNT_ERR_ARG);
    bind.name = "v";
    ck_assert_int_eq(map_with(&b, &config, &m), QNT_ERR_ARG);
}
END_TEST

static qnt_status map_and_free(void)
{
    struct graph b;
    qnt_model *m = NULL;
    network(&b, image);
    qnt_status status = map_with(&b, NULL, &m);
    qnt_model_free(m);
    return status;
}

START_TEST(allocations_that_fail)
{
    oom_sweep("qnt_onnx_map", map_and_free);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("onnx_map");
    TCase *tc = tcase_create("onnx_map");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, an_open_batch_is_the_sessions);
    tcase_add_test(tc, channels_last_inputs_need_no_transpose);
    tcase_add_test(tc, the_size_of_an_open_batch_passes_or_is_refused);
    tcase_add_test(tc, what_moves_dimension_0_is_imported_as_a_whole);
    tcase_add_test(tc, opsets_differ);
    tcase_add_test(tc, an_axis_places_what_is_broadcast);
    tcase_add_test(tc, attributes_are_known_by_their_whole_names);
    tcase_add_test(tc, arithmetic_of_constants);
    tcase_add_test(tc, refusals_name_the_thing);
    tcase_add_test(tc, bound_inputs_are_constants);
    tcase_add_test(tc, allocations_that_fail);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
