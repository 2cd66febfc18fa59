#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/common/pb.h"

enum { VARINT = 0, BYTES = 2, FIXED32 = 5, KIND_FLOAT = 1, KIND_INT = 2, KIND_STRING = 3, KIND_INTS = 7 };

void pb_raw(struct pb *b, const void *bytes, size_t n)
{
    if (b->n + n > b->room || !b->data) {
        b->room = 2 * (b->n + n) + 64;
        if (!(b->data = realloc(b->data, b->room))) {
            fprintf(stderr, "out of memory\n");
            exit(EXIT_FAILURE);
        }
    }
    if (n)
        memcpy(b->data + b->n, bytes, n);
    b->n += n;
}

void pb_varint(struct pb *b, uint64_t value)
{
    uint8_t byte;
    for (; value > 0x7f; value >>= 7) {
        byte = (uint8_t)(value | 0x80);
        pb_raw(b, &byte, 1);
    }
    byte = (uint8_t)value;
    pb_raw(b, &byte, 1);
}

static void key(struct pb *b, uint32_t field, unsigned wire)
{
    pb_varint(b, (uint64_t)field << 3 | wire);
}

void pb_int(struct pb *b, uint32_t field, int64_t value)
{
    key(b, field, VARINT);
    pb_varint(b, (uint64_t)value);
}

void pb_float(struct pb *b, uint32_t field, float value)
{
    key(b, field, FIXED32);
    pb_raw(b, &value, sizeof value);
}

void pb_bytes(struct pb *b, uint32_t field, const void *bytes, size_t n)
{
    key(b, field, BYTES);
    pb_varint(b, n);
    pb_raw(b, bytes, n);
}

void pb_text(struct pb *b, uint32_t field, const char *text)
{
    pb_bytes(b, field, text, strlen(text));
}

void pb_message(struct pb *b, uint32_t field, struct pb *sub)
{
    pb_bytes(b, field, sub->data, sub->n);
    pb_free(sub);
}

void pb_ints(struct pb *b, uint32_t field, const int64_t *value, size_t n)
{
    struct pb list = {0};
    for (size_t i = 0; i < n; i++)
        pb_varint(&list, (uint64_t)value[i]);
    pb_message(b, field, &list);
}

void pb_free(struct pb *b)
{
    free(b->data);
    *b = (struct pb){0};
}

struct pb pb_tensor(const char *name, int type, size_t rank, const int64_t *dim, const void *raw, size_t bytes)
{
    struct pb t = {0};
    pb_ints(&t, TENSOR_DIMS, dim, rank);
    pb_int(&t, TENSOR_TYPE, type);
    pb_text(&t, TENSOR_NAME, name);
    if (raw)
        pb_bytes(&t, TENSOR_RAW, raw, bytes);
    return t;
}

struct pb pb_value(const char *name, int type, size_t rank, const int64_t *dim)
{
    struct pb shape = {0}, tensor = {0}, is = {0}, v = {0};
    for (size_t d = 0; d < rank; d++) {
        struct pb one = {0};
        if (dim[d] >= 0)
            pb_int(&one, DIM_VALUE, dim[d]);
        pb_message(&shape, SHAPE_DIM, &one);
    }
    pb_int(&tensor, TENSOR_TYPE_ELEM, type);
    pb_message(&tensor, TENSOR_TYPE_SHAPE, &shape);
    pb_message(&is, TYPE_TENSOR, &tensor);
    pb_text(&v, VALUE_NAME, name);
    pb_message(&v, VALUE_TYPE, &is);
    return v;
}

struct pb pb_node(const char *name, const char *op, const char *const *in, const char *const *out)
{
    struct pb n = {0};
    for (; *in; in++)
        pb_text(&n, NODE_IN, *in);
    for (; *out; out++)
        pb_text(&n, NODE_OUT, *out);
    pb_text(&n, NODE_NAME, name);
    pb_text(&n, NODE_OP, op);
    return n;
}

static struct pb attr(const char *name, int kind)
{
    struct pb a = {0};
    pb_text(&a, ATTR_NAME, name);
    pb_int(&a, ATTR_TYPE, kind);
    return a;
}

struct pb pb_attr_int(const char *name, int64_t i)
{
    struct pb a = attr(name, KIND_INT);
    pb_int(&a, ATTR_I, i);
    return a;
}

struct pb pb_attr_float(const char *name, float f)
{
    struct pb a = attr(name, KIND_FLOAT);
    pb_float(&a, ATTR_F, f);
    return a;
}

struct pb pb_attr_ints(const char *name, const int64_t *i, size_t n)
{
    struct pb a = attr(name, KIND_INTS);
    pb_ints(&a, ATTR_INTS, i, n);
    return a;
}

struct pb pb_attr_text(const char *name, const char *s)
{
    struct pb a = attr(name, KIND_STRING);
    pb_text(&a, ATTR_S, s);
    return a;
}

struct pb pb_model(struct pb *graph, int64_t opset, int64_t opset_ms)
{
    struct pb m = {0}, set = {0};
    pb_int(&m, MODEL_IR, 8);
    pb_int(&set, OPSET_VERSION, opset);
    pb_message(&m, MODEL_OPSET, &set);
    if (opset_ms) {
        pb_text(&set, OPSET_DOMAIN, "com.microsoft");
        pb_int(&set, OPSET_VERSION, opset_ms);
        pb_message(&m, MODEL_OPSET, &set);
    }
    pb_message(&m, MODEL_GRAPH, graph);
    return m;
}
