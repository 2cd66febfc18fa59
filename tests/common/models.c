#include <string.h>
#include "lib/graph/graph.h"
#include "lib/op/op.h"
#include "tests/common/models.h"

enum { CHANNELS = 5, FEATURES = 3 * 3 * CHANNELS, CONV_TAPS = 3 * 3 * 3 };
static const size_t input_dim[] = {6, 6, 3}, conv_dim[] = {CHANNELS, 3, 3, 3}, bias_dim[] = {CHANNELS},
                    fc_dim[] = {TEST_MODEL_OUT, FEATURES};
static const qnt_node_attr conv_attr = {.size = sizeof conv_attr, .kernel = {3, 3}, .pad = {1, 1, 1, 1}},
                           pool_attr = {.size = sizeof pool_attr, .kernel = {2, 2}, .stride = {2, 2}};

/* Uniform in [-1, 1). */
static float noise(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(int32_t)*state / 2147483648.0f;
}

void test_model_images(float *dst, size_t n)
{
    uint32_t state = 7;
    for (size_t i = 0; i < n; i++)
        dst[i] = 2.5f * noise(&state);
}

qnt_status test_model_float(qnt_ctx *ctx, qnt_model **out)
{
    float w[CHANNELS * CONV_TAPS + CHANNELS + TEST_MODEL_OUT * FEATURES];
    uint32_t state = 1;
    qnt_model *m;
    int x, in[3];
    for (size_t i = 0; i < sizeof w / sizeof *w; i++)
        w[i] = noise(&state);
    const float *bias = w + CHANNELS * CONV_TAPS, *fc = bias + CHANNELS;
    qnt_status s = qnt_model_new(ctx, &m);
    if (s)
        return s;
    if ((s = qnt_model_add_input(m, "image", 3, input_dim, &in[0])) ||
        (s = qnt_model_add_const(m, "conv.weight", 4, conv_dim, w, &in[1])) ||
        (s = qnt_model_add_const(m, "conv.bias", 1, bias_dim, bias, &in[2])) ||
        (s = qnt_model_add_node(m, "conv2d", "conv", &conv_attr, in, 3, &x)) ||
        (s = qnt_model_add_node(m, "relu", "relu", NULL, &x, 1, &x)) ||
        (s = qnt_model_add_node(m, "maxpool", "pool", &pool_attr, &x, 1, &x)) ||
        (s = qnt_model_add_node(m, "flatten", "flat", NULL, &x, 1, &in[0])) ||
        (s = qnt_model_add_const(m, "fc.weight", 2, fc_dim, fc, &in[1])) ||
        (s = qnt_model_add_node(m, "fully_connected", "fc", NULL, in, 2, &x)) ||
        (s = qnt_model_add_node(m, "softmax", "probability", NULL, &x, 1, &x)) || (s = qnt_model_set_output(m, x)) ||
        (s = qnt_model_set_normalisation(m, (float[]){0.5f, 0.25f, 0.125f, 0.0f}, (float[]){0.25f, 0.5f, 1.0f, 1.0f})))
        qnt_model_free(m);
    else
        *out = m;
    return s;
}

/* A constant of s8 codes of `bits` (or s32 when bits is 32), scale[dim[0]]. */
static qnt_status add_codes(qnt_model *m, const char *name, uint32_t bits, uint32_t rank, const size_t *dim,
                            float *scale, uint32_t *state, int *id)
{
    struct qnt_tensor t = {.name = (char *)(uintptr_t)name,
                           .type = bits == 32 ? QNT_S32 : QNT_S8,
                           .bits = bits,
                           .rank = rank,
                           .constant = true,
                           .owns_data = true,
                           .scales = (uint32_t)dim[0],
                           .scale = scale};
    size_t count = 1;
    for (uint32_t d = 0; d < rank; d++)
        count *= t.dim[d] = dim[d];
    if (!(t.data = qnt_alloc_array(m->ctx, count, bits == 32 ? 4 : 1, name)))
        return QNT_ERR_NOMEM;
    int32_t half = 1 << ((bits == 32 ? 10 : bits) - 1);
    for (size_t i = 0; i < count; i++) {
        const float v = noise(state);
        int32_t code = bits == 1 ? (v < 0.0f ? -1 : 1) : (int32_t)(v * (float)half);
        if (bits > 1 && i < 2)
            code = i ? half - 1 : -half; /* both ends occur */
        if (bits == 32)
            ((int32_t *)t.data)[i] = code;
        else
            ((int8_t *)t.data)[i] = (int8_t)code;
    }
    qnt_status s = qnt_model_append_tensor(m, &t, id);
    if (s)
        qnt_release(m->ctx, t.data);
    return s;
}

