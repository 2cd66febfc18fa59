/* Reading .qnt files: header, table, checksums and padding; then the records, copied and checked (qnt_check.c); then
 * the model, whose nodes are inferred anew so that every shape in the file is proved against the ops. */
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>
#include "lib/graph/qnt_file.h"
#include "lib/op/op.h"

struct source {
    const uint8_t *base;
    size_t bytes;
    bool alias; /* base is aligned and outlives the model */
    struct qnt_file_section section[QNT_FILE_KINDS];
};
_Static_assert(sizeof(qnt_node_attr) == 232, "no padding: attributes are compared as bytes");
static const struct {
    const char *name;
    uint32_t record; /* bytes this version knows */
    uint32_t first;  /* and those of minor 0 */
    bool fixed;      /* records never grow */
    uint64_t least, most;
} kinds[QNT_FILE_KINDS] = {
    {"model", sizeof(struct qnt_file_model), sizeof(struct qnt_file_model), false, 1, 1},
    {"tensors", sizeof(struct qnt_file_tensor), sizeof(struct qnt_file_tensor), false, 1, QNT_FILE_MAX_TENSORS},
    {"nodes", sizeof(struct qnt_file_node), QNT_FILE_NODE_MINOR_0, false, 1, QNT_FILE_MAX_NODES},
    {"names", 1, 1, true, 1, UINT32_MAX},
    {"scales", sizeof(float), sizeof(float), true, 0, UINT32_MAX},
    {"data", 1, 1, true, 0, UINT64_MAX},
};

static qnt_status read_header(const struct source *s, struct qnt_file_header *h)
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
    if (h->sections < QNT_FILE_KINDS || h->sections > QNT_FILE_MAX_SECTIONS ||
        h->sections > (s->bytes - sizeof *h) / sizeof(struct qnt_file_section))
        return qnt_fail(QNT_ERR_FORMAT, "header: %u sections in %zu bytes, expected %d to %d", h->sections, s->bytes,
                        QNT_FILE_KINDS, QNT_FILE_MAX_SECTIONS);
    for (size_t i = 0; i < sizeof h->zero; i++)
        if (h->zero[i])
            return qnt_fail(QNT_ERR_FORMAT, "header: a reserved byte is set");
    return QNT_OK;
}

static qnt_status check_hash(const char *section, const char *name, const void *data, size_t bytes, uint64_t expected)
{
    uint64_t found = XXH3_64bits(data, bytes);
    if (found == expected)
        return QNT_OK;
    return qnt_fail(QNT_ERR_FORMAT, "%s%s%s: checksum %016llx, expected %016llx", section, *name ? ": " : "", name,
                    (unsigned long long)found, (unsigned long long)expected);
}

static qnt_status check_padding(const struct source *s, const char *what, const char *name, uint64_t at, uint64_t end)
{
    for (; at < end; at++)
        if (s->base[at])
            return qnt_fail(QNT_ERR_FORMAT, "padding after %s%s%s: byte %llu is 0x%02x, expected 0", what,
                            *name ? " of " : "", name, (unsigned long long)at, s->base[at]);
    return QNT_OK;
}

