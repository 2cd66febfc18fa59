/* Finds the importer of a file by its content, or says what else the file is. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "lib/import/import.h"

static const struct qnt_importer *const importers[] = {
#define QNT_IMPORTER(name) &qnt_importer_##name,
#include "lib/import/importers.def"
#undef QNT_IMPORTER
};
enum { IMPORTERS = sizeof importers / sizeof *importers };
#define NAMES "qnt, onnx"

/* What models also come as, by bytes that such files have at `at`. */
static const struct {
    size_t at, n;
    const char *bytes, *what;
} others[] = {
    {4, 4, "TFL3", "a TensorFlow Lite model"},
    {0, 4, "GGUF", "a GGUF model"},
    {0, 4, "PK\3\4", "a zip archive (PyTorch and Keras store models so)"},
    {0, 8, "\x89HDF\r\n\x1a\n", "an HDF5 file"},
    {0, 6, "\x93NUMPY", "a NumPy array"},
    {8, 2, "{\"", "a safetensors file"},
    {0, 2, "\x80\2", "a Python pickle"},
};

static bool begins(const struct qnt_import_source *s, size_t at, const char *bytes, size_t n)
{
    return s->bytes >= at + n && !memcmp(s->data + at, bytes, n);
}

static qnt_status find(const struct qnt_import_source *s, const char *format, const struct qnt_importer **out)
{
    for (size_t i = 0; i < IMPORTERS; i++)
        if (format ? !strcmp(format, importers[i]->name) : importers[i]->probe(s->data, s->bytes)) {
            *out = importers[i];
            return QNT_OK;
        }
    if (format)
        return qnt_fail(QNT_ERR_ARG, "import config: format '%s' is not known, expected one of " NAMES, format);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (begins(s, others[i].at, others[i].bytes, others[i].n))
            return qnt_fail(QNT_ERR_UNSUPPORTED, "%s, expected a model of one of these formats: " NAMES,
                            others[i].what);
    char head[3 * 8 + 1] = "";
    for (size_t i = 0; i < 8 && i < s->bytes; i++)
        snprintf(head + 3 * i, 4, " %02x", s->data[i]);
    return qnt_fail(QNT_ERR_FORMAT, "%zu bytes, beginning with%s, expected a model of one of these formats: " NAMES,
                    s->bytes, *head ? head : " none");
}

qnt_status qnt_import_operation(size_t i, qnt_import_operation_info *out)
{
    size_t before = 0;
    if (!out)
        return qnt_fail(QNT_ERR_ARG, "qnt_import_operation: out is NULL");
    for (size_t k = 0; k < IMPORTERS; k++) {
        qnt_import_operation_info found = {.format = importers[k]->name, .domain = "", .attributes = ""};
        size_t n = 0;
        for (; importers[k]->operation(n, &found); n++)
            if (before + n == i) {
                *out = found;
                return QNT_OK;
            }
        before += n;
    }
    return qnt_fail(QNT_ERR_ARG, "operation %zu, there are %zu", i, before);
}

static qnt_status check_config(const qnt_import_config *c)
{
    if ((c->n_bind && !c->bind) || (c->n_dim && !c->dim))
        return qnt_fail(QNT_ERR_ARG, "import config: %s is NULL", c->n_bind && !c->bind ? "bind" : "dim");
    if (c->channels_last > (QNT_CHANNELS_LAST_INPUTS | QNT_CHANNELS_LAST_OUTPUTS))
        return qnt_fail(QNT_ERR_ARG, "import config: channels_last is %u, expected flags up to 3", c->channels_last);
    if ((c->external_data | c->ort_x86) & ~1)
        return qnt_fail(QNT_ERR_ARG, "import config: external_data is %d and ort_x86 %d, expected 0 or 1",
                        c->external_data, c->ort_x86);
    if (c->reserved)
        return qnt_fail(QNT_ERR_ARG, "import config: reserved is %u, expected 0", c->reserved);
    for (size_t i = 0; i < c->n_bind; i++) {
        const qnt_import_bind *b = &c->bind[i];
        if (!b->name || (!b->data && b->bytes) || (!b->dim && b->rank) || b->zero)
            return qnt_fail(QNT_ERR_ARG, "import config: bind %zu ('%s'): name, data or dim is NULL, or zero is not 0",
                            i, b->name ? b->name : "");
    }
    for (size_t i = 0; i < c->n_dim; i++)
        if (!c->dim[i].name || !c->dim[i].value)
            return qnt_fail(QNT_ERR_ARG, "import config: dim %zu ('%s') has no name or is 0", i,
                            c->dim[i].name ? c->dim[i].name : "");
    return QNT_OK;
}

static qnt_status load(qnt_ctx *ctx, struct qnt_import_source *s, const qnt_import_config *c, qnt_model **out)
{
    const struct qnt_importer *importer = NULL;
    qnt_status status = find(s, c->format, &importer);
    return status ? status : importer->load(ctx, s, c, out);
}

static qnt_status copy_config(qnt_import_config *c, const qnt_import_config *config)
{
    qnt_status status = qnt_config_copy(c, sizeof *c, config, "import config");
    return status ? status : check_config(c);
}

qnt_status qnt_model_import(qnt_ctx *ctx, const char *path, const qnt_import_config *config, qnt_model **out)
{
    qnt_import_config c;
    struct qnt_import_source s = {.path = path};
    if (!ctx || !path || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_import: a pointer is NULL");
    qnt_status status = copy_config(&c, config);
    if (status)
        return status;
    if (!(status = qnt_map_file(path, &s.map, &s.bytes))) {
        s.data = s.map;
        status = load(ctx, &s, &c, out);
        if (s.map)
            munmap(s.map, s.bytes);
    }
    return status ? qnt_fail_in(status, "%s", path) : QNT_OK;
}

qnt_status qnt_model_import_memory(qnt_ctx *ctx, const void *data, size_t bytes, const qnt_import_config *config,
                                   qnt_model **out)
{
    qnt_import_config c;
    struct qnt_import_source s = {.data = data, .bytes = bytes};
    if (!ctx || !data || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_import_memory: a pointer is NULL");
    qnt_status status = copy_config(&c, config);
    if (status)
        return status;
    if (c.external_data)
        return qnt_fail(QNT_ERR_ARG, "import config: external_data is set, but memory has no folder");
    status = load(ctx, &s, &c, out);
    return status ? qnt_fail_in(status, "memory") : QNT_OK;
}
