/* From an ONNX file to struct onnx_graph: every type from every field it may be in, numbers that a type has not,
 * what nodes and values say, allocations that fail. What is refused of a graph: test_onnx_refuse.c. */
#include <string.h>
#include "lib/import/onnx/onnx.h"
#include "tests/common/oom.h"
#include "tests/common/pb.h"
#include "unit.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())

static qnt_ctx *ctx;

static void setup(void)
{
    OK(qnt_ctx_create(&oom_config, &ctx));
}

static void teardown(void)
{
    qnt_ctx_free(ctx);
}

static void refused(qnt_status status, qnt_status expected, const char *text)
{
    ck_assert_msg(status == expected && strstr(qnt_last_error(), text), "status %d, '%s', expected %d, '%s'",
                  (int)status, status ? qnt_last_error() : "", (int)expected, text);
}

/* Ends with the text that is expected, or "" for none. Takes b. */
static void tensor_is(struct pb b, const void *data, size_t bytes, const char *text)
{
    struct onnx_graph *g;
    qnt_status status = qnt_onnx_read_tensor(ctx, b.data, b.n, &g);
    pb_free(&b);
    if (*text) {
        refused(status, status == QNT_ERR_UNSUPPORTED ? status : QNT_ERR_FORMAT, text);
        return;
    }
    ck_assert_msg(!status, "%s", qnt_last_error());
    ck_assert_msg(g->init[0].bytes == bytes && !memcmp(g->init[0].data, data, bytes), "%s of %zu bytes",
                  qnt_onnx_type_name(g->init[0].type), g->init[0].bytes);
    ck_assert_uint_eq((uintptr_t)g->init[0].data % 8, 0);
    qnt_onnx_graph_free(g);
}

static const struct {
    int type, field; /* of TensorProto, for numbers */
    int64_t list[4];
    size_t n, count, bytes;
    const char *data;
} typed[] = {
    {ONNX_UINT8, TENSOR_INT32S, {0, 255, 7}, 3, 3, 3, "\0\xff\7"},
    {ONNX_INT8, TENSOR_INT32S, {-128, 127}, 2, 2, 2, "\x80\x7f"},
    {ONNX_UINT16, TENSOR_INT32S, {65535, 1}, 2, 2, 4, "\xff\xff\1\0"},
    {ONNX_INT16, TENSOR_INT32S, {-32768, 1}, 2, 2, 4, "\0\x80\1\0"},
    {ONNX_INT32, TENSOR_INT32S, {-2, 3}, 2, 2, 8, "\xfe\xff\xff\xff\3\0\0\0"},
    {ONNX_INT64, TENSOR_INT64S, {-2, 3}, 2, 2, 16, "\xfe\xff\xff\xff\xff\xff\xff\xff\3\0\0\0\0\0\0\0"},
    {ONNX_BOOL, TENSOR_INT32S, {1, 0, 1}, 3, 3, 3, "\1\0\1"},
    {ONNX_FLOAT16, TENSOR_INT32S, {0x3c00, 0xfc00}, 2, 2, 4, "\0\x3c\0\xfc"},
    {ONNX_BFLOAT16, TENSOR_INT32S, {0x3f80}, 1, 1, 2, "\x80\x3f"},
    {ONNX_UINT32, TENSOR_UINT64S, {0xffffffff, 1}, 2, 2, 8, "\xff\xff\xff\xff\1\0\0\0"},
    {ONNX_UINT64, TENSOR_UINT64S, {-1}, 1, 1, 8, "\xff\xff\xff\xff\xff\xff\xff\xff"},
    {ONNX_UINT4, TENSOR_INT32S, {0x21, 0x03}, 2, 3, 2, "\x21\3"},
    {ONNX_INT4, TENSOR_INT32S, {0xf8, -1}, 2, 4, 2, "\xf8\xff"},
    {ONNX_UINT2, TENSOR_INT32S, {0xe4}, 1, 4, 1, "\xe4"},
    {ONNX_INT2, TENSOR_INT32S, {0xe4, 1}, 2, 5, 2, "\xe4\1"},
};

