/* Protocol buffers' wire format (protobuf.dev/programming-guides/encoding), checked by the descriptors that protobuf-c
 * made from onnx.proto: a message is keys, each field number << 3 | wire type, and values. */
#include <string.h>
#include "lib/import/onnx/onnx.pb-c.h"
#include "lib/import/onnx/wire.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, GROUP = 3, GROUP_END = 4, FIXED32 = 5, WIRE_TYPES };
static const char *const wire_name[WIRE_TYPES] = {"a varint", "8 bytes",       "a length",
                                                  "a group",  "a group's end", "4 bytes"};
/* Bytes of the longest varint for 64 and for 32 bits; protobuf-c takes no longer ones for keys and lengths. */
enum { LONGEST = 10, LONGEST_32 = 5 };
#define MOST_NUMBER 0x1fffffffu /* of a field */

const struct onnx_limits qnt_onnx_limits = {
    .bytes = 0x7fffffff, .depth = 8, .fields = 1 << 23, .values = 1 << 28, .nodes = 1 << 20, .tensors = 1 << 20};

struct walk {
    const uint8_t *base;
    const struct onnx_limits *most;
    size_t depth, fields, values, nodes, tensors;
};
/* A message: what is left of it, and what its errors are told by. */
struct span {
    const uint8_t *at, *end;
    const ProtobufCMessageDescriptor *is;
    const uint8_t *key; /* of the field under way */
    const char *field;  /* its name, "" before it is known */
};

/* Puts where before the text. */
static qnt_status placed(qnt_status status, const struct walk *w, const struct span *s)
{
    return qnt_fail_in(status, "offset %zu: %s%s%s", (size_t)(s->key - w->base), s->is->short_name,
                       *s->field ? "." : "", s->field);
}
#define FAIL(w, s, ...) placed(qnt_fail(QNT_ERR_FORMAT, __VA_ARGS__), w, s)

static qnt_status count(const struct walk *w, const struct span *s, size_t *counter, size_t n, size_t most,
                        const char *what)
{
    if (n > most || *counter > most - n)
        return placed(qnt_fail(QNT_ERR_UNSUPPORTED, "more than %zu %s, the most that are read", most, what), w, s);
    *counter += n;
    return QNT_OK;
}

static qnt_status varint(const struct walk *w, struct span *s, int longest, const char *what, uint64_t *out)
{
    uint64_t value = 0;
    for (int i = 0; i < longest; i++) {
        if (s->at == s->end)
            return FAIL(w, s, "%s is cut off after %d bytes", what, i);
        uint8_t byte = *s->at++;
        if (i == LONGEST - 1 && byte > 1)
            return FAIL(w, s, "%s has more than 64 bits", what);
        value |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (!(byte & 0x80)) {
            *out = value;
            return QNT_OK;
        }
    }
    return FAIL(w, s, "%s goes on after %d bytes", what, longest);
}

static int expected_wire(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FLOAT:
        return FIXED32;
    case PROTOBUF_C_TYPE_DOUBLE:
        return FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return BYTES;
    default:
        return VARINT;
    }
}

/* Negative numbers are written as 64 bits of sign. */
static qnt_status check_number(const struct walk *w, struct span *s, ProtobufCType type, const char *what)
{
    uint64_t value = 0;
    qnt_status status = varint(w, s, LONGEST, what, &value);
    if (!status && type == PROTOBUF_C_TYPE_INT32 && ((int64_t)value < INT32_MIN || (int64_t)value > INT32_MAX))
        return FAIL(w, s, "%s is %lld, expected one of 32 bits", what, (long long)value);
    return status;
}

/* The numbers of a list that is one field. */
static qnt_status check_packed(struct walk *w, struct span *s, const ProtobufCFieldDescriptor *f, size_t bytes)
{
    int wire = expected_wire(f->type);
    if (wire != VARINT) {
        size_t size = wire == FIXED32 ? 4 : 8;
        if (bytes % size)
            return FAIL(w, s, "%zu bytes, expected a multiple of %zu", bytes, size);
        s->at += bytes;
        return count(w, s, &w->values, bytes / size, w->most->values, "numbers in lists");
    }
    struct span list = *s;
    list.end = s->at + bytes;
    while (list.at < list.end) {
        qnt_status status = count(w, s, &w->values, 1, w->most->values, "numbers in lists");
        if (status || (status = check_number(w, &list, f->type, "a number of the list")))
            return status;
    }
    s->at = list.end;
    return QNT_OK;
}

static qnt_status check_message(struct walk *w, struct span s);

static qnt_status enter(struct walk *w, struct span *s, const ProtobufCFieldDescriptor *f, size_t bytes)
{
    const ProtobufCMessageDescriptor *is = f->descriptor;
    qnt_status status = QNT_OK;
    if (is == &qnt_onnx__node_proto__descriptor)
        status = count(w, s, &w->nodes, 1, w->most->nodes, "nodes");
    else if (is == &qnt_onnx__tensor_proto__descriptor)
        status = count(w, s, &w->tensors, 1, w->most->tensors, "tensors");
    if (!status)
        status = count(w, s, &w->depth, 1, w->most->depth, "messages inside one another");
    if (!status)
        status = check_message(w, (struct span){s->at, s->at + bytes, is, s->at, ""});
    w->depth--;
    s->at += bytes;
    return status;
}

