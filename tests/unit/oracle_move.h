#ifndef UNIT_ORACLE_MOVE_H
#define UNIT_ORACLE_MOVE_H
/* The ops that move elements, as their definitions: for every element of the output, where it comes from. For oracle.h.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "lib/op/op.h"

static inline size_t oracle_bytes(const struct qnt_tensor *t)
{
    return qnt_tensor_count(t) * qnt_dtype_size(t->type);
}

/* Index of element i of a tensor, by dimension. */
static inline void move_split(const struct qnt_tensor *t, size_t i, long long index[QNT_MAX_RANK])
{
    for (uint32_t d = t->rank; d-- > 0; i /= t->dim[d])
        index[d] = (long long)(i % t->dim[d]);
}

static inline size_t move_join(const struct qnt_tensor *t, const long long index[QNT_MAX_RANK])
{
    size_t i = 0;
    for (uint32_t d = 0; d < t->rank; d++)
        i = i * t->dim[d] + (size_t)index[d];
    return i;
}

/* numerator / denominator is where output o of an axis lies. */
struct move_place {
    long long over, under;
};
static inline struct move_place move_place(uint32_t position, long long o, long long in, long long out)
{
    if (out == 1 && (position == QNT_RESIZE_ALIGN_CORNERS || position == QNT_RESIZE_PYTORCH_HALF_PIXEL))
        return (struct move_place){0, 1};
    if (position == QNT_RESIZE_ALIGN_CORNERS)
        return (struct move_place){o * (in - 1), out - 1};
    if (position == QNT_RESIZE_ASYMMETRIC)
        return (struct move_place){o * in, out};
    return (struct move_place){(2 * o + 1) * in - out, 2 * out};
}

static inline long long move_floor(long long over, long long under)
{
    return over >= 0 ? over / under : -((-over + under - 1) / under);
}

static inline long long move_nearest(const qnt_node_attr *a, long long o, long long in, long long out)
{
    struct move_place p = move_place(a->position, o, in, out);
    long long i;
    if (a->rounding == QNT_RESIZE_PREFER_FLOOR) /* ceil(x - 1/2) = -floor(1/2 - x) */
        i = -move_floor(p.under - 2 * p.over, 2 * p.under);
    else if (a->rounding == QNT_RESIZE_PREFER_CEIL)
        i = move_floor(2 * p.over + p.under, 2 * p.under);
    else if (a->rounding == QNT_RESIZE_FLOOR)
        i = move_floor(p.over, p.under);
    else
        i = -move_floor(-p.over, p.under);
    return i < 0 ? 0 : i >= in ? in - 1 : i;
}

static inline long long move_padded(uint32_t mode, long long i, long long n)
{
    if (i >= 0 && i < n)
        return i;
    if (mode == QNT_PAD_CONSTANT)
        return -1;
    if (mode == QNT_PAD_EDGE)
        return i < 0 ? 0 : n - 1;
    return i < 0 ? -i : 2 * (n - 1) - i;
}

/* The element of the first input that element i of the output is; -1: pad's constant. Not concat, not linear. */
static inline long long move_source(const struct qnt_node *n, const struct qnt_tensor *x, const struct qnt_tensor *y,
                                    size_t i)
{
    const qnt_node_attr *a = &n->attr;
    long long at[QNT_MAX_RANK], from[QNT_MAX_RANK] = {0};
    if (!strcmp(n->op->name, "reshape"))
        return (long long)i;
    move_split(y, i, at);
    for (uint32_t d = 0; d < y->rank; d++) {
        const long long extent = (long long)x->dim[d];
        if (!strcmp(n->op->name, "transpose")) {
            from[a->axis[d]] = at[d];
        } else if (!strcmp(n->op->name, "slice")) {
            long long first = a->begin[d] < 0 ? a->begin[d] + extent : a->begin[d];
            first = first < 0 ? 0 : first;
            from[d] = (first >= extent && a->step[d] < 0 ? extent - 1 : first) + at[d] * a->step[d];
        } else if (!strcmp(n->op->name, "pad")) {
            if ((from[d] = move_padded(a->mode, at[d] - a->begin[d], extent)) < 0)
                return -1;
        } else {
            from[d] = d < 2 ? move_nearest(a, at[d], extent, (long long)y->dim[d]) : at[d];
        }
    }
    return (long long)move_join(x, from);
}

/* Both axes of a linear resize: the pixels and the weight of the second. */
struct move_pair {
    long long low, high;
    double part;
};
static inline struct move_pair move_pair(const qnt_node_attr *a, long long o, long long in, long long out)
{
    struct move_place p = move_place(a->position, o, in, out);
    if (p.over < 0)
        p.over = 0;
    if (p.over > (in - 1) * p.under)
        p.over = (in - 1) * p.under;
    long long low = p.over / p.under;
    return (struct move_pair){low, low + 1 < in ? low + 1 : low, (double)(p.over % p.under) / (double)p.under};
}