static qnt_status add(qnt_model *m, const char *op, const char *name, const qnt_node_attr *attr, const int *in,
                      size_t n_in, float scale, int32_t zero, int *id)
{
    struct qnt_tensor q = {.type = QNT_S8, .bits = 8, .scales = 1, .scale = &scale, .zero = zero};
    return qnt_model_append_node(m, qnt_op_find(op), name, attr, in, n_in, NULL, scale > 0.0f ? &q : NULL, id);
}

qnt_status test_model_quantized(qnt_ctx *ctx, uint32_t bits, qnt_model **out)
{
    float scale[CHANNELS], bias_scale[CHANNELS], unit = 1.0f / (float)(1 << (bits - 1));
    uint32_t state = bits;
    qnt_model *m;
    int x, in[3];
    for (int c = 0; c < CHANNELS; c++) {
        scale[c] = unit * (0.5f + 0.125f * (float)c);
        bias_scale[c] = scale[c] * 0.02f;
    }
    qnt_status s = qnt_model_new(ctx, &m);
    if (s)
        return s;
    if ((s = qnt_model_add_input(m, "image", 3, input_dim, &x)) ||
        (s = add(m, "quantize", "image.q", NULL, &x, 1, 0.02f, -3, &in[0])) ||
        (s = add_codes(m, "conv.weight", bits, 4, conv_dim, scale, &state, &in[1])) ||
        (s = add_codes(m, "conv.bias", 32, 1, bias_dim, bias_scale, &state, &in[2])) ||
        (s = add(m, "conv2d", "conv", &conv_attr, in, 3, 0.05f, -7, &x)) ||
        (s = add(m, "relu", "relu", NULL, &x, 1, 0.05f, -7, &x)) ||
        (s = add(m, "maxpool", "pool", &pool_attr, &x, 1, 0.05f, -7, &x)) ||
        (s = add(m, "flatten", "flat", NULL, &x, 1, 0.05f, -7, &in[0])) ||
        (s = add_codes(m, "fc.weight", bits, 2, fc_dim, scale, &state, &in[1])) ||
        (s = add(m, "fully_connected", "fc", NULL, in, 2, 0.125f, 5, &x)) ||
        (s = add(m, "dequantize", "logits", NULL, &x, 1, 0.0f, 0, &x)) || (s = qnt_model_set_output(m, x)))
        qnt_model_free(m);
    else
        *out = m;
    return s;
}

static qnt_status add_batchnorm(qnt_model *m, int *x)
{
    static const char *const name[] = {"gamma", "beta", "mean", "variance"};
    static const float value[][3] = {
        {1.0f, -0.5f, 2.0f}, {0.1f, 0.2f, -0.3f}, {0.0f, 0.5f, -1.0f}, {1.0f, 2.0f, 0.25f}};
    const qnt_node_attr attr = {.size = sizeof attr, .epsilon = 1e-3f};
    int in[5] = {*x};
    qnt_status s = QNT_OK;
    for (int i = 0; i < 4 && !s; i++)
        s = qnt_model_add_const(m, name[i], 1, (const size_t[]){3}, value[i], &in[i + 1]);
    return s ? s : qnt_model_add_node(m, "batchnorm", "norm", &attr, in, 5, x);
}

