/* config.ort_x86: what then runs in floats, and that these are added up in ONNX Runtime's order, bit for bit. */
#include <math.h>
#include "lib/op/op.h"
#include "onnx_graphs.h"

enum { SIDE = 5, MOST_IN = 160 * SIDE * SIDE, MOST_OUT = 16 * SIDE * SIDE, MOST_W = 16 * 160 * 9 };
static const qnt_import_config as_ort = {.size = sizeof as_ort, .ort_x86 = 1};
static float x[MOST_IN], w[MOST_W], bias[16], want[MOST_OUT], found[MOST_OUT];

static void fill(float *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = unit_random_float();
}

static qnt_model *mapped_as_ort(struct graph *b)
{
    qnt_model *m = NULL;
    OK(map_with(b, &as_ort, &m));
    return m;
}

static void refused_as_ort(struct graph *b, const char *text)
{
    qnt_model *m = NULL;
    ck_assert_int_eq(map_with(b, &as_ort, &m), QNT_ERR_UNSUPPORTED);
    ck_assert_msg(strstr(qnt_last_error(), text), "'%s', expected '%s'", qnt_last_error(), text);
    ck_assert_ptr_null(m);
}

/* part: of the channels of a group. */
struct conv {
    size_t channels, outs, kernel, groups, part;
};
static const struct conv convs[] = {{1, 5, 3, 1, 1},     {3, 16, 3, 1, 1},  {12, 7, 3, 1, 1},  {8, 9, 1, 1, 1},
                                    {16, 4, 3, 1, 16},   {24, 3, 3, 1, 16}, {64, 6, 3, 1, 16}, {32, 5, 1, 1, 128},
                                    {160, 8, 1, 1, 128}, {8, 8, 3, 8, 1},   {8, 16, 3, 8, 1},  {32, 6, 3, 2, 16}};

static void conv_graph(struct graph *b, const struct conv *c, size_t rank)
{
    static const int64_t pads[] = {1, 1, 1, 1};
    const int64_t dims[] = {1, (int64_t)c->channels, SIDE, SIDE};
    const size_t group = c->channels / c->groups;
    fill(x, c->channels * SIDE * SIDE);
    fill(w, c->outs * group * c->kernel * c->kernel);
    fill(bias, c->outs);
    begin(b, 13);
    input(b, "x", ONNX_FLOAT, (uint32_t)rank, dims);
    constant(b, "w", ONNX_FLOAT, (uint32_t)rank, (size_t[]){c->outs, group, c->kernel, c->kernel}, w);
    constant(b, "b", ONNX_FLOAT, 1, (size_t[]){c->outs}, bias);
    node(b, "Conv", "x w b", "y");
    attr_int(b, "group", (int64_t)c->groups);
    if (c->kernel == 3)
        attr_ints(b, "pads", pads, 2 * (rank - 2));
    output(b, "y");
}

/* Of output channel o at (py, px): the sum of parts, each from 0 by taps, then channels; the bias last. */
static float sum_at(const struct conv *c, size_t o, size_t py, size_t px)
{
    const size_t group = c->channels / c->groups, from = o / (c->outs / c->groups) * group, pad = c->kernel / 2;
    float all = 0.0f;
    for (size_t first = 0; first < group; first += c->part) {
        float part = 0.0f;
        for (size_t t = 0; t < c->kernel * c->kernel; t++)
            for (size_t k = first; k < group && k < first + c->part; k++) {
                const size_t iy = py + t / c->kernel - pad, ix = px + t % c->kernel - pad;
                if (iy < SIDE && ix < SIDE)
                    part = fmaf(x[((from + k) * SIDE + iy) * SIDE + ix], w[(o * group + k) * c->kernel * c->kernel + t],
                                part);
            }
        all = first ? all + part : part;
    }
    return all + bias[o];
}

