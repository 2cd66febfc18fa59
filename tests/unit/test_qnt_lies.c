/* Lies in .qnt files, behind right checksums: each is refused with a text that names section, thing, expected and
 * found. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tests/common/hostile.h"
#include "unit.h"

static struct hostile *const h = &hostile;

/* Sets bytes at `offset` of record i of a section, makes the checksums right, and expects this text. */
static void lie(enum qnt_file_kind kind, size_t i, size_t offset, const void *value, size_t bytes, qnt_status status,
                const char *text)
{
    qnt_model *m = NULL;
    struct qnt_file_section e = qnt_bytes_section(h->good, kind);
    memcpy(h->bad.data + e.offset + i * e.entry_bytes + offset, value, bytes);
    qnt_bytes_rehash(h->bad);
    hostile_refused("entry", i, text);
    ck_assert_msg(hostile_load(h->bad.data, h->bad.n, &m) == status, "'%s': not status %d", text, (int)status);
    memcpy(h->bad.data, h->good.data, h->good.n);
}
#define FIELD(kind, record, i, field, number, text)                                                                    \
    do {                                                                                                               \
        record r_;                                                                                                     \
        r_.field = number;                                                                                             \
        lie(kind, i, offsetof(record, field), &r_.field, sizeof r_.field, QNT_ERR_FORMAT, text);                       \
    } while (0)
#define TENSOR(i, field, number, text) FIELD(QNT_FILE_TENSORS, struct qnt_file_tensor, i, field, number, text)
#define NODE(i, field, number, text) FIELD(QNT_FILE_NODES, struct qnt_file_node, i, field, number, text)
#define MODEL(field, number, text) FIELD(QNT_FILE_MODEL, struct qnt_file_model, 0, field, number, text)