qnt_status test_model_pools(qnt_ctx *ctx, bool quantized, qnt_model **out)
{
    const qnt_node_attr clamp = {.size = sizeof clamp, .lo = -1.0f, .hi = 1.5f},
                        pool = {.size = sizeof pool, .kernel = {3, 2}, .stride = {2, 1}, .pad = {1, 0, 1, 1}};
    float scale = quantized ? 0.02f : 0.0f, wider = 1.25f * scale;
    qnt_model *m;
    int x;
    qnt_status s = qnt_model_new(ctx, &m);
    if (s)
        return s;
    if ((s = qnt_model_add_input(m, "image", 3, input_dim, &x)) ||
        (s = quantized ? add(m, "quantize", "image.q", NULL, &x, 1, scale, -3, &x) : add_batchnorm(m, &x)) ||
        (s = add(m, "clamp", "clamp", &clamp, &x, 1, scale, -3, &x)) ||
        (s = add(m, "avgpool", "pool", &pool, &x, 1, wider, 9, &x)) ||
        (s = add(m, "global_avgpool", "mean pool", NULL, &x, 1, scale, 0, &x)) ||
        (s = add(m, quantized ? "dequantize" : "softmax", "result", NULL, &x, 1, 0.0f, 0, &x)) ||
        (s = qnt_model_set_output(m, x)))
        qnt_model_free(m);
    else
        *out = m;
    return s;
}

/* Biases that leave sums of signs a say. */
static qnt_status add_small_bias(qnt_model *m, const char *name, const size_t *dim, float *scale, uint32_t *state,
                                 int *id)
{
    qnt_status s = add_codes(m, name, 32, 1, dim, scale, state, id);
    for (size_t i = 0; !s && i < *dim; i++)
        ((int32_t *)m->tensor[*id].data)[i] /= 32;
    return s;
}

qnt_status test_model_signs(qnt_ctx *ctx, qnt_model **out)
{
    static const size_t image[] = {12, 12, 16}, first_w[] = {32, 3, 3, 16}, first_b[] = {32},
                        second_w[] = {40, 3, 3, 32}, second_b[] = {40}, last_w[] = {10, 3 * 3 * 40};
    const qnt_node_attr halve = {.size = sizeof halve, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}};
    float scale[40];
    uint32_t state = 3;
    qnt_model *m;
    int x, in[3];
    for (int c = 0; c < 40; c++)
        scale[c] = 0.02f + 0.001f * (float)c;
    qnt_status s = qnt_model_new(ctx, &m);
    if (s)
        return s;
    if ((s = qnt_model_add_input(m, "image", 3, image, &x)) ||
        (s = add(m, "quantize", "image.q", NULL, &x, 1, 0.02f, -3, &in[0])) ||
        (s = add_codes(m, "first.weight", 1, 4, first_w, scale, &state, &in[1])) ||
        (s = add_small_bias(m, "first.bias", first_b, scale, &state, &in[2])) ||
        (s = add(m, "binary_conv2d", "first", &conv_attr, in, 3, 0.05f, -7, &x)) ||
        (s = add(m, "maxpool", "pool", &pool_attr, &x, 1, 0.05f, -7, &in[0])) ||
        (s = add_codes(m, "second.weight", 1, 4, second_w, scale, &state, &in[1])) ||
        (s = add_small_bias(m, "second.bias", second_b, scale, &state, &in[2])) ||
        (s = add(m, "binary_conv2d", "second", &halve, in, 3, 0.04f, 11, &x)) ||
        (s = add(m, "flatten", "flat", NULL, &x, 1, 0.04f, 11, &in[0])) ||
        (s = add_codes(m, "last.weight", 1, 2, last_w, scale, &state, &in[1])) ||
        (s = add(m, "binary_fully_connected", "last", NULL, in, 2, 0.0f, 0, &x)) || (s = qnt_model_set_output(m, x)))
        qnt_model_free(m);
    else
        *out = m;
    return s;
}
