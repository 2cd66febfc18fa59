/* What is done with a file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <qnt/profile.h>
#include "lib/core/rng.h"
#include "lib/graph/graph.h"
#include "tests/common/qnt_bytes.h"
#include "tests/fuzz/fuzz.h"

enum { KERNELS = 2, MOST_WORK = 1 << 21, MOST_ELEMENTS = 1 << 16, MOST_BATCH = 3 };
static const char *const kernels[KERNELS] = {"the reference", "the best"};

/* How a file is run: taken from its bytes, so that a file always does the same. */
struct manner {
    qnt_session_config config;
    uint64_t seed;
};

static qnt_ctx *context(int i)
{
    static qnt_ctx *ctx[KERNELS];
    if (!ctx[i])
        ctx[i] = fuzz_context(i ? NULL : "ref");
    return ctx[i];
}

static size_t elements(const qnt_tensor_info *t)
{
    size_t n = 1;
    for (uint32_t d = 0; d < t->rank; d++)
        n *= t->dim[d];
    return n;
}

static size_t bytes_of(const qnt_tensor_info *t)
{
    return elements(t) * qnt_dtype_size(t->type);
}

/* Products, window elements and values in and out of one image, about; saturates. */
static uint64_t work(const qnt_model *m)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < m->inputs.n + m->outputs.n; i++) {
        const int id = i < m->inputs.n ? m->inputs.id[i] : m->outputs.id[i - m->inputs.n];
        if (qnt_tensor_count(&m->tensor[id]) > MOST_ELEMENTS)
            return UINT64_MAX;
        sum += qnt_tensor_count(&m->tensor[id]);
    }
    for (size_t i = 0; i < m->n_nodes; i++) {
        const struct qnt_node *n = &m->node[i];
        uint64_t macs = qnt_node_macs(m, n), out = qnt_tensor_count(&m->tensor[n->out]),
                 in = qnt_tensor_count(&m->tensor[n->in[0]]), window = (uint64_t)n->attr.kernel[0] * n->attr.kernel[1];
        if (in > MOST_ELEMENTS || out > MOST_ELEMENTS || macs > MOST_WORK)
            return UINT64_MAX;
        sum += macs + out * (window < in ? window : in);
    }
    return sum;
}

static void fill(const qnt_tensor_info *t, uint64_t seed, size_t batch, void *to)
{
    static const float odd[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e-40f, 3e38f, 0.5f};
    struct qnt_rng r = qnt_rng_key(seed, 1, 0);
    for (size_t i = 0; i < batch * elements(t); i++) {
        uint64_t x = qnt_rng_next(&r);
        if (t->type == QNT_F32)
            ((float *)to)[i] = x % 64 ? (float)(int32_t)(x >> 32) * 0x1p-29f : odd[x / 64 % 8];
        else if (t->type == QNT_BOOL)
            ((uint8_t *)to)[i] = x & 1;
        else
            memcpy((uint8_t *)to + i * qnt_dtype_size(t->type), &x, qnt_dtype_size(t->type));
    }
}

/* The same bytes; of a float NaN, that both are one. */
static void same(const qnt_tensor_info *t, size_t batch, const void *a, const void *b, const char *what)
{
    size_t size = qnt_dtype_size(t->type);
    for (size_t i = 0; i < batch * elements(t); i++) {
        const uint8_t *x = (const uint8_t *)a + i * size, *y = (const uint8_t *)b + i * size;
        float f[2] = {0.0f, 0.0f};
        if (t->type == QNT_F32) {
            memcpy(&f[0], x, sizeof *f);
            memcpy(&f[1], y, sizeof *f);
        }
        if (memcmp(x, y, size) && !(isnan(f[0]) && isnan(f[1])))
            fuzz_wrong("%s: value %zu is not the same: %g, %g, first byte %02x, %02x", what, i, (double)f[0],
                       (double)f[1], *x, *y);
    }
}

/* All inputs or all outputs of a session, room for a batch of each. */
struct border {
    size_t n;
    qnt_tensor_info *info;
    void **data;
};

