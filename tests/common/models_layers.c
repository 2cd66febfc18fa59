#include <string.h>
#include "lib/graph/graph.h"
#include "lib/op/op.h"
#include "tests/common/models.h"

enum { SIDE = 6, CHANNELS = 3, DEPTHWISE = 2 * CHANNELS, SIGNS = 11 };
static const size_t input_dim[] = {SIDE, SIDE, CHANNELS};

/* A model under construction: the first error stays. */
struct draft {
    qnt_model *m;
    bool quantized;
    uint32_t state;
    qnt_status status;
};

static int32_t number(struct draft *d, int32_t range)
{
    d->state = d->state * 1664525u + 1013904223u;
    return (int32_t)(d->state >> 16) % (2 * range + 1) - range;
}

/* A constant: codes of `bits` with a scale for each of dim[0], or s32 (bits 32) or f32 (bits 0) without. */
static int constant(struct draft *d, const char *name, uint32_t bits, uint32_t rank, const size_t *dim)
{
    float scale[32];
    size_t count = 1;
    int id = 0;
    struct qnt_tensor t = {.name = (char *)(uintptr_t)name,
                           .type = bits == 0    ? QNT_F32
                                   : bits == 32 ? QNT_S32
                                                : QNT_S8,
                           .bits = bits ? bits : 32,
                           .rank = rank,
                           .constant = true,
                           .owns_data = true,
                           .scale = scale};
    for (uint32_t i = 0; i < rank; i++)
        count *= t.dim[i] = dim[i];
    if (t.type == QNT_S8)
        for (t.scales = 0; t.scales < dim[0]; t.scales++)
            scale[t.scales] = 0.01f + 0.002f * (float)t.scales;
    if (d->status)
        return 0;
    if (!(t.data = qnt_alloc_array(d->m->ctx, count, qnt_dtype_size(t.type), name))) {
        d->status = QNT_ERR_NOMEM;
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (bits == 0)
            ((float *)t.data)[i] = 0.01f * (float)number(d, 100);
        else if (bits == 32)
            ((int32_t *)t.data)[i] = number(d, 1000);
        else if (bits == 1)
            ((int8_t *)t.data)[i] = number(d, 100) < 0 ? -1 : 1;
        else
            ((int8_t *)t.data)[i] = (int8_t)number(d, (1 << (bits - 1)) - 1);
    }
    if ((d->status = qnt_model_append_tensor(d->m, &t, &id)))
        qnt_release(d->m->ctx, t.data);
    return id;
}

/* A node; its output is s8 in a quantized model, but for f32 = true. */
static int node(struct draft *d, const char *op, const char *name, const qnt_node_attr *attr, const int *in,
                size_t n_in, float scale, bool f32)
{
    struct qnt_tensor q = {.type = QNT_S8, .bits = 8, .scales = 1, .scale = &scale, .zero = 4};
    int id = 0;
    if (!d->status)
        d->status = qnt_model_append_node(d->m, qnt_op_find(op), name, attr, in, n_in, NULL,
                                          d->quantized && !f32 ? &q : NULL, &id);
    return id;
}

static int unary(struct draft *d, const char *op, const char *name, int x, float scale)
{
    return node(d, op, name, NULL, &x, 1, scale, false);
}

static int begin(struct draft *d, qnt_ctx *ctx, bool quantized)
{
    int x = 0;
    *d = (struct draft){.quantized = quantized, .state = 1};
    if (!(d->status = qnt_model_new(ctx, &d->m)))
        d->status = qnt_model_add_input(d->m, "image", 3, input_dim, &x);
    return quantized ? unary(d, "quantize", "image.q", x, 0.02f) : x;
}

static qnt_status end(struct draft *d, int x, qnt_model **out)
{
    if (d->quantized && !d->status && d->m->tensor[x].type == QNT_S8)
        x = node(d, "dequantize", "result", NULL, &x, 1, 0.0f, true);
    if (!d->status)
        d->status = qnt_model_set_output(d->m, x);
    if (d->status)
        qnt_model_free(d->m);
    else
        *out = d->m;
    return d->status;
}