/* Entry i at its place, of the size its records give. */
static qnt_status check_section(const struct source *s, const struct qnt_file_section *e, size_t i, uint64_t offset)
{
    const char *name = kinds[i].name;
    if (e->kind != i + 1)
        return qnt_fail(QNT_ERR_FORMAT, "table: entry %zu is of kind %u, expected %zu, %s", i, e->kind, i + 1, name);
    if (e->offset != offset || e->bytes > s->bytes - offset)
        return qnt_fail(QNT_ERR_FORMAT, "table: %s: %llu bytes at %llu, expected at %llu and within %zu", name,
                        (unsigned long long)e->bytes, (unsigned long long)e->offset, (unsigned long long)offset,
                        s->bytes);
    if ((e->entry_bytes < kinds[i].record && e->entry_bytes != kinds[i].first) ||
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

/* Sections in order, without gaps but the padding, every byte covered by a checksum or zero. */
static qnt_status read_table(struct source *s, struct qnt_file_header *h)
{
    uint8_t head[sizeof *h + QNT_FILE_MAX_SECTIONS * sizeof(struct qnt_file_section)];
    size_t used = sizeof *h + h->sections * sizeof(struct qnt_file_section);
    uint64_t hash = h->hash, offset = qnt_file_align(used);
    qnt_status status;
    h->hash = 0;
    memcpy(head, h, sizeof *h);
    memcpy(head + sizeof *h, s->base + sizeof *h, used - sizeof *h);
    if ((status = check_hash("header", "", head, used, hash)) ||
        (status = check_padding(s, "the table", "", used, offset < s->bytes ? offset : s->bytes)))
        return status;
    memcpy(s->section, head + sizeof *h, sizeof s->section);
    for (size_t i = 0; i < QNT_FILE_KINDS; i++) {
        const struct qnt_file_section *e = &s->section[i];
        if ((status = check_section(s, e, i, offset)))
            return status;
        uint64_t end = offset + e->bytes;
        offset = qnt_file_align(end);
        if ((status = check_padding(s, kinds[i].name, "", end, offset)))
            return status;
        if (i + 1 == QNT_FILE_DATA) /* each constant has a checksum of its own */
            status = e->hash || e->bytes % QNT_FILE_ALIGN
                         ? qnt_fail(QNT_ERR_FORMAT,
                                    "table: data: %llu bytes with a checksum of %llx, expected whole "
                                    "lines of %d and 0",
                                    (unsigned long long)e->bytes, (unsigned long long)e->hash, QNT_FILE_ALIGN)
                         : QNT_OK;
        else
            status = check_hash(kinds[i].name, "", s->base + e->offset, e->bytes, e->hash);
        if (status)
            return status;
    }
    if (h->sections > QNT_FILE_KINDS) {
        struct qnt_file_section e;
        memcpy(&e, head + sizeof *h + sizeof s->section, sizeof e);
        return qnt_fail(QNT_ERR_UNSUPPORTED, "table: section kind %u of format version %u.%u is unknown", e.kind,
                        h->major, h->minor);
    }
    if (offset != s->bytes)
        return qnt_fail(QNT_ERR_FORMAT, "table: the sections end at %llu, expected %zu", (unsigned long long)offset,
                        s->bytes);
    return QNT_OK;
}

/* The records of a section, cut to what this version knows of them: the rest must be zero. */
static qnt_status read_records(const qnt_ctx *ctx, const struct source *s, enum qnt_file_kind kind, void **out,
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

static qnt_status read_image(const qnt_ctx *ctx, struct source *s, struct qnt_image *f)
{
    struct qnt_file_header header;
    void *model = NULL, *tensor = NULL, *node = NULL, *names = NULL, *scale = NULL;
    size_t one;
    qnt_status status;
    if ((status = read_header(s, &header)) || (status = read_table(s, &header)))
        return status;
    if (!(status = read_records(ctx, s, QNT_FILE_MODEL, &model, &one)) &&
        !(status = read_records(ctx, s, QNT_FILE_TENSORS, &tensor, &f->n_tensors)) &&
        !(status = read_records(ctx, s, QNT_FILE_NODES, &node, &f->n_nodes)) &&
        !(status = read_records(ctx, s, QNT_FILE_NAMES, &names, &f->names_bytes)))
        status = read_records(ctx, s, QNT_FILE_SCALES, &scale, &f->n_scales);
    f->ctx = ctx;
    f->tensor = tensor;
    f->node = node;
    f->names = names;
    f->scale = scale;
    f->data_bytes = s->section[QNT_FILE_DATA - 1].bytes;
    if (model)
        memcpy(&f->model, model, sizeof f->model);
    qnt_release(ctx, model);
    return status ? status : qnt_image_check(f);
}

/* Tensor i without data; scale lies in the image. */
static void describe(const struct qnt_image *f, size_t i, struct qnt_tensor *t)
{
    const struct qnt_file_tensor *r = &f->tensor[i];
    *t = (struct qnt_tensor){.name = f->names + r->name,
                             .type = (qnt_dtype)r->type,
                             .bits = r->bits,
                             .rank = r->rank,
                             .constant = r->constant,
                             .scales = r->scales,
                             .scale = r->scales ? f->scale + r->first_scale : NULL,
                             .zero = r->zero_point};
    for (uint32_t d = 0; d < r->rank; d++)
        t->dim[d] = r->dim[d];
}

static qnt_status add_constant(struct qnt_model *m, const struct source *s, const struct qnt_image *f, size_t i)
{
    const struct qnt_file_tensor *r = &f->tensor[i];
    const uint8_t *data = s->base + s->section[QNT_FILE_DATA - 1].offset + r->offset;
    uint64_t at = (uint64_t)(data - s->base);
    bool packed = r->bits < 8;
    struct qnt_tensor t;
    qnt_status status;
    int id;
    describe(f, i, &t);
    if ((status = check_hash("data", t.name, data, r->bytes, r->hash)) ||
        (status = check_padding(s, "the data", t.name, at + r->bytes, qnt_file_align(at + r->bytes))))
        return status;
    size_t count = qnt_tensor_count(&t);
    if (s->alias && !packed)
        t.data = (void *)(uintptr_t)data; /* read only: constants are never written in place */
    else {
        if (!(t.data = qnt_alloc_array(m->ctx, count, qnt_dtype_size(t.type), t.name)))
            return QNT_ERR_NOMEM;
        t.owns_data = true;
        if (!packed)
            memcpy(t.data, data, r->bytes);
        else if (!qnt_codes_unpack(data, count, t.bits, t.data))
            status = qnt_fail(QNT_ERR_FORMAT, "data: '%s': spare bits of the last byte are set", t.name);
        else if (t.type == QNT_TERNARY && (at = qnt_codes_not_ternary(t.data, count)) < count)
            status = qnt_fail(QNT_ERR_FORMAT, "data: '%s': code %llu is -2, expected -1 to 1", t.name,
                              (unsigned long long)at);
    }
    if (!status)
        status = qnt_model_append_tensor(m, &t, &id);
    if (status && t.owns_data)
        qnt_release(m->ctx, t.data);
    return status;
}

/* What the op made of its inputs must be what the file says. */
static qnt_status compare_output(const struct qnt_tensor *made, const struct qnt_tensor *said)
{
    if (made->type != said->type || made->bits != said->bits)
        return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': the output is %s of %u bits, but the file says %s of %u",
                        said->name, qnt_dtype_name(made->type), made->bits, qnt_dtype_name(said->type), said->bits);
    char one[QNT_SHAPE_TEXT], other[QNT_SHAPE_TEXT];
    bool same = made->rank == said->rank;
    for (uint32_t d = 0; same && d < made->rank; d++)
        same = made->dim[d] == said->dim[d];
    if (!same)
        return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': the output is %s, but the file says %s", said->name,
                        qnt_shape_text(made, one), qnt_shape_text(said, other));
    if (made->scales != said->scales || made->zero != said->zero ||
        (made->scales && memcmp(made->scale, said->scale, made->scales * sizeof *made->scale)))
        return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': scale or zero point of the output differ from the file's",
                        said->name);
    return QNT_OK;
}

