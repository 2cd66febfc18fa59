/* The front of a .qnt file: header, table, checksums and padding; then the records, copied and checked (qnt_check.c).
 */
#include <string.h>
#include <xxhash.h>
#include "lib/graph/qnt_file.h"

static const struct {
    const char *name;
    uint32_t record;   /* bytes this version knows */
    uint32_t older[2]; /* and those that earlier versions did */
    bool fixed;        /* records never grow */
    uint64_t least, most;
} kinds[QNT_FILE_KINDS] = {
    {"model", sizeof(struct qnt_file_model), {0}, false, 1, 1},
    {"tensors", sizeof(struct qnt_file_tensor), {QNT_FILE_TENSOR_MINOR_1}, false, 1, QNT_FILE_MAX_TENSORS},
    {"nodes",
     sizeof(struct qnt_file_node),
     {QNT_FILE_NODE_MINOR_0, QNT_FILE_NODE_MINOR_1},
     false,
     0,
     QNT_FILE_MAX_NODES},
    {"names", 1, {0}, true, 1, UINT32_MAX},
    {"scales", sizeof(float), {0}, true, 0, UINT32_MAX},
    {"data", 1, {0}, true, 0, UINT64_MAX},
    {"borders", sizeof(struct qnt_file_border), {0}, true, 3, QNT_FILE_MAX_BORDERS},
};

static qnt_status read_header(const struct qnt_source *s, struct qnt_file_header *h)
{
    if (s->bytes < sizeof *h)
        return qnt_fail(QNT_ERR_FORMAT, "header: the file has %zu bytes, expected at least %zu", s->bytes, sizeof *h);
    memcpy(h, s->base, sizeof *h);
    if (memcmp(h->magic, QNT_FILE_MAGIC, sizeof h->magic))
        return qnt_fail(QNT_ERR_FORMAT,
                        "header: not a .qnt file: it begins with %02x %02x %02x %02x, expected 89 51 4e 54",
                        h->magic[0], h->magic[1], h->magic[2], h->magic[3]);
    if (h->major > QNT_FILE_MAJOR)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "header: format version %u.%u, this library (%s) reads up to %d", h->major,
                        h->minor, QNT_VERSION_STRING, QNT_FILE_MAJOR);
    if (h->major == 0)
        return qnt_fail(QNT_ERR_FORMAT, "header: format version 0, expected 1 to %d", QNT_FILE_MAJOR);
    if (h->file_bytes != s->bytes || s->bytes % QNT_FILE_ALIGN)
        return qnt_fail(QNT_ERR_FORMAT, "header: the file has %zu bytes, expected %llu, a multiple of %d", s->bytes,
                        (unsigned long long)h->file_bytes, QNT_FILE_ALIGN);
    if (h->sections < QNT_FILE_LEAST_KINDS || h->sections > QNT_FILE_MAX_SECTIONS ||
        h->sections > (s->bytes - sizeof *h) / sizeof(struct qnt_file_section))
        return qnt_fail(QNT_ERR_FORMAT, "header: %u sections in %zu bytes, expected %d to %d", h->sections, s->bytes,
                        QNT_FILE_LEAST_KINDS, QNT_FILE_MAX_SECTIONS);
    for (size_t i = 0; i < sizeof h->zero; i++)
        if (h->zero[i])
            return qnt_fail(QNT_ERR_FORMAT, "header: a reserved byte is set");
    return QNT_OK;
}

qnt_status qnt_file_check_hash(const char *section, const char *name, const void *data, size_t bytes, uint64_t expected)
{
    uint64_t found = XXH3_64bits(data, bytes);
    if (found == expected)
        return QNT_OK;
    return qnt_fail(QNT_ERR_FORMAT, "%s%s%s: checksum %016llx, expected %016llx", section, *name ? ": " : "", name,
                    (unsigned long long)found, (unsigned long long)expected);
}