qnt_status test_model_depthwise(qnt_ctx *ctx, bool quantized, qnt_model **out)
{
    const qnt_node_attr groups = {.size = sizeof groups, .pad = {1, 1, 1, 1}, .groups = CHANNELS};
    const size_t w[] = {DEPTHWISE, 3, 3, 1}, b[] = {DEPTHWISE};
    struct draft d;
    int in[3] = {begin(&d, ctx, quantized)};
    in[1] = constant(&d, "w", quantized ? 8 : 0, 4, w);
    in[2] = constant(&d, "b", quantized ? 32 : 0, 1, b);
    int x = node(&d, "conv2d", "depthwise", &groups, in, 3, 0.03f, false);
    return end(&d, unary(&d, "relu", "relu", x, 0.03f), out);
}

qnt_status test_model_pairs(qnt_ctx *ctx, bool quantized, qnt_model **out)
{
    struct draft d;
    int x = begin(&d, ctx, quantized), mean = unary(&d, "global_avgpool", "mean", x, 0.02f);
    int in[2] = {x, x};
    in[1] = node(&d, "add", "sum", NULL, in, 2, 0.04f, false);
    in[1] = node(&d, "sub", "difference", NULL, in, 2, 0.05f, false);
    in[0] = mean; /* one pixel beside the image: spread */
    return end(&d, node(&d, "mul", "product", NULL, in, 2, 0.01f, false), out);
}

qnt_status test_model_functions(qnt_ctx *ctx, bool quantized, qnt_model **out)
{
    const qnt_node_attr slope = {.size = sizeof slope, .lo = 0.25f};
    struct draft d;
    int x = begin(&d, ctx, quantized);
    x = node(&d, "leaky_relu", "leaky", &slope, &x, 1, 0.02f, false);
    x = unary(&d, "hard_swish", "swish", x, 0.02f);
    x = unary(&d, "tanh", "tanh", x, 0.01f);
    x = unary(&d, "sigmoid", "sigmoid", x, 0.005f);
    if (quantized) { /* to bytes and back */
        x = node(&d, "recode", "bytes", NULL, &x, 1, 0.0f, true);
        x = node(&d, "recode", "codes", NULL, &x, 1, 0.0f, true);
    }
    return end(&d, x, out);
}

/* An s8 activation as an output: of a quantized model its dequantized twin. */
static void give(struct draft *d, const char *name, int x)
{
    if (d->quantized)
        x = node(d, "dequantize", name, NULL, &x, 1, 0.0f, true);
    if (!d->status)
        d->status = qnt_model_add_output(d->m, x);
}

qnt_status test_model_borders(qnt_ctx *ctx, bool quantized, qnt_model **out)
{
    const qnt_node_attr half = {.size = sizeof half, .kernel = {2, 2}, .stride = {2, 2}};
    struct draft d;
    int in[2] = {begin(&d, ctx, quantized)}, other = 0;
    if (!d.status)
        d.status = qnt_model_add_input(d.m, "other", 3, input_dim, &other);
    in[1] = quantized ? unary(&d, "quantize", "other.q", other, 0.03f) : other;
    const int sum = node(&d, "add", "sum", NULL, in, 2, 0.04f, false);
    give(&d, "pool.f", node(&d, "maxpool", "pool", &half, &sum, 1, 0.04f, false));
    give(&d, "sum.f", sum);
    if (!d.status)
        d.status = qnt_model_add_output(d.m, other);
    give(&d, "sum.again", sum);
    if (d.status)
        qnt_model_free(d.m);
    else
        *out = d.m;
    return d.status;
}

qnt_status test_model_integers(qnt_ctx *ctx, bool quantized, qnt_model **out)
{
    enum { OUT = 4 };
    const qnt_node_attr pad = {.size = sizeof pad, .pad = {1, 1, 0, 0}};
    const size_t w[] = {OUT, 2, 2, CHANNELS}, full[] = {OUT, OUT}, channels[] = {OUT};
    const struct qnt_tensor sums = {.type = QNT_S32, .bits = 32};
    struct draft d;
    int in[4] = {begin(&d, ctx, quantized)}, id = 0;
    in[1] = constant(&d, "w1", quantized ? 8 : 0, 4, w);
    in[2] = constant(&d, "b1", quantized ? 32 : 0, 1, channels);
    in[3] = quantized ? constant(&d, "z1", 32, 1, channels) : 0;
    for (size_t c = 0; quantized && !d.status && c < OUT; c++)
        ((int32_t *)d.m->tensor[in[3]].data)[c] = c % 2 ? -100 : 90;
    int x = node(&d, "conv2d", "conv", &pad, in, quantized ? 4 : 3, 0.3f, false);
    in[0] = x = unary(&d, "global_avgpool", "mean", x, 0.05f);
    in[1] = constant(&d, "w2", quantized ? 8 : 0, 2, full);
    if (!d.status)
        d.status = qnt_model_append_node(d.m, &qnt_op_fully_connected, "sums", NULL, in, 2, NULL,
                                         quantized ? &sums : NULL, &id);
    return end(&d, id, out);
}