START_TEST(convolutions_add_up_in_parts)
{
    const struct conv *c = &convs[_i];
    struct graph b;
    conv_graph(&b, c, 4);
    qnt_model *m = mapped_as_ort(&b);
    run(m, x, found, 1);
    for (size_t o = 0; o < c->outs; o++)
        for (size_t p = 0; p < SIDE * SIDE; p++)
            want[o * SIDE * SIDE + p] = sum_at(c, o, p / SIDE, p % SIDE);
    ck_assert_mem_eq(found, want, c->outs * SIDE * SIDE * sizeof *want);
    qnt_model_free(m);
}
END_TEST

/* y[rows][cols] = a * w' + bias, a row's products in parts of 256. */
static void matrix(const float *a, size_t rows, size_t k, size_t cols, const float *begin_with)
{
    for (size_t i = 0; i < rows * cols; i++) {
        float all = begin_with ? begin_with[i % cols] : 0.0f;
        for (size_t first = 0; first < k; first += 256) {
            float part = 0.0f;
            for (size_t j = first; j < k && j < first + 256; j++)
                part = fmaf(a[i / cols * k + j], w[i % cols * k + j], part);
            all = first || begin_with ? all + part : part;
        }
        want[i] = all;
    }
}

/* _i: 1 with a bias, which a sum begins with. */
START_TEST(rows_add_up_in_parts)
{
    enum { ROWS = 2, K = 600, COLS = 5 };
    const int64_t dims[] = {ROWS, K};
    struct graph b;
    fill(x, ROWS * K);
    fill(w, K * COLS);
    fill(bias, COLS);
    begin(&b, 13);
    input(&b, "x", ONNX_FLOAT, 2, dims);
    constant(&b, "w", ONNX_FLOAT, 2, (size_t[]){COLS, K}, w);
    constant(&b, "b", ONNX_FLOAT, 1, (size_t[]){COLS}, bias);
    node(&b, "Gemm", _i ? "x w b" : "x w", "y");
    attr_int(&b, "transB", 1);
    output(&b, "y");
    qnt_model *m = mapped_as_ort(&b);
    run(m, x, found, 1);
    matrix(x, ROWS, K, COLS, _i ? bias : NULL);
    ck_assert_mem_eq(found, want, ROWS * COLS * sizeof *want);
    qnt_model_free(m);
}
END_TEST

/* The rows of a flattened image are channel by channel. */
START_TEST(flattened_images_stay_in_order)
{
    const struct conv c = {32, 12, 3, 1, 16};
    enum { K = 12 * SIDE * SIDE, COLS = 3 };
    static float image[K], more[COLS * K];
    struct graph b;
    conv_graph(&b, &c, 4);
    fill(more, COLS * K);
    b.out[0].name = "z";
    node(&b, "Flatten", "y", "f");
    constant(&b, "v", ONNX_FLOAT, 2, (size_t[]){COLS, K}, more);
    node(&b, "Gemm", "f v", "z");
    attr_int(&b, "transB", 1);
    qnt_model *m = mapped_as_ort(&b);
    run(m, x, found, 1);
    for (size_t i = 0; i < K; i++)
        image[i] = sum_at(&c, i / (SIDE * SIDE), i / SIDE % SIDE, i % SIDE);
    memcpy(w, more, sizeof more);
    matrix(image, 1, K, COLS, NULL);
    ck_assert_mem_eq(found, want, COLS * sizeof *want);
    qnt_model_free(m);
}
END_TEST

START_TEST(unknown_orders_are_refused)
{
    const struct conv odd = {18, 4, 3, 1, 0}, grouped = {64, 4, 3, 2, 0}, line = {16, 4, 3, 1, 0};
    struct graph b;
    conv_graph(&b, &odd, 4);
    refused_as_ort(&b, "node 'Conv' (Conv): weights 'w' of 18 channels in 1 groups");
    conv_graph(&b, &grouped, 4);
    refused_as_ort(&b, "weights 'w' of 32 channels in 2 groups");
    conv_graph(&b, &line, 3);
    refused_as_ort(&b, "the order in which ONNX Runtime adds floats is not known");
    begin(&b, 13);
    input(&b, "x", ONNX_FLOAT, 2, (int64_t[]){1, 4});
    constant(&b, "w", ONNX_FLOAT, 2, (size_t[]){4, 4}, w);
    node(&b, "Gemm", "x w", "y");
    attr(&b, "alpha")->kind = ONNX_ATTR_FLOAT;
    b.attr[0][0].f = 0.5f;
    output(&b, "y");
    refused_as_ort(&b, "alpha 0.5");
    begin(&b, 13);
    input(&b, "x", ONNX_FLOAT, 2, (int64_t[]){2, 4});
    constant(&b, "w", ONNX_FLOAT, 2, (size_t[]){4, 4}, w);
    constant(&b, "c", ONNX_FLOAT, 2, (size_t[]){2, 1}, w);
    node(&b, "Gemm", "x w c", "y");
    output(&b, "y");
    refused_as_ort(&b, "'c' is no bias");
}
END_TEST

