#include "eval.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static qnt_status read_data(const struct source *s, size_t i, float *dst, int *label)
{
    return qnt_dataset_input(s->data, s->model, i, dst, label);
}

void source_data(struct source *s, const qnt_dataset *data, const qnt_model *model)
{
    *s = (struct source){.count = qnt_dataset_size(data), .read = read_data, .model = model, .data = data};
}

static size_t elements(const qnt_tensor_info *t)
{
    size_t n = 1;
    for (uint32_t i = 0; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

static qnt_status read_bytes(const struct source *s, size_t i, float *dst, int *label)
{
    float mean[4], deviation[4];
    qnt_tensor_info in;
    *label = -1;
    if (s->floats) {
        memcpy(dst, s->bytes + i * s->elements * sizeof *dst, s->elements * sizeof *dst);
        return QNT_OK;
    }
    qnt_status status = qnt_model_input(s->model, &in);
    if (status)
        return status;
    size_t channels = in.rank ? in.dim[in.rank - 1] : 1;
    qnt_model_normalisation(s->model, mean, deviation);
    for (size_t k = 0; k < s->elements; k++) {
        size_t c = k % channels;
        float x = (float)s->bytes[i * s->elements + k] / 255.0f;
        dst[k] = c < 4 ? (x - mean[c]) / deviation[c] : x;
    }
    return QNT_OK;
}

qnt_status source_bytes(struct source *s, const unsigned char *bytes, size_t size, int floats, const qnt_model *model)
{
    qnt_tensor_info in;
    qnt_status status = qnt_model_input(model, &in);
    if (status)
        return status;
    size_t n = elements(&in), image = n * (floats ? sizeof(float) : 1);
    if (size == 0 || size % image)
        return QNT_ERR_SHAPE;
    *s = (struct source){
        .count = size / image, .read = read_bytes, .model = model, .bytes = bytes, .elements = n, .floats = floats};
    return QNT_OK;
}

/* What one evaluation owns. */
struct eval {
    const struct source *s;
    const struct eval_config *config;
    qnt_session *session;
    qnt_tensor_info in, out;
    size_t n_in, n_out;
    float *image;         /* one image as read */
    void *input, *output; /* a batch */
    int *label;
    uint64_t *ns; /* of every full call */
    size_t calls;
    XXH3_state_t *hash;
};

static size_t element_size(const qnt_tensor_info *t)
{
    return qnt_dtype_size(t->type);
}

/* Floats, or codes of them. */
static int is_real(const qnt_tensor_info *t)
{
    return t->type == QNT_F32 || (t->type == QNT_S8 && t->scales == 1);
}

static void quantize(const struct eval *e, int8_t *dst)
{
    for (size_t i = 0; i < e->n_in; i++) {
        float q = rintf(e->image[i] / *e->in.scale) + (float)e->in.zero_point;
        dst[i] = (int8_t)fminf(fmaxf(q, -128.0f), 127.0f);
    }
}

static qnt_status fill(struct eval *e, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        qnt_status status = e->s->read(e->s, first + i, e->image, &e->label[i]);
        if (status)
            return status;
        if (e->in.type == QNT_F32)
            memcpy((float *)e->input + i * e->n_in, e->image, e->n_in * sizeof(float));
        else
            quantize(e, (int8_t *)e->input + i * e->n_in);
    }
    return QNT_OK;
}

static float score(const struct eval *e, size_t image, size_t k)
{
    size_t at = image * e->n_out + k;
    if (e->out.type == QNT_F32)
        return ((const float *)e->output)[at];
    return *e->out.scale * (float)(((const int8_t *)e->output)[at] - e->out.zero_point);
}

static void judge(struct eval *e, size_t first, size_t count, struct eval_result *r)
{
    for (size_t i = 0; i < count; i++) {
        size_t best = 0;
        for (size_t k = 1; k < e->n_out; k++)
            if (score(e, i, k) > score(e, i, best))
                best = k;
        r->images++;
        r->labelled += e->label[i] >= 0;
        r->correct += e->label[i] == (int)best;
        if (e->config->each)
            e->config->each(e->config->user, first + i, (int)best, score(e, i, best));
    }
}

static qnt_status pass(struct eval *e, int first_pass, struct eval_result *r)
{
    qnt_status status;
    for (size_t i = 0; i < e->s->count; i += e->config->batch) {
        size_t n = e->s->count - i < e->config->batch ? e->s->count - i : e->config->batch;
        if ((status = fill(e, i, n)))
            return status;
        uint64_t start = env_ns();
        if ((status = qnt_session_run(e->session, e->input, e->output, n)))
            return status;
        e->ns[e->calls++] = env_ns() - start;
        if (!first_pass)
            continue;
        size_t bytes = n * e->n_out * element_size(&e->out);
        XXH3_64bits_update(e->hash, e->output, bytes);
        if (e->config->raw_out)
            fwrite(e->output, 1, bytes, e->config->raw_out); /* its owner asks ferror */
        judge(e, i, n, r);
    }
    return QNT_OK;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void finish(struct eval *e, struct eval_result *r)
{
    double total = 0;
    for (size_t i = 0; i < e->calls; i++)
        total += (double)e->ns[i];
    qsort(e->ns, e->calls, sizeof *e->ns, by_value);
    r->median_us = (double)e->ns[e->calls / 2] / 1e3;
    r->p99_us = (double)e->ns[(e->calls - 1) * 99 / 100] / 1e3;
    r->images_per_second = total > 0 ? (double)r->images * e->config->repeat * 1e9 / total : 0;
    r->accuracy = r->labelled ? (double)r->correct / (double)r->labelled : 0;
    r->digest = XXH3_64bits_digest(e->hash);
    r->arena_bytes = qnt_session_arena_bytes(e->session);
}

static qnt_status open_session(struct eval *e, qnt_model *model)
{
    const struct eval_config *c = e->config;
    qnt_session_config config = {.size = sizeof config,
                                 .max_batch = c->batch,
                                 .threads = c->threads,
                                 .cpus = c->cpus.count ? c->cpus.cpu : NULL,
                                 .n_cpus = c->cpus.count,
                                 .quantized_io = c->quantized};
    qnt_status status = qnt_session_create(model, &config, &e->session);
    if (status == QNT_OK)
        status = qnt_session_input(e->session, &e->in);
    if (status == QNT_OK)
        status = qnt_session_output(e->session, &e->out);
    return status;
}

static int allocate(struct eval *e)
{
    size_t batch = e->config->batch, calls = (e->s->count + batch - 1) / batch;
    e->n_in = elements(&e->in);
    e->n_out = elements(&e->out);
    e->image = calloc(e->n_in, sizeof *e->image);
    e->input = calloc(batch, e->n_in * element_size(&e->in));
    e->output = calloc(batch, e->n_out * element_size(&e->out));
    e->label = calloc(batch, sizeof *e->label);
    e->ns = calloc(calls, e->config->repeat * sizeof *e->ns);
    e->hash = XXH3_createState();
    if (!e->image || !e->input || !e->output || !e->label || !e->ns || !e->hash)
        return 0;
    XXH3_64bits_reset(e->hash);
    return 1;
}

static qnt_status measure(struct eval *e, struct eval_result *out)
{
    /* One untimed call: first touches of the caches and of the page tables. */
    qnt_status status = fill(e, 0, 1);
    if (status == QNT_OK)
        status = qnt_session_run(e->session, e->input, e->output, 1);
    for (uint32_t i = 0; i < e->config->repeat && status == QNT_OK; i++)
        status = pass(e, i == 0, out);
    if (status == QNT_OK)
        finish(e, out);
    return status;
}

int eval_run(const struct opt_tool *tool, qnt_model *model, const struct source *s, const struct eval_config *config,
             struct eval_result *out)
{
    struct eval e = {.s = s, .config = config};
    cpu_set_t old;
    memset(out, 0, sizeof *out);
    int code = opt_fail(tool, open_session(&e, model));
    if (code == EXIT_OK && !(is_real(&e.in) && is_real(&e.out)))
        code = opt_error(tool, EXIT_UNSUPPORTED,
                         "input '%s' is %s and output '%s' %s, supported are f32 and s8 with a scale", e.in.name,
                         qnt_dtype_name(e.in.type), e.out.name, qnt_dtype_name(e.out.type));
    if (code == EXIT_OK && !allocate(&e))
        code = opt_error(tool, EXIT_RESOURCE, "out of memory: buffers for a batch of %u", config->batch);
    if (code == EXIT_OK) {
        env_pin(tool, &config->cpus, &old);
        code = opt_fail(tool, measure(&e, out));
        env_unpin(&old);
    }
    XXH3_freeState(e.hash);
    free(e.ns);
    free(e.label);
    free(e.output);
    free(e.input);
    free(e.image);
    qnt_session_free(e.session);
    return code;
}
