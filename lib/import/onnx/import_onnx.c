/* ONNX models: told by the outermost fields of the file; read by read.c, made a model by map.c. */
#include <string.h>
#include "lib/import/import.h"
#include "lib/import/onnx/map.h"
#include "lib/import/onnx/maps.h"
#include "lib/import/onnx/onnx.h"

/* ModelProto's fields, by number, and their wire types: 0 varint, 2 bytes. */
enum { IR_VERSION = 1, GRAPH = 7, VARINT = 0, BYTES = 2, MOST_IR_VERSION = 1000 };
static const struct {
    uint8_t number, wire;
} fields[] = {{IR_VERSION, VARINT}, {2, BYTES}, {3, BYTES},  {4, BYTES},  {5, VARINT}, {6, BYTES},
              {GRAPH, BYTES},       {8, BYTES}, {14, BYTES}, {20, BYTES}, {25, BYTES}, {26, BYTES}};

static bool varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool known(uint64_t key)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (key == (uint64_t)(fields[i].number << 3 | fields[i].wire))
            return true;
    return false;
}

/* Fields of a ModelProto and none else, up to the graph or to a version that makes sense: writers put one of these
 * first or behind a few strings. */
static bool probe(const uint8_t *data, size_t bytes)
{
    if (!bytes) /* data may be NULL then */
        return false;
    const uint8_t *at = data, *end = data + bytes;
    uint64_t key, value;
    while (varint(&at, end, &key) && known(key)) {
        if (key == (GRAPH << 3 | BYTES))
            return true;
        if (!varint(&at, end, &value))
            return false;
        if (key == (IR_VERSION << 3 | VARINT))
            return value > 0 && value <= MOST_IR_VERSION;
        if ((key & 7) == BYTES) {
            if (value > (uint64_t)(end - at))
                return false;
            at += value;
        }
    }
    return false;
}

#if QNT_HAVE_ONNX
/* The folder that the file is in, for its external data; NULL: no memory. */
static char *folder_of(const qnt_ctx *ctx, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
    char *folder = qnt_alloc(ctx, n + 1, "a name");
    return folder ? memcpy(folder, slash ? path : ".", n) : NULL;
}

static qnt_status load(qnt_ctx *ctx, struct qnt_import_source *s, const qnt_import_config *c, qnt_model **out)
{
    struct onnx_graph *graph = NULL;
    char *folder = NULL;
    if (c->external_data && !(folder = folder_of(ctx, s->path)))
        return QNT_ERR_NOMEM;
    qnt_status status = qnt_onnx_read(ctx, s->data, s->bytes, folder, &graph);
    if (!status && !graph->n_outputs)
        status = qnt_fail(QNT_ERR_FORMAT, "the graph has no outputs");
    if (!status)
        status = qnt_onnx_map(ctx, graph, c, out);
    qnt_onnx_graph_free(graph);
    qnt_release(ctx, folder);
    return status;
}

static uint32_t count(uint8_t n)
{
    return n == ONNX_ANY ? QNT_IMPORT_ANY : n;
}

static bool operation(size_t i, qnt_import_operation_info *out)
{
    const struct onnx_op *op = qnt_onnx_op_at(i);
    if (!op)
        return false;
    out->domain = op->domain;
    out->name = op->name;
    out->attributes = op->attr;
    out->inputs = count(op->most_in);
    out->outputs = count(op->most_out);
    out->required = op->needed;
    out->constants = op->fold != qnt_onnx_fold_none;
    out->activations = op->map != qnt_onnx_map_none;
    return true;
}
#else
static qnt_status load(qnt_ctx *ctx, struct qnt_import_source *s, const qnt_import_config *c, qnt_model **out)
{
    (void)ctx, (void)s, (void)c, (void)out;
    return qnt_fail(QNT_ERR_UNSUPPORTED,
                    "an ONNX model, which this build of libqnt does not read: it has no protobuf-c");
}

static bool operation(size_t i, qnt_import_operation_info *out)
{
    (void)i, (void)out;
    return false;
}
#endif

const struct qnt_importer qnt_importer_onnx = {"onnx", probe, load, operation};
