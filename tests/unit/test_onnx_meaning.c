/* Codes in ONNX graphs: DequantizeLinear is a meaning that stays with what moves, patterns become integer operations
 * with exactly the numbers of the formula, what is no pattern runs in floats. */
#include <math.h>
#include "onnx_graphs.h"

static const float sx = 0.05f, sy = 0.11f;
static const int8_t zx = -7, zy = 3;
static const float sw[] = {0.02f, 0.013f};
static int8_t weights[2 * 6], x[6];
static const int32_t bias[] = {40, -300};

static void fill(void)
{
    for (size_t i = 0; i < sizeof weights; i++)
        weights[i] = (int8_t)(unit_random() % 255 - 127);
    for (size_t i = 0; i < sizeof x; i++)
        x[i] = (int8_t)(unit_random() % 256 - 128);
}

static void parameters(struct graph *b)
{
    static const int8_t none[] = {0, 0};
    static const int64_t dims[] = {1, 6};
    fill();
    begin(b, 13);
    input(b, "x", ONNX_INT8, 2, dims);
    constant(b, "sx", ONNX_FLOAT, 0, NULL, &sx);
    constant(b, "zx", ONNX_INT8, 0, NULL, &zx);
    constant(b, "sy", ONNX_FLOAT, 0, NULL, &sy);
    constant(b, "zy", ONNX_INT8, 0, NULL, &zy);
    constant(b, "w", ONNX_INT8, 2, (size_t[]){2, 6}, weights);
    constant(b, "sw", ONNX_FLOAT, 1, (size_t[]){2}, sw);
    constant(b, "zw", ONNX_INT8, 1, (size_t[]){2}, none);
    node(b, "DequantizeLinear", "x sx zx", "xf");
    node(b, "DequantizeLinear", "w sw zw", "wf");
    attr_int(b, "axis", 0);
    output(b, "y");
}

static int8_t saturated(float v)
{
    return (int8_t)(v < -128.0f ? -128.0f : v > 127.0f ? 127.0f : v);
}

START_TEST(gemm_between_codes_is_exact)
{
    float sb[2] = {sx * sw[0], sx * sw[1]};
    struct graph b;
    int8_t y[2];
    parameters(&b);
    constant(&b, "b", ONNX_INT32, 1, (size_t[]){2}, bias);
    constant(&b, "sb", ONNX_FLOAT, 1, (size_t[]){2}, sb);
    node(&b, "DequantizeLinear", "b sb", "bf");
    attr_int(&b, "axis", 0);
    node(&b, "Gemm", "xf wf bf", "g");
    attr_int(&b, "transB", 1);
    node(&b, "Relu", "g", "r");
    node(&b, "QuantizeLinear", "r sy zy", "y");
    qnt_model *m = mapped(&b);
    ck_assert_uint_eq(qnt_model_node_count(m), 2); /* fully_connected, clamp */
    run(m, x, y, 1);
    for (int c = 0; c < 2; c++) {
        int32_t sum = bias[c];
        for (int k = 0; k < 6; k++)
            sum += (x[k] - zx) * weights[c * 6 + k];
        const int8_t expected = saturated(nearbyintf((float)sum * (sx * sw[c] / sy)) + (float)zy);
        ck_assert_int_eq(y[c], expected < zy ? zy : expected);
    }
    qnt_model_free(m);
}
END_TEST

START_TEST(codes_that_move_are_not_computed)
{
    static const int64_t shape[] = {0, 2, 3};
    struct graph b;
    int8_t y[6];
    parameters(&b);
    constant(&b, "shape", ONNX_INT64, 1, (size_t[]){3}, shape);
    node(&b, "Reshape", "xf shape", "r");
    node(&b, "QuantizeLinear", "r sx zx", "y");
    qnt_model *m = mapped(&b);
    ck_assert_uint_eq(count_op(m, "quantize") + count_op(m, "dequantize"), 0);
    run(m, x, y, 1);
    ck_assert_mem_eq(x, y, sizeof y);
    qnt_model_free(m);
}
END_TEST

START_TEST(another_scale_behind_a_move_requantizes)
{
    struct graph b;
    int8_t y[6];
    parameters(&b);
    node(&b, "Identity", "xf", "r");
    node(&b, "QuantizeLinear", "r sy zy", "y");
    qnt_model *m = mapped(&b);
    run(m, x, y, 1);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(y[i], saturated(nearbyintf((float)(x[i] - zx) * sx / sy) + (float)zy));
    qnt_model_free(m);
}
END_TEST