START_TEST(lies_of_tensors_are_named)
{
    TENSOR(0, name, 3, "tensors: 0: name at offset 3 of the names, expected 0");
    TENSOR(5, name, 0, "tensors: 5: name at offset 0");
    TENSOR(2, type, 10, "tensors: 'conv.weight': type 10, expected 1 to 9");
    TENSOR(2, type, 0, "tensors: 'conv.weight': type 0, expected 1 to 9");
    TENSOR(2, type, QNT_TERNARY, "tensors: 'conv.weight': 3 bits, expected 2 to 2");
    TENSOR(2, bits, 9, "tensors: 'conv.weight': 9 bits, expected 1 to 8");
    TENSOR(2, bits, 0, "tensors: 'conv.weight': 0 bits, expected 1 to 8");
    TENSOR(3, bits, 8, "tensors: 'conv.bias': 8 bits, expected 32 to 32");
    TENSOR(2, bits, 4, "tensors: 'conv.weight': 51 bytes at offset 0 of the data, expected 68 at 0");
    TENSOR(0, rank, 0, "tensors: 'image': rank 0, expected 1 to 6");
    TENSOR(2, rank, 7, "tensors: 'conv.weight': rank 7");
    TENSOR(2, rank, 5, "tensors: 'conv.weight': dimension 4 is 0");
    TENSOR(0, more_dim[1], 1, "tensors: 'image': dimension 5 past the rank is 1");
    TENSOR(3, constant, 2, "tensors: 'conv.bias': constant is 2");
    TENSOR(1, zero_point, 128, "tensors: 'image.q': zero point 128, expected -128 to 127");
    TENSOR(2, zero_point, 4, "tensors: 'conv.weight': zero point 4, expected -4 to 3");
    TENSOR(0, scales, 1, "tensors: 'image': 1 scales of a tensor of f32");
    TENSOR(4, scales, 5, "tensors: 'conv': 5 scales, expected 0, 1");
    TENSOR(2, scales, 4000000000u, "tensors: 'conv.weight': 4000000000 scales");
    TENSOR(3, first_scale, 4, "tensors: 'conv.bias': first scale 4, expected 6");
    TENSOR(0, zero, 1, "tensors: 'image': a reserved field");
    TENSOR(0, dim[0], 0, "tensors: 'image': dimension 0 is 0");
    TENSOR(0, dim[3], 1, "tensors: 'image': dimension 3 past the rank is 1");
    TENSOR(0, dim[1], UINT64_MAX, "tensors: 'image': dimension 1 is 18446744073709551615");
    TENSOR(0, dim[1], UINT64_C(1) << 40, "tensors: 'image': dimension 1 is 1099511627776, expected 1 to");
    TENSOR(0, dim[1], (UINT64_C(1) << 40) / 6, "tensors: 'image': dimension 2 is 3, expected 1 to 1");
    TENSOR(2, dim[0], UINT64_C(1) << 62, "tensors: 'conv.weight': ");
    TENSOR(3, dim[0], 6, "tensors: 'conv.bias': 5 scales, expected 0, 1 or one per channel");
    TENSOR(3, offset, 0, "tensors: 'conv.bias': 20 bytes at offset 0 of the data, expected 20 at 64");
    TENSOR(8, bytes, UINT64_MAX, "tensors: 'fc.weight': 18446744073709551615 bytes");
    TENSOR(0, hash, 1, "tensors: 'image': a checksum without data");
    TENSOR(4, dim[0], 7, "nodes: 'conv': the output is 6 x 6 x 5, but the file says 7 x 6 x 5");
    TENSOR(6, dim[1], 4, "nodes: 'pool': the output is 3 x 3 x 5, but the file says 3 x 4 x 5");
    TENSOR(3, constant, 0, "tensors: 'conv.bias': 5 scales");
    struct qnt_file_tensor last = {.type = QNT_S8, .bits = 8, .rank = 1, .scales = 1, .dim = {4}};
    struct qnt_file_tensor kept;
    struct qnt_file_section tensors = qnt_bytes_section(h->good, QNT_FILE_TENSORS);
    memcpy(&kept, h->good.data + tensors.offset + 10 * sizeof kept, sizeof kept);
    last.name = kept.name;
    last.first_scale = kept.first_scale;
    lie(QNT_FILE_TENSORS, 10, 0, &last, sizeof last, QNT_ERR_FORMAT,
        "tensors: 'logits': 1 scales, but only 0 are left");
    for (int i = 0; i < 4; i++) {
        static const uint32_t scale[] = {0, 0x80000000u, 0x7f800000u, 0x7fc00000u}; /* 0, -0, Inf, NaN */
        lie(QNT_FILE_SCALES, 3, 0, &scale[i], 4, QNT_ERR_FORMAT, "scales: 'conv.weight': scale 2 is ");
    }
}
END_TEST

