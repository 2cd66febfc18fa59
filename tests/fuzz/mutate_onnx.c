/* Changes of an ONNX file: it is written anew, field by field, with one of them changed on the way, so that all lengths
 * around it are right. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/core/rng.h"
#include "lib/import/onnx/onnx.h"
#include "lib/import/onnx/onnx.pb-c.h"
#include "tests/common/pb.h"
#include "tests/fuzz/fuzz_import.h"

static const int64_t numbers[] = {
    0,  1,    2,    3,     4,     5,         6,         7,         8,         9,         10,       13,  16,
    17, 21,   22,   25,    26,    32,        63,        64,        127,       128,       255,      256, -1,
    -2, -128, 1024, 65535, 65536, INT32_MAX, INT32_MIN, 1LL << 32, 1LL << 40, INT64_MAX, INT64_MIN};
static const float floats[] = {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, 6.0f, 1e-40f, 3.4e38f};
#define ANY 0
#define ONNX_OP(domain, name, needed, inputs, outputs, fold, map, attributes) {name, attributes},
static const struct {
    const char *name, *attributes;
} ops[] = {
#include "lib/import/onnx/ops.def"
};
#undef ONNX_OP
#undef ANY
enum { OPS = sizeof ops / sizeof *ops };
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5, NAMES = 64, LIST = 4096 };

struct change {
    struct qnt_rng rng;
    size_t at, chosen; /* fields so far, and which of them changes */
    struct {
        const uint8_t *text;
        size_t n;
    } name[NAMES]; /* of values, so that connections change */
    size_t names;
};
struct span {
    const uint8_t *at, *end;
};

static bool varint(struct span *s, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && s->at < s->end; shift += 7) {
        *out |= (uint64_t)(*s->at & 0x7f) << shift;
        if (!(*s->at++ & 0x80))
            return true;
    }
    return false;
}

static int64_t another(struct change *c, int64_t old)
{
    if (qnt_rng_below(&c->rng, 3))
        return numbers[qnt_rng_below(&c->rng, sizeof numbers / sizeof *numbers)];
    return (int64_t)((uint64_t)old + (uint64_t)(int64_t)qnt_rng_between(&c->rng, -2, 2));
}

/* A list of numbers with one changed, more or less. */
static void put_list(struct change *c, uint32_t field, struct span s, struct pb *out)
{
    static int64_t list[LIST + 1];
    size_t n = 0;
    uint64_t value;
    while (n < LIST && varint(&s, &value))
        list[n++] = (int64_t)value;
    size_t k = n ? qnt_rng_below(&c->rng, n) : 0;
    switch (qnt_rng_below(&c->rng, 4)) {
    case 0:
        list[n++] = another(c, 1);
        break;
    case 1:
        n -= n > 0;
        break;
    default:
        list[k] = another(c, n ? list[k] : 0);
        n += n == 0;
        break;
    }
    pb_ints(out, field, list, n);
}

/* Bytes with some changed, more or less. */
static void put_bytes(struct change *c, uint32_t field, struct span s, struct pb *out)
{
    size_t n = (size_t)(s.end - s.at), more = qnt_rng_below(&c->rng, 8) ? 0 : 1 + qnt_rng_below(&c->rng, 16);
    uint8_t *copy = calloc(1, n + more + 1);
    memcpy(copy, s.at, n);
    for (uint32_t i = qnt_rng_below(&c->rng, 4) + !more; i > 0 && n; i--)
        copy[qnt_rng_below(&c->rng, n)] ^= (uint8_t)(1u << qnt_rng_below(&c->rng, 8));
    if (n && !qnt_rng_below(&c->rng, 8))
        n = qnt_rng_below(&c->rng, n);
    pb_bytes(out, field, copy, n + more);
    free(copy);
}

static void put_text(struct change *c, uint32_t field, const char *message, struct span s, struct pb *out)
{
    if (!strcmp(message, "NodeProto") && field == NODE_OP)
        pb_text(out, field, ops[qnt_rng_below(&c->rng, OPS)].name);
    else if (c->names && qnt_rng_below(&c->rng, 8)) {
        size_t k = qnt_rng_below(&c->rng, c->names);
        pb_bytes(out, field, c->name[k].text, c->name[k].n);
    } else
        put_bytes(c, field, s, out);
}

/* The same name for a tensor of another shape, perhaps of another type, with the data that they ask for. */
static void put_tensor(struct change *c, uint32_t field, struct span s, struct pb *out)
{
    static const int types[] = {ONNX_FLOAT, ONNX_UINT8, ONNX_INT8, ONNX_INT32, ONNX_INT64, ONNX_BOOL, ONNX_FLOAT16};
    static const uint8_t sizes[] = {0, 1, 1, 2, 2, 3, 4, 5, 6, 8, 12};
    QntOnnx__TensorProto *old = qnt_onnx__tensor_proto__unpack(NULL, (size_t)(s.end - s.at), s.at);
    if (!old) {
        pb_bytes(out, field, s.at, (size_t)(s.end - s.at));
        return;
    }
    int64_t dim[4];
    const size_t rank = qnt_rng_below(&c->rng, 5);
    const int type =
        qnt_rng_below(&c->rng, 2) ? (int)old->data_type : types[qnt_rng_below(&c->rng, sizeof types / sizeof *types)];
    size_t bytes = qnt_onnx_type_bits(type);
    for (size_t d = 0; d < rank; d++)
        bytes *= (size_t)(dim[d] = sizes[qnt_rng_below(&c->rng, sizeof sizes)]);
    bytes = (bytes + 7) / 8;
    uint8_t *data = calloc(1, bytes + 1);
    for (size_t i = 0; i < bytes && old->raw_data.len; i++)
        data[i] = old->raw_data.data[i % old->raw_data.len];
    struct pb t = pb_tensor(old->name ? old->name : "", type, rank, dim, data, bytes);
    pb_message(out, field, &t);
    free(data);
    qnt_onnx__tensor_proto__free_unpacked(old, NULL);
}