static inline void move_linear(const struct qnt_node *n, const struct qnt_tensor *x, const struct qnt_tensor *y,
                               const void *src, void *dst)
{
    for (size_t i = 0; i < qnt_tensor_count(y); i++) {
        long long at[QNT_MAX_RANK];
        move_split(y, i, at);
        struct move_pair v = move_pair(&n->attr, at[0], (long long)x->dim[0], (long long)y->dim[0]);
        struct move_pair h = move_pair(&n->attr, at[1], (long long)x->dim[1], (long long)y->dim[1]);
        size_t tap[4];
        for (int k = 0; k < 4; k++)
            tap[k] = move_join(x, (long long[QNT_MAX_RANK]){k < 2 ? v.low : v.high, k % 2 ? h.high : h.low, at[2]});
        if (x->type == QNT_F32) {
            const float *q = src;
            float right = (float)h.part, lower = (float)v.part;
            float top = fmaf(q[tap[1]], right, q[tap[0]] * (1.0f - right));
            float bottom = fmaf(q[tap[3]], right, q[tap[2]] * (1.0f - right));
            ((float *)dst)[i] = fmaf(bottom, lower, top * (1.0f - lower));
        } else {
            long long right = (long long)rint(h.part * 16384), lower = (long long)rint(v.part * 16384);
            long long both = (right * lower + 8192) / 16384,
                      w[4] = {16384 - right - lower + both, right - both, lower - both, both};
            long long acc = 0;
            for (int k = 0; k < 4; k++)
                acc += w[k] * (((const int8_t *)src)[tap[k]] - x->zero);
            double code = rint((double)((float)acc * (x->scale[0] / y->scale[0] * 0x1p-14f))) + y->zero;
            ((int8_t *)dst)[i] = (int8_t)(code < -128 ? -128 : code > 127 ? 127 : code);
        }
    }
}

static inline int8_t move_code(float v, const struct qnt_tensor *t)
{
    double code = rint((double)(v / t->scale[0])) + t->zero;
    return (int8_t)(code < -128 ? -128 : code > 127 ? 127 : code);
}

/* pad's constant. */
static inline void move_constant(float value, const struct qnt_tensor *t, void *dst)
{
    int64_t least, most, code = (int64_t)value;
    if (!qnt_dtype_range(t->type, &least, &most)) {
        memcpy(dst, &value, sizeof value);
        return;
    }
    if (t->scales) {
        const double real = rint((double)(value / t->scale[0])) + t->zero;
        code = real < (double)least ? least : real > (double)most ? most : (int64_t)real;
    }
    memcpy(dst, &code, qnt_dtype_size(t->type));
}

/* One image of one input of a concat; `at`: where it begins along the axis. */
static inline void move_concat(const struct qnt_node *n, const struct qnt_tensor *x, const struct qnt_tensor *y,
                               size_t at, const void *src, void *dst)
{
    const size_t size = qnt_dtype_size(x->type);
    for (size_t i = 0; i < qnt_tensor_count(x); i++) {
        long long index[QNT_MAX_RANK];
        move_split(x, i, index);
        index[n->attr.axis[0]] += (long long)at;
        size_t to = move_join(y, index);
        if (x->type != QNT_S8 || !x->scales)
            memcpy((char *)dst + to * size, (const char *)src + i * size, size);
        else
            ((int8_t *)dst)[to] = move_code((float)(((const int8_t *)src)[i] - x->zero) * x->scale[0], y);
    }
}

/* One image; false: another op. value: by tensor id, [batch][elements]. */
static inline bool oracle_move(const struct qnt_model *m, const struct qnt_node *n, void *const *value, size_t image)
{
    static const char *const ops[] = {"reshape", "transpose", "slice", "pad", "concat", "resize"};
    const struct qnt_tensor *x = &m->tensor[n->in[0]], *y = &m->tensor[n->out];
    const size_t size = qnt_dtype_size(y->type);
    const char *src = (const char *)value[n->in[0]] + image * qnt_tensor_count(x) * size;
    char *dst = (char *)value[n->out] + image * qnt_tensor_count(y) * size;
    size_t op = 0, at = 0;
    while (op < 6 && strcmp(ops[op], n->op->name))
        op++;
    if (op == 4)
        for (uint32_t k = 0; k < n->n_in; k++) {
            const struct qnt_tensor *part = &m->tensor[n->in[k]];
            move_concat(n, part, y, at, (const char *)value[n->in[k]] + image * qnt_tensor_count(part) * size, dst);
            at += part->dim[n->attr.axis[0]];
        }
    else if (op == 5 && n->attr.mode == QNT_RESIZE_LINEAR)
        move_linear(n, x, y, src, dst);
    else if (op < 6)
        for (size_t i = 0; i < qnt_tensor_count(y); i++) {
            long long from = move_source(n, x, y, i);
            if (from >= 0)
                memcpy(dst + i * size, src + (size_t)from * size, size);
            else
                move_constant(n->attr.value, y, dst + i * size);
        }
    return op < 6;
}
#endif