qnt_status test_model_binary(qnt_ctx *ctx, bool quantized, qnt_model **out)
{
    const qnt_node_attr pad = {.size = sizeof pad, .pad = {1, 1, 1, 1}};
    const size_t w[] = {SIGNS, 3, 3, CHANNELS}, b[] = {SIGNS}, full[] = {4, SIDE * SIDE * SIGNS};
    struct draft d;
    int in[3] = {begin(&d, ctx, quantized)};
    in[1] = constant(&d, "w1", 1, 4, w);
    in[2] = constant(&d, "b1", quantized ? 32 : 0, 1, b);
    int x = node(&d, "binary_conv2d", "conv", &pad, in, 3, 0.003f, false);
    in[0] = unary(&d, "flatten", "flat", x, 0.003f);
    in[1] = constant(&d, "w2", 1, 2, full);
    return end(&d, node(&d, "binary_fully_connected", "fc", NULL, in, 2, 0.0f, true), out);
}

/* Codes of `bits`, any of them, in blocks of 16, with what follows them; x: floats. */
static int blocks(struct draft *d, const char *const name[5], uint32_t bits, uint32_t mode, int x, size_t k, size_t n)
{
    const qnt_node_attr attr = {.size = sizeof attr, .dim = {16}, .mode = mode};
    const size_t many = (k + 15) / 16, scale[] = {n, many};
    struct qnt_tensor t[2] = {{.bits = bits, .dim = {n, 16 * many}}, {.bits = 8, .dim = {n, many}}};
    int in[5] = {x}, count = 1;
    for (int i = 0; i < (mode & QNT_BLOCK_ZEROS ? 2 : 1) && !d->status; i++) {
        t[i].name = (char *)(uintptr_t)name[i ? 2 : 0];
        t[i].type = QNT_U8;
        t[i].rank = 2;
        t[i].constant = t[i].owns_data = true;
        uint8_t *data = t[i].data = qnt_alloc(d->m->ctx, qnt_tensor_bytes(&t[i]), "codes");
        if (!data) {
            d->status = QNT_ERR_NOMEM;
            return 0;
        }
        for (size_t b = 0; b < qnt_tensor_bytes(&t[i]); b++)
            data[b] = (uint8_t)(i ? b % 16 : b * 37 + 11);
        if ((d->status = qnt_model_append_tensor(d->m, &t[i], &in[count])))
            qnt_release(d->m->ctx, data);
        count++;
        if (!i)
            in[count++] = constant(d, name[1], 0, 2, scale);
    }
    if (mode & QNT_BLOCK_BIAS)
        in[count++] = constant(d, name[3], 0, 1, &n);
    return node(d, "block_fully_connected", name[4], &attr, in, (size_t)count, 0.0f, true);
}

qnt_status test_model_blocks(qnt_ctx *ctx, bool quantized, qnt_model **out)
{
    static const char *const first[5] = {"w1", "s1", "z1", "b1", "fc1"}, *const second[5] = {"w2", "s2", "", "", "fc2"};
    struct draft d;
    int x = begin(&d, ctx, quantized);
    x = unary(&d, "flatten", "flat", x, 0.02f);
    if (quantized)
        x = node(&d, "dequantize", "flat.f", NULL, &x, 1, 0.0f, true);
    x = blocks(&d, first, 4, QNT_BLOCK_ZEROS | QNT_BLOCK_BIAS | QNT_BLOCK_CODES, x, SIDE * SIDE * CHANNELS, 7);
    x = node(&d, "relu", "relu", NULL, &x, 1, 0.0f, true);
    return end(&d, blocks(&d, second, 8, 0, x, 7, 4), out);
}