START_TEST(lies_of_nodes_and_model_are_named)
{
    static const char bell[] = "\a", newer[] = "warp";
    MODEL(input, 11, "model: input 11 and output 10, expected tensors below 11");
    MODEL(output, UINT32_MAX, "model: input 0 and output 4294967295");
    MODEL(input, 4, "tensors: 'image': neither a constant, nor an input, nor made by a node");
    MODEL(output, 2, "model: the output, tensor 2, is a constant");
    MODEL(input, 2, "tensors: 'image': neither a constant");
    MODEL(zero, 1, "model: a reserved field");
    MODEL(deviation[1], 0.0f, "model: mean 0 and deviation 0 of channel 1");
    NODE(1, inputs, 0, "nodes: 'conv': 0 inputs, expected 2 to 4 for conv2d");
    NODE(1, inputs, UINT32_MAX, "nodes: 'conv': 4294967295 inputs");
    NODE(1, in[0], 4, "nodes: 'conv': input 0 is tensor 4, expected one before the output, 4");
    NODE(1, in[1], UINT32_MAX, "nodes: 'conv': input 1 is tensor 4294967295");
    NODE(1, in[5], 1, "nodes: 'conv': unused input 5 is 1");
    NODE(1, out, 3, "nodes: 'conv': the output is tensor 3, expected an activation");
    NODE(1, out, 11, "nodes: 'conv': the output is tensor 11");
    NODE(2, out, 4, "nodes: 'relu': ");
    NODE(1, kernel[0], UINT32_MAX, "nodes: 'conv': kernel height is 4294967295");
    NODE(1, pad[3], 1u << 21, "nodes: 'conv': right pad is 2097152");
    NODE(1, groups, 2, "nodes: ");
    NODE(3, stride[0], 1, "nodes: 'pool': the output is 5 x 3 x 5, but the file says 3 x 3 x 5");
    NODE(3, stride[1], 0, "nodes: 'pool': an attribute is 0");
    NODE(5, groups, 0, "nodes: 'fc': an attribute is 0");
    NODE(1, epsilon, NAN, "nodes: 'conv': bounds");
    NODE(2, in[0], 0, "nodes: ");
    uint32_t one = 1;
    lie(QNT_FILE_MODEL, 0, offsetof(struct qnt_file_model, requantize), &one, 4, QNT_ERR_UNSUPPORTED,
        "model: requantize mode 1 is unknown");
    lie(QNT_FILE_NAMES, 1, 0, bell, 1, QNT_ERR_FORMAT, "names: name of tensors 0 holds the control character 0x07");
    lie(QNT_FILE_NAMES, 1, 0, "\x7f", 1, QNT_ERR_FORMAT, "control character 0x7f");
    lie(QNT_FILE_NAMES, 0, 0, "", 1, QNT_ERR_FORMAT, "names: name of tensors 0 is empty");
    const char *names = (const char *)h->good.data + qnt_bytes_section(h->good, QNT_FILE_NAMES).offset;
    size_t at = 0; /* of "maxpool" */
    while (strcmp(names + at, "maxpool"))
        at += strlen(names + at) + 1;
    lie(QNT_FILE_NAMES, at + 3, 0, newer, 4, QNT_ERR_UNSUPPORTED, "nodes: 'pool': the op 'maxwarp' is unknown");
    lie(QNT_FILE_DATA, 0, 50, "\xff", 1, QNT_ERR_FORMAT, "data: 'conv.weight': spare bits");
    lie(QNT_FILE_DATA, 0, 51, "\1", 1, QNT_ERR_FORMAT, "padding after the data of conv.weight");
}
END_TEST

/* Header and table, rehashed. */
static void front(size_t offset, const void *value, size_t bytes, const char *text)
{
    memcpy(h->bad.data + offset, value, bytes);
    qnt_bytes_rehash(h->bad);
    hostile_refused("header byte", offset, text);
    memcpy(h->bad.data, h->good.data, h->good.n);
}

START_TEST(lies_of_the_header_are_named)
{
    const size_t table = sizeof(struct qnt_file_header), step = sizeof(struct qnt_file_section);
    uint16_t two = 2, none = 0;
    uint32_t many = UINT32_MAX, five = 5, seven = 7;
    uint64_t huge = UINT64_MAX - 63, odd = 1;
    front(offsetof(struct qnt_file_header, major), &two, 2, "header: format version 2.2, this library");
    front(offsetof(struct qnt_file_header, major), &none, 2, "header: format version 0");
    front(offsetof(struct qnt_file_header, sections), &many, 4, "header: 4294967295 sections");
    front(offsetof(struct qnt_file_header, sections), &five, 4, "header: 5 sections");
    front(offsetof(struct qnt_file_header, file_bytes), &huge, 8, "expected 18446744073709551552");
    front(offsetof(struct qnt_file_header, zero), &odd, 1, "header: a reserved byte");
    front(table + step, &seven, 4, "table: entry 1 is of kind 7, expected 2, tensors");
    for (size_t i = 0; i < QNT_FILE_LEAST_KINDS; i++) {
        size_t at = table + i * step;
        front(at + offsetof(struct qnt_file_section, offset), &huge, 8, "table: ");
        front(at + offsetof(struct qnt_file_section, offset), &odd, 8, "table: ");
        front(at + offsetof(struct qnt_file_section, bytes), &huge, 8, "table: ");
        front(at + offsetof(struct qnt_file_section, entry_bytes), &none, 2, "table: ");
        front(at + offsetof(struct qnt_file_section, entry_bytes), &many, 4, "table: ");
    }
    front(table + 5 * step + offsetof(struct qnt_file_section, hash), &odd, 8, "table: data: ");
}
END_TEST