static qnt_status add_node(struct qnt_model *m, const struct qnt_image *f, struct qnt_file_node *r)
{
    const char *name = qnt_image_name(f, r->name);
    struct qnt_tensor said;
    int in[QNT_MAX_INPUTS], id;
    qnt_node_attr attr = {.size = sizeof attr,
                          .kernel = {r->kernel[0], r->kernel[1]},
                          .stride = {r->stride[0], r->stride[1]},
                          .dilation = {r->dilation[0], r->dilation[1]},
                          .pad = {r->pad[0], r->pad[1], r->pad[2], r->pad[3]},
                          .groups = r->groups,
                          .lo = r->lo,
                          .hi = r->hi,
                          .epsilon = r->epsilon,
                          .axis = {r->axis[0], r->axis[1], r->axis[2], r->axis[3]},
                          .scale = {r->scale[0], r->scale[1]},
                          .value = r->value,
                          .mode = r->mode,
                          .position = r->position,
                          .rounding = r->rounding};
    for (uint32_t d = 0; d < QNT_MAX_RANK; d++) {
        attr.begin[d] = r->begin[d];
        attr.end[d] = r->end[d];
        attr.step[d] = r->step[d];
        attr.dim[d] = r->dim[d];
    }
    for (uint32_t k = 0; k < r->inputs; k++)
        in[k] = (int)*qnt_file_input(r, k);
    describe(f, r->out, &said);
    qnt_status status = qnt_model_append_node(m, qnt_op_find(qnt_image_name(f, r->op)), name, &attr, in, r->inputs,
                                              said.name, said.type == QNT_F32 ? NULL : &said, &id);
    if (status)
        return qnt_fail_in(status, "nodes");
    if (memcmp(&m->node[m->n_nodes - 1].attr, &attr, sizeof attr))
        return qnt_fail(QNT_ERR_FORMAT, "nodes: '%s': an attribute is 0 where its default belongs", name);
    return compare_output(&m->tensor[id], &said);
}

