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

int main(void)
{
    Suite *suite = suite_create("onnx_empty");
    TCase *tc = tcase_create("empty");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, inputs, 0, OPS);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