static struct border border_of(const qnt_session *s, const qnt_model *m, bool output, size_t batch)
{
    struct border b = {.n = output ? qnt_model_output_count(m) : qnt_model_input_count(m)};
    b.info = malloc(b.n * sizeof *b.info);
    b.data = malloc(b.n * sizeof *b.data);
    for (size_t i = 0; i < b.n; i++) {
        if ((output ? qnt_session_output_at : qnt_session_input_at)(s, i, &b.info[i]))
            fuzz_wrong("a session does not say what it takes: %s", qnt_last_error());
        b.data[i] = malloc(batch * bytes_of(&b.info[i]));
    }
    return b;
}

static void border_free(struct border b)
{
    for (size_t i = 0; i < b.n; i++)
        free(b.data[i]);
    free(b.data);
    free(b.info);
}

static void run_one(qnt_session *s, const void *const *x, void *const *y, size_t batch, uint64_t which)
{
    const bool only = which % 2 && qnt_session_run(s, x[0], y[0], batch) == QNT_OK; /* refused for several: run below */
    if (!only && qnt_session_run_io(s, x, y, batch))
        fuzz_wrong("run: %s", qnt_last_error());
}

/* Runs the whole batch, then image by image with one thread's session of the same kind: the same bytes. */
static void run(qnt_model *m, const struct manner *how, qnt_session *s, const struct border *out)
{
    qnt_session *alone;
    qnt_session_config c = how->config;
    const size_t batch = c.max_batch;
    struct border in = border_of(s, m, false, batch), y = border_of(s, m, true, 1);
    const void **x = malloc(in.n * sizeof *x);
    for (size_t k = 0; k < in.n; k++) {
        fill(&in.info[k], how->seed + k, batch, in.data[k]);
        x[k] = in.data[k];
    }
    run_one(s, x, out->data, batch, how->seed);
    c.threads = 1;
    c.max_batch = 1;
    qnt_status status = qnt_session_create(m, &c, &alone);
    if (status && status != QNT_ERR_NOMEM)
        fuzz_wrong("one image is refused, but not %zu: %s", batch, qnt_last_error());
    for (size_t i = 0; i < batch && !status; i++) {
        for (size_t k = 0; k < in.n; k++)
            x[k] = (uint8_t *)in.data[k] + i * bytes_of(&in.info[k]);
        run_one(alone, x, y.data, 1, how->seed / 2);
        for (size_t k = 0; k < y.n; k++)
            same(&y.info[k], 1, (uint8_t *)out->data[k] + i * bytes_of(&y.info[k]), y.data[k], "an image alone");
    }
    if (!status)
        qnt_session_free(alone);
    free(x);
    border_free(in);
    border_free(y);
}

/* Prepares on both; true when both did. Both must say the same, but for want of memory. */
static bool create(qnt_model *const *m, const qnt_session_config *c, qnt_session **s, qnt_status *status)
{
    bool memory = false;
    for (int i = 0; i < KERNELS; i++) {
        if ((status[i] = qnt_session_create(m[i], c, &s[i])) && !*qnt_last_error())
            fuzz_wrong("refused without a text");
        memory |= status[i] == QNT_ERR_NOMEM;
    }
    if (status[0] != status[1] && !memory)
        fuzz_wrong("prepared by %s: %s, by %s: %s (%s)", kernels[0], qnt_status_string(status[0]), kernels[1],
                   qnt_status_string(status[1]), qnt_last_error());
    return !status[0] && !status[1];
}

static enum fuzz_depth prepare(qnt_model *const *m, struct manner *how)
{
    qnt_session *s[KERNELS] = {NULL};
    qnt_status status[KERNELS];
    struct border out[KERNELS] = {{0}};
    enum fuzz_depth depth = FUZZ_LOADED;
    bool both = create(m, &how->config, s, status);
    if (status[0] == QNT_ERR_TYPE && how->config.quantized_io) {
        how->config.quantized_io = 0;
        both = create(m, &how->config, s, status);
    }
    if (both) {
        depth = work(m[0]) <= MOST_WORK ? FUZZ_RAN : FUZZ_PREPARED;
        for (int i = 0; i < KERNELS && depth == FUZZ_RAN; i++) {
            out[i] = border_of(s[i], m[i], true, how->config.max_batch);
            run(m[i], how, s[i], &out[i]);
        }
        for (size_t k = 0; k < out[0].n; k++)
            same(&out[0].info[k], how->config.max_batch, out[0].data[k], out[1].data[k], "other kernels");
    }
    for (int i = 0; i < KERNELS; i++) {
        border_free(out[i]);
        qnt_session_free(s[i]);
    }
    return depth;
}