static qnt_status fill_model(struct qnt_model *m, const struct source *s, const struct qnt_image *f)
{
    qnt_status status = QNT_OK;
    size_t node = 0;
    for (size_t i = 0; i < f->n_tensors && !status; i++) {
        struct qnt_tensor t;
        int id;
        if (f->tensor[i].constant)
            status = add_constant(m, s, f, i);
        else if (node < f->n_nodes && f->node[node].out == i)
            status = add_node(m, f, &f->node[node++]);
        else {
            describe(f, i, &t);
            status = qnt_model_append_tensor(m, &t, &id);
        }
    }
    m->input = (int)f->model.input;
    m->output = (int)f->model.output;
    memcpy(m->mean, f->model.mean, sizeof m->mean);
    memcpy(m->deviation, f->model.deviation, sizeof m->deviation);
    /* Refusals of the graph's own code are a damaged file here. */
    if (status && status != QNT_ERR_NOMEM && status != QNT_ERR_UNSUPPORTED)
        status = QNT_ERR_FORMAT;
    return status;
}

static qnt_status read_model(qnt_ctx *ctx, struct source *s, struct qnt_model **out)
{
    struct qnt_image f;
    struct qnt_model *m = NULL;
    memset(&f, 0, sizeof f);
    f.ctx = ctx;
    qnt_status status = read_image(ctx, s, &f);
    if (!status && !(status = qnt_model_new(ctx, &m)))
        status = fill_model(m, s, &f);
    qnt_image_release(&f);
    if (status)
        qnt_model_free(m);
    else
        *out = m;
    return status;
}

qnt_status qnt_model_read(qnt_ctx *ctx, const void *data, size_t bytes, qnt_model **out)
{
    struct source s = {.base = data, .bytes = bytes};
    return read_model(ctx, &s, out);
}

qnt_status qnt_model_read_map(qnt_ctx *ctx, void *map, size_t bytes, qnt_model **out)
{
    struct source s = {.base = map, .bytes = bytes, .alias = true};
    qnt_status status = read_model(ctx, &s, out);
    if (!status) {
        (*out)->map = map;
        (*out)->map_bytes = bytes;
    }
    return status;
}

qnt_status qnt_model_load(qnt_ctx *ctx, const char *path, qnt_model **out)
{
    void *map;
    size_t bytes;
    if (!ctx || !path || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_load: a pointer is NULL");
    qnt_status status = qnt_map_file(path, &map, &bytes);
    if (!status && (status = qnt_model_read_map(ctx, map, bytes, out)) && map)
        munmap(map, bytes);
    return status ? qnt_fail_in(status, "%s", path) : QNT_OK;
}

qnt_status qnt_model_load_memory(qnt_ctx *ctx, const void *data, size_t bytes, qnt_model **out)
{
    if (!ctx || !data || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_load_memory: a pointer is NULL");
    qnt_status status = qnt_model_read(ctx, data, bytes, out);
    return status ? qnt_fail_in(status, "memory") : QNT_OK;
}