/* The file with its node records `grow` bytes longer and, when `section` is set, one of that kind; as a later minor
 * version would write it. Only for a file whose table has room up to the first section. */
static struct qnt_bytes later_version(size_t grow, uint32_t section)
{
    struct qnt_file_header head;
    struct qnt_file_section e[QNT_FILE_LEAST_KINDS + 1];
    struct qnt_bytes b = {calloc(1, h->good.n + 65536), 0};
    size_t used = QNT_FILE_LEAST_KINDS + (section != 0);
    memcpy(&head, h->good.data, sizeof head);
    memcpy(e, h->good.data + sizeof head, QNT_FILE_LEAST_KINDS * sizeof *e);
    b.n = (sizeof head + used * sizeof *e + 63) / 64 * 64;
    for (size_t k = 0; k < QNT_FILE_LEAST_KINDS; k++) {
        size_t more = k + 1 == QNT_FILE_NODES ? grow : 0, step = e[k].entry_bytes;
        size_t n = step == 1 ? 1 : (size_t)e[k].bytes / step, bytes = step == 1 ? (size_t)e[k].bytes : step;
        for (size_t i = 0; i < n; i++)
            memcpy(b.data + b.n + i * (bytes + more), h->good.data + e[k].offset + i * bytes, bytes);
        e[k].offset = b.n;
        e[k].bytes = n * (bytes + more);
        e[k].entry_bytes += (uint32_t)more;
        b.n = (b.n + (size_t)e[k].bytes + 63) / 64 * 64;
    }
    e[QNT_FILE_LEAST_KINDS] = (struct qnt_file_section){.kind = section, .entry_bytes = 1, .offset = b.n};
    head.minor = QNT_FILE_MINOR + 1;
    head.sections = (uint32_t)used;
    head.file_bytes = b.n;
    memcpy(b.data, &head, sizeof head);
    memcpy(b.data + sizeof head, e, used * sizeof *e);
    return b;
}

START_TEST(later_minor_versions_are_read_as_far_as_known)
{
    qnt_model *m = NULL;
    struct qnt_bytes b = later_version(8, 0);
    qnt_bytes_rehash(b);
    ck_assert_msg(hostile_load(b.data, b.n, &m) == QNT_OK, "%s", qnt_last_error());
    qnt_model_free(m);
    struct qnt_file_section e = qnt_bytes_section(b, QNT_FILE_NODES);
    b.data[e.offset + 2 * e.entry_bytes - 1] = 1; /* a field that is not known, of node 1 */
    qnt_bytes_rehash(b);
    ck_assert_int_eq(hostile_load(b.data, b.n, &m), QNT_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "nodes: entry 1: byte 383 is set"));
    free(b.data);
    b = later_version(0, QNT_FILE_KINDS + 1);
    qnt_bytes_rehash(b);
    ck_assert_int_eq(hostile_load(b.data, b.n, &m), QNT_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "table: section kind 8 of format version 1.3 is unknown"));
    free(b.data);
}
END_TEST