START_TEST(types_from_lists_and_from_raw_bytes)
{
    const int64_t dim = (int64_t)typed[_i].count, more = dim + 4;
    const char *bytes = typed[_i].data;
    const size_t n = typed[_i].bytes;
    char text[128];
    tensor_is(pb_tensor("t", typed[_i].type, 1, &dim, bytes, n), bytes, n, "");
    struct pb b = pb_tensor("t", typed[_i].type, 1, &dim, NULL, 0);
    pb_ints(&b, (uint32_t)typed[_i].field, typed[_i].list, typed[_i].n);
    tensor_is(b, bytes, n, "");
    b = pb_tensor("t", typed[_i].type, 1, &dim, NULL, 0); /* one by one, as old writers do */
    for (size_t i = 0; i < typed[_i].n; i++)
        pb_int(&b, (uint32_t)typed[_i].field, typed[_i].list[i]);
    tensor_is(b, bytes, n, "");
    snprintf(text, sizeof text, "tensor 't': %zu bytes in raw_data, expected", n);
    tensor_is(pb_tensor("t", typed[_i].type, 1, &more, bytes, n), NULL, 0, text);
    b = pb_tensor("t", typed[_i].type, 1, &more, NULL, 0);
    pb_ints(&b, (uint32_t)typed[_i].field, typed[_i].list, typed[_i].n);
    snprintf(text, sizeof text, "tensor 't': %zu numbers in ", typed[_i].n);
    tensor_is(b, NULL, 0, text);
    b = pb_tensor("t", typed[_i].type, 1, &dim, bytes, n);
    pb_ints(&b, (uint32_t)typed[_i].field, typed[_i].list, typed[_i].n);
    tensor_is(b, NULL, 0, "beside raw_data");
    b = pb_tensor("t", typed[_i].type, 1, &dim, NULL, 0);
    pb_bytes(&b, TENSOR_FLOATS, "12345678", 8);
    tensor_is(b, NULL, 0, "in float_data");
}
END_TEST

START_TEST(floats_and_shapes)
{
    const int64_t two = 2, none[] = {3, 0, 1LL << 62}, many[] = {1 << 20, 1 << 20}, below = -1,
                  nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    const int64_t wraps[] = {1LL << 32, 1LL << 32};
    const float f[] = {1.5f, -0.0f};
    const double d[] = {1.5, -2.5};
    struct pb b = pb_tensor("t", ONNX_FLOAT, 1, &two, NULL, 0);
    pb_bytes(&b, TENSOR_FLOATS, f, sizeof f);
    tensor_is(b, f, sizeof f, "");
    b = pb_tensor("t", ONNX_FLOAT, 1, &two, NULL, 0);
    pb_float(&b, TENSOR_FLOATS, f[0]);
    pb_float(&b, TENSOR_FLOATS, f[1]);
    tensor_is(b, f, sizeof f, "");
    b = pb_tensor("t", ONNX_DOUBLE, 1, &two, NULL, 0);
    pb_bytes(&b, TENSOR_DOUBLES, d, sizeof d);
    tensor_is(b, d, sizeof d, "");
    tensor_is(pb_tensor("t", ONNX_FLOAT, 0, NULL, f, 4), f, 4, "");
    tensor_is(pb_tensor("t", ONNX_FLOAT, 3, none, NULL, 0), "", 0, "");
    tensor_is(pb_tensor("t", ONNX_FLOAT, 2, many, f, 4), NULL, 0, "more than 4294967296 elements");
    tensor_is(pb_tensor("t", ONNX_FLOAT, 2, wraps, f, 4), NULL, 0, "more than 4294967296 elements");
    tensor_is(pb_tensor("t", ONNX_FLOAT, 1, &below, f, 4), NULL, 0, "dimension 0 is -1, expected 0 or more");
    tensor_is(pb_tensor("t", ONNX_FLOAT, 9, nine, f, 4), NULL, 0, "rank 9, expected at most 8");
    tensor_is(pb_tensor("t", 8, 1, &two, NULL, 0), NULL, 0,
              "its type is 8 (string), expected integers, bools or floats");
    tensor_is(pb_tensor("t", 0, 1, &two, f, 8), NULL, 0, "its type is 0 (an unknown type)");
    tensor_is(pb_tensor("t", 27, 1, &two, f, 8), NULL, 0, "its type is 27 (an unknown type)");
    b = pb_tensor("t", ONNX_FLOAT, 1, &two, f, 8);
    pb_text(&b, TENSOR_STRINGS, "s");
    tensor_is(b, NULL, 0, "tensor 't': strings");
    b = pb_tensor("t", ONNX_FLOAT, 1, &two, f, 8);
    pb_text(&b, TENSOR_SEGMENT, "s");
    tensor_is(b, NULL, 0, "a segment of a tensor");
    b = pb_tensor("t", ONNX_FLOAT, 1, &two, f, 8);
    pb_int(&b, TENSOR_LOCATION, 2);
    tensor_is(b, NULL, 0, "data_location is 2");
}
END_TEST

