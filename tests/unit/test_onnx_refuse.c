/* What is well-formed and still refused of an ONNX model, each by name; and external data: only when it is asked for,
 * only from the model's folder. */
#include <string.h>
#include <sys/stat.h>
#include <qnt/import.h>
#include "lib/import/onnx/map.h"
#include "lib/import/onnx/onnx.h"
#include "tests/common/oom.h"
#include "tests/common/pb.h"
#include "tests/common/temp.h"
#include "unit.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())

static qnt_ctx *ctx;
static char folder[TEST_PATH], above[TEST_PATH];
static const int64_t one = 1;
static const char *const in[] = {"x", NULL}, *const out[] = {"y", NULL};

static void setup(void)
{
    OK(qnt_ctx_create(&oom_config, &ctx));
}

static void teardown(void)
{
    qnt_ctx_free(ctx);
}

/* Takes the model. */
static void refused(struct pb m, const char *where, qnt_status expected, const char *text)
{
    struct onnx_graph *g = NULL;
    qnt_status status = qnt_onnx_read(ctx, m.data, m.n, where, &g);
    pb_free(&m);
    ck_assert_msg(status == expected && strstr(qnt_last_error(), text), "status %d, '%s', expected %d, '%s'",
                  (int)status, status ? qnt_last_error() : "", (int)expected, text);
    ck_assert_ptr_null(g);
}

/* A model whose graph has one thing in it, which it takes. */
static struct pb holds(uint32_t field, struct pb thing)
{
    struct pb g = {0};
    pb_message(&g, field, &thing);
    return pb_model(&g, 13, 0);
}

static struct pb with_attr(struct pb attr)
{
    struct pb n = pb_node("n", "Op", in, out);
    pb_message(&n, NODE_ATTR, &attr);
    return holds(GRAPH_NODE, n);
}

static struct pb typed_attr(int type)
{
    struct pb a = {0};
    pb_text(&a, ATTR_NAME, "a");
    if (type)
        pb_int(&a, ATTR_TYPE, type);
    return a;
}

