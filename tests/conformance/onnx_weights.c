/* A walk over protobuf's wire format (protobuf.dev/programming-guides/encoding): every length is checked against what
 * is left, nothing is copied, no recursion. Field numbers: onnx.proto3. */
#include <stdbool.h>
#include <string.h>
#include "tests/conformance/onnx_weights.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
enum { MODEL_GRAPH = 7, GRAPH_INITIALIZER = 5, TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9 };
enum { ONNX_FLOAT = 1, MAX_RANK = 4 };

struct span {
    const uint8_t *at, *end;
};
struct field {
    uint32_t number;
    uint64_t value;    /* VARINT */
    struct span bytes; /* BYTES, also empty for the others */
};

static bool varint(struct span *s, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && s->at < s->end; shift += 7) {
        uint8_t byte = *s->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return true;
        }
    }
    return false;
}

/* The next field; false at the end or at bytes that are none (then s->at != s->end). */
static bool next_field(struct span *s, struct field *f)
{
    struct span t = *s;
    uint64_t key, skip = 0;
    if (t.at == t.end || !varint(&t, &key) || key >> 3 == 0 || key >> 3 > UINT32_MAX)
        return false;
    f->number = (uint32_t)(key >> 3);
    f->value = 0;
    f->bytes.at = f->bytes.end = t.at;
    switch (key & 7) {
    case VARINT:
        if (!varint(&t, &f->value))
            return false;
        break;
    case FIXED64:
        skip = 8;
        break;
    case FIXED32:
        skip = 4;
        break;
    case BYTES:
        if (!varint(&t, &skip))
            return false;
        break;
    default:
        return false;
    }
    if (skip > (uint64_t)(t.end - t.at))
        return false;
    if ((key & 7) == BYTES) {
        f->bytes.at = t.at;
        f->bytes.end = t.at + skip;
    }
    s->at = t.at + skip;
    return true;
}

static bool add_dim(struct onnx_weight *w, uint64_t dim)
{
    if (w->rank == MAX_RANK || dim == 0 || dim > SIZE_MAX / sizeof(float) / w->count)
        return false;
    w->dim[w->rank++] = (size_t)dim;
    w->count *= (size_t)dim;
    return true;
}

/* 1: this is the tensor `name` and *w is filled; 0: another one; -1: damaged or not raw float32. */
static int read_tensor(struct span s, const char *name, struct onnx_weight *w)
{
    struct field f;
    struct span raw = {NULL, NULL};
    uint64_t type = 0, dim;
    bool named = false;
    *w = (struct onnx_weight){.count = 1};
    while (next_field(&s, &f)) {
        if (f.number == TENSOR_NAME)
            named = (size_t)(f.bytes.end - f.bytes.at) == strlen(name) && !memcmp(f.bytes.at, name, strlen(name));
        else if (f.number == TENSOR_TYPE)
            type = f.value;
        else if (f.number == TENSOR_RAW)
            raw = f.bytes;
        else if (f.number == TENSOR_DIMS && f.bytes.at == f.bytes.end && !add_dim(w, f.value))
            return -1;
        while (f.number == TENSOR_DIMS && f.bytes.at < f.bytes.end) /* packed */
            if (!varint(&f.bytes, &dim) || !add_dim(w, dim))
                return -1;
    }
    if (s.at != s.end)
        return -1;
    if (!named)
        return 0;
    if (type != ONNX_FLOAT || !raw.at || (size_t)(raw.end - raw.at) != w->count * sizeof(float))
        return -1;
    w->data = raw.at;
    return 1;
}

int onnx_find_weight(const uint8_t *file, size_t bytes, const char *name, struct onnx_weight *out)
{
    struct span model = {file, file + bytes};
    struct field f, g;
    while (next_field(&model, &f))
        while (f.number == MODEL_GRAPH && next_field(&f.bytes, &g)) {
            int found = g.number == GRAPH_INITIALIZER ? read_tensor(g.bytes, name, out) : 0;
            if (found)
                return found > 0 ? 0 : -1;
        }
    return -1;
}