/* QCDQ: bounds between QuantizeLinear and DequantizeLinear are codes. */
START_TEST(clip_of_codes)
{
    static const int8_t lo = -60, hi = 9;
    struct graph b;
    int8_t y[6];
    parameters(&b);
    constant(&b, "lo", ONNX_INT8, 0, NULL, &lo);
    constant(&b, "hi", ONNX_INT8, 0, NULL, &hi);
    node(&b, "QuantizeLinear", "xf sx zx", "q");
    node(&b, "Clip", "q lo hi", "c");
    node(&b, "DequantizeLinear", "c sx zx", "f");
    node(&b, "QuantizeLinear", "f sx zx", "y");
    qnt_model *m = mapped(&b);
    ck_assert_uint_eq(qnt_model_node_count(m), 1); /* clamp */
    run(m, x, y, 1);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(y[i], x[i] < lo ? lo : x[i] > hi ? hi : x[i]);
    qnt_model_free(m);
}
END_TEST

START_TEST(two_readers_are_no_pattern)
{
    struct graph b;
    parameters(&b);
    node(&b, "Gemm", "xf wf", "g");
    attr_int(&b, "transB", 1);
    node(&b, "QuantizeLinear", "g sy zy", "y");
    node(&b, "Tanh", "g", "t");
    output(&b, "t");
    qnt_model *m = mapped(&b);
    ck_assert_uint_eq(count_op(m, "dequantize"), 1);
    ck_assert_uint_eq(count_op(m, "quantize"), 1);
    qnt_model_free(m);
}
END_TEST

/* Unsigned weights whose differences from the zero point fit in 8 bits. */
START_TEST(weights_lose_their_zero_points)
{
    static const uint8_t w[] = {0, 255, 128, 129, 127, 5}, zw = 128;
    static const float one = 0.01f;
    static const int64_t dims[] = {1, 6};
    struct graph b;
    int8_t y;
    int32_t sum = 0;
    fill();
    begin(&b, 13);
    input(&b, "x", ONNX_INT8, 2, dims);
    constant(&b, "sx", ONNX_FLOAT, 0, NULL, &sx);
    constant(&b, "zx", ONNX_INT8, 0, NULL, &zx);
    constant(&b, "w", ONNX_UINT8, 2, (size_t[]){6, 1}, w);
    constant(&b, "sw", ONNX_FLOAT, 0, NULL, &one);
    constant(&b, "zw", ONNX_UINT8, 0, NULL, &zw);
    constant(&b, "sy", ONNX_FLOAT, 0, NULL, &sy);
    constant(&b, "zy", ONNX_INT8, 0, NULL, &zy);
    node(&b, "QLinearMatMul", "x sx zx w sw zw sy zy", "y");
    output(&b, "y");
    qnt_model *m = mapped(&b);
    run(m, x, &y, 1);
    for (int k = 0; k < 6; k++)
        sum += (x[k] - zx) * (w[k] - zw);
    ck_assert_int_eq(y, saturated(nearbyintf((float)sum * (sx * one / sy)) + (float)zy));
    qnt_model_free(m);
}
END_TEST

/* u8 outside, s8 inside; weights of u8 whose differences from the zero point do not fit in 8 bits. */
START_TEST(unsigned_codes_at_the_border)
{
    static const uint8_t w[] = {0, 255, 17, 200, 3, 90, 250, 1}, zw = 40, z_in = 130, z_out = 100;
    static const float s_in = 0.05f, s_w = 0.02f, s_out = 0.9f;
    static const int64_t dims[] = {1, 2, 2, 2};
    struct graph b;
    uint8_t in[8], y;
    int32_t sum = 0;
    for (int i = 0; i < 8; i++)
        in[i] = (uint8_t)unit_random();
    begin(&b, 13);
    input(&b, "x", ONNX_UINT8, 4, dims);
    constant(&b, "sx", ONNX_FLOAT, 0, NULL, &s_in);
    constant(&b, "zx", ONNX_UINT8, 0, NULL, &z_in);
    constant(&b, "w", ONNX_UINT8, 4, (size_t[]){1, 2, 2, 2}, w);
    constant(&b, "sw", ONNX_FLOAT, 0, NULL, &s_w);
    constant(&b, "zw", ONNX_UINT8, 0, NULL, &zw);
    constant(&b, "sy", ONNX_FLOAT, 0, NULL, &s_out);
    constant(&b, "zy", ONNX_UINT8, 0, NULL, &z_out);
    node(&b, "QLinearConv", "x sx zx w sw zw sy zy", "y");
    output(&b, "y");
    qnt_model *m = mapped(&b);
    qnt_tensor_info t;
    OK(qnt_model_input(m, &t));
    ck_assert(t.type == QNT_U8 && t.zero_point == z_in && t.scale[0] == s_in);
    OK(qnt_model_output(m, &t));
    ck_assert(t.type == QNT_U8 && t.zero_point == z_out);
    run(m, in, &y, 1);
    for (int i = 0; i < 8; i++)
        sum += (in[i] - z_in) * (w[i] - zw);
    const float v = nearbyintf((float)sum * (s_in * s_w / s_out)) + (float)z_out;
    ck_assert_int_eq(y, (uint8_t)(v < 0.0f ? 0.0f : v > 255.0f ? 255.0f : v));
    qnt_model_free(m);
}
END_TEST

