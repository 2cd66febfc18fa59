/* A network small enough to be trained by scalar fma in an emulator, or one by name. */
#include <stdio.h>
#include <string.h>
#include <xxhash.h>
#include <qnt/train.h>
#include "bits.h"
#include "lib/graph/graph.h"

enum { IMAGES = 8, BATCH = 4, CHANNELS = 8, CLASSES = 10, SIDE = 4 /* before the fully connected layer */, SEED = 5 };

/* Uniform in +-1/4, from a generator of integers. */
static qnt_status add_noise(qnt_model *m, const char *name, uint32_t rank, const size_t *dim, int *id)
{
    static uint32_t state;
    float value[CLASSES * SIDE * SIDE * CHANNELS];
    size_t count = 1;
    for (uint32_t d = 0; d < rank; d++)
        count *= dim[d];
    state = SEED + (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        value[i] = (float)(int32_t)state * 0x1p-33f;
    }
    return qnt_model_add_const(m, name, rank, dim, value, id);
}

/* The layer behind what `x` is, and its output in x. A batch norm, by channel, stands for a bias. */
static qnt_status add_layer(qnt_model *m, const char *op, const char *name, uint32_t rank, const size_t *dim, bool norm,
                            const qnt_node_attr *attr, int *x)
{
    static const char *const parts[] = {"gamma", "beta", "mean", "variance"};
    const qnt_node_attr a = {.size = sizeof a, .epsilon = 0.5f}; /* noise may be a negative variance */
    char text[32];
    int in[5] = {*x};
    snprintf(text, sizeof text, "%s.weight", name);
    qnt_status status = add_noise(m, text, rank, dim, &in[1]);
    if (!norm) {
        snprintf(text, sizeof text, "%s.bias", name);
        status = status ? status : add_noise(m, text, 1, dim, &in[2]);
        return status ? status : qnt_model_add_node(m, op, name, attr, in, 3, x);
    }
    if (!status)
        status = qnt_model_add_node(m, op, name, attr, in, 2, x);
    in[0] = *x;
    for (int k = 0; k < 4 && !status; k++) {
        snprintf(text, sizeof text, "%s.%s", name, parts[k]);
        status = add_noise(m, text, 1, dim, &in[k + 1]);
    }
    snprintf(text, sizeof text, "%s.norm", name);
    return status ? status : qnt_model_add_node(m, "batchnorm", text, &a, in, 5, x);
}

/* signs: the second convolution is binary, and both have batch norms. */
static qnt_status build(qnt_ctx *ctx, bool signs, qnt_model **out)
{
    static const size_t image[] = {32, 32, 3}, conv1[] = {CHANNELS, 3, 3, 3}, conv2[] = {CHANNELS, 3, 3, CHANNELS},
                        fc[] = {CLASSES, SIDE * SIDE * CHANNELS};
    const qnt_node_attr quarter = {.size = sizeof quarter, .kernel = {3, 3}, .stride = {4, 4}, .pad = {1, 1, 0, 0}},
                        same = {.size = sizeof same, .kernel = {3, 3}, .pad = {1, 1, 1, 1}},
                        halve = {.size = sizeof halve, .kernel = {2, 2}, .stride = {2, 2}};
    const char *second = signs ? "binary_conv2d" : "conv2d";
    qnt_model *m;
    int x, before;
    qnt_status s = qnt_model_new(ctx, &m);
    if (s)
        return s;
    if ((s = qnt_model_add_input(m, "image", 3, image, &x)) ||
        (s = add_layer(m, "conv2d", "conv1", 4, conv1, signs, &quarter, &x)) ||
        (s = qnt_model_add_node(m, "relu", "relu1", NULL, &x, 1, &before)) ||
        (x = signs ? x : before, s = add_layer(m, second, "conv2", 4, conv2, signs, &same, &x)) ||
        (s = qnt_model_add_node(m, "add", "add", NULL, (int[]){before, x}, 2, &x)) ||
        (s = qnt_model_add_node(m, "relu", "relu2", NULL, &x, 1, &x)) ||
        (s = qnt_model_add_node(m, "maxpool", "pool", &halve, &x, 1, &x)) ||
        (s = qnt_model_add_node(m, "flatten", "flatten", NULL, &x, 1, &x)) ||
        (s = add_layer(m, "fully_connected", "fc", 2, fc, false, NULL, &x)) || (s = qnt_model_set_output(m, x)))
        qnt_model_free(m);
    else
        *out = m;
    return s;
}

static uint64_t digest_of(const qnt_model *m)
{
    XXH64_hash_t all = 0;
    for (size_t i = 0; i < m->n_tensors; i++) {
        const struct qnt_tensor *t = &m->tensor[i];
        if (t->constant)
            all = XXH3_64bits_withSeed(t->data, qnt_tensor_count(t) * qnt_dtype_size(t->type), all);
        if (t->scales)
            all = XXH3_64bits_withSeed(t->scale, t->scales * sizeof *t->scale, all ^ (uint32_t)t->zero);
    }
    return all;
}

qnt_status bits_train(qnt_ctx *ctx, const struct bits_row *row, uint32_t threads, uint64_t *digest)
{
    qnt_train_config config = QNT_TRAIN_CONFIG_INIT;
    qnt_train_progress progress;
    qnt_dataset *data = NULL;
    qnt_model *start = NULL, *end;
    qnt_train *train = NULL;
    int finished = 0;
    config.epochs = 1;
    config.batch = BATCH;
    config.weight_bits = row->bits;
    config.layer_bits = row->layer_bits;
    config.optimizer = row->bits == 1 ? QNT_ADAM : QNT_SGD;
    config.momentum = row->bits == 1 ? 0.0f : 0.9f;
    config.kl = row->bits ? 0.5f : 0.0f;
    config.augment = 1;
    config.threads = threads;
    qnt_status status = qnt_dataset_builtin(ctx, QNT_TRAIN, IMAGES, &data);
    if (!status)
        status = row->architecture && strcmp(row->architecture, "signs")
                     ? qnt_model_build(ctx, row->architecture, SEED, &start)
                     : build(ctx, row->architecture != NULL, &start);
    if (!status)
        status = qnt_train_create(start, row->bits ? start : NULL, data, &config, &train);
    while (!status && !finished)
        status = qnt_train_step(train, &progress, &finished);
    if (!status && !(status = qnt_train_model(train, &end))) {
        *digest = digest_of(end);
        qnt_model_free(end);
    }
    qnt_train_free(train);
    qnt_model_free(start);
    qnt_dataset_free(data);
    return status;
}