START_TEST(attributes)
{
    static const struct {
        int type;
        const char *text;
    } rows[] = {
        {0, "node 'n' (Op): attribute 'a': it holds no type"},
        {5, "node 'n' (Op): attribute 'a': it holds a subgraph, expected numbers, strings or a tensor"},
        {9, "a list of tensors"},
        {10, "a list of subgraphs"},
        {11, "a sparse tensor"},
        {12, "a list of sparse tensors"},
        {13, "it holds a type"},
        {14, "a list of types"},
        {15, "its type is 15, expected 1 to 14"},
        {-1, "its type is -1, expected 1 to 14"},
        {ONNX_ATTR_TENSOR, "no tensor, expected one"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refused(with_attr(typed_attr(rows[i].type)), NULL,
                rows[i].type == 0 || rows[i].type == ONNX_ATTR_TENSOR ? QNT_ERR_FORMAT : QNT_ERR_UNSUPPORTED,
                rows[i].text);
    struct pb a = typed_attr(ONNX_ATTR_STRING);
    pb_bytes(&a, ATTR_S, "a\0b", 3);
    refused(with_attr(a), NULL, QNT_ERR_UNSUPPORTED, "a string of 3 bytes with a zero in it");
    a = typed_attr(ONNX_ATTR_INT);
    pb_text(&a, ATTR_REF, "alpha");
    refused(with_attr(a), NULL, QNT_ERR_UNSUPPORTED, "its value is attribute 'alpha' of a function");
    struct pb n = pb_node("n", "Op", in, out);
    for (int i = 0; i < 2; i++) {
        a = pb_attr_int("axis", 1);
        pb_message(&n, NODE_ATTR, &a);
    }
    refused(holds(GRAPH_NODE, n), NULL, QNT_ERR_FORMAT, "node 'n' (Op): attribute 'axis' is there twice");
    refused(with_attr(pb_attr_int("", 1)), NULL, QNT_ERR_FORMAT, "node 'n' (Op): attribute 0 has no name");
    n = pb_node("n", "Op", in, out);
    for (int i = 0; i < 257; i++) {
        a = typed_attr(ONNX_ATTR_INT);
        pb_message(&n, NODE_ATTR, &a);
    }
    refused(holds(GRAPH_NODE, n), NULL, QNT_ERR_UNSUPPORTED, "node 'n' (Op): 257 attributes, expected at most 256");
    refused(holds(GRAPH_NODE, pb_node("n", "", in, out)), NULL, QNT_ERR_FORMAT, "node 0 ('n') has no op_type");
    n = pb_node("n", "Op", in, out);
    pb_text(&n, NODE_OVERLOAD, "o");
    refused(holds(GRAPH_NODE, n), NULL, QNT_ERR_UNSUPPORTED, "node 'n' (Op): it calls overload 'o'");
}
END_TEST

static void unmapped(struct pb node, const char *text)
{
    struct pb g = {0}, v = pb_value("x", ONNX_FLOAT, 1, &one);
    qnt_model *model = NULL;
    pb_message(&g, GRAPH_NODE, &node);
    pb_message(&g, GRAPH_INPUT, &v);
    v = pb_value("y", ONNX_FLOAT, 1, &one);
    pb_message(&g, GRAPH_OUTPUT, &v);
    struct pb m = pb_model(&g, 13, 0);
    qnt_status status = qnt_model_import_memory(ctx, m.data, m.n, NULL, &model);
    pb_free(&m);
    ck_assert_msg(status && strstr(qnt_last_error(), text), "status %d, '%s', expected '%s'", (int)status,
                  status ? qnt_last_error() : "", text);
}

START_TEST(nodes_that_no_operation_is_like)
{
    static const char *const none[] = {NULL}, *const hole[] = {"", "x", NULL}, *const two[] = {"x", "x", NULL};
    struct pb n = pb_node("n", "Relu", in, out), a = pb_attr_float("axis", 1.0f);
    unmapped(pb_node("n", "Relu", none, out), "node 'n' (Relu): input 0 is left out, expected a value");
    unmapped(pb_node("n", "Add", hole, out), "node 'n' (Add): input 0 is left out");
    unmapped(pb_node("n", "Add", in, out), "node 'n' (Add): input 1 is left out");
    unmapped(pb_node("n", "Concat", hole, out), "node 'n' (Concat): input 0 is left out");
    unmapped(pb_node("n", "Relu", two, out), "node 'n' (Relu): 2 inputs and 1 outputs, expected at most 1 and 1");
    unmapped(pb_node("n", "Relu", in, two), "node 'n' (Relu): 1 inputs and 2 outputs, expected at most 1 and 1");
    unmapped(pb_node("n", "Nothing", none, out), "node 'n' (Nothing): an operation that is not supported");
    pb_message(&n, NODE_ATTR, &a);
    unmapped(n, "node 'n' (Relu): attribute 'axis' is not an integer, as its name says");
    n = pb_node("n", "Conv", two, out);
    a = pb_attr_int("pads", 1);
    pb_message(&n, NODE_ATTR, &a);
    unmapped(n, "node 'n' (Conv): attribute 'pads' is not integers");
    n = pb_node("n", "Pad", in, out);
    a = pb_attr_int("value", 1);
    pb_message(&n, NODE_ATTR, &a);
    unmapped(n, "node 'n' (Pad): attribute 'value' is not a float");
    n = pb_node("n", "Constant", none, out);
    a = pb_attr_int("value", 1);
    pb_message(&n, NODE_ATTR, &a);
    unmapped(n, "node 'n' (Constant): attribute 'value' is not a tensor");
}
END_TEST

START_TEST(models_and_graphs)
{
    struct pb m = {0}, g = {0}, set = {0}, t;
    pb_int(&m, MODEL_IR, 8);
    refused(m, NULL, QNT_ERR_FORMAT, "the model has no graph");
    m = pb_model(&g, 13, 0);
    pb_text(&m, MODEL_FUNCTIONS, "");
    refused(m, NULL, QNT_ERR_UNSUPPORTED, "the model has functions of its own");
    m = pb_model(&g, 13, 0);
    pb_text(&m, MODEL_TRAINING, "");
    refused(m, NULL, QNT_ERR_UNSUPPORTED, "training information");
    refused(pb_model(&g, 0, 0), NULL, QNT_ERR_FORMAT, "opset_import: '' has version 0, expected 1 or more");
    m = pb_model(&g, 13, 0);
    pb_text(&set, OPSET_DOMAIN, "ai.onnx");
    pb_int(&set, OPSET_VERSION, 14);
    pb_message(&m, MODEL_OPSET, &set);
    refused(m, NULL, QNT_ERR_FORMAT, "opset_import: 'ai.onnx' has versions 13 and 14");
    pb_text(&g, GRAPH_SPARSE, "");
    refused(pb_model(&g, 13, 0), NULL, QNT_ERR_UNSUPPORTED, "1 sparse initializers");
    refused(holds(GRAPH_INIT, pb_tensor("", ONNX_INT8, 1, &one, "1", 1)), NULL, QNT_ERR_FORMAT,
            "initializer 0 has no name");
    refused(holds(GRAPH_INIT, pb_tensor("w", 8, 1, &one, "1", 1)), NULL, QNT_ERR_UNSUPPORTED,
            "initializer 'w': its type is 8 (string)");
    for (int i = 0; i < 2; i++) {
        t = pb_tensor("w", ONNX_INT8, 1, &one, "1", 1);
        pb_message(&g, GRAPH_INIT, &t);
    }
    refused(pb_model(&g, 13, 0), NULL, QNT_ERR_FORMAT, "initializer 'w' is there twice");
}
END_TEST

START_TEST(inputs_and_outputs)
{
    const int64_t below = -2, nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    struct pb v = pb_value("x", ONNX_FLOAT, 9, nine), type = {0}, tensor = {0}, shape = {0}, dim = {0};
    refused(holds(GRAPH_INPUT, v), NULL, QNT_ERR_UNSUPPORTED, "input 0 ('x'): rank 9, expected at most 8");
    refused(holds(GRAPH_OUTPUT, pb_value("", ONNX_FLOAT, 1, &one)), NULL, QNT_ERR_FORMAT,
            "output 0 (''): it has no name");
    refused(holds(GRAPH_INPUT, pb_value("x", 8, 1, &one)), NULL, QNT_ERR_UNSUPPORTED, "its type is 8 (string)");
    v = (struct pb){0};
    pb_text(&v, VALUE_NAME, "x");
    refused(holds(GRAPH_INPUT, v), NULL, QNT_ERR_FORMAT, "its type is not said");
    pb_text(&type, TYPE_SEQUENCE, "t");
    v = (struct pb){0};
    pb_text(&v, VALUE_NAME, "y");
    pb_message(&v, VALUE_TYPE, &type);
    refused(holds(GRAPH_OUTPUT, v), NULL, QNT_ERR_UNSUPPORTED, "output 0 ('y'): it is a sequence, expected a tensor");
    pb_int(&dim, DIM_VALUE, below);
    pb_message(&shape, SHAPE_DIM, &dim);
    pb_int(&tensor, TENSOR_TYPE_ELEM, ONNX_FLOAT);
    pb_message(&tensor, TENSOR_TYPE_SHAPE, &shape);
    pb_message(&type, TYPE_TENSOR, &tensor);
    v = (struct pb){0};
    pb_text(&v, VALUE_NAME, "x");
    pb_message(&v, VALUE_TYPE, &type);
    refused(holds(GRAPH_INPUT, v), NULL, QNT_ERR_FORMAT, "dimension 0 is -2, expected 0 or more");
}
END_TEST

/* 4 bytes that lie elsewhere; NULL: without the entry. */
static struct pb external(const char *location, const char *offset, const char *length)
{
    const int64_t four = 4;
    struct pb t = pb_tensor("w", ONNX_INT8, 1, &four, NULL, 0), e = {0};
    const char *const row[][2] = {{"location", location}, {"offset", offset}, {"length", length}, {"checksum", "0"}};
    pb_int(&t, TENSOR_LOCATION, 1);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (row[i][1]) {
            pb_text(&e, ENTRY_KEY, row[i][0]);
            pb_text(&e, ENTRY_VALUE, row[i][1]);
            pb_message(&t, TENSOR_EXTERNAL, &e);
        }
    return holds(GRAPH_INIT, t);
}

static const char *in_folder(const char *name)
{
    static char path[TEST_PATH_IN];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path)
{
    FILE *f = fopen(path, "wb");
    fputs("0123456789", f);
    fclose(f);
}

static void setup_files(void)
{
    setup();
    test_temp_folder(folder);
    test_temp_file(above);
    write_file(above);
    write_file(in_folder("w.bin"));
    ck_assert(!mkdir(in_folder("sub"), 0700) && !mkfifo(in_folder("pipe"), 0600));
    write_file(in_folder("sub/w.bin"));
    ck_assert(!symlink(above, in_folder("link")) && !symlink("w.bin", in_folder("near")));
    ck_assert(!symlink("/", in_folder("root")));
}

static void teardown_files(void)
{
    static const char *const names[] = {"sub/w.bin", "w.bin", "pipe", "link", "near", "root", "sub"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove(in_folder(names[i]));
    remove(folder);
    unlink(above);
    teardown();
}

START_TEST(external_data_is_read)
{
    static const char *const rows[][4] = {{"w.bin", NULL, NULL, "0123"},
                                          {"w.bin", "3", "4", "3456"},
                                          {"./w.bin", "6", NULL, "6789"},
                                          {"sub/w.bin", "1", "4", "1234"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pb m = external(rows[i][0], rows[i][1], rows[i][2]);
        struct onnx_graph *g = NULL;
        OK(qnt_onnx_read(ctx, m.data, m.n, folder, &g));
        ck_assert_mem_eq(g->init[0].data, rows[i][3], 4);
        qnt_onnx_graph_free(g);
        pb_free(&m);
    }
}
END_TEST

START_TEST(external_data_stays_in_the_folder)
{
    char up[TEST_PATH_IN];
    static const struct {
        const char *location, *offset, *length, *text;
        qnt_status status;
    } rows[] = {
        {"link", NULL, NULL, "initializer 'w': external data in 'link': 'link': a symbolic link, which is not followed",
         QNT_ERR_IO},
        {"near", NULL, NULL, "a symbolic link", QNT_ERR_IO},
        {"root/etc/passwd", NULL, NULL, "'root': no folder, or a symbolic link", QNT_ERR_IO},
        {"/etc/passwd", NULL, NULL, "expected a path below the model's folder", QNT_ERR_FORMAT},
        {"", NULL, NULL, "expected a path below the model's folder", QNT_ERR_FORMAT},
        {"..", NULL, NULL, "expected a path below the model's folder", QNT_ERR_FORMAT},
        {"sub/../w.bin", NULL, NULL, "expected a path below the model's folder", QNT_ERR_FORMAT},
        {"sub//w.bin", NULL, NULL, "expected a path below the model's folder", QNT_ERR_FORMAT},
        {"w.bin/", NULL, NULL, "expected a path below the model's folder", QNT_ERR_FORMAT},
        {"sub", NULL, NULL, "not a regular file", QNT_ERR_IO},
        {".", NULL, NULL, "not a regular file", QNT_ERR_IO},
        {"pipe", NULL, NULL, "not a regular file", QNT_ERR_IO},
        {"w.bin/x", NULL, NULL, "'w.bin': no folder", QNT_ERR_IO},
        {"other", NULL, NULL, "'other': No such file", QNT_ERR_IO},
        {"w.bin", "7", NULL, "4 bytes at 7, but the file has 10", QNT_ERR_FORMAT},
        {"w.bin", "11", NULL, "4 bytes at 11, but the file has 10", QNT_ERR_FORMAT},
        {"w.bin", "999999999999999999", NULL, "4 bytes at 999999999999999999", QNT_ERR_FORMAT},
        {"w.bin", "1000000000000000000", NULL, "offset is '1000000000000000000', expected a number", QNT_ERR_FORMAT},
        {"w.bin", "-1", NULL, "offset is '-1', expected a number", QNT_ERR_FORMAT},
        {"w.bin", "", NULL, "offset is '', expected a number", QNT_ERR_FORMAT},
        {"w.bin", NULL, "3", "external data of 3 bytes, expected 4 for 4 elements of int8", QNT_ERR_FORMAT},
        {NULL, NULL, NULL, "external data without a location", QNT_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refused(external(rows[i].location, rows[i].offset, rows[i].length), folder, rows[i].status, rows[i].text);
    snprintf(up, sizeof up, "..%s", strrchr(above, '/'));
    refused(external(up, NULL, NULL), folder, QNT_ERR_FORMAT, "expected a path below the model's folder");
    refused(external("w.bin", NULL, NULL), NULL, QNT_ERR_UNSUPPORTED,
            "its data is in another file, which is read only when");
    refused(external("w.bin", NULL, NULL), "/nowhere/at.all", QNT_ERR_IO, "the folder '/nowhere/at.all'");
}
END_TEST

START_TEST(external_data_is_asked_for)
{
    const qnt_import_config asked = {.size = sizeof asked, .external_data = 1};
    struct pb m = external("w.bin", NULL, NULL);
    qnt_model *model = NULL;
    FILE *f = fopen(in_folder("model.onnx"), "wb");
    fwrite(m.data, 1, m.n, f);
    fclose(f);
    ck_assert_int_ne(qnt_model_import(ctx, in_folder("model.onnx"), NULL, &model), QNT_OK);
    ck_assert_msg(strstr(qnt_last_error(), "model.onnx: initializer 'w': its data is in another file"), "%s",
                  qnt_last_error());
    ck_assert_int_ne(qnt_model_import(ctx, in_folder("model.onnx"), &asked, &model),
                     QNT_OK); /* a graph without nodes */
    ck_assert_msg(!strstr(qnt_last_error(), "another file"), "%s", qnt_last_error());
    remove(in_folder("model.onnx"));
    pb_free(&m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("onnx_refuse");
    TCase *tc = tcase_create("onnx_refuse"), *files = tcase_create("external");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, attributes);
    tcase_add_test(tc, nodes_that_no_operation_is_like);
    tcase_add_test(tc, models_and_graphs);
    tcase_add_test(tc, inputs_and_outputs);
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(files, setup_files, teardown_files);
    tcase_add_test(files, external_data_is_read);
    tcase_add_test(files, external_data_stays_in_the_folder);
    tcase_add_test(files, external_data_is_asked_for);
    suite_add_tcase(suite, files);
    return unit_run(suite);
}
