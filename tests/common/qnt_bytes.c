#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include "tests/common/qnt_bytes.h"

struct qnt_bytes qnt_bytes_read(const char *path)
{
    struct qnt_bytes b = {NULL, 0};
    FILE *f = fopen(path, "rb");
    if (!f)
        return b;
    if (!fseek(f, 0, SEEK_END)) {
        long n = ftell(f);
        rewind(f);
        if (n >= 0 && (b.data = malloc((size_t)n + 1)))
            b.n = fread(b.data, 1, (size_t)n, f);
    }
    fclose(f);
    return b;
}

static int inside(struct qnt_bytes b, uint64_t offset, uint64_t bytes)
{
    return offset <= b.n && bytes <= b.n - offset;
}

static void rehash_constants(struct qnt_bytes b, const struct qnt_file_section *tensors, uint64_t data)
{
    size_t step = tensors->entry_bytes;
    if (step < sizeof(struct qnt_file_tensor) || !inside(b, tensors->offset, tensors->bytes))
        return;
    for (uint64_t at = 0; at + step <= tensors->bytes; at += step) {
        struct qnt_file_tensor t;
        memcpy(&t, b.data + tensors->offset + at, sizeof t);
        if (!t.constant || data > b.n || !inside(b, data + t.offset, t.bytes) || data + t.offset < data)
            continue;
        t.hash = XXH3_64bits(b.data + data + t.offset, t.bytes);
        memcpy(b.data + tensors->offset + at, &t, sizeof t);
    }
}

void qnt_bytes_rehash(struct qnt_bytes b)
{
    struct qnt_file_header h;
    struct qnt_file_section e, table[QNT_FILE_LEAST_KINDS];
    if (b.n < sizeof h + sizeof table)
        return;
    memcpy(&h, b.data, sizeof h);
    memcpy(table, b.data + sizeof h, sizeof table);
    rehash_constants(b, &table[QNT_FILE_TENSORS - 1], table[QNT_FILE_DATA - 1].offset);
    size_t sections = h.sections;
    if (sections > (b.n - sizeof h) / sizeof e)
        sections = (b.n - sizeof h) / sizeof e;
    for (size_t i = 0; i < sections; i++) {
        uint8_t *at = b.data + sizeof h + i * sizeof e;
        memcpy(&e, at, sizeof e);
        if (e.kind == QNT_FILE_DATA || !inside(b, e.offset, e.bytes))
            continue;
        e.hash = XXH3_64bits(b.data + e.offset, e.bytes);
        memcpy(at, &e, sizeof e);
    }
    h.hash = 0;
    memcpy(b.data, &h, sizeof h);
    h.hash = XXH3_64bits(b.data, sizeof h + sections * sizeof e);
    memcpy(b.data, &h, sizeof h);
}

uint32_t qnt_bytes_sections(struct qnt_bytes b)
{
    struct qnt_file_header h;
    memcpy(&h, b.data, sizeof h);
    return h.sections;
}

struct qnt_file_section qnt_bytes_section(struct qnt_bytes b, enum qnt_file_kind kind)
{
    struct qnt_file_section e;
    memcpy(&e, b.data + sizeof(struct qnt_file_header) + (kind - 1) * sizeof e, sizeof e);
    return e;
}
