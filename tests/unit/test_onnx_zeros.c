/* Zero points: one, or as many as there are columns or channels, of the codes' own type. Others are refused, whichever
 * operation has them. */
#include "onnx_graphs.h"

static const int8_t zeros[8];
static const int32_t wide[8] = {INT32_MIN};
static const float scales[3] = {1.0f, 1.0f, 1.0f};

/* w [4][3], or for convolutions [3][2][1][1], with `count` zero points of this type. */
static void operands(struct graph *b, int32_t type, uint32_t rank, size_t count)
{
    static const int8_t w[12];
    begin(b, 13);
    constant(b, "zw", type, rank, &count, type == ONNX_INT32 ? (const void *)wide : zeros);
    constant(b, "z", ONNX_UINT8, 0, NULL, zeros);
    constant(b, "s", ONNX_FLOAT, 0, NULL, scales);
    constant(b, "sw", ONNX_FLOAT, 1, (size_t[]){3}, scales);
    constant(b, "w", ONNX_INT8, 2, (size_t[]){4, 3}, w);
    constant(b, "f", ONNX_INT8, 4, (size_t[]){3, 2, 1, 1}, w);
}

static void rows_in(struct graph *b, int32_t type)
{
    input(b, "x", type, 2, (const int64_t[]){2, 4});
}

static void computed(struct graph *b)
{
    rows_in(b, ONNX_FLOAT);
    node(b, "DynamicQuantizeLinear", "x", "q sq zq");
    node(b, "MatMulInteger", "q w zq zw", "y");
}

static void known(struct graph *b)
{
    rows_in(b, ONNX_UINT8);
    node(b, "MatMulInteger", "x w z zw", "y");
}

static void convolution(struct graph *b)
{
    input(b, "x", ONNX_UINT8, 4, (const int64_t[]){1, 2, 5, 5});
    node(b, "ConvInteger", "x f z zw", "y");
}

static void with_scales(struct graph *b)
{
    rows_in(b, ONNX_UINT8);
    node(b, "QLinearMatMul", "x s z w sw zw s z", "y");
}

static void dequantized(struct graph *b)
{
    rows_in(b, ONNX_FLOAT);
    node(b, "DequantizeLinear", "w sw zw", "real");
    attr_int(b, "axis", 1);
    node(b, "MatMul", "x real", "y");
}

static void (*const graphs[])(struct graph *b) = {computed, known, convolution, with_scales, dequantized};
enum { GRAPHS = sizeof graphs / sizeof *graphs };

START_TEST(as_many_as_columns)
{
    struct graph b;
    operands(&b, ONNX_INT8, 1, 3);
    graphs[_i](&b);
    output(&b, "y");
    qnt_model_free(mapped(&b));
}
END_TEST

START_TEST(any_other_number)
{
    static const size_t counts[] = {0, 2, 4, 8};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct graph b;
        char text[64];
        operands(&b, ONNX_INT8, 1, counts[i]);
        graphs[_i](&b);
        output(&b, "y");
        snprintf(text, sizeof text, "zero point 'zw' has %zu elements, expected 3", counts[i]);
        refused(&b, QNT_ERR_SHAPE, text);
    }
}
END_TEST

START_TEST(another_type)
{
    struct graph b;
    operands(&b, ONNX_INT32, 1, 3);
    graphs[_i](&b);
    output(&b, "y");
    refused(&b, QNT_ERR_TYPE, "zero point 'zw' is int32, expected int8 as the codes");
}
END_TEST

/* Of 64 bits they might not even be subtracted. */
START_TEST(wide_codes)
{
    static const char *const in[] = {"f s z", "w s z"};
    static const int64_t far[2] = {INT64_MAX, INT64_MIN};
    static const float values[2] = {1e30f, -1e30f};
    struct graph b;
    begin(&b, 13);
    input(&b, "x", ONNX_FLOAT, 2, (const int64_t[]){1, 2});
    constant(&b, "f", ONNX_FLOAT, 1, (size_t[]){2}, values);
    constant(&b, "w", ONNX_INT64, 1, (size_t[]){2}, far);
    constant(&b, "z", ONNX_INT64, 0, NULL, &far[1]);
    constant(&b, "s", ONNX_FLOAT, 0, NULL, scales);
    node(&b, _i ? "DequantizeLinear" : "QuantizeLinear", in[_i], "c");
    node(&b, "Add", "x c", "y");
    output(&b, "y");
    refused(&b, QNT_ERR_UNSUPPORTED, "codes of type int64, expected integers of up to 32 bits");
}
END_TEST

/* Scales of blocks that do not divide the columns, of what is added to them. */
START_TEST(a_bias_by_blocks)
{
    static const int32_t bias[5] = {1, 2, 3, 4, 5};
    static const int8_t w[5 * 4] = {0}, x[2 * 4] = {0};
    static const int8_t want[5] = {0, 1, 2, 32, 40};
    static const float two[2] = {0.5f, 8.0f}, unit = 1.0f;
    int8_t y[2 * 5];
    struct graph b;
    begin(&b, 21);
    input(&b, "x", ONNX_INT8, 2, (const int64_t[]){2, 4});
    constant(&b, "s", ONNX_FLOAT, 0, NULL, &unit);
    constant(&b, "z", ONNX_INT8, 0, NULL, zeros);
    constant(&b, "w", ONNX_INT8, 2, (size_t[]){4, 5}, w);
    constant(&b, "b", ONNX_INT32, 1, (size_t[]){5}, bias);
    constant(&b, "sb", ONNX_FLOAT, 1, (size_t[]){2}, two);
    node(&b, "DequantizeLinear", "x s z", "xr");
    node(&b, "DequantizeLinear", "w s z", "wr");
    node(&b, "DequantizeLinear", "b sb", "br");
    attr_int(&b, "axis", 0);
    attr_int(&b, "block_size", 3);
    node(&b, "Gemm", "xr wr br", "r");
    node(&b, "QuantizeLinear", "r s z", "y");
    output(&b, "y");
    qnt_model *m = mapped(&b);
    run(m, x, y, 1);
    for (int i = 0; i < 5; i++) /* half to even */
        ck_assert_int_eq(y[i], want[i]);
    qnt_model_free(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("onnx_zeros");
    TCase *tc = tcase_create("zeros");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, as_many_as_columns, 0, GRAPHS);
    tcase_add_loop_test(tc, any_other_number, 0, GRAPHS);
    tcase_add_loop_test(tc, another_type, 0, GRAPHS);
    tcase_add_loop_test(tc, wide_codes, 0, 2);
    tcase_add_test(tc, a_bias_by_blocks);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