/* The file with node records of minor 0, or of another length. */
static struct qnt_bytes shorter(size_t record)
{
    struct qnt_bytes b = {calloc(1, h->good.n), h->good.n};
    struct qnt_file_header head;
    struct qnt_file_section e[QNT_FILE_LEAST_KINDS];
    memcpy(&head, h->good.data, sizeof head);
    memcpy(e, h->good.data + sizeof head, sizeof e);
    b.n = e[0].offset;
    for (size_t k = 0; k < QNT_FILE_LEAST_KINDS; k++) {
        const uint8_t *from = h->good.data + e[k].offset;
        const int nodes = k + 1 == QNT_FILE_NODES;
        const size_t n = nodes ? e[k].bytes / e[k].entry_bytes : 1, bytes = nodes ? record : e[k].bytes;
        for (size_t i = 0; i < n; i++)
            memcpy(b.data + b.n + i * bytes, from + i * e[k].entry_bytes, bytes);
        e[k].offset = b.n;
        e[k].bytes = n * bytes;
        e[k].entry_bytes = nodes ? (uint32_t)record : e[k].entry_bytes;
        b.n = (b.n + n * bytes + 63) / 64 * 64;
    }
    head.minor = 0;
    head.file_bytes = b.n;
    memcpy(b.data, &head, sizeof head);
    memcpy(b.data + sizeof head, e, sizeof e);
    qnt_bytes_rehash(b);
    return b;
}

START_TEST(files_of_minor_0_are_read)
{
    qnt_model *m = NULL;
    struct qnt_bytes b = shorter(96);
    ck_assert_msg(hostile_load(b.data, b.n, &m) == QNT_OK, "%s", qnt_last_error());
    ck_assert_uint_eq(qnt_model_node_count(m), 7);
    qnt_model_free(m);
    free(b.data);
    b = shorter(104);
    ck_assert_int_eq(hostile_load(b.data, b.n, &m), QNT_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "table: nodes: records of 104 in 728 bytes, expected 376 each"));
    free(b.data);
}
END_TEST

/* Attributes of the ops that move elements, in test_model_moves: nodes 1 pad, 3 slice, 4 axes, 5 grow, 6 shrink, 7
 * join, 8 regroup. */
START_TEST(lies_of_moves_are_named)
{
    NODE(1, mode, 3, "nodes: node 'pad': pad mode 3, expected 0 (constant), 1 (reflect) or 2 (edge)");
    NODE(1, begin[0], -1, "nodes: node 'pad': -1 and 0 elements around dimension 0, expected 0 to 5 (reflect)");
    NODE(1, begin[0], INT64_MAX, "nodes: node 'pad': 9223372036854775807 and 0 elements around dimension 0");
    NODE(1, end[3], 1, "nodes: node 'pad': 0 and 1 elements around dimension 3, expected 0 to 0");
    NODE(1, end[1], 1, "nodes: 'pad': the output is 7 x 7 x 3, but the file says 7 x 8 x 3");
    NODE(1, value, NAN, "nodes: 'pad': value nan, scales 0 and 0, expected numbers");
    NODE(3, step[1], INT64_MIN, "nodes: 'slice': the output is 4 x 1 x 4, but the file says 4 x 3 x 4");
    NODE(3, step[2], 0, "nodes: 'slice': an attribute is 0 where its default belongs");
    NODE(3, end[1], -1, "nodes: node 'slice': begin -1, end -1, step -3 take nothing of dimension 1, which is 9");
    NODE(4, axis[0], 3, "nodes: node 'axes': axes 3 2 0 0 0 0, expected each of 0 to 2 once, then 0");
    NODE(4, axis[0], UINT32_MAX, "nodes: node 'axes': axes 4294967295 2 0 0");
    NODE(4, axis[1], 1, "nodes: node 'axes': axes 1 1 0 0");
    NODE(5, dim[0], UINT64_MAX, "nodes: node 'grow': height 3 of 'axes' to 18446744073709551615");
    NODE(5, dim[2], 4, "nodes: node 'grow': new size 6 x 5, and 4 of dimension 2, expected two, then 0");
    NODE(6, scale[0], INFINITY, "nodes: 'shrink': value 0, scales inf and");
    NODE(6, scale[1], 0.5f, "nodes: node 'shrink': new width 4, expected 2, 0.5 of 5");
    NODE(7, axis[0], 3, "nodes: node 'join': axis 3, expected 0 to 2: 'shrink' has rank 3");
    NODE(7, axis[0], 1, "nodes: 'join': the output is 3 x 8 x 4, but the file says 3 x 4 x 8");
    NODE(7, inputs, 17, "nodes: 'join': 17 inputs, expected 1 to 16 for concat");
    NODE(7, inputs, 3, "nodes: node 'join': input 'image' is f32, expected s8 as 'shrink'");
    NODE(7, more[9], 1, "nodes: 'join': unused input 15 is 1, expected 0");
    NODE(8, dim[2], 9,
         "nodes: node 'regroup': new shape 4 x 3 x 9, expected as many elements as input 'join' of 3 x 4 x 8");
    NODE(8, dim[0], UINT64_MAX, "more than 2^40 elements");
    NODE(8, dim[0], 0, "nodes: node 'regroup': dimension 0 of the new shape is 0 before others");
    uint32_t many = 1u << 31;
    lie(QNT_FILE_NODES, 5, offsetof(struct qnt_file_node, position), &many, 4, QNT_ERR_UNSUPPORTED,
        "nodes: node 'grow': position 2147483648 and rounding 2, expected 0 to 3");
    lie(QNT_FILE_NODES, 5, offsetof(struct qnt_file_node, mode), &many, 4, QNT_ERR_UNSUPPORTED,
        "nodes: node 'grow': resize mode 2147483648, expected 0 (nearest) or 1 (linear)");
}
END_TEST

