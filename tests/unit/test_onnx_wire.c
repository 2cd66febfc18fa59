/* What is refused of an ONNX file's bytes before they are taken apart, and where; every limit, by small ones. */
#include <string.h>
#include "lib/import/onnx/onnx.pb-c.h"
#include "lib/import/onnx/wire.h"
#include "tests/common/pb.h"
#include "unit.h"

#define MODEL &qnt_onnx__model_proto__descriptor
#define TENSOR &qnt_onnx__tensor_proto__descriptor
#define NODE &qnt_onnx__node_proto__descriptor

static void refused_by(struct pb b, const ProtobufCMessageDescriptor *root, const struct onnx_limits *most,
                       qnt_status expected, const char *text)
{
    qnt_status status = qnt_onnx_check(b.data, b.n, root, most);
    ck_assert_msg(status == expected && strstr(qnt_last_error(), text), "status %d, '%s', expected %d, '%s'",
                  (int)status, status ? qnt_last_error() : "", (int)expected, text);
}

static const struct {
    const ProtobufCMessageDescriptor *root;
    const char *bytes;
    size_t n;
    const char *text;
} damaged[] = {
    {MODEL, "\x80", 1, "offset 0: ModelProto: a key is cut off after 1 bytes"},
    {MODEL, "\x80\x80\x80\x80\x80\1", 6, "offset 0: ModelProto: a key goes on after 5 bytes"},
    {MODEL, "\0\1", 2, "offset 0: ModelProto: a field has number 0, expected 1 to 536870911"},
    {MODEL, "\xf8\xff\xff\xff\x7f\1", 6, "a field has number 4294967295"},
    {MODEL, "\10\7\x0b", 3, "offset 2: ModelProto: field 1 is written as a group, expected"},
    {MODEL, "\x7c", 1, "field 15 is written as a group's end"},
    {MODEL, "\x0e", 1, "field 1 is written as what protocol buffers do not know"},
    {MODEL, "\x0f", 1, "field 1 is written as what protocol buffers do not know"},
    {MODEL, "\10", 1, "offset 0: ModelProto.ir_version: its number is cut off after 0 bytes"},
    {MODEL, "\10\xff\xff", 3, "ir_version: its number is cut off after 2 bytes"},
    {MODEL, "\10\xff\xff\xff\xff\xff\xff\xff\xff\xff\2", 11, "ir_version: its number has more than 64 bits"},
    {MODEL, "\10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81", 11, "ir_version: its number has more than 64 bits"},
    {MODEL, "\x0a\0", 2, "offset 0: ModelProto.ir_version: it is written as a length, expected a varint"},
    {MODEL, "\x38\1", 2, "ModelProto.graph: it is written as a varint, expected a length"},
    {MODEL, "\10\1\10\1", 4, "offset 2: ModelProto.ir_version: it is there twice, expected once"},
    {MODEL, "\x3a\0\x3a\0", 4, "offset 2: ModelProto.graph: it is there twice"},
    {MODEL, "\x3a\5\x0a", 3, "offset 0: ModelProto.graph: 5 bytes, but 1 are left"},
    {MODEL, "\x3a\xff\xff\xff\xff\x7f", 6, "ModelProto.graph: 34359738367 bytes, but 0 are left"},
    {MODEL, "\x3a\xff\xff\xff\xff\xff\1", 7, "ModelProto.graph: its length goes on after 5 bytes"},
    {MODEL, "\x3a\4\x0a\2\x0a\5", 6, "offset 4: NodeProto.input: 5 bytes, but 0 are left"},
    {MODEL, "\x79\1\2\3", 4, "offset 0: ModelProto: 8 bytes, but 3 are left"},
    {MODEL, "\x7d\1\2\3", 4, "offset 0: ModelProto: 4 bytes, but 3 are left"},
    {NODE, "\x1a\3a\0b", 5, "offset 0: NodeProto.name: a text of 3 bytes has 0x00 at 1, expected UTF-8 without"},
    {NODE, "\x1a\4ab\x1b[", 6, "NodeProto.name: a text of 4 bytes has 0x1b at 2"},
    {NODE, "\x0a\2a\x7f", 4, "NodeProto.input: a text of 2 bytes has 0x7f at 1"},
    {NODE, "\x1a\3a\xc3(", 5, "a text of 3 bytes has 0xc3 at 1"},
    {NODE, "\x1a\2a\xc3", 4, "a text of 2 bytes has 0xc3 at 1"},
    {NODE, "\x1a\2\xc0\x80", 4, "a text of 2 bytes has 0xc0 at 0"},
    {NODE, "\x1a\2\xc2\x9b", 4, "a text of 2 bytes has 0xc2 at 0"},
    {NODE, "\x1a\3\xed\xa0\x80", 5, "a text of 3 bytes has 0xed at 0"},
    {NODE, "\x1a\4\xf4\x90\x80\x80", 6, "a text of 4 bytes has 0xf4 at 0"},
    {TENSOR, "\x22\5\1\2\3\4\5", 7, "offset 0: TensorProto.float_data: 5 bytes, expected a multiple of 4"},
    {TENSOR, "\x52\4\1\2\3\4", 6, "TensorProto.double_data: 4 bytes, expected a multiple of 8"},
    {TENSOR, "\x2a\2\1\x80", 4, "TensorProto.int32_data: a number of the list is cut off after 1 bytes"},
    {TENSOR, "\x2a\6\1\xff\xff\xff\xff\x7f", 8, "a number of the list is 34359738367, expected one of 32 bits"},
    {TENSOR, "\x10\x80\x80\x80\x80\x10", 6, "TensorProto.data_type: its number is 4294967296, expected one of 32 bits"},
    {TENSOR, "\x25\1\2", 3, "TensorProto.float_data: 4 bytes, but 2 are left"},
};

