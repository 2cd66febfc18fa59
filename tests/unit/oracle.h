#ifndef UNIT_ORACLE_H
#define UNIT_ORACLE_H
/* Every op written as its definition, over a model node by node: what plans and sessions must give. Floats follow the
 * documented order of operations, so they are compared in bits; softmax alone is compared within a bound. */
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "lib/op/binary.h"
#include "oracle_move.h"
#include "simd/ref/math_one.h"
#include "unit.h"

struct oracle {
    const struct qnt_model *m;
    size_t batch, tensors;
    void **value; /* by tensor id: [batch][elements]; the first of these do not depend on how many there are */
};

static inline float oracle_real(const struct qnt_tensor *t, size_t c)
{
    return t->scale[t->scales == 1 ? 0 : c];
}

static inline int8_t oracle_requant(int64_t acc, float factor, const struct qnt_tensor *y)
{
    EACH_MUST(acc < INT64_C(1) << 31 && acc > -(INT64_C(1) << 31), "accumulator %lld", (long long)acc);
    double v = rint((double)((float)acc * factor)) + y->zero;
    return (int8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
}

/* Place of a window's tap on one axis; false: in the padding. */
static inline bool oracle_tap(size_t o, size_t i, uint32_t stride, uint32_t dilation, uint32_t pad, size_t extent,
                              size_t *at)
{
    long long p = (long long)o * stride + (long long)i * dilation - pad;
    *at = (size_t)p;
    return p >= 0 && p < (long long)extent;
}

struct oracle_window {
    const struct qnt_node *n;
    const struct qnt_tensor *x;
    size_t oy, ox, kh, kw;
};

/* Tap t of a window: the pixel's number in the image; false: in the padding. */
static inline bool oracle_pixel(const struct oracle_window *w, size_t t, size_t *pixel)
{
    const qnt_node_attr *a = &w->n->attr;
    size_t y, x;
    bool in_y = oracle_tap(w->oy, t / w->kw, a->stride[0], a->dilation[0], a->pad[0], w->x->dim[0], &y);
    bool in_x = oracle_tap(w->ox, t % w->kw, a->stride[1], a->dilation[1], a->pad[1], w->x->dim[1], &x);
    *pixel = y * w->x->dim[1] + x;
    return in_y && in_x;
}

/* Tap t lies in the image or its padding. */
static inline bool oracle_padded(const struct oracle_window *w, size_t t)
{
    const qnt_node_attr *a = &w->n->attr;
    return w->oy * a->stride[0] + t / w->kw * a->dilation[0] < w->x->dim[0] + a->pad[0] + a->pad[2] &&
           w->ox * a->stride[1] + t % w->kw * a->dilation[1] < w->x->dim[1] + a->pad[1] + a->pad[3];
}

/* A layer's fourth input: the zero points of its weights, one or one a channel. */
static inline int32_t oracle_zero(const struct oracle *o, const struct qnt_node *n, size_t c)
{
    const struct qnt_tensor *z = n->n_in > 3 ? &o->m->tensor[n->in[3]] : NULL;
    return z ? ((const int32_t *)z->data)[z->dim[0] == 1 ? 0 : c] : 0;
}

static inline void oracle_conv_output(const struct oracle *o, const struct oracle_window *win, const void *x, size_t c,
                                      void *y)
{
    const struct qnt_node *n = win->n;
    const struct qnt_tensor *w = &o->m->tensor[n->in[1]], *out = &o->m->tensor[n->out];
    const struct qnt_tensor *b = n->n_in > 2 ? &o->m->tensor[n->in[2]] : NULL;
    size_t cg = w->dim[3], channels = win->x->dim[2], first = c / (w->dim[0] / n->attr.groups) * cg, pixel;
    float sum = b && b->type == QNT_F32 ? ((const float *)b->data)[c] : 0.0f;
    int64_t acc = b && b->type == QNT_S32 ? ((const int32_t *)b->data)[c] : 0;
    for (size_t t = 0; t < win->kh * win->kw; t++) {
        bool in = oracle_pixel(win, t, &pixel);
        for (size_t k = 0; k < cg; k++) {
            size_t at = pixel * channels + first + k, wat = (c * win->kh * win->kw + t) * cg + k;
            if (w->type == QNT_F32)
                sum = fmaf(in ? ((const float *)x)[at] : 0.0f, ((const float *)w->data)[wat], sum);
            else if (in)
                acc += (int64_t)(((const int8_t *)x)[at] - win->x->zero) *
                       (((const int8_t *)w->data)[wat] - oracle_zero(o, n, c));
        }
    }
    size_t at = (win->oy * out->dim[1] + win->ox) * out->dim[2] + c;
    if (w->type == QNT_F32)
        ((float *)y)[at] = sum;
    else if (out->type == QNT_S32)
        ((int32_t *)y)[at] = (int32_t)acc;
    else
        ((int8_t *)y)[at] = oracle_requant(acc, win->x->scale[0] * oracle_real(w, c) / out->scale[0], out);
}

/* Code and scale of a binary weight. */
static inline int64_t oracle_sign(const struct qnt_tensor *w, size_t i)
{
    return w->type == QNT_F32 ? (((const float *)w->data)[i] < 0.0f ? -1 : 1) : ((const int8_t *)w->data)[i];
}

/* Float weights: the mean magnitude, in 16 interleaved sums. */
static inline float oracle_sign_scale(const struct qnt_tensor *w, size_t c)
{
    size_t n = qnt_tensor_count(w) / w->dim[0];
    const float *row = (const float *)w->data + c * n;
    float sum[16] = {0.0f};
    if (w->type != QNT_F32)
        return oracle_real(w, c);
    for (size_t i = 0; i < n; i++)
        sum[i % 16] += fabsf(row[i]);
    for (int half = 8; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            sum[l] += sum[l + half];
    return sum[0] / (float)n;
}

/* Signs of the input times weights of +1 and -1; a fully connected layer has one tap and no window. */
static inline void oracle_binary_output(const struct oracle *o, const struct oracle_window *win, const void *x,
                                        size_t c, void *y)
{
    const struct qnt_node *n = win->n;
    const struct qnt_tensor *w = &o->m->tensor[n->in[1]], *out = &o->m->tensor[n->out];
    const void *b = n->n_in > 2 ? o->m->tensor[n->in[2]].data : NULL;
    size_t channels = w->dim[w->rank - 1], pixel = 0, taps = w->rank == 4 ? win->kh * win->kw : 1;
    size_t all = channels * n->attr.groups, group = c / (w->dim[0] / n->attr.groups);
    int64_t acc = b && out->type == QNT_S8 ? ((const int32_t *)b)[c] : 0;
    for (size_t t = 0; t < taps; t++) {
        bool in = w->rank == 2 || oracle_pixel(win, t, &pixel);
        for (size_t k = 0; k < channels; k++) {
            size_t at = in ? pixel * all + group * channels + k : 0;
            bool below =
                win->x->type == QNT_F32 ? ((const float *)x)[at] < 0.0f : ((const int8_t *)x)[at] < win->x->zero;
            int64_t code = oracle_sign(w, (c * taps + t) * channels + k);
            acc += !in ? (int64_t)n->attr.lo * code : below ? -code : code;
        }
    }
    size_t at = w->rank == 4 ? (win->oy * out->dim[1] + win->ox) * out->dim[2] + c : c;
    if (out->type == QNT_S8)
        ((int8_t *)y)[at] = oracle_requant(acc, oracle_real(w, c) / out->scale[0], out);
    else
        ((float *)y)[at] = (float)acc * oracle_sign_scale(w, c) + (b ? ((const float *)b)[c] : 0.0f);
}

static inline void oracle_pool_output(const struct oracle *o, const struct oracle_window *win, const void *x, size_t c,
                                      void *y)
{
    const struct qnt_node *n = win->n;
    const struct qnt_tensor *in = win->x, *out = &o->m->tensor[n->out];
    bool max = strstr(n->op->name, "maxpool");
    float sum = max ? -INFINITY : 0.0f;
    int64_t acc = max ? -128 : 0;
    size_t taps = 0, pixel;
    for (size_t t = 0; t < win->kh * win->kw; t++) {
        const bool inside = oracle_pixel(win, t, &pixel);
        taps += inside || (n->attr.mode & QNT_POOL_COUNT_PADDING && oracle_padded(win, t));
        if (!inside)
            continue;
        size_t at = pixel * in->dim[2] + c;
        if (in->type == QNT_F32) {
            float v = ((const float *)x)[at];
            sum = max ? (v > sum ? v : sum) : sum + v;
        } else {
            int64_t v = ((const int8_t *)x)[at];
            acc = max ? (v > acc ? v : acc) : acc + v - in->zero;
        }
    }
    size_t at = (win->oy * out->dim[1] + win->ox) * out->dim[2] + c;
    if (in->type == QNT_F32)
        ((float *)y)[at] = max ? sum : sum / (float)taps;
    else
        ((int8_t *)y)[at] = max ? (int8_t)acc : oracle_requant(acc, in->scale[0] / out->scale[0] / (float)taps, out);
}

/* conv2d and the pools. */
static inline void oracle_windows(const struct oracle *o, const struct qnt_node *n, const void *x, void *y)
{
    const struct qnt_tensor *out = &o->m->tensor[n->out];
    struct oracle_window w = {.n = n, .x = &o->m->tensor[n->in[0]], .kh = n->attr.kernel[0], .kw = n->attr.kernel[1]};
    if (!strncmp(n->op->name, "global", 6)) {
        w.kh = w.x->dim[0];
        w.kw = w.x->dim[1];
    }
    for (w.oy = 0; w.oy < out->dim[0]; w.oy++)
        for (w.ox = 0; w.ox < out->dim[1]; w.ox++)
            for (size_t c = 0; c < out->dim[2]; c++)
                if (strstr(n->op->name, "binary"))
                    oracle_binary_output(o, &w, x, c, y);
                else if (n->n_in > 1)
                    oracle_conv_output(o, &w, x, c, y);
                else
                    oracle_pool_output(o, &w, x, c, y);
}

static inline void oracle_full(const struct oracle *o, const struct qnt_node *n, const void *x, void *y)
{
    const struct qnt_tensor *in = &o->m->tensor[n->in[0]], *w = &o->m->tensor[n->in[1]], *out = &o->m->tensor[n->out];
    const void *b = n->n_in > 2 ? o->m->tensor[n->in[2]].data : NULL;
    for (size_t c = 0; c < w->dim[0]; c++) {
        float sum = b && w->type == QNT_F32 ? ((const float *)b)[c] : 0.0f;
        int64_t acc = b && w->type != QNT_F32 ? ((const int32_t *)b)[c] : 0;
        for (size_t k = 0; k < w->dim[1]; k++)
            if (w->type == QNT_F32)
                sum = fmaf(((const float *)x)[k], ((const float *)w->data)[c * w->dim[1] + k], sum);
            else
                /* a 64-bit product: gcc 12 for ARM64 stops with an internal error on the sum of 32-bit ones */
                acc += (int64_t)(((const int8_t *)x)[k] - in->zero) *
                       (((const int8_t *)w->data)[c * w->dim[1] + k] - oracle_zero(o, n, c));
        if (w->type == QNT_F32)
            ((float *)y)[c] = sum;
        else if (out->type == QNT_S32)
            ((int32_t *)y)[c] = (int32_t)acc;
        else
            ((int8_t *)y)[c] = oracle_requant(acc, in->scale[0] * oracle_real(w, c) / out->scale[0], out);
    }
}

static inline int8_t oracle_quantize(float x, const struct qnt_tensor *t)
{
    double v = x != x ? t->zero : rint((double)(x / t->scale[0])) + t->zero;
    return (int8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
}

static inline void oracle_pointwise(const struct oracle *o, const struct qnt_node *n, const void *x, void *y)
{
    const struct qnt_tensor *in = &o->m->tensor[n->in[0]], *out = &o->m->tensor[n->out];
    const char *op = n->op->name;
    bool clamp = !strcmp(op, "clamp"), relu = !strcmp(op, "relu");
    float lo = clamp ? n->attr.lo : relu ? 0.0f : -INFINITY, hi = clamp ? n->attr.hi : INFINITY;
    size_t channels = out->dim[out->rank - 1];
    for (size_t i = 0; i < qnt_tensor_count(out); i++) {
        if (!strcmp(op, "quantize")) {
            ((int8_t *)y)[i] = oracle_quantize(((const float *)x)[i], out);
        } else if (!strcmp(op, "dequantize")) {
            ((float *)y)[i] = (float)(((const int8_t *)x)[i] - in->zero) * in->scale[0];
        } else if (!strcmp(op, "batchnorm")) {
            double p[4];
            for (int k = 0; k < 4; k++)
                p[k] = (double)((const float *)o->m->tensor[n->in[k + 1]].data)[i % channels];
            double scale = p[0] / sqrt(p[3] + (double)n->attr.epsilon), shift = p[1] - p[2] * scale;
            ((float *)y)[i] = fmaf(((const float *)x)[i], (float)scale, (float)shift);
        } else if (!strcmp(op, "leaky_relu") || !strcmp(op, "hard_swish") || !strcmp(op, "sigmoid") ||
                   !strcmp(op, "tanh")) {
            bool f32 = in->type == QNT_F32;
            float v = f32 ? ((const float *)x)[i] : (float)(((const int8_t *)x)[i] - in->zero) * in->scale[0], r;
            if (!strcmp(op, "leaky_relu"))
                r = v < 0.0f ? v * n->attr.lo : v;
            else if (!strcmp(op, "hard_swish"))
                r = v * (v < -3.0f ? 0.0f : v > 3.0f ? 6.0f : v + 3.0f) * (1.0f / 6.0f);
            else if (!strcmp(op, "sigmoid"))
                r = qnt_sigmoid_one(v);
            else
                r = qnt_tanh_one(v);
            if (f32)
                ((float *)y)[i] = r;
            else
                ((int8_t *)y)[i] = oracle_quantize(r, out);
        } else if (in->type == QNT_F32) {
            float v = ((const float *)x)[i];
            ((float *)y)[i] = v < lo ? lo : v > hi ? hi : v;
        } else {
            int8_t v = ((const int8_t *)x)[i], l = oracle_quantize(lo, out), h = oracle_quantize(hi, out);
            ((int8_t *)y)[i] = v < l ? l : v > h ? h : v;
        }
    }
}

static inline void oracle_softmax(const struct oracle *o, const struct qnt_node *n, const float *x, float *y)
{
    const struct qnt_tensor *out = &o->m->tensor[n->out];
    size_t cols = out->dim[out->rank - 1], rows = qnt_tensor_count(out) / cols;
    for (size_t r = 0; r < rows; r++, x += cols, y += cols) {
        double sum = 0.0, max = -INFINITY;
        for (size_t c = 0; c < cols; c++)
            max = (double)x[c] > max ? (double)x[c] : max; /* gcc 12 for ARM crashes on fmax here */
        for (size_t c = 0; c < cols; c++)
            sum += exp((double)x[c] - max);
        for (size_t c = 0; c < cols; c++)
            y[c] = (float)(exp((double)x[c] - max) / sum);
    }
}

/* add, sub, mul: element i of the output from the operands' at the same place, their dimensions of 1 repeated. */
static inline size_t oracle_broadcast(const struct qnt_tensor *t, const struct qnt_tensor *out, size_t i)
{
    size_t at = 0, step = 1;
    for (uint32_t d = 0; d < t->rank; d++) {
        size_t extent = t->dim[t->rank - 1 - d], whole = out->dim[out->rank - 1 - d];
        at += extent == 1 ? 0 : i % whole * step;
        step *= extent;
        i /= whole;
    }
    return at;
}

static inline void oracle_pair(const struct oracle *o, const struct qnt_node *n, const void *x, const void *z, void *y)
{
    const struct qnt_tensor *a = &o->m->tensor[n->in[0]], *b = &o->m->tensor[n->in[1]], *out = &o->m->tensor[n->out];
    bool product = !strcmp(n->op->name, "mul");
    float sign = !strcmp(n->op->name, "sub") ? -1.0f : 1.0f;
    for (size_t i = 0; i < qnt_tensor_count(out); i++) {
        size_t p = oracle_broadcast(a, out, i), q = oracle_broadcast(b, out, i);
        if (out->type == QNT_F32) {
            float u = ((const float *)x)[p], v = ((const float *)z)[q];
            ((float *)y)[i] = product ? u * v : u + sign * v;
        } else {
            int32_t u = ((const int8_t *)x)[p] - a->zero, v = ((const int8_t *)z)[q] - b->zero;
            float sy = out->scale[0], sum = fmaf((float)u, a->scale[0] / sy, (float)v * (sign * (b->scale[0] / sy)));
            double code = rint((double)(product ? (float)(u * v) * (a->scale[0] * b->scale[0] / sy) : sum)) + out->zero;
            ((int8_t *)y)[i] = (int8_t)(code < -128 ? -128 : code > 127 ? 127 : code);
        }
    }
}

static inline void oracle_images(const struct oracle *o, const struct qnt_node *n)
{
    const struct qnt_tensor *in = &o->m->tensor[n->in[0]], *out = &o->m->tensor[n->out];
    const char *op = n->op->name;
    for (size_t i = 0; i < o->batch; i++) {
        const uint8_t *x = (const uint8_t *)o->value[n->in[0]] + i * oracle_bytes(in);
        uint8_t *y = (uint8_t *)o->value[n->out] + i * oracle_bytes(out);
        const struct qnt_tensor *second = n->n_in == 2 ? &o->m->tensor[n->in[1]] : NULL;
        if (oracle_move(o->m, n, o->value, i))
            continue;
        if (!strcmp(op, "add") || !strcmp(op, "sub") || !strcmp(op, "mul"))
            oracle_pair(
                o, n, x,
                second->constant ? second->data : (const uint8_t *)o->value[n->in[1]] + i * oracle_bytes(second), y);
        else if (!strcmp(op, "recode"))
            for (size_t k = 0; k < oracle_bytes(in); k++)
                y[k] = x[k] ^ 0x80;
        else if (!strcmp(op, "flatten"))
            memcpy(y, x, oracle_bytes(in));
        else if (!strcmp(op, "fully_connected"))
            oracle_full(o, n, x, y);
        else if (!strcmp(op, "binary_fully_connected"))
            for (size_t c = 0; c < out->dim[0]; c++)
                oracle_binary_output(o, &(struct oracle_window){.n = n, .x = in}, x, c, y);
        else if (strstr(op, "conv2d") || strstr(op, "pool"))
            oracle_windows(o, n, x, y);
        else if (!strcmp(op, "softmax"))
            oracle_softmax(o, n, (const float *)(const void *)x, (float *)(void *)y);
        else
            oracle_pointwise(o, n, x, y);
    }
}

/* Dimensions in front of those that the op works on are images: the tensors without them meanwhile. */
static inline void oracle_node(const struct oracle *o, const struct qnt_node *n)
{
    struct qnt_tensor *x = &((struct qnt_model *)(uintptr_t)o->m)->tensor[n->in[0]];
    struct qnt_tensor *y = &((struct qnt_model *)(uintptr_t)o->m)->tensor[n->out];
    const struct qnt_tensor kept[2] = {*x, *y};
    struct oracle images = *o;
    const uint32_t extra = n->op->rank && x->rank > n->op->rank ? x->rank - n->op->rank : 0;
    for (uint32_t d = 0; d < extra; d++)
        images.batch *= x->dim[d];
    for (uint32_t d = 0; d + extra < QNT_MAX_RANK && extra; d++) {
        x->dim[d] = x->dim[d + extra];
        y->dim[d] = y->dim[d + extra];
    }
    x->rank -= extra;
    y->rank -= extra;
    oracle_images(&images, n);
    *x = kept[0];
    *y = kept[1];
}

/* in: by input of the model. */
static inline struct oracle oracle_run_io(const struct qnt_model *m, const void *const *in, size_t batch)
{
    struct oracle o = {m, batch, m->n_tensors, calloc(m->n_tensors, sizeof(void *))};
    for (size_t i = 0; i < m->n_tensors; i++)
        if (!m->tensor[i].constant)
            o.value[i] = calloc(batch, oracle_bytes(&m->tensor[i]));
    for (size_t i = 0; i < m->inputs.n; i++)
        memcpy(o.value[m->inputs.id[i]], in[i], batch * oracle_bytes(&m->tensor[m->inputs.id[i]]));
    for (size_t i = 0; i < m->n_nodes; i++)
        oracle_node(&o, &m->node[i]);
    return o;
}

static inline struct oracle oracle_run(const struct qnt_model *m, const void *in, size_t batch)
{
    return oracle_run_io(m, &in, batch);
}

static inline void oracle_free(struct oracle *o)
{
    for (size_t i = 0; i < o->tensors; i++)
        free(o->value[i]);
    free(o->value);
}
#endif