START_TEST(scales_must_be_numbers_above_0)
{
    static const float none = 0.0f;
    static const int64_t dims[] = {1, 6};
    struct graph b;
    begin(&b, 13);
    input(&b, "x", ONNX_FLOAT, 2, dims);
    constant(&b, "s", ONNX_FLOAT, 0, NULL, &none);
    node(&b, "QuantizeLinear", "x s", "y");
    output(&b, "y");
    refused(&b, QNT_ERR_TYPE, "scale 's'[0] is 0, expected finite and > 0");
}
END_TEST

static qnt_status map_and_free(void)
{
    struct graph b;
    qnt_model *m = NULL;
    parameters(&b);
    node(&b, "Gemm", "xf wf", "g");
    attr_int(&b, "transB", 1);
    node(&b, "QuantizeLinear", "g sy zy", "y");
    qnt_status status = map_with(&b, NULL, &m);
    qnt_model_free(m);
    return status;
}

START_TEST(allocations_that_fail)
{
    oom_sweep("qnt_onnx_map", map_and_free);
}
END_TEST

/* x [N][6] quantized as it comes, times w, back to floats. rows: N, or -1: open. */
static void dynamic_graph(struct graph *b, int64_t rows, const int8_t *w, const float *scale)
{
    static const int8_t zw = 3;
    begin(b, 13);
    input(b, "x", ONNX_FLOAT, 2, (const int64_t[]){rows, 6});
    constant(b, "w", ONNX_INT8, 2, (size_t[]){6, 2}, w);
    constant(b, "zw", ONNX_INT8, 0, NULL, &zw);
    constant(b, "sw", ONNX_FLOAT, 0, NULL, scale);
    node(b, "DynamicQuantizeLinear", "x", "q s z");
    node(b, "MatMulInteger", "q w z zw", "sums");
    node(b, "Cast", "sums", "f");
    attr_int(b, "to", ONNX_FLOAT);
    node(b, "Mul", "s sw", "scale");
    node(b, "Mul", "f scale", "y");
    output(b, "y");
}

/* One row by the steps that ONNX lists. */
static void dynamic_row(const float *row, const int8_t *w, float scale_w, float *to)
{
    float lo = 0.0f, hi = 0.0f;
    for (int k = 0; k < 6; k++) {
        lo = row[k] < lo ? row[k] : lo;
        hi = row[k] > hi ? row[k] : hi;
    }
    const float scale = (hi - lo) / 255.0f, zero = nearbyintf(-lo / scale);
    for (int c = 0; c < 2; c++) {
        int32_t sum = 0;
        for (int k = 0; k < 6; k++) {
            const float q = nearbyintf(row[k] / scale) + zero;
            sum += ((int32_t)(q < 0.0f ? 0.0f : q > 255.0f ? 255.0f : q) - (int32_t)zero) * (w[k * 2 + c] - 3);
        }
        to[c] = (float)sum * (scale * scale_w);
    }
}

/* With an open batch each image has a range of its own, as a batch of one has: any batch gives the same bytes. */
START_TEST(dynamic_ranges_are_those_of_an_image)
{
    const float scale = 0.02f;
    float rows[3 * 6], y[3 * 2], one[2], want[2];
    struct graph b;
    fill();
    for (int i = 0; i < 3 * 6; i++)
        rows[i] = unit_random_float() * (i < 6 ? 0.5f : i < 12 ? 8.0f : 100.0f);
    dynamic_graph(&b, -1, weights, &scale);
    qnt_model *m = mapped(&b);
    ck_assert_uint_eq(count_op(m, "fully_connected"), 1);
    run(m, rows, y, 3);
    for (int i = 0; i < 3; i++) {
        run(m, rows + 6 * i, one, 1);
        ck_assert_mem_eq(one, y + 2 * i, sizeof one);
        dynamic_row(rows + 6 * i, weights, scale, want);
        ck_assert_mem_eq(one, want, sizeof one);
    }
    qnt_model_free(m);
}
END_TEST

