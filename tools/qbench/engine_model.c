/* What runs where no FILE is given, and the memory that a child of the program sees, too. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "tools/qbench/engine.h"

enum { IN = 784, HIDDEN = 128, OUT = 10, ALIGN = 64 };

static qnt_status add_layer(qnt_model *m, const char *name, size_t out, size_t in, int *id)
{
    char w[32];
    const size_t dim[] = {out, in};
    float *weight = malloc(out * in * sizeof *weight);
    qnt_status status = weight ? QNT_OK : QNT_ERR_NOMEM;
    for (size_t i = 0; i < out * in && weight; i++)
        weight[i] = ((float)(i * 2654435761u >> 16 & 1023) - 511.5f) / 4096;
    snprintf(w, sizeof w, "%s.weight", name);
    int input[2] = {*id, 0};
    if (!status && !(status = qnt_model_add_const(m, w, 2, dim, weight, &input[1])))
        status = qnt_model_add_node(m, "fully_connected", name, NULL, input, 2, id);
    free(weight);
    return status;
}

static qnt_status add_layers(qnt_model *m, const size_t *width, size_t n)
{
    int id;
    char name[16];
    qnt_status status = qnt_model_add_input(m, "x", 1, width, &id);
    for (size_t i = 1; i < n && !status; i++) {
        snprintf(name, sizeof name, "fc%zu", i);
        if ((status = add_layer(m, name, width[i], width[i - 1], &id)) || i + 1 == n)
            continue;
        snprintf(name, sizeof name, "relu%zu", i);
        status = qnt_model_add_node(m, "relu", name, NULL, &id, 1, &id);
    }
    return status ? status : qnt_model_set_output(m, id);
}

/* Two layers, 784-128-10, in codes of 8 bits. */
qnt_status qe_model_build(qnt_ctx *ctx, qnt_model **out)
{
    static const size_t width[] = {IN, HIDDEN, OUT};
    static float x[IN];
    qnt_model *m;
    qnt_ptq *p = NULL;
    for (size_t i = 0; i < width[0]; i++)
        x[i] = (float)(i * 40503u >> 4 & 255) / 255;
    qnt_status status = qnt_model_new(ctx, &m);
    if (status)
        return status;
    if (!(status = add_layers(m, width, sizeof width / sizeof *width)) && !(status = qnt_ptq_create(m, NULL, &p)) &&
        !(status = qnt_ptq_observe(p, x, 1)))
        status = qnt_ptq_model(p, out);
    qnt_ptq_free(p);
    qnt_model_free(m);
    return status;
}

static size_t bytes_of(const qnt_tensor_info *t)
{
    size_t bytes = qnt_dtype_size(t->type);
    for (uint32_t i = 0; i < t->rank; i++)
        bytes *= t->dim[i];
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* Where the inputs and outputs of one operation lie, from its beginning on; the bytes of all. */
static size_t place(struct qe *e, uint8_t *base, bool outputs)
{
    const size_t n = outputs ? qnt_model_output_count(e->model) : qnt_model_input_count(e->model);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        qnt_tensor_info t;
        if (outputs ? qnt_session_output_at(e->session, i, &t) : qnt_session_input_at(e->session, i, &t))
            return 0;
        if (base && outputs)
            e->out_at[i] = base + at;
        else if (base)
            e->in_at[i] = base + at;
        at += bytes_of(&t);
    }
    return at;
}

/* Plain numbers, twice: for who reads them, and for who copies them there. */
static void fill(struct qe *e)
{
    size_t at = 0;
    for (size_t i = 0; i < qnt_model_input_count(e->model); i++) {
        qnt_tensor_info t;
        if (qnt_session_input_at(e->session, i, &t))
            return;
        const size_t bytes = bytes_of(&t);
        for (size_t k = 0; k < bytes; k++)
            e->in[at + k] = 1;
        for (size_t k = 0; k < bytes / sizeof(float) && t.type == QNT_F32; k++)
            ((float *)(void *)(e->in + at))[k] = (float)(k * 40503u >> 4 & 255) / 256;
        at += bytes;
    }
    memcpy(e->in + e->in_bytes, e->in, e->in_bytes);
}

int qe_memory_create(struct qe *e)
{
    const size_t window = (sizeof(struct qe_window) + 127) / 128 * 128;
    e->in_bytes = place(e, NULL, false);
    e->out_bytes = place(e, NULL, true);
    e->data_bytes = 2 * e->in_bytes + QE_DEPTH * e->out_bytes;
    e->shared_bytes = window + e->data_bytes;
    e->in_at = qnt_alloc_array(e->q->ctx, qnt_model_input_count(e->model), sizeof *e->in_at, "inputs");
    e->out_at = qnt_alloc_array(e->q->ctx, qnt_model_output_count(e->model), sizeof *e->out_at, "outputs");
    if (!e->in_at || !e->out_at)
        return opt_fail(e->q->tool, QNT_ERR_NOMEM);
    void *m = mmap(NULL, e->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (m == MAP_FAILED)
        return opt_error(e->q->tool, EXIT_RESOURCE, "engine: %zu bytes of shared memory are not to be had",
                         e->shared_bytes);
    uint8_t *at = e->shared = m;
    e->window = m;
    e->data = at + window;
    e->in = e->data;
    e->out = e->in + 2 * e->in_bytes;
    place(e, e->in, false);
    place(e, e->out, true);
    fill(e);
    return EXIT_OK;
}

void qe_memory_free(struct qe *e)
{
    qnt_release(e->q->ctx, (void *)e->in_at);
    qnt_release(e->q->ctx, e->out_at);
    if (e->shared)
        munmap(e->shared, e->shared_bytes);
}
