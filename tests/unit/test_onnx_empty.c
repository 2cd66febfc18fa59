/* Tensors without elements: refused, whatever takes them and wherever the size is 0. */
#include "onnx_graphs.h"

static const char *const ops[] = {"GlobalAveragePool", "GlobalMaxPool", "MaxPool",   "AveragePool", "Relu",
                                  "Softmax",           "ReduceMean",    "ReduceMax", "ArgMax",      "Flatten",
                                  "Transpose",         "Concat",        "Sign",      "LogSoftmax",  "Gelu"};
static const int64_t dims[][4] = {{1, 4, 0, 0}, {1, 4, 0, 5}, {1, 4, 5, 0}, {1, 0, 4, 5}, {0, 4, 4, 5}, {-1, 4, 4, 0}};
enum { OPS = sizeof ops / sizeof *ops, DIMS = sizeof dims / sizeof *dims };

static void takes(struct graph *b, const char *op)
{
    static const int64_t one[] = {1, 1};
    node(b, op, "x", "y");
    if (!strcmp(op, "Concat"))
        attr_int(b, "axis", 1);
    if (strstr(op, "Pool") && !strstr(op, "Global"))
        attr_ints(b, "kernel_shape", one, 2);
    output(b, "y");
}

START_TEST(inputs)
{
    for (int i = 0; i < DIMS; i++) {
        struct graph b;
        begin(&b, 20);
        input(&b, "x", ONNX_FLOAT, 4, dims[i]);
        takes(&b, ops[_i]);
        qnt_model *m = NULL;
        const qnt_status status = map_with(&b, NULL, &m);
        ck_assert_msg(status == QNT_ERR_UNSUPPORTED || status == QNT_ERR_SHAPE, "%s, sizes %d: status %d", ops[_i], i,
                      (int)status);
        ck_assert_ptr_null(m);
        ck_assert_msg(strstr(qnt_last_error(), ops[_i]), "%s", qnt_last_error());
    }
}
END_TEST

/* The one constant that an operation takes for a number has none. */
START_TEST(numbers)
{
    static const struct {
        const char *op, *in, *text;
        int32_t type;
    } rows[] = {
        {"Dropout", "x - e", "training_mode 'e' is no scalar", ONNX_BOOL},
        {"Clip", "x e", "bound 'e' is no scalar", ONNX_FLOAT},
        {"Pow", "x e", "power 'e'", ONNX_FLOAT},
        {"Pad", "x p e", "the value around 'e' is no scalar", ONNX_FLOAT},
        {"Reshape", "x e", "the new shape has 1 elements", ONNX_INT64},
        {"QuantizeLinear", "x e", "scale 'e'", ONNX_FLOAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct graph b;
        begin(&b, 13);
        input(&b, "x", ONNX_FLOAT, 2, (const int64_t[]){2, 3});
        constant(&b, "e", rows[i].type, 1, (size_t[]){0}, &b);
        constant(&b, "p", ONNX_INT64, 1, (size_t[]){4}, (int64_t[]){0, 1, 0, 1});
        node(&b, rows[i].op, rows[i].in, "y");
        output(&b, "y");
        qnt_model *m = NULL;
        const qnt_status status = map_with(&b, NULL, &m);
        ck_assert_msg(status && strstr(qnt_last_error(), rows[i].text), "%s: status %d, '%s'", rows[i].op, (int)status,
                      status ? qnt_last_error() : "");
        ck_assert_ptr_null(m);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("onnx_empty");
    TCase *tc = tcase_create("empty");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, inputs, 0, OPS);
    tcase_add_test(tc, numbers);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