/* The layout of a model is unique: what was read is written as it was, if it was of this version. */
static void write_back(const qnt_model *m, struct qnt_bytes file)
{
    static const uint32_t known[] = {sizeof(struct qnt_file_model), sizeof(struct qnt_file_tensor),
                                     sizeof(struct qnt_file_node)};
    struct qnt_file_header h;
    size_t size;
    uint8_t *again = fuzz_bytes(m, &size);
    if (!again)
        fuzz_wrong("a model that was loaded cannot be saved: %s", qnt_last_error());
    memcpy(&h, file.data, sizeof h);
    bool ours = h.major == QNT_FILE_MAJOR && h.minor == QNT_FILE_MINOR;
    for (int i = 0; i < 3 && ours; i++)
        ours = qnt_bytes_section(file, (enum qnt_file_kind)(i + 1)).entry_bytes == known[i];
    if (ours && (size != file.n || memcmp(again, file.data, size)))
        fuzz_wrong("%zu bytes are written back as %zu others", file.n, size);
    free(again);
}

/* Its network in floats, made and prepared, or refused with a text. */
static void in_floats(const qnt_model *m)
{
    qnt_model *f = NULL;
    qnt_session *s = NULL;
    qnt_step_work w = {.size = sizeof w};
    qnt_status status = qnt_model_dequantize(m, &f);
    if (!status && !(status = qnt_session_create(f, NULL, &s)))
        for (size_t i = 0; i < qnt_session_step_count(s); i++)
            if (qnt_session_step_work(s, i, &w) || w.macs != w.rows * w.columns * w.depth * w.groups)
                fuzz_wrong("step %zu: '%s' has %llu products", i, w.name, (unsigned long long)w.macs);
    if (status && !*qnt_last_error())
        fuzz_wrong("refused in floats without a text");
    qnt_session_free(s);
    qnt_model_free(f);
}

static struct manner manner_of(struct qnt_bytes file)
{
    uint64_t seed = file.n;
    for (size_t i = 0; i < file.n; i++)
        seed = (seed ^ file.data[i]) * 0x100000001b3u;
    struct qnt_rng r = qnt_rng_key(seed, 0, 0);
    return (struct manner){.config = {.size = sizeof(qnt_session_config),
                                      .max_batch = 1 + qnt_rng_below(&r, MOST_BATCH),
                                      .threads = qnt_rng_below(&r, 32) ? 1 : 2, /* a team costs more than the rest */
                                      .quantized_io = !qnt_rng_below(&r, 4),
                                      .keep_tensors = !qnt_rng_below(&r, 4)},
                           .seed = qnt_rng_next(&r)};
}

enum fuzz_depth fuzz_one(const uint8_t *data, size_t size)
{
    struct qnt_bytes file = {malloc(size + 1), size}; /* of its own: the sanitizers see an over-read */
    qnt_model *m[KERNELS] = {NULL};
    qnt_status status = QNT_OK;
    enum fuzz_depth depth = FUZZ_REFUSED;
    for (int i = 0; i < KERNELS; i++)
        context(i);
    size_t before = fuzz_live();
    memcpy(file.data, data, size);
    qnt_bytes_rehash(file);
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, file.data, size);
    for (int i = 0; i < KERNELS && !status; i++)
        status = qnt_model_load_memory(context(i), exact, size, &m[i]);
    if (status && status != QNT_ERR_FORMAT && status != QNT_ERR_UNSUPPORTED && status != QNT_ERR_NOMEM)
        fuzz_wrong("a file is refused with status %d, '%s'", (int)status, qnt_last_error());
    if (status && strncmp(qnt_last_error(), "memory: ", 8))
        fuzz_wrong("a file is refused with '%s'", qnt_last_error());
    if (!status) {
        struct manner how = manner_of(file);
        if (how.seed % 8 == 0)
            write_back(m[0], file);
        if (how.seed % 8 == 1)
            in_floats(m[0]);
        depth = prepare(m, &how);
    }
    for (int i = 0; i < KERNELS; i++)
        qnt_model_free(m[i]);
    free(exact);
    free(file.data);
    if (fuzz_live() != before)
        fuzz_wrong("%zu bytes leak", fuzz_live() - before);
    return depth;
}
