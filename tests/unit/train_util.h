#ifndef UNIT_TRAIN_UTIL_H
#define UNIT_TRAIN_UTIL_H
/* Small networks over 32 x 32 x 3 images, and what the trainer's tests share. */
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qnt/qnt.h>
#include "lib/core/rng.h"
#include "lib/graph/graph.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())

enum { MAX_LAYERS = 20, IMAGE = 32 * 32 * 3 };

/* One layer: op; output channels (conv2d, fully_connected), channels (batchnorm; add, sub, mul: of a constant operand);
 * attributes. Ends with op NULL. */
struct layer {
    const char *op;
    size_t out, in; /* in: input channels of a group, or features */
    qnt_node_attr attr;
    size_t with; /* add, sub, mul, concat: the layer before whose output is the second operand, counted from 1 */
};
#define ATTR(...)                                                                                                      \
    {                                                                                                                  \
        .size = sizeof(qnt_node_attr), __VA_ARGS__                                                                     \
    }

/* The constants of a batch norm: gamma and beta take part in the count of parameters. */
static inline void net_batchnorm(qnt_model *m, struct qnt_rng *r, size_t i, size_t channels, int in[4])
{
    static const float middle[] = {1.0f, 0.0f, 0.0f, 1.0f};
    float data[64];
    char name[32];
    ck_assert_uint_le(channels, sizeof data / sizeof *data);
    for (int k = 0; k < 4; k++) {
        for (size_t e = 0; e < channels; e++)
            data[e] = middle[k] + 0.5f * (float)qnt_rng_between(r, -1000000, 1000000) * 1e-6f;
        snprintf(name, sizeof name, "%c%zu", "gbmv"[k], i);
        OK(qnt_model_add_const(m, name, 1, &channels, data, &in[k]));
    }
}

/* How many constants of a layer take part in the count of parameters. */
static inline int net_params(const struct layer *l)
{
    return !l->out ? 0 : l->in || !strcmp(l->op, "batchnorm") ? 2 : 1;
}

/* Weights are uniform in +-sqrt(3 / fan-in) from the seed; parameter `param` (in order w1, b1, w2, ...) gets `add` on
 * element `element`. Nodes are named op and place: "conv2d0". */
static inline qnt_model *net_make(qnt_ctx *ctx, const struct layer *layer, uint64_t seed, size_t param, size_t element,
                                  float add)
{
    static float data[1 << 18];
    const size_t image[3] = {32, 32, 3};
    struct qnt_rng r = qnt_rng_key(seed, 99, 0);
    qnt_model *m;
    int id, out[MAX_LAYERS];
    OK(qnt_model_new(ctx, &m));
    OK(qnt_model_add_input(m, "image", 3, image, &id));
    for (size_t i = 0, p = 0; layer[i].op; i++) {
        const struct layer *l = &layer[i];
        bool conv = strstr(l->op, "conv2d"), norm = !strcmp(l->op, "batchnorm");
        int in[5] = {id};
        char name[32];
        if (norm)
            net_batchnorm(m, &r, i, l->out, in + 1);
        if (l->out && !norm) {
            const size_t wdim[4] = {l->out, conv ? l->attr.kernel[0] : l->in, l->attr.kernel[1], l->in},
                         bdim[1] = {l->out};
            size_t fan = l->in ? l->in * (conv ? l->attr.kernel[0] * l->attr.kernel[1] : 1) : 1;
            for (int k = 0; k < net_params(l); k++, p++) {
                size_t n = k ? l->out : l->out * fan;
                ck_assert_uint_le(n, sizeof data / sizeof *data);
                for (size_t e = 0; e < n; e++)
                    data[e] = sqrtf(3.0f / (float)fan) * (float)qnt_rng_between(&r, -1000000, 1000000) * 1e-6f;
                if (p == param)
                    data[element] += add;
                snprintf(name, sizeof name, "%c%zu", "wb"[k], i);
                OK(qnt_model_add_const(m, name, k || !l->in ? 1 : conv ? 4 : 2, k ? bdim : wdim, data, &in[k + 1]));
            }
        }
        snprintf(name, sizeof name, "%s%zu", l->op, i);
        if (l->with)
            in[1] = out[l->with - 1];
        OK(qnt_model_add_node(m, l->op, name, l->attr.size ? &l->attr : NULL, in,
                              norm      ? 5
                              : l->with ? 2
                                        : 1 + (size_t)net_params(l),
                              &id));
        out[i] = id;
    }
    OK(qnt_model_set_output(m, id));
    return m;
}

/* Names, scales and constants of two models are the same bytes. */
static inline bool same_model(const qnt_model *a, const qnt_model *b)
{
    bool same = a->n_tensors == b->n_tensors;
    for (size_t i = 0; same && i < a->n_tensors; i++) {
        const struct qnt_tensor *x = &a->tensor[i], *y = &b->tensor[i];
        size_t bytes = qnt_tensor_count(x) * qnt_dtype_size(x->type);
        same = !strcmp(x->name, y->name) && x->type == y->type && x->bits == y->bits && x->zero == y->zero &&
               x->scales == y->scales && (!x->scales || !memcmp(x->scale, y->scale, x->scales * sizeof *x->scale)) &&
               bytes == qnt_tensor_count(y) * qnt_dtype_size(y->type) && (!x->data || !memcmp(x->data, y->data, bytes));
    }
    return same;
}