static const char *numbered(char text[16], const char *before, int i, const char *behind)
{
    snprintf(text, 16, "%s%d%s", before, i, behind);
    return text;
}

/* Four layers between codes of `type`; those behind the second one have one reader or, with a second output, two. */
static void chain(struct graph *b, int32_t type, bool two)
{
    static const float s = 0.05f;
    static const uint8_t z = 3;
    const int64_t dims[] = {1, 6};
    char in[16], out[16];
    begin(b, 13);
    input(b, "x", type, 2, dims);
    constant(b, "s", ONNX_FLOAT, 0, NULL, &s);
    constant(b, "z", type, 0, NULL, &z);
    constant(b, "w", ONNX_INT8, 2, (size_t[]){6, 6}, w);
    node(b, "DequantizeLinear", "w s", "wf");
    for (int i = 0; i < 4; i++) {
        node(b, "DequantizeLinear", i ? numbered(in, "q", i - 1, " s z") : "x s z", numbered(out, "d", i, ""));
        node(b, "Gemm", numbered(in, "d", i, " wf"), numbered(out, "g", i, ""));
        node(b, "QuantizeLinear", numbered(in, "g", i, " s z"), i < 3 ? numbered(out, "q", i, "") : "y");
    }
    output(b, "y");
    if (two) {
        node(b, "Relu", "d2", "r");
        output(b, "r");
    }
}

/* Layers whose codes on both sides are int8 on their way, or uint8, stay integers. */
START_TEST(int8_that_stays_int8_is_computed_in_floats)
{
    static const struct {
        int32_t type;
        bool two;
        size_t floats; /* layers of four */
    } rows[] = {{ONNX_INT8, false, 2}, {ONNX_INT8, true, 4}, {ONNX_UINT8, false, 0}, {ONNX_UINT8, true, 0}};
    struct graph b;
    chain(&b, rows[_i].type, rows[_i].two);
    qnt_model *m = mapped_as_ort(&b);
    size_t floats = 0;
    for (size_t i = 0; i < m->n_nodes; i++)
        if (!strcmp(m->node[i].op->name, "fully_connected"))
            floats += m->tensor[m->node[i].out].type == QNT_F32;
    ck_assert_uint_eq(floats, rows[_i].floats);
    qnt_model_free(m);
    m = mapped(&b);
    ck_assert_uint_eq(count_op(m, "quantize"), 0);
    qnt_model_free(m);
}
END_TEST

static qnt_status map_conv(void)
{
    struct graph b;
    qnt_model *m = NULL;
    conv_graph(&b, &convs[6], 4);
    qnt_status status = map_with(&b, &as_ort, &m);
    qnt_model_free(m);
    return status;
}

START_TEST(allocations_that_fail)
{
    oom_sweep("a convolution in parts", map_conv);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("onnx_ort");
    TCase *tc = tcase_create("onnx_ort");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, convolutions_add_up_in_parts, 0, sizeof convs / sizeof *convs);
    tcase_add_loop_test(tc, rows_add_up_in_parts, 0, 2);
    tcase_add_test(tc, flattened_images_stay_in_order);
    tcase_add_test(tc, unknown_orders_are_refused);
    tcase_add_loop_test(tc, int8_that_stays_int8_is_computed_in_floats, 0, 4);
    tcase_add_test(tc, allocations_that_fail);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
