/* Tensors: elements of every type, from whichever field of TensorProto they are in. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "lib/import/onnx/onnx.pb-c.h"
#include "lib/import/onnx/read.h"

/* All tensors of a model together. */
#define MOST_ELEMENTS ((size_t)1 << 32)
enum { EXTERNAL = 1 /* TensorProto.DataLocation */ };

/* Where numbers are that are not raw bytes. */
enum list { NONE, FLOATS, INT32S, INT64S, DOUBLES, UINT64S, LISTS };
static const char *const list_name[LISTS] = {"raw_data",   "float_data",  "int32_data",
                                             "int64_data", "double_data", "uint64_data"};
/* least, most: of a number in an int32 list. A list of 4- and 2-bit types has their bytes. */
static const struct {
    const char *name;
    uint8_t bits, list;
    int32_t least, most;
} types[] = {
    [ONNX_FLOAT] = {"float", 32, FLOATS, 0, 0},
    [ONNX_UINT8] = {"uint8", 8, INT32S, 0, UINT8_MAX},
    [ONNX_INT8] = {"int8", 8, INT32S, INT8_MIN, INT8_MAX},
    [ONNX_UINT16] = {"uint16", 16, INT32S, 0, UINT16_MAX},
    [ONNX_INT16] = {"int16", 16, INT32S, INT16_MIN, INT16_MAX},
    [ONNX_INT32] = {"int32", 32, INT32S, INT32_MIN, INT32_MAX},
    [ONNX_INT64] = {"int64", 64, INT64S, 0, 0},
    [8] = {"string", 0, NONE, 0, 0},
    [ONNX_BOOL] = {"bool", 8, INT32S, 0, 1},
    [ONNX_FLOAT16] = {"float16", 16, INT32S, 0, UINT16_MAX},
    [ONNX_DOUBLE] = {"double", 64, DOUBLES, 0, 0},
    [ONNX_UINT32] = {"uint32", 32, UINT64S, 0, 0},
    [ONNX_UINT64] = {"uint64", 64, UINT64S, 0, 0},
    [14] = {"complex64", 0, NONE, 0, 0},
    [15] = {"complex128", 0, NONE, 0, 0},
    [ONNX_BFLOAT16] = {"bfloat16", 16, INT32S, 0, UINT16_MAX},
    [17] = {"float8e4m3fn", 0, NONE, 0, 0},
    [18] = {"float8e4m3fnuz", 0, NONE, 0, 0},
    [19] = {"float8e5m2", 0, NONE, 0, 0},
    [20] = {"float8e5m2fnuz", 0, NONE, 0, 0},
    [ONNX_UINT4] = {"uint4", 4, INT32S, INT8_MIN, UINT8_MAX},
    [ONNX_INT4] = {"int4", 4, INT32S, INT8_MIN, UINT8_MAX},
    [23] = {"float4e2m1", 0, NONE, 0, 0},
    [24] = {"float8e8m0", 0, NONE, 0, 0},
    [ONNX_UINT2] = {"uint2", 2, INT32S, INT8_MIN, UINT8_MAX},
    [ONNX_INT2] = {"int2", 2, INT32S, INT8_MIN, UINT8_MAX},
};
enum { TYPES = sizeof types / sizeof *types };

const char *qnt_onnx_type_name(int32_t type)
{
    return type > 0 && type < TYPES && types[type].name ? types[type].name : "an unknown type";
}

uint32_t qnt_onnx_type_bits(int32_t type)
{
    return type > 0 && type < TYPES ? types[type].bits : 0;
}