qnt_status qnt_file_check_padding(const struct qnt_source *s, const char *what, const char *name, uint64_t at,
                                  uint64_t end)
{
    for (; at < end; at++)
        if (s->base[at])
            return qnt_fail(QNT_ERR_FORMAT, "padding after %s%s%s: byte %llu is 0x%02x, expected 0", what,
                            *name ? " of " : "", name, (unsigned long long)at, s->base[at]);
    return QNT_OK;
}

/* Entry i at its place, of the size its records give. */
static qnt_status check_section(const struct qnt_source *s, const struct qnt_file_section *e, size_t i, uint64_t offset)
{
    const char *name = kinds[i].name;
    if (e->kind != i + 1)
        return qnt_fail(QNT_ERR_FORMAT, "table: entry %zu is of kind %u, expected %zu, %s", i, e->kind, i + 1, name);
    if (e->offset != offset || e->bytes > s->bytes - offset)
        return qnt_fail(QNT_ERR_FORMAT, "table: %s: %llu bytes at %llu, expected at %llu and within %zu", name,
                        (unsigned long long)e->bytes, (unsigned long long)e->offset, (unsigned long long)offset,
                        s->bytes);
    const uint32_t *older = kinds[i].older;
    if (!e->entry_bytes ||
        (e->entry_bytes < kinds[i].record && e->entry_bytes != older[0] && e->entry_bytes != older[1]) ||
        e->entry_bytes > (kinds[i].fixed ? kinds[i].record : QNT_FILE_MAX_RECORD) || e->bytes % e->entry_bytes)
        return qnt_fail(QNT_ERR_FORMAT, "table: %s: records of %u in %llu bytes, expected %u each", name,
                        e->entry_bytes, (unsigned long long)e->bytes, kinds[i].record);
    uint64_t count = e->bytes / e->entry_bytes;
    if (count < kinds[i].least || count > kinds[i].most)
        return qnt_fail(QNT_ERR_FORMAT, "table: %s: %llu records, expected %llu to %llu", name,
                        (unsigned long long)count, (unsigned long long)kinds[i].least,
                        (unsigned long long)kinds[i].most);
    return QNT_OK;
}

/* Entries of kinds that this version knows, which come first. */
static size_t known_sections(struct qnt_source *s, const struct qnt_file_header *h)
{
    struct qnt_file_section *borders = &s->section[QNT_FILE_BORDERS - 1];
    if (h->sections > QNT_FILE_LEAST_KINDS && borders->kind <= QNT_FILE_BORDERS)
        return QNT_FILE_KINDS;
    *borders = (struct qnt_file_section){0};
    return QNT_FILE_LEAST_KINDS;
}

/* Sections in order, without gaps but the padding, every byte covered by a checksum or zero. */
static qnt_status read_table(struct qnt_source *s, struct qnt_file_header *h)
{
    uint8_t head[sizeof *h + QNT_FILE_MAX_SECTIONS * sizeof(struct qnt_file_section)];
    size_t used = sizeof *h + h->sections * sizeof(struct qnt_file_section);
    uint64_t hash = h->hash, offset = qnt_file_align(used);
    qnt_status status;
    h->hash = 0;
    memcpy(head, h, sizeof *h);
    memcpy(head + sizeof *h, s->base + sizeof *h, used - sizeof *h);
    if ((status = qnt_file_check_hash("header", "", head, used, hash)) ||
        (status = qnt_file_check_padding(s, "the table", "", used, offset < s->bytes ? offset : s->bytes)))
        return status;
    memcpy(s->section, head + sizeof *h, sizeof s->section);
    const size_t known = known_sections(s, h);
    for (size_t i = 0; i < known; i++) {
        const struct qnt_file_section *e = &s->section[i];
        if ((status = check_section(s, e, i, offset)))
            return status;
        uint64_t end = offset + e->bytes;
        offset = qnt_file_align(end);
        if ((status = qnt_file_check_padding(s, kinds[i].name, "", end, offset)))
            return status;
        if (i + 1 == QNT_FILE_DATA) /* each constant has a checksum of its own */
            status = e->hash || e->bytes % QNT_FILE_ALIGN
                         ? qnt_fail(QNT_ERR_FORMAT,
                                    "table: data: %llu bytes with a checksum of %llx, expected whole "
                                    "lines of %d and 0",
                                    (unsigned long long)e->bytes, (unsigned long long)e->hash, QNT_FILE_ALIGN)
                         : QNT_OK;
        else
            status = qnt_file_check_hash(kinds[i].name, "", s->base + e->offset, e->bytes, e->hash);
        if (status)
            return status;
    }
    if (h->sections > known) {
        struct qnt_file_section e;
        memcpy(&e, head + sizeof *h + known * sizeof e, sizeof e);
        return qnt_fail(QNT_ERR_UNSUPPORTED, "table: section kind %u of format version %u.%u is unknown", e.kind,
                        h->major, h->minor);
    }
    if (offset != s->bytes)
        return qnt_fail(QNT_ERR_FORMAT, "table: the sections end at %llu, expected %zu", (unsigned long long)offset,
                        s->bytes);
    return QNT_OK;
}