START_TEST(numbers_that_a_type_has_not)
{
    static const struct {
        int type, field;
        int64_t value;
        const char *text;
    } rows[] = {
        {ONNX_UINT8, TENSOR_INT32S, 256, "int32_data[0] is 256, expected 0 to 255 for uint8"},
        {ONNX_UINT8, TENSOR_INT32S, -1, "is -1, expected 0 to 255"},
        {ONNX_INT8, TENSOR_INT32S, 128, "is 128, expected -128 to 127"},
        {ONNX_INT16, TENSOR_INT32S, -32769, "is -32769, expected -32768 to 32767"},
        {ONNX_BOOL, TENSOR_INT32S, 2, "is 2, expected 0 to 1"},
        {ONNX_FLOAT16, TENSOR_INT32S, 65536, "is 65536, expected 0 to 65535"},
        {ONNX_INT4, TENSOR_INT32S, 256, "is 256, expected -128 to 255 for int4"},
        {ONNX_UINT32, TENSOR_UINT64S, 1LL << 32, "uint64_data[0] is 4294967296, expected one of 32 bits"},
    };
    const int64_t one = 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pb b = pb_tensor("t", rows[i].type, 1, &one, NULL, 0);
        pb_ints(&b, (uint32_t)rows[i].field, &rows[i].value, 1);
        tensor_is(b, NULL, 0, rows[i].text);
    }
}
END_TEST

/* A graph of one node that has every kind of attribute, and one without a name. */
static struct pb attributes(void)
{
    static const char *const in[] = {"x", "", "w", NULL}, *const out[] = {"y", NULL}, *const z[] = {"z", NULL};
    const int64_t ints[] = {3, -4}, dim[] = {-1, 3, 0}, one = 1;
    const float floats[] = {0.5f, 2.0f};
    struct pb g = {0}, n = pb_node("node", "Op", in, out), a, v;
    a = pb_attr_int("i", -5);
    pb_message(&n, NODE_ATTR, &a);
    a = pb_attr_float("f", 0.25f);
    pb_message(&n, NODE_ATTR, &a);
    a = pb_attr_ints("ints", ints, 2);
    pb_message(&n, NODE_ATTR, &a);
    a = pb_attr_text("s", "SAME");
    pb_message(&n, NODE_ATTR, &a);
    a = (struct pb){0};
    pb_text(&a, ATTR_NAME, "floats");
    pb_int(&a, ATTR_TYPE, ONNX_ATTR_FLOATS);
    pb_bytes(&a, ATTR_FLOATS, floats, sizeof floats);
    pb_message(&n, NODE_ATTR, &a);
    pb_text(&a, ATTR_NAME, "strings");
    pb_int(&a, ATTR_TYPE, ONNX_ATTR_STRINGS);
    pb_text(&a, ATTR_STRINGS, "one");
    pb_text(&a, ATTR_STRINGS, "");
    pb_message(&n, NODE_ATTR, &a);
    pb_text(&a, ATTR_NAME, "t");
    pb_int(&a, ATTR_TYPE, ONNX_ATTR_TENSOR);
    v = pb_tensor("", ONNX_INT8, 1, &one, "\5", 1);
    pb_message(&a, ATTR_T, &v);
    pb_message(&n, NODE_ATTR, &a);
    pb_message(&g, GRAPH_NODE, &n);
    n = pb_node("", "Relu", out, z);
    pb_text(&n, NODE_DOMAIN, "ai.onnx");
    pb_message(&g, GRAPH_NODE, &n);
    v = pb_value("w", ONNX_INT8, 1, &one);
    pb_message(&g, GRAPH_INPUT, &v);
    v = pb_value("x", ONNX_FLOAT, 3, dim);
    pb_message(&g, GRAPH_INPUT, &v);
    v = pb_tensor("w", ONNX_INT8, 1, &one, "\5", 1);
    pb_message(&g, GRAPH_INIT, &v);
    pb_text(&v, VALUE_NAME, "z");
    pb_message(&g, GRAPH_OUTPUT, &v);
    return pb_model(&g, 17, 1);
}

