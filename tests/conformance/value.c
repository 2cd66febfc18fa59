/* Tensors from files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/conformance/conformance.h"

uint8_t *read_bytes(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    long n;
    if (f && !fseek(f, 0, SEEK_END) && (n = ftell(f)) >= 0 && (data = malloc((size_t)n + 1))) {
        rewind(f);
        *bytes = fread(data, 1, (size_t)n, f);
    }
    if (f)
        fclose(f);
    if (!data)
        qnt_fail(QNT_ERR_IO, "%s cannot be read", path);
    return data;
}

size_t value_element(int32_t type)
{
    return (qnt_onnx_type_bits(type) + 7) / 8;
}

bool value_type(int32_t type, qnt_dtype *out)
{
    switch (type) {
    case ONNX_FLOAT:
        *out = QNT_F32;
        return true;
    case ONNX_INT8:
    case ONNX_INT4:
    case ONNX_INT2:
        *out = QNT_S8;
        return true;
    case ONNX_UINT8:
    case ONNX_UINT4:
    case ONNX_UINT2:
        *out = QNT_U8;
        return true;
    case ONNX_INT16:
        *out = QNT_S16;
        return true;
    case ONNX_UINT16:
        *out = QNT_U16;
        return true;
    case ONNX_INT32:
        *out = QNT_S32;
        return true;
    case ONNX_INT64:
        *out = QNT_S64;
        return true;
    case ONNX_BOOL:
        *out = QNT_BOOL;
        return true;
    default:
        return false;
    }
}

/* Codes of 4 and 2 bits, low ones first, to bytes. */
static void unpack(const uint8_t *src, size_t n, uint32_t bits, bool sign, uint8_t *dst)
{
    for (size_t i = 0; i < n; i++) {
        unsigned at = (unsigned)(i * bits), code = src[at / 8] >> at % 8 & ((1u << bits) - 1);
        dst[i] = (uint8_t)(sign && code >> (bits - 1) ? code | ~0u << bits : code);
    }
}

static qnt_status copy(const struct onnx_tensor *t, struct value *v)
{
    uint32_t bits = qnt_onnx_type_bits(t->type);
    v->type = t->type;
    v->rank = t->rank;
    memcpy(v->dim, t->dim, sizeof v->dim);
    v->count = t->count;
    v->bytes = t->count * value_element(t->type);
    v->stored_bytes = t->bytes;
    v->data = malloc(v->bytes + 1);
    v->stored = malloc(v->stored_bytes + 1);
    if (!v->data || !v->stored)
        return qnt_fail(QNT_ERR_NOMEM, "out of memory: %zu bytes", v->bytes);
    memcpy(v->stored, t->data, t->bytes);
    if (bits < 8)
        unpack(v->stored, v->count, bits, t->type == ONNX_INT4 || t->type == ONNX_INT2, v->data);
    else
        memcpy(v->data, v->stored, v->bytes);
    return QNT_OK;
}

/* Version 1 of the format, floats in C order. */
static qnt_status from_npy(const uint8_t *data, size_t bytes, struct value *v)
{
    struct onnx_tensor t = {.type = ONNX_FLOAT, .count = 1};
    char text[256] = "", *at;
    size_t head = bytes < 10 ? 0 : 10 + (size_t)(data[8] | data[9] << 8);
    if (head < 10 || head > bytes || data[6] != 1)
        return qnt_fail(QNT_ERR_FORMAT, "no .npy file of version 1");
    memcpy(text, data + 10, head - 10 < sizeof text - 1 ? head - 10 : sizeof text - 1);
    at = strstr(text, "'shape': (");
    if (!strstr(text, "'<f4'") || !strstr(text, "'fortran_order': False") || !at)
        return qnt_fail(QNT_ERR_FORMAT, "an .npy file of %s, expected floats in C order", text);
    at += strlen("'shape': (");
    for (char *end; t.rank < ONNX_MAX_RANK && *at != ')'; at = end + strspn(end, ", ")) {
        t.dim[t.rank] = strtoul(at, &end, 10);
        if (end == at)
            break;
        t.count *= t.dim[t.rank++];
    }
    t.bytes = bytes - head;
    t.data = data + head;
    if (t.bytes != t.count * sizeof(float))
        return qnt_fail(QNT_ERR_FORMAT, "%zu bytes for %zu floats", t.bytes, t.count);
    return copy(&t, v);
}

qnt_status value_read(qnt_ctx *ctx, const char *path, struct value *v)
{
    struct onnx_graph *file = NULL;
    size_t bytes;
    *v = (struct value){0};
    uint8_t *data = read_bytes(path, &bytes);
    if (!data)
        return QNT_ERR_IO;
    qnt_status status;
    if (bytes > 6 && !memcmp(data, "\x93NUMPY", 6))
        status = from_npy(data, bytes, v);
    else if (!(status = qnt_onnx_read_tensor(ctx, data, bytes, &file)))
        status = copy(&file->init[0], v);
    qnt_onnx_graph_free(file);
    free(data);
    return status ? qnt_fail_in(status, "%s", path) : QNT_OK;
}

void value_free(struct value *v)
{
    free(v->data);
    free(v->stored);
    *v = (struct value){0};
}