START_TEST(damage_is_told_with_its_place)
{
    /* a copy of exactly the bytes, for tools that watch bounds */
    struct pb b = {.n = damaged[_i].n};
    b.data = malloc(b.n);
    memcpy(b.data, damaged[_i].bytes, b.n);
    refused_by(b, damaged[_i].root, &qnt_onnx_limits, QNT_ERR_FORMAT, damaged[_i].text);
    free(b.data);
}
END_TEST

START_TEST(texts_of_any_script)
{
    static const char node[] = "\x1a\16\xc3\xa4\xc2\xa0\xe4\xb8\xad\xf0\x9f\x8c\x8d/~\x20";
    ck_assert_msg(!qnt_onnx_check((const uint8_t *)node, sizeof node - 1, NODE, &qnt_onnx_limits), "%s",
                  qnt_last_error());
}
END_TEST

START_TEST(lists_are_one_field_or_many)
{
    static const char packed[] = "\10\1\x0a\2\1\x7f\10\x80\1\x22\4abcd\x25wxyz";
    const struct pb b = {.data = (uint8_t *)(uintptr_t)packed, .n = sizeof packed - 1};
    ck_assert_msg(qnt_onnx_check(b.data, b.n, TENSOR, &qnt_onnx_limits) == QNT_OK, "%s", qnt_last_error());
    /* and what is not known is no error */
    static const char other[] = "\xf8\7\1\xfa\7\3abc\xf9\7"
                                "12345678\xfd\7"
                                "1234";
    ck_assert_msg(!qnt_onnx_check((const uint8_t *)other, sizeof other - 1, TENSOR, &qnt_onnx_limits), "%s",
                  qnt_last_error());
}
END_TEST

/* A graph with two nodes, one of them with a tensor, and two initializers: 3 tensors, lists of 2 + 2 + 1 numbers. */
static struct pb small_model(void)
{
    static const char *const x[] = {"x", NULL}, *const y[] = {"y", NULL};
    const int64_t dim[] = {2, 1};
    struct pb g = {0}, node = pb_node("a", "Constant", y + 1, x), attr = {0},
              t = pb_tensor("", 1, 1, dim + 1, "1234", 4);
    pb_text(&attr, ATTR_NAME, "value");
    pb_message(&attr, ATTR_T, &t);
    pb_message(&node, NODE_ATTR, &attr);
    pb_message(&g, GRAPH_NODE, &node);
    node = pb_node("b", "Relu", x, y);
    pb_message(&g, GRAPH_NODE, &node);
    for (int i = 0; i < 2; i++) {
        t = pb_tensor(i ? "u" : "v", 1, 2, dim, "12345678", 8);
        pb_message(&g, GRAPH_INIT, &t);
    }
    return pb_model(&g, 13, 0);
}

START_TEST(every_limit_holds)
{
    struct pb b = small_model();
    struct onnx_limits most = {.bytes = b.n, .depth = 5, .fields = 30, .values = 5, .nodes = 2, .tensors = 3};
    ck_assert_msg(qnt_onnx_check(b.data, b.n, MODEL, &most) == QNT_OK, "%s", qnt_last_error());
    const struct {
        size_t *limit;
        const char *text;
    } rows[] = {
        {&most.bytes, "expected at most"},
        {&most.depth, "AttributeProto.t: more than 4 messages inside one another, the most that are read"},
        {&most.fields, "more than 29 fields"},
        {&most.values, "TensorProto.dims: more than 4 numbers in lists"},
        {&most.nodes, "GraphProto.node: more than 1 nodes"},
        {&most.tensors, "GraphProto.initializer: more than 2 tensors"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        --*rows[i].limit;
        refused_by(b, MODEL, &most, QNT_ERR_UNSUPPORTED, rows[i].text);
        ++*rows[i].limit;
    }
    pb_free(&b);
}
END_TEST

/* A file that is cut anywhere but between the fields of the model itself is refused. */
START_TEST(cut_files_are_refused)
{
    struct pb b = small_model();
    size_t whole = 0;
    for (size_t n = 0; n < b.n; n++) {
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, b.data, n);
        qnt_status status = qnt_onnx_check(copy, n, MODEL, &qnt_onnx_limits);
        ck_assert(status == QNT_OK || status == QNT_ERR_FORMAT);
        whole += status == QNT_OK;
        free(copy);
    }
    ck_assert_uint_eq(whole, 3); /* empty, ir_version, opset_import */
    pb_free(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("onnx_wire");
    TCase *tc = tcase_create("onnx_wire");
    tcase_add_loop_test(tc, damage_is_told_with_its_place, 0, sizeof damaged / sizeof *damaged);
    tcase_add_test(tc, texts_of_any_script);
    tcase_add_test(tc, lists_are_one_field_or_many);
    tcase_add_test(tc, every_limit_holds);
    tcase_add_test(tc, cut_files_are_refused);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