static struct onnx_graph *read_all(void)
{
    struct pb b = attributes();
    struct onnx_graph *g = NULL;
    OK(qnt_onnx_read(ctx, b.data, b.n, NULL, &g));
    pb_free(&b);
    return g;
}

START_TEST(nodes_attributes_and_values)
{
    struct onnx_graph *g = read_all();
    ck_assert(g->ir_version == 8 && g->opset == 17 && g->opset_ms == 1 && g->n_nodes == 2 && g->n_init == 1);
    const struct onnx_node *n = &g->node[0];
    ck_assert(n->n_in == 3 && n->n_out == 1 && n->n_attr == 7 && !*n->domain);
    ck_assert(!strcmp(n->name, "node") && !strcmp(n->in[1], "") && !strcmp(n->in[2], "w") && !strcmp(n->out[0], "y"));
    ck_assert(n->attr[0].kind == ONNX_ATTR_INT && n->attr[0].i == -5 && n->attr[1].kind == ONNX_ATTR_FLOAT);
    ck_assert(n->attr[1].f == 0.25f && n->attr[2].n == 2 && n->attr[2].ints[1] == -4);
    ck_assert(n->attr[3].s_len == 4 && !strcmp(n->attr[3].s, "SAME") && n->attr[4].n == 2 &&
              n->attr[4].floats[1] == 2.0f);
    ck_assert(n->attr[5].n == 2 && !strcmp(n->attr[5].strings[0], "one") && !*n->attr[5].strings[1]);
    ck_assert(n->attr[6].t->count == 1 && *(const int8_t *)n->attr[6].t->data == 5);
    ck_assert_str_eq(g->node[1].name, "Relu_1");
    ck_assert_str_eq(g->node[1].domain, "");
    /* the initializer's is no input */
    ck_assert(g->n_inputs == 1 && !strcmp(g->input[0].name, "x") && g->input[0].rank == 3 && g->input[0].has_shape);
    ck_assert(g->input[0].dim[0] == -1 && g->input[0].dim[1] == 3 && g->input[0].dim[2] == 0 && !g->input[0].param[0]);
    ck_assert(g->n_outputs == 1 && g->output[0].type == 0 && !g->output[0].has_shape);
    qnt_onnx_graph_free(g);
}
END_TEST

static qnt_status read_and_free(void)
{
    struct pb b = attributes();
    struct onnx_graph *g = NULL;
    qnt_status status = qnt_onnx_read(ctx, b.data, b.n, NULL, &g);
    pb_free(&b);
    qnt_onnx_graph_free(g);
    return status;
}

START_TEST(allocations_that_fail)
{
    oom_sweep("qnt_onnx_read", read_and_free);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("onnx_read");
    TCase *tc = tcase_create("onnx_read");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, types_from_lists_and_from_raw_bytes, 0, sizeof typed / sizeof *typed);
    tcase_add_test(tc, floats_and_shapes);
    tcase_add_test(tc, numbers_that_a_type_has_not);
    tcase_add_test(tc, nodes_attributes_and_values);
    tcase_add_test(tc, allocations_that_fail);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