/* A fixed batch has one range, as ONNX says. */
START_TEST(dynamic_range_of_a_fixed_batch)
{
    const float scale = 0.02f;
    float rows[2 * 6], y[2 * 2], want[2];
    struct graph b;
    fill();
    for (int i = 0; i < 6; i++) {
        rows[i] = unit_random_float();
        rows[6 + i] = rows[i];
    }
    dynamic_graph(&b, 2, weights, &scale);
    qnt_model *m = mapped(&b);
    run(m, rows, y, 1);
    dynamic_row(rows, weights, scale, want);
    ck_assert_mem_eq(y, want, sizeof want);
    rows[6] = 40.0f; /* the second row widens the range of the first */
    run(m, rows, y, 1);
    ck_assert(memcmp(y, want, sizeof want) != 0);
    qnt_model_free(m);
}
END_TEST

/* A scale for each column: a number for each image and column has no place for the batch. */
START_TEST(dynamic_scales_by_column_want_a_fixed_batch)
{
    static const float by_column[] = {0.02f, 0.03f};
    const float scale = 0.02f;
    struct graph b;
    fill();
    dynamic_graph(&b, -1, weights, &scale);
    b.init[2].rank = 1;
    b.init[2].dim[0] = b.init[2].count = 2;
    b.init[2].bytes = sizeof by_column;
    b.init[2].data = by_column;
    refused(&b, QNT_ERR_UNSUPPORTED, "node 'Mul' (Mul): needs the size of dimension 0");
}
END_TEST

/* Integers and codes as operands; more dimensions than a tensor may have. */
START_TEST(constants_of_many_dimensions_are_refused)
{
    static const int64_t dims[] = {1, 4};
    static const size_t shape[] = {1, 1, 1, 1, 1, 1, 1, 4};
    static const int64_t numbers[] = {1, 2, 3, 4};
    static const int8_t codes[] = {1, 2, 3, 4}, zero[] = {0};
    static const float scale[] = {0.5f};
    struct graph b;
    begin(&b, 13);
    input(&b, "x", ONNX_INT64, 2, dims);
    constant(&b, "c", ONNX_INT64, 8, shape, numbers);
    node(&b, "Add", "x c", "y");
    output(&b, "y");
    refused(&b, QNT_ERR_UNSUPPORTED, "constant 'c' has 8 dimensions, expected at most 6");
    begin(&b, 13);
    input(&b, "x", ONNX_FLOAT, 2, dims);
    constant(&b, "s", ONNX_FLOAT, 0, NULL, scale);
    constant(&b, "z", ONNX_INT8, 0, NULL, zero);
    constant(&b, "c", ONNX_INT8, 8, shape, codes);
    node(&b, "QuantizeLinear", "x s z", "q");
    node(&b, "DequantizeLinear", "q s z", "a");
    node(&b, "DequantizeLinear", "c s z", "b");
    node(&b, "Add", "a b", "f");
    node(&b, "QuantizeLinear", "f s z", "p");
    node(&b, "DequantizeLinear", "p s z", "y");
    output(&b, "y");
    refused(&b, QNT_ERR_UNSUPPORTED, "has 8 dimensions, expected at most 6");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("onnx_meaning");
    TCase *tc = tcase_create("onnx_meaning");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, gemm_between_codes_is_exact);
    tcase_add_test(tc, codes_that_move_are_not_computed);
    tcase_add_test(tc, another_scale_behind_a_move_requantizes);
    tcase_add_test(tc, clip_of_codes);
    tcase_add_test(tc, two_readers_are_no_pattern);
    tcase_add_test(tc, weights_lose_their_zero_points);
    tcase_add_test(tc, unsigned_codes_at_the_border);
    tcase_add_test(tc, scales_must_be_numbers_above_0);
    tcase_add_test(tc, allocations_that_fail);
    tcase_add_test(tc, dynamic_ranges_are_those_of_an_image);
    tcase_add_test(tc, dynamic_range_of_a_fixed_batch);
    tcase_add_test(tc, dynamic_scales_by_column_want_a_fixed_batch);
    tcase_add_test(tc, constants_of_many_dimensions_are_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
