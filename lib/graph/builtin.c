/* Built-in architectures, with weights and biases uniform in +-1/sqrt(fan-in) (PyTorch's default). */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "builtin.h"
#include "lib/core/rng.h"
#include "lib/op/op.h"

/* Takes `value`, which holds the product of the dimensions. */
static qnt_status add_constant(struct qnt_model *m, const char *name, uint32_t rank, const size_t *dim, float *value,
                               int *id)
{
    struct qnt_tensor t = {.name = (char *)(uintptr_t)name,
                           .type = QNT_F32,
                           .bits = 32,
                           .rank = rank,
                           .constant = true,
                           .owns_data = true,
                           .data = value};
    memcpy(t.dim, dim, rank * sizeof *dim);
    qnt_status status = qnt_model_append_tensor(m, &t, id);
    if (status)
        qnt_release(m->ctx, value);
    return status;
}

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
    return add_constant(m, name, rank, dim, value, id);
}

/* Batch norm at its start: y = x, but for epsilon. in[1..4] */
static qnt_status add_norm(struct qnt_model *m, const char *layer, size_t channels, int in[5])
{
    static const struct {
        const char *name;
        float value;
    } part[] = {{"gamma", 1.0f}, {"beta", 0.0f}, {"mean", 0.0f}, {"variance", 1.0f}};
    qnt_status status = QNT_OK;
    for (int k = 0; k < 4 && !status; k++) {
        char name[64];
        snprintf(name, sizeof name, "%s.%s", layer, part[k].name);
        float *value = qnt_alloc_array(m->ctx, channels, sizeof *value, name);
        if (!value)
            return QNT_ERR_NOMEM;
        for (size_t c = 0; c < channels; c++)
            value[c] = part[k].value;
        status = add_constant(m, name, 1, &channels, value, &in[k + 1]);
    }
    return status;
}

/* Padding that makes the output ceil(in / stride); an odd one is larger at the far side. */
static void pad_axis(size_t in, uint32_t kernel, uint32_t stride, uint32_t *near, uint32_t *far)
{
    size_t reach = ((in + stride - 1) / stride - 1) * stride + kernel;
    uint32_t all = reach > in ? (uint32_t)(reach - in) : 0;
    *near = all / 2;
    *far = all - *near;
}

static bool is_conv(const struct qnt_layer *l)
{
    return !strcmp(l->op, "conv2d") || !strcmp(l->op, "binary_conv2d");
}

static bool is_norm(const struct qnt_layer *l)
{
    return l->op && !strcmp(l->op, "batchnorm");
}

static qnt_node_attr attributes(const struct qnt_layer *l, const struct qnt_tensor *x)
{
    qnt_node_attr a = {.size = sizeof a};
    if (!strcmp(l->op, "maxpool")) {
        a.kernel[0] = a.kernel[1] = a.stride[0] = a.stride[1] = 2;
        return a;
    }
    for (int d = 0; d < 2 && l->kernel[0]; d++) {
        a.kernel[d] = l->kernel[d];
        a.stride[d] = l->stride[d];
        pad_axis(x->dim[d], l->kernel[d], l->stride[d], &a.pad[d], &a.pad[d + 2]);
    }
    a.groups = is_conv(l) && !l->out ? (uint32_t)x->dim[2] : 1; /* depthwise */
    a.epsilon = is_norm(l) ? 1e-5f : 0.0f;
    return a;
}

/* The weights of a layer with some, and its bias, which a batch norm right behind it would take away again. */
static qnt_status add_weights(struct qnt_model *m, const struct qnt_layer *l, const struct qnt_tensor *x,
                              size_t classes, uint32_t groups, uint64_t seed, int in[5], size_t *n_in)
{
    const bool conv = is_conv(l);
    const size_t depth = x->dim[x->rank - 1] / groups, fan_in = conv ? l->kernel[0] * l->kernel[1] * depth : depth;
    const size_t out = l->out == QNT_CLASSES ? classes : l->out ? l->out : x->dim[2];
    const size_t conv_dim[] = {out, l->kernel[0], l->kernel[1], depth}, full_dim[] = {out, depth};
    qnt_status status =
        add_random(m, l->name, "weight", conv ? 4 : 2, conv ? conv_dim : full_dim, fan_in, seed, &in[1]);
    *n_in = 2;
    if (status || is_norm(l + 1))
        return status;
    *n_in = 3;
    return add_random(m, l->name, "bias", 1, &out, fan_in, seed, &in[2]);
}

static qnt_status add_layer(struct qnt_model *m, const struct qnt_layer *l, size_t classes, uint64_t seed, int *x)
{
    int in[5] = {l->input ? qnt_model_find(m, l->input) : *x};
    const struct qnt_tensor t = m->tensor[in[0]];
    const qnt_node_attr attr = attributes(l, &t);
    size_t n_in = 1;
    qnt_status status = QNT_OK;
    if (l->second)
        in[n_in++] = qnt_model_find(m, l->second);
    if (is_norm(l)) {
        status = add_norm(m, l->name, t.dim[t.rank - 1], in);
        n_in = 5;
    } else if (is_conv(l) || l->out) {
        status = add_weights(m, l, &t, classes, attr.groups, seed, in, &n_in);
    }
    return status ? status : qnt_model_add_node(m, l->op, l->name, &attr, in, n_in, x);
}

static qnt_status build(qnt_ctx *ctx, const struct qnt_architecture *a, uint64_t seed, struct qnt_model **out)
{
    struct qnt_model *m;
    int x;
    qnt_status status = qnt_model_new(ctx, &m);
    if (status)
        return status;
    status = qnt_model_add_input(m, "input", a->rank, a->input, &x);
    for (const struct qnt_layer *l = a->layer; l->op && !status; l++)
        status = add_layer(m, l, a->classes, seed, &x);
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
    for (const struct qnt_architecture *a = qnt_architectures; a->name; a++) {
        if (!strcmp(a->name, name))
            return build(ctx, a, seed, out);
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", a->name);
    }
    return qnt_fail(QNT_ERR_ARG, "unknown architecture '%s'; valid:%s", name, names);
}