static qnt_status read_shape(struct onnx_reader *r, const QntOnnx__TensorProto *p, struct onnx_tensor *t)
{
    uint32_t bits = qnt_onnx_type_bits(p->data_type);
    if (!bits)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "its type is %" PRId32 " (%s), expected integers, bools or floats",
                        p->data_type, qnt_onnx_type_name(p->data_type));
    if (p->n_dims > ONNX_MAX_RANK)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "rank %zu, expected at most %d", p->n_dims, ONNX_MAX_RANK);
    t->type = p->data_type;
    t->rank = (uint32_t)p->n_dims;
    t->count = 1;
    for (uint32_t d = 0; d < t->rank; d++) {
        if (p->dims[d] < 0)
            return qnt_fail(QNT_ERR_FORMAT, "dimension %" PRIu32 " is %" PRId64 ", expected 0 or more", d, p->dims[d]);
        t->dim[d] = (size_t)p->dims[d];
    }
    /* A dimension of 0 makes the others harmless, wherever it stands. */
    for (uint32_t d = 0; d < t->rank; d++)
        t->count = t->dim[d] ? t->count : 0;
    for (uint32_t d = 0; d < t->rank; d++)
        if (qnt_mul_overflows(t->count, t->dim[d], &t->count) || t->count > MOST_ELEMENTS)
            return qnt_fail(QNT_ERR_UNSUPPORTED, "its dimensions give more than %zu elements", MOST_ELEMENTS);
    if (t->count > MOST_ELEMENTS - r->elements)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "with its %zu elements all tensors have more than %zu", t->count,
                        MOST_ELEMENTS);
    r->elements += t->count;
    t->bytes = (t->count * bits + 7) / 8;
    return QNT_OK;
}

static qnt_status parse_number(const char *key, const char *text, uint64_t *out)
{
    char *end;
    size_t digits = strspn(text, "0123456789");
    *out = strtoull(text, &end, 10);
    if (!digits || text[digits] || digits > 18)
        return qnt_fail(QNT_ERR_FORMAT, "external data: %s is '%s', expected a number of bytes", key, text);
    return QNT_OK;
}

/* A checksum, which writers may add, is not compared: it is of the whole file. */
static qnt_status read_external(struct onnx_reader *r, const QntOnnx__TensorProto *p, struct onnx_tensor *t)
{
    const char *location = NULL;
    uint64_t offset = 0, length = t->bytes;
    qnt_status status = QNT_OK;
    if (!r->folder)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "its data is in another file, which is read only when asked for "
                                             "(external_data) and of a model that is a file itself");
    for (size_t i = 0; i < p->n_external_data && !status; i++) {
        const QntOnnx__StringStringEntryProto *e = p->external_data[i];
        if (!strcmp(e->key, "location"))
            location = e->value;
        else if (!strcmp(e->key, "offset"))
            status = parse_number(e->key, e->value, &offset);
        else if (!strcmp(e->key, "length"))
            status = parse_number(e->key, e->value, &length);
        else if (strcmp(e->key, "checksum") != 0)
            status = qnt_fail(QNT_ERR_UNSUPPORTED,
                              "external data: key '%s', expected location, offset, length or "
                              "checksum",
                              e->key);
    }
    if (status)
        return status;
    if (!location)
        return qnt_fail(QNT_ERR_FORMAT, "external data without a location");
    if (length != t->bytes)
        return qnt_fail(QNT_ERR_FORMAT, "external data of %" PRIu64 " bytes, expected %zu for %zu elements of %s",
                        length, t->bytes, t->count, qnt_onnx_type_name(t->type));
    return qnt_onnx_read_external(r->memory, r->folder, location, offset, t->bytes, &t->data);
}

/* dst: bits / 8 bytes a number. */
static qnt_status narrow_int32(const QntOnnx__TensorProto *p, uint32_t bits, uint8_t *dst)
{
    for (size_t i = 0; i < p->n_int32_data; i++) {
        int32_t v = p->int32_data[i];
        if (v < types[p->data_type].least || v > types[p->data_type].most)
            return qnt_fail(QNT_ERR_FORMAT,
                            "int32_data[%zu] is %" PRId32 ", expected %" PRId32 " to %" PRId32 " for %s", i, v,
                            types[p->data_type].least, types[p->data_type].most, qnt_onnx_type_name(p->data_type));
        if (bits <= 8)
            dst[i] = (uint8_t)v;
        else
            memcpy(dst + 2 * i, &v, 2);
    }
    return QNT_OK;
}