#define BORDER(i, field, number, text) FIELD(QNT_FILE_BORDERS, struct qnt_file_border, i, field, number, text)

/* test_model_borders: inputs 0 and 1 are tensors 0 (image) and 2 (other), then four outputs, of which 2 is `other`. */
START_TEST(lies_of_borders_are_named)
{
    const size_t table = sizeof(struct qnt_file_header) + 6 * sizeof(struct qnt_file_section);
    uint32_t eight = 8, six = 6;
    BORDER(1, tensor, 0, "borders: 1: the input is tensor 0, expected one after 0");
    BORDER(1, tensor, 1, "model: the input, tensor 1, is made by node 0");
    BORDER(1, tensor, 99, "borders: 1: tensor 99, output 0, expected one below");
    BORDER(0, tensor, 1, "borders: they begin with input 1 and output");
    BORDER(2, tensor, 0, "borders: they begin with input 0 and output 0, but the model's are 0 and");
    BORDER(1, output, 1, "borders: they begin with input 0 and output 2");
    BORDER(0, output, 1, "borders: 1: tensor 2, output 0, expected one below");
    BORDER(2, output, 2, "borders: 2: tensor");
    BORDER(5, output, 0, "borders: 5: tensor");
    MODEL(input, 2, "borders: they begin with input 0");
    front(table + offsetof(struct qnt_file_section, kind), &six, 4, "table: entry 6 is of kind 6, expected 7, borders");
    front(table + offsetof(struct qnt_file_section, kind), &eight, 4,
          "table: section kind 8 of format version 1.2 is unknown");
    front(table + offsetof(struct qnt_file_section, entry_bytes), &six, 4, "table: borders: records of 6 in 48 bytes");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("qnt_lies");
    TCase *tc = tcase_create("qnt_lies");
    tcase_add_checked_fixture(tc, hostile_setup, hostile_teardown);
    tcase_add_test(tc, lies_of_tensors_are_named);
    tcase_add_test(tc, lies_of_nodes_and_model_are_named);
    tcase_add_test(tc, lies_of_the_header_are_named);
    tcase_add_test(tc, later_minor_versions_are_read_as_far_as_known);
    tcase_add_test(tc, files_of_minor_0_are_read);
    suite_add_tcase(suite, tc);
    tc = tcase_create("moves");
    tcase_add_checked_fixture(tc, hostile_setup_moves, hostile_teardown);
    tcase_add_test(tc, lies_of_moves_are_named);
    suite_add_tcase(suite, tc);
    tc = tcase_create("borders");
    tcase_add_checked_fixture(tc, hostile_setup_borders, hostile_teardown);
    tcase_add_test(tc, lies_of_borders_are_named);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
