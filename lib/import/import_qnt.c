/* The library's own files: read by lib/graph, nothing is left open in them. */
#include <string.h>
#include "lib/graph/graph.h"
#include "lib/graph/qnt_format.h"
#include "lib/import/import.h"
#include "lib/op/op.h"

static bool probe(const uint8_t *data, size_t bytes)
{
    const size_t n = sizeof QNT_FILE_MAGIC - 1;
    return bytes >= n && !memcmp(data, QNT_FILE_MAGIC, n);
}

static qnt_status load(qnt_ctx *ctx, struct qnt_import_source *s, const qnt_import_config *c, qnt_model **out)
{
    const char *set = c->batch           ? "batch"
                      : c->n_bind        ? "bind"
                      : c->n_dim         ? "dim"
                      : c->external_data ? "external_data"
                      : c->ort_x86       ? "ort_x86"
                                         : NULL;
    if (set)
        return qnt_fail(QNT_ERR_ARG, "import config: %s is set, which a .qnt file has no use for", set);
    if (!s->map)
        return qnt_model_read(ctx, s->data, s->bytes, out);
    qnt_status status = qnt_model_read_map(ctx, s->map, s->bytes, out);
    if (!status)
        s->map = NULL;
    return status;
}

static bool operation(size_t i, qnt_import_operation_info *out)
{
    const struct qnt_op_def *op = qnt_op_table[i];
    if (!op)
        return false;
    out->name = op->name;
    out->inputs = op->max_in;
    out->outputs = 1;
    out->required = (1u << op->min_in) - 1;
    out->activations = 1;
    return true;
}

const struct qnt_importer qnt_importer_qnt = {"qnt", probe, load, operation};