/* Bytes of the character at `at`: UTF-8 (RFC 3629), no control character; 0: it is none. */
static size_t character(const uint8_t *at, size_t left)
{
    const uint8_t c = at[0];
    const size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (n == 1)
        return c >= 0x20 && c != 0x7f;
    if (c < 0xc2 || c > 0xf4 || n > left)
        return 0;
    const uint8_t least = c == 0xc2 || c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80; /* 0x80 to 0x9f are controls */
    const uint8_t most = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < n; i++)
        if (at[i] < (i == 1 ? least : 0x80) || at[i] > (i == 1 ? most : 0xbf))
            return 0;
    return n;
}

/* Names go on to terminals, to JSON and to charts. */
static qnt_status check_text(const struct walk *w, const struct span *s, size_t bytes)
{
    for (size_t i = 0, n; i < bytes; i += n)
        if (!(n = character(s->at + i, bytes - i)))
            return FAIL(w, s, "a text of %zu bytes has 0x%02x at %zu, expected UTF-8 without control characters", bytes,
                        s->at[i], i);
    return QNT_OK;
}

static qnt_status check_bytes(struct walk *w, struct span *s, const ProtobufCFieldDescriptor *f)
{
    uint64_t bytes;
    qnt_status status = varint(w, s, LONGEST_32, "its length", &bytes);
    if (status)
        return status;
    if (bytes > (uint64_t)(s->end - s->at))
        return FAIL(w, s, "%llu bytes, but %zu are left", (unsigned long long)bytes, (size_t)(s->end - s->at));
    if (f && f->type == PROTOBUF_C_TYPE_MESSAGE)
        return enter(w, s, f, (size_t)bytes);
    if (f && expected_wire(f->type) != BYTES)
        return check_packed(w, s, f, (size_t)bytes);
    if (f && f->type == PROTOBUF_C_TYPE_STRING)
        status = check_text(w, s, (size_t)bytes);
    s->at += bytes;
    return status;
}

static qnt_status check_value(struct walk *w, struct span *s, int wire, const ProtobufCFieldDescriptor *f)
{
    if (f) {
        int expected = expected_wire(f->type);
        bool list = f->label == PROTOBUF_C_LABEL_REPEATED && wire == BYTES;
        if (wire != expected && !list)
            return FAIL(w, s, "it is written as %s, expected %s", wire_name[wire], wire_name[expected]);
    }
    if (wire == BYTES)
        return check_bytes(w, s, f);
    if (f && f->label == PROTOBUF_C_LABEL_REPEATED) {
        qnt_status status = count(w, s, &w->values, 1, w->most->values, "numbers in lists");
        if (status)
            return status;
    }
    if (wire == VARINT)
        return check_number(w, s, f ? f->type : PROTOBUF_C_TYPE_INT64, "its number");
    size_t bytes = wire == FIXED32 ? 4 : 8;
    if ((size_t)(s->end - s->at) < bytes)
        return FAIL(w, s, "%zu bytes, but %zu are left", bytes, (size_t)(s->end - s->at));
    s->at += bytes;
    return QNT_OK;
}

static qnt_status check_field(struct walk *w, struct span *s, uint64_t *seen)
{
    uint64_t key;
    s->key = s->at;
    s->field = "";
    qnt_status status = count(w, s, &w->fields, 1, w->most->fields, "fields");
    if (status || (status = varint(w, s, LONGEST_32, "a key", &key)))
        return status;
    uint64_t number = key >> 3;
    int wire = (int)(key & 7);
    if (number == 0 || number > MOST_NUMBER)
        return FAIL(w, s, "a field has number %llu, expected 1 to %u", (unsigned long long)number, MOST_NUMBER);
    if (wire >= WIRE_TYPES || wire == GROUP || wire == GROUP_END)
        return FAIL(w, s, "field %llu is written as %s, expected a varint, a length, 4 or 8 bytes",
                    (unsigned long long)number,
                    wire < WIRE_TYPES ? wire_name[wire] : "what protocol buffers do not know");
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(s->is, (unsigned)number);
    if (f) {
        uint64_t bit = (uint64_t)1 << (f - s->is->fields);
        s->field = f->name;
        if (f->label != PROTOBUF_C_LABEL_REPEATED && *seen & bit)
            return FAIL(w, s, "it is there twice, expected once");
        *seen |= bit;
    }
    return check_value(w, s, wire, f);
}

static qnt_status check_message(struct walk *w, struct span s)
{
    uint64_t seen = 0; /* a bit for each field of the description, which has fewer than 64 */
    qnt_status status = QNT_OK;
    while (s.at < s.end && !status)
        status = check_field(w, &s, &seen);
    return status;
}

qnt_status qnt_onnx_check(const uint8_t *data, size_t bytes, const ProtobufCMessageDescriptor *root,
                          const struct onnx_limits *limits)
{
    struct walk w = {.base = data, .most = limits, .depth = 1};
    if (bytes > limits->bytes)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "the file has %zu bytes, expected at most %zu", bytes, limits->bytes);
    return check_message(&w, (struct span){data, data + bytes, root, data, ""});
}