/* The records of a section, cut to what this version knows of them: the rest must be zero. */
static qnt_status read_records(const qnt_ctx *ctx, const struct qnt_source *s, enum qnt_file_kind kind, void **out,
                               size_t *count)
{
    const struct qnt_file_section *e = &s->section[kind - 1];
    size_t known = kinds[kind - 1].record, n = e->bytes / e->entry_bytes;
    const uint8_t *from = s->base + e->offset;
    uint8_t *to = qnt_alloc_array(ctx, n, known, "the records of a .qnt file");
    if (!to)
        return QNT_ERR_NOMEM;
    *out = to;
    *count = n;
    for (size_t i = 0; i < n; i++, from += e->entry_bytes, to += known) {
        memcpy(to, from, known < e->entry_bytes ? known : e->entry_bytes);
        for (size_t k = known; k < e->entry_bytes; k++)
            if (from[k])
                return qnt_fail(QNT_ERR_UNSUPPORTED, "%s: entry %zu: byte %zu is set, this library (%s) knows %zu",
                                kinds[kind - 1].name, i, k, QNT_VERSION_STRING, known);
    }
    return QNT_OK;
}

qnt_status qnt_image_read(const qnt_ctx *ctx, struct qnt_source *s, struct qnt_image *f)
{
    struct qnt_file_header header;
    void *model = NULL, *tensor = NULL, *node = NULL, *names = NULL, *scale = NULL, *border = NULL;
    size_t one;
    qnt_status status;
    if ((status = read_header(s, &header)) || (status = read_table(s, &header)))
        return status;
    if (!(status = read_records(ctx, s, QNT_FILE_MODEL, &model, &one)) &&
        !(status = read_records(ctx, s, QNT_FILE_TENSORS, &tensor, &f->n_tensors)) &&
        !(status = read_records(ctx, s, QNT_FILE_NODES, &node, &f->n_nodes)) &&
        !(status = read_records(ctx, s, QNT_FILE_NAMES, &names, &f->names_bytes)))
        status = read_records(ctx, s, QNT_FILE_SCALES, &scale, &f->n_scales);
    if (!status && s->section[QNT_FILE_BORDERS - 1].kind)
        status = read_records(ctx, s, QNT_FILE_BORDERS, &border, &f->n_borders);
    f->ctx = ctx;
    f->tensor = tensor;
    f->node = node;
    f->names = names;
    f->scale = scale;
    f->border = border;
    f->data_bytes = s->section[QNT_FILE_DATA - 1].bytes;
    if (model)
        memcpy(&f->model, model, sizeof f->model);
    qnt_release(ctx, model);
    return status ? status : qnt_image_check(f);
}