static qnt_status narrow_uint64(const QntOnnx__TensorProto *p, uint8_t *dst)
{
    for (size_t i = 0; i < p->n_uint64_data; i++) {
        if (p->uint64_data[i] > UINT32_MAX)
            return qnt_fail(QNT_ERR_FORMAT, "uint64_data[%zu] is %" PRIu64 ", expected one of 32 bits", i,
                            p->uint64_data[i]);
        memcpy(dst + 4 * i, &p->uint64_data[i], 4);
    }
    return QNT_OK;
}

/* The list's numbers are in memory as elements of the type, or are made so. */
static qnt_status read_list(struct onnx_reader *r, const QntOnnx__TensorProto *p, struct onnx_tensor *t)
{
    const void *data[LISTS] = {NULL, p->float_data, p->int32_data, p->int64_data, p->double_data, p->uint64_data};
    uint32_t bits = qnt_onnx_type_bits(t->type);
    enum list list = types[t->type].list;
    if (list == FLOATS || list == INT64S || list == DOUBLES || t->type == ONNX_INT32 || t->type == ONNX_UINT64) {
        t->data = data[list];
        return QNT_OK;
    }
    uint8_t *dst = qnt_onnx_take(r->memory, t->bytes, "elements of a tensor");
    t->data = dst;
    if (!dst)
        return QNT_ERR_NOMEM;
    return list == UINT64S ? narrow_uint64(p, dst) : narrow_int32(p, bits, dst);
}

static qnt_status read_elements(struct onnx_reader *r, const QntOnnx__TensorProto *p, struct onnx_tensor *t)
{
    const size_t n[LISTS] = {p->raw_data.len, p->n_float_data,  p->n_int32_data,
                             p->n_int64_data, p->n_double_data, p->n_uint64_data};
    uint32_t bits = qnt_onnx_type_bits(t->type);
    enum list from = NONE, list = types[t->type].list;
    for (int i = NONE + 1; i < LISTS; i++)
        if (n[i]) {
            if (i != (int)list || n[NONE])
                return qnt_fail(QNT_ERR_FORMAT, "numbers of %s in %s%s", qnt_onnx_type_name(t->type), list_name[i],
                                n[NONE] ? " beside raw_data" : "");
            from = list;
        }
    size_t expected = from == NONE || bits < 8 ? t->bytes : t->count;
    if (n[from] != expected)
        return qnt_fail(QNT_ERR_FORMAT, "%zu %s in %s, expected %zu for %zu elements of %s", n[from],
                        from == NONE ? "bytes" : "numbers", list_name[from], expected, t->count,
                        qnt_onnx_type_name(t->type));
    if (from != NONE)
        return read_list(r, p, t);
    t->data = p->raw_data.data ? p->raw_data.data : qnt_onnx_take(r->memory, 0, "elements of a tensor");
    return t->data ? QNT_OK : QNT_ERR_NOMEM;
}

qnt_status qnt_onnx_tensor(struct onnx_reader *r, const void *tensor_proto, struct onnx_tensor *t)
{
    const QntOnnx__TensorProto *p = tensor_proto;
    *t = (struct onnx_tensor){.name = p->name};
    qnt_status status = read_shape(r, p, t);
    if (status)
        return status;
    if (p->segment.len || p->n_string_data)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "%s", p->segment.len ? "a segment of a tensor" : "strings");
    if (p->data_location != 0 && p->data_location != EXTERNAL)
        return qnt_fail(QNT_ERR_FORMAT, "data_location is %" PRId32 ", expected 0 or %d", p->data_location, EXTERNAL);
    if (p->data_location == EXTERNAL)
        return read_external(r, p, t);
    if (p->n_external_data)
        return qnt_fail(QNT_ERR_FORMAT, "external data of a tensor whose data_location is 0, expected %d", EXTERNAL);
    return read_elements(r, p, t);
}