/* Residual sums, one of them through a depthwise layer of two outputs a channel. */
static const struct layer residual_net[] = {
    {.op = "conv2d", .out = 6, .in = 3, .attr = ATTR(.kernel = {3, 3}, .stride = {4, 4}, .pad = {1, 1, 1, 1})},
    {.op = "relu"},
    {.op = "conv2d", .out = 6, .in = 1, .attr = ATTR(.kernel = {3, 3}, .pad = {1, 1, 1, 1}, .groups = 6)},
    {.op = "add", .with = 2},
    {.op = "relu"},
    {.op = "conv2d", .out = 12, .in = 1, .attr = ATTR(.kernel = {3, 3}, .pad = {1, 1, 1, 1}, .groups = 6)},
    {.op = "relu"},
    {.op = "conv2d", .out = 6, .in = 12, .attr = ATTR(.kernel = {1, 1})},
    {.op = "sub", .with = 5},
    {.op = "global_avgpool"},
    {.op = "flatten"},
    {.op = "fully_connected", .out = 10, .in = 6},
    {.op = NULL},
};

/* What moves elements, between layers with weights. */
static const struct layer moved_net[] = {
    {.op = "conv2d", .out = 6, .in = 3, .attr = ATTR(.kernel = {3, 3}, .stride = {4, 4}, .pad = {1, 1, 1, 1})},
    {.op = "relu"},
    {.op = "pad", .attr = ATTR(.begin = {1, 2}, .end = {0, 1}, .mode = QNT_PAD_REFLECT)},
    {.op = "slice", .attr = ATTR(.begin = {0, -1}, .end = {9, -12, 6}, .step = {2, -2})},
    {.op = "transpose", .attr = ATTR(.axis = {2, 0, 1})},
    {.op = "conv2d", .out = 4, .in = 6, .attr = ATTR(.kernel = {3, 3})},
    {.op = "relu"},
    {.op = "pad", .attr = ATTR(.begin = {0, 0, 2}, .end = {1})},
    {.op = "reshape", .attr = ATTR(.dim = {3, 5, 6})},
    {.op = "resize", .attr = ATTR(.dim = {5, 4}, .mode = QNT_RESIZE_LINEAR)},
    {.op = "global_maxpool"},
    {.op = "reshape", .attr = ATTR(.dim = {6})},
    {.op = "fully_connected", .out = 10, .in = 6},
    {.op = NULL},
};
/* Two layers side by side. */
static const struct layer joined_net[] = {
    {.op = "conv2d", .out = 4, .in = 3, .attr = ATTR(.kernel = {3, 3}, .stride = {4, 4}, .pad = {1, 1, 1, 1})},
    {.op = "relu"},
    {.op = "conv2d", .out = 3, .in = 4, .attr = ATTR(.kernel = {1, 1})},
    {.op = "concat", .with = 2, .attr = ATTR(.axis = {2})},
    {.op = "resize", .attr = ATTR(.dim = {5, 13})},
    {.op = "global_avgpool"},
    {.op = "flatten"},
    {.op = "fully_connected", .out = 10, .in = 7},
    {.op = NULL},
};

/* Batch norms behind a convolution, behind a sum and a relu, and behind a fully connected layer. */
static const struct layer norm_net[] = {
    {.op = "conv2d", .out = 6, .in = 3, .attr = ATTR(.kernel = {3, 3}, .stride = {4, 4}, .pad = {1, 1, 1, 1})},
    {.op = "batchnorm", .out = 6, .attr = ATTR(.epsilon = 1e-5f)},
    {.op = "relu"},
    {.op = "conv2d", .out = 6, .in = 6, .attr = ATTR(.kernel = {3, 3}, .pad = {1, 1, 1, 1})},
    {.op = "batchnorm", .out = 6, .attr = ATTR(.epsilon = 1e-3f)},
    {.op = "add", .with = 3},
    {.op = "relu"},
    {.op = "batchnorm", .out = 6, .attr = ATTR(.epsilon = 1e-5f)},
    {.op = "maxpool", .attr = ATTR(.kernel = {2, 2}, .stride = {2, 2})},
    {.op = "flatten"},
    {.op = "fully_connected", .out = 12, .in = 4 * 4 * 6},
    {.op = "batchnorm", .out = 12, .attr = ATTR(.epsilon = 1e-5f)},
    {.op = "relu"},
    {.op = "fully_connected", .out = 10, .in = 12},
    {.op = NULL},
};

