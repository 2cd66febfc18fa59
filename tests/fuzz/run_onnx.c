/* What is done with an ONNX file. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <qnt/import.h>
#include "lib/core/rng.h"
#include "lib/graph/graph.h"
#include "lib/import/onnx/onnx.h"
#include "tests/fuzz/fuzz_import.h"

enum { MOST_BINDS = 8, MOST_BOUND = 4096 /* bytes of one */, MOST_MODEL = 1 << 20 };

/* A configuration and what it points at. */
struct manner {
    qnt_import_config config;
    qnt_import_bind bind[MOST_BINDS];
    size_t dim[MOST_BINDS][ONNX_MAX_RANK];
    uint8_t data[MOST_BINDS][MOST_BOUND];
    char name[MOST_BINDS][64];
};

static qnt_ctx *context(void)
{
    static qnt_ctx *ctx;
    if (!ctx) {
        ctx = fuzz_context("ref");
        fuzz_one((const uint8_t *)"", 0); /* has contexts of its own, which are no leak */
    }
    return ctx;
}

static void must_be_told(qnt_status status, const char *what)
{
    if (status && !*qnt_last_error())
        fuzz_wrong("%s: status %d without a text", what, (int)status);
}

/* A value for input v, of the shape that it says or, where it does not, of 1 to 4. */
static bool bind(struct manner *m, const struct onnx_value_info *v, struct qnt_rng *r)
{
    size_t k = m->config.n_bind, count = 1;
    uint32_t bits = qnt_onnx_type_bits(v->type);
    if (k == MOST_BINDS || strlen(v->name) >= sizeof m->name[k] || !bits)
        return false;
    for (uint32_t d = 0; d < v->rank; d++) {
        m->dim[k][d] = v->dim[d] < 0 ? 1 + qnt_rng_below(r, 4) : (size_t)v->dim[d];
        if (m->dim[k][d] > MOST_BOUND || (count *= m->dim[k][d]) > MOST_BOUND / 8)
            return false;
    }
    strcpy(m->name[k], v->name);
    m->bind[k] = (qnt_import_bind){m->name[k], m->data[k], (count * bits + 7) / 8, m->dim[k], v->rank, 0};
    for (size_t i = 0; i < m->bind[k].bytes; i++)
        m->data[k][i] = (uint8_t)qnt_rng_next(r);
    m->config.n_bind++;
    return true;
}

static void manner_of(const struct onnx_graph *g, uint64_t seed, struct manner *m)
{
    struct qnt_rng r = qnt_rng_key(seed, 7, 0);
    m->config = (qnt_import_config){.size = sizeof m->config,
                                    .format = qnt_rng_below(&r, 2) ? "onnx" : NULL,
                                    .batch = qnt_rng_below(&r, 4) ? 0 : 1 + qnt_rng_below(&r, 3),
                                    .bind = m->bind,
                                    .channels_last = qnt_rng_below(&r, 2) ? 0 : qnt_rng_below(&r, 4),
                                    .ort_x86 = !qnt_rng_below(&r, 4)};
    const uint32_t some = qnt_rng_below(&r, 3); /* none, all but the first, any */
    for (size_t i = 1; g && some && i < g->n_inputs; i++)
        if (some == 1 || qnt_rng_below(&r, 2))
            bind(m, &g->input[i], &r);
}

/* A model that is a file of ours, in its own words. */
static enum fuzz_depth as_qnt(const qnt_model *model)
{
    size_t size;
    uint8_t *file = fuzz_bytes(model, &size);
    if (!file)
        must_be_told(QNT_ERR_UNSUPPORTED, "an imported model that cannot be saved");
    enum fuzz_depth depth = file && size <= MOST_MODEL ? fuzz_one(file, size) : FUZZ_LOADED;
    if (file && size <= MOST_MODEL && depth == FUZZ_REFUSED && !strstr(qnt_last_error(), "out of memory"))
        fuzz_wrong("an imported model was saved and is refused: %s", qnt_last_error());
    free(file);
    return depth;
}

enum fuzz_depth fuzz_onnx_one(const uint8_t *data, size_t size)
{
    static struct manner how;
    struct onnx_graph *graph = NULL;
    qnt_model *model = NULL;
    enum fuzz_depth depth = FUZZ_REFUSED;
    uint64_t seed = size;
    uint8_t *exact = malloc(size ? size : 1); /* the sanitizers see an over-read */
    qnt_ctx *ctx = context();
    size_t before = fuzz_live();
    memcpy(exact, data, size);
    for (size_t i = 0; i < size; i++)
        seed = (seed ^ data[i]) * 0x100000001b3u;
    qnt_status read = qnt_onnx_read(ctx, exact, size, NULL, &graph);
    must_be_told(read, "reading");
    if (read && read != QNT_ERR_FORMAT && read != QNT_ERR_UNSUPPORTED && read != QNT_ERR_NOMEM)
        fuzz_wrong("a file is refused with status %d, '%s'", (int)read, qnt_last_error());
    manner_of(graph, seed, &how);
    qnt_onnx_graph_free(graph);
    qnt_status status = qnt_model_import_memory(ctx, exact, size, &how.config, &model);
    must_be_told(status, "importing");
    if (status == QNT_ERR_IO || status >= QNT_ERR_STATE)
        fuzz_wrong("a file is refused with status %d, '%s'", (int)status, qnt_last_error());
    if (status && strncmp(qnt_last_error(), "memory: ", 8) != 0)
        fuzz_wrong("a file is refused with '%s'", qnt_last_error());
    if (!status && read)
        fuzz_wrong("a file that cannot be read is imported");
    free(exact);
    if (!status) {
        depth = as_qnt(model);
        qnt_model_free(model);
    }
    if (fuzz_live() != before)
        fuzz_wrong("%zu bytes leak", fuzz_live() - before);
    return depth;
}
