/* Built-in architectures, with weights and biases uniform in +-1/sqrt(fan-in) (PyTorch's default). */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "lib/core/rng.h"
#include "lib/op/op.h"

struct layer {
    const char *op, *name;
    size_t out; /* layers with weights */
};
struct architecture {
    const char *name;
    size_t input[3];
    const struct layer *layer; /* ends with op NULL; convolutions are 3 x 3 with pad 1, pools 2 x 2 */
};

static const struct layer article_cnn[] = {
    {"conv2d", "conv1", 16}, {"relu", "relu1", 0},           {"maxpool", "pool1", 0},   {"conv2d", "conv2", 32},
    {"relu", "relu2", 0},    {"maxpool", "pool2", 0},        {"flatten", "flatten", 0}, {"fully_connected", "fc1", 128},
    {"relu", "relu3", 0},    {"fully_connected", "fc2", 10}, {NULL, NULL, 0},
};
static const struct architecture architectures[] = {{"article-cnn", {32, 32, 3}, article_cnn}};
static const qnt_node_attr conv_attr = {.size = sizeof conv_attr, .kernel = {3, 3}, .pad = {1, 1, 1, 1}},
                           pool_attr = {.size = sizeof pool_attr, .kernel = {2, 2}, .stride = {2, 2}};

/* A constant whose value i depends on seed, its place among the constants and i alone. */
static qnt_status add_random(struct qnt_model *m, const char *layer, const char *what, uint32_t rank, const size_t *dim,
                             size_t fan_in, uint64_t seed, int *id)
{
    char name[64];
    size_t count = 1;
    float bound = 1.0f / sqrtf((float)fan_in);
    struct qnt_rng rng = qnt_rng_key(seed, 0x696e6974, m->n_tensors); /* "init" */
    snprintf(name, sizeof name, "%s.%s", layer, what);
    for (uint32_t d = 0; d < rank; d++)
        count *= dim[d];
    float *value = qnt_alloc_array(m->ctx, count, sizeof *value, name);
    if (!value)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        value[i] = ((float)(qnt_rng_next(&rng) >> 40) * 0x1p-23f - 1.0f) * bound;
    struct qnt_tensor t = {
        .name = name, .type = QNT_F32, .bits = 32, .rank = rank, .constant = true, .owns_data = true, .data = value};
    memcpy(t.dim, dim, rank * sizeof *dim);
    qnt_status status = qnt_model_append_tensor(m, &t, id);
    if (status)
        qnt_release(m->ctx, value);
    return status;
}

static qnt_status add_layer(struct qnt_model *m, const struct layer *l, uint64_t seed, int *x)
{
    bool conv = !strcmp(l->op, "conv2d");
    const qnt_node_attr *attr = conv ? &conv_attr : !strcmp(l->op, "maxpool") ? &pool_attr : NULL;
    int in[3] = {*x};
    if (l->out) {
        const struct qnt_tensor *t = &m->tensor[*x];
        size_t channels = t->dim[t->rank - 1], fan_in = conv ? 9 * channels : channels;
        const size_t conv_dim[] = {l->out, 3, 3, channels}, full_dim[] = {l->out, channels}, bias_dim[] = {l->out};
        qnt_status status =
            add_random(m, l->name, "weight", conv ? 4 : 2, conv ? conv_dim : full_dim, fan_in, seed, &in[1]);
        if (!status)
            status = add_random(m, l->name, "bias", 1, bias_dim, fan_in, seed, &in[2]);
        if (status)
            return status;
    }
    return qnt_model_add_node(m, l->op, l->name, attr, in, l->out ? 3 : 1, x);
}

static qnt_status build(qnt_ctx *ctx, const struct architecture *a, uint64_t seed, struct qnt_model **out)
{
    struct qnt_model *m;
    int x;
    qnt_status status = qnt_model_new(ctx, &m);
    if (status)
        return status;
    status = qnt_model_add_input(m, "input", 3, a->input, &x);
    for (const struct layer *l = a->layer; l->op && !status; l++)
        status = add_layer(m, l, seed, &x);
    if (!status)
        status = qnt_model_set_output(m, x);
    if (status)
        qnt_model_free(m);
    else
        *out = m;
    return status;
}

qnt_status qnt_model_build(qnt_ctx *ctx, const char *name, uint64_t seed, qnt_model **out)
{
    char names[256] = "";
    size_t used = 0;
    if (!ctx || !name || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_model_build: a pointer is NULL");
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++) {
        if (!strcmp(architectures[i].name, name))
            return build(ctx, &architectures[i], seed, out);
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", architectures[i].name);
    }
    return qnt_fail(QNT_ERR_ARG, "unknown architecture '%s'; valid:%s", name, names);
}