/* An attribute more, of a name that an operation has. */
static void put_attribute(struct change *c, struct pb *node)
{
    const char *list = ops[qnt_rng_below(&c->rng, OPS)].attributes;
    const size_t length = strlen(list);
    char name[64];
    int64_t ints[4];
    if (!length)
        return;
    list += qnt_rng_below(&c->rng, length);
    list += strcspn(list, " ");
    list += strspn(list, " ");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(list, " "), list);
    for (size_t i = 0; i < 4; i++)
        ints[i] = another(c, 1);
    struct pb a = qnt_rng_below(&c->rng, 2) ? pb_attr_int(name, ints[0])
                                            : pb_attr_ints(name, ints, 1 + qnt_rng_below(&c->rng, 4));
    pb_message(node, NODE_ATTR, &a);
}

static void write_message(struct change *c, const ProtobufCMessageDescriptor *is, struct span s, struct pb *out);

/* A field whose value is `s`: as it is or, if chosen, otherwise. */
static void write_bytes(struct change *c, const ProtobufCMessageDescriptor *is, const ProtobufCFieldDescriptor *f,
                        uint32_t field, struct span s, bool chosen, struct pb *out)
{
    struct pb sub = {0};
    if (f && f->type == PROTOBUF_C_TYPE_STRING && c->names < NAMES) {
        c->name[c->names].text = s.at;
        c->name[c->names++].n = (size_t)(s.end - s.at);
    }
    const bool message = f && f->type == PROTOBUF_C_TYPE_MESSAGE;
    if (message && chosen && f->descriptor == &qnt_onnx__tensor_proto__descriptor) {
        put_tensor(c, field, s, out);
    } else if (message && !(chosen && !qnt_rng_below(&c->rng, 8))) {
        write_message(c, f->descriptor, s, &sub);
        if (chosen && f->descriptor == &qnt_onnx__node_proto__descriptor)
            put_attribute(c, &sub);
        pb_message(out, field, &sub);
    } else if (!chosen)
        pb_bytes(out, field, s.at, (size_t)(s.end - s.at));
    else if (f && f->type == PROTOBUF_C_TYPE_STRING)
        put_text(c, field, is->short_name, s, out);
    else if (f && (f->type == PROTOBUF_C_TYPE_INT64 || f->type == PROTOBUF_C_TYPE_INT32))
        put_list(c, field, s, out);
    else
        put_bytes(c, field, s, out);
}

/* False at the end, and at bytes that are no field: these are copied. */
static bool write_field(struct change *c, const ProtobufCMessageDescriptor *is, struct span *s, struct pb *out)
{
    const uint8_t *begin = s->at;
    uint64_t key = 0, n = 0;
    struct span value;
    bool good = s->at < s->end && varint(s, &key);
    unsigned wire = (unsigned)(key & 7);
    uint32_t field = (uint32_t)(key >> 3);
    if (good && (wire == VARINT || wire == BYTES))
        good = varint(s, &n);
    if (wire != VARINT && wire != BYTES)
        n = wire == FIXED32 ? 4 : 8;
    good = good && (wire == VARINT ||
                    ((wire == FIXED32 || wire == FIXED64 || wire == BYTES) && n <= (uint64_t)(s->end - s->at)));
    if (!good) {
        pb_raw(out, begin, (size_t)(s->end - begin));
        return false;
    }
    value.at = s->at;
    value.end = s->at += wire == VARINT ? 0 : n;
    const bool chosen = c->at++ == c->chosen;
    const uint32_t how = chosen ? qnt_rng_below(&c->rng, 6) : 2;
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(is, field);
    if (how == 0)
        return true; /* left out */
    if (how == 1)
        pb_raw(out, begin, (size_t)(s->at - begin)); /* twice */
    if (wire == BYTES)
        write_bytes(c, is, f, field, value, how > 2, out);
    else if (how > 2 && wire == VARINT)
        pb_int(out, field, another(c, (int64_t)n));
    else if (how > 2 && wire == FIXED32)
        pb_float(out, field, floats[qnt_rng_below(&c->rng, sizeof floats / sizeof *floats)]);
    else
        pb_raw(out, begin, (size_t)(s->at - begin));
    return true;
}

static void write_message(struct change *c, const ProtobufCMessageDescriptor *is, struct span s, struct pb *out)
{
    while (write_field(c, is, &s, out))
        ;
}

size_t fuzz_onnx_mutate(uint8_t *data, size_t size, size_t most, uint64_t seed)
{
    struct change c = {.rng = qnt_rng_key(seed, 6, 0)};
    for (uint32_t i = 1 + qnt_rng_below(&c.rng, 3); i > 0; i--) {
        struct pb out = {0};
        c.names = 0;
        for (int twice = 0; twice < 2; twice++) { /* once to count */
            pb_free(&out);
            c.chosen = twice && c.at ? qnt_rng_below(&c.rng, c.at) : SIZE_MAX;
            c.at = 0;
            c.names = 0;
            write_message(&c, &qnt_onnx__model_proto__descriptor, (struct span){data, data + size}, &out);
        }
        if (out.n <= most) {
            memcpy(data, out.data, out.n);
            size = out.n;
        }
        pb_free(&out);
    }
    return size;
}