/* All of them fold. */
static const struct layer foldable_net[] = {
    {.op = "conv2d", .out = 8, .in = 3, .attr = ATTR(.kernel = {3, 3}, .stride = {4, 4}, .pad = {1, 1, 1, 1})},
    {.op = "batchnorm", .out = 8, .attr = ATTR(.epsilon = 1e-5f)},
    {.op = "relu"},
    {.op = "conv2d", .out = 8, .in = 1, .attr = ATTR(.kernel = {3, 3}, .pad = {1, 1, 1, 1}, .groups = 8)},
    {.op = "batchnorm", .out = 8, .attr = ATTR(.epsilon = 1e-5f)},
    {.op = "add", .with = 3},
    {.op = "relu"},
    {.op = "global_avgpool"},
    {.op = "flatten"},
    {.op = "fully_connected", .out = 10, .in = 8},
    {.op = "batchnorm", .out = 10, .attr = ATTR(.epsilon = 1e-5f)},
    {.op = NULL},
};

/* Depthwise layers of 5 x 5 with a stride, dilated and without padding; a gate of one value a channel; every function.
 */
static const struct layer gated_net[] = {
    {.op = "conv2d", .out = 8, .in = 3, .attr = ATTR(.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1})},
    {.op = "hard_swish"},
    {.op = "conv2d",
     .out = 8,
     .in = 1,
     .attr = ATTR(.kernel = {5, 5}, .stride = {2, 2}, .pad = {2, 2, 2, 2}, .groups = 8)},
    {.op = "leaky_relu", .attr = ATTR(.lo = 0.125f)},
    {.op = "global_avgpool"},
    {.op = "conv2d", .out = 8, .in = 8, .attr = ATTR(.kernel = {1, 1})},
    {.op = "sigmoid"},
    {.op = "mul", .with = 4},
    {.op = "conv2d", .out = 8, .in = 1, .attr = ATTR(.kernel = {3, 3}, .dilation = {2, 1}, .groups = 8)},
    {.op = "tanh"},
    {.op = "conv2d", .out = 8, .in = 8, .attr = ATTR(.kernel = {1, 1})},
    {.op = "sub", .with = 5},
    {.op = "mul", .with = 12},
    {.op = "avgpool", .attr = ATTR(.kernel = {2, 2}, .stride = {2, 2})},
    {.op = "flatten"},
    {.op = "fully_connected", .out = 10, .in = 2 * 3 * 8},
    {.op = NULL},
};

/* Signs in between: padding of both kinds, groups, a shortcut around, values that go on as bits, a layer at the end. */
static const struct layer binary_net[] = {
    {.op = "conv2d", .out = 8, .in = 3, .attr = ATTR(.kernel = {3, 3}, .stride = {4, 4}, .pad = {1, 1, 1, 1})},
    {.op = "batchnorm", .out = 8, .attr = ATTR(.epsilon = 1e-5f)},
    {.op = "binary_conv2d", .out = 8, .in = 8, .attr = ATTR(.kernel = {3, 3}, .pad = {1, 1, 1, 1})},
    {.op = "batchnorm", .out = 8, .attr = ATTR(.epsilon = 1e-5f)},
    {.op = "add", .with = 2},
    {.op = "binary_conv2d", .out = 16, .in = 4, .attr = ATTR(.kernel = {3, 3}, .pad = {1, 1, 1, 1}, .groups = 2)},
    {.op = "batchnorm", .out = 16, .attr = ATTR(.epsilon = 1e-5f)},
    {.op = "clamp", .attr = ATTR(.lo = -1.0f, .hi = 1.0f)},
    {.op = "binary_conv2d",
     .out = 16,
     .in = 16,
     .attr = ATTR(.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}, .lo = -1.0f)},
    {.op = "batchnorm", .out = 16, .attr = ATTR(.epsilon = 1e-5f)},
    {.op = "flatten"},
    {.op = "binary_fully_connected", .out = 12, .in = 4 * 4 * 16},
    {.op = "batchnorm", .out = 12, .attr = ATTR(.epsilon = 1e-5f)},
    {.op = "fully_connected", .out = 10, .in = 12},
    {.op = NULL},
};

/* Without batch norms. */
static const struct layer signs_net[] = {
    {.op = "conv2d", .out = 8, .in = 3, .attr = ATTR(.kernel = {3, 3}, .stride = {4, 4}, .pad = {1, 1, 1, 1})},
    {.op = "binary_conv2d", .out = 8, .in = 8, .attr = ATTR(.kernel = {3, 3}, .pad = {1, 1, 1, 1}, .lo = 1.0f)},
    {.op = "relu"},
    {.op = "flatten"},
    {.op = "binary_fully_connected", .out = 10, .in = 8 * 8 * 8},
    {.op = NULL},
};

static const struct layer small_net[] = {
    {.op = "conv2d", .out = 8, .in = 3, .attr = ATTR(.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1})},
    {.op = "relu"},
    {.op = "maxpool", .attr = ATTR(.kernel = {2, 2}, .stride = {2, 2})},
    {.op = "conv2d", .out = 12, .in = 8, .attr = ATTR(.kernel = {3, 3}, .pad = {1, 1, 1, 1})},
    {.op = "clamp", .attr = ATTR(.lo = 0.0f, .hi = 1.5f)},
    {.op = "avgpool", .attr = ATTR(.kernel = {2, 2}, .stride = {2, 2})},
    {.op = "flatten"},
    {.op = "fully_connected", .out = 10, .in = 4 * 4 * 12},
    {.op = NULL},
};
#endif
