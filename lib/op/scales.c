#include <math.h>
#include "infer.h"
#include "scales.h"
#include "step.h"

enum { MOST_ZERO = 65535 };

struct state {
    size_t rows, n; /* of one image: the last dimension */
    uint32_t rank;
    size_t dim[QNT_MAX_RANK], block[QNT_MAX_RANK], step[QNT_MAX_RANK]; /* step: of scales, 0: repeats */
    const float *scale;
    const int32_t *zero;
    float lo, hi;
};

static bool quantizes(const struct qnt_node *n)
{
    return n->op == &qnt_op_quantize_by;
}

static bool is_code(qnt_dtype type)
{
    return type == QNT_S8 || type == QNT_U8 || type == QNT_S16 || type == QNT_U16;
}

static size_t block_of(const struct qnt_node *n, uint32_t d)
{
    return n->attr.dim[d] ? n->attr.dim[d] : 1;
}

static qnt_status check_scale(const struct qnt_node *n, const struct qnt_tensor *x, const struct qnt_tensor *t)
{
    char shape[QNT_SHAPE_TEXT], of[QNT_SHAPE_TEXT];
    bool fit = t->rank == x->rank;
    if (!t->constant || !t->data || t->type != QNT_F32)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': scales '%s' are %s, expected a constant of f32", n->name,
                        t->name, t->constant ? qnt_dtype_name(t->type) : "an activation");
    for (uint32_t d = 0; fit && d < t->rank; d++)
        fit = t->dim[d] == 1 || t->dim[d] == (x->dim[d] - 1) / block_of(n, d) + 1;
    if (!fit)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': scales '%s' of %s do not fit '%s' of %s", n->name, t->name,
                        qnt_shape_text(t, shape), x->name, qnt_shape_text(x, of));
    for (size_t i = 0; i < qnt_tensor_count(t); i++) {
        const float s = ((const float *)t->data)[i];
        if (!(s > 0.0f) || !isfinite(s))
            return qnt_fail(QNT_ERR_RANGE, "node '%s': scale %zu of '%s' is %g, expected finite and > 0", n->name, i,
                            t->name, (double)s);
    }
    return QNT_OK;
}

static qnt_status check_zero(const struct qnt_node *n, const struct qnt_tensor *scale, const struct qnt_tensor *t)
{
    char shape[QNT_SHAPE_TEXT], of[QNT_SHAPE_TEXT];
    bool fit = t->rank == scale->rank;
    for (uint32_t d = 0; fit && d < t->rank; d++)
        fit = t->dim[d] == scale->dim[d];
    if (!t->constant || !t->data || t->type != QNT_S32)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': zero points '%s' are %s, expected a constant of s32", n->name,
                        t->name, t->constant ? qnt_dtype_name(t->type) : "an activation");
    if (!fit)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': zero points '%s' are %s, expected %s", n->name, t->name,
                        qnt_shape_text(t, shape), qnt_shape_text(scale, of));
    for (size_t i = 0; i < qnt_tensor_count(t); i++) {
        const int32_t z = ((const int32_t *)t->data)[i];
        if (z < -MOST_ZERO || z > MOST_ZERO)
            return qnt_fail(QNT_ERR_RANGE, "node '%s': zero point %zu of '%s' is %d, expected -%d to %d", n->name, i,
                            t->name, z, MOST_ZERO, MOST_ZERO);
    }
    return QNT_OK;
}

static void range(const struct qnt_node *n, qnt_dtype type, float *lo, float *hi)
{
    int64_t least = 0, most = 0;
    qnt_dtype_range(type, &least, &most);
    *lo = n->attr.lo != n->attr.hi ? n->attr.lo : (float)least;
    *hi = n->attr.lo != n->attr.hi ? n->attr.hi : (float)most;
}

static qnt_status check_output(const struct qnt_node *n, struct qnt_tensor *out)
{
    float lo, hi, type_lo, type_hi;
    const struct qnt_node plain = {.op = n->op};
    if (!quantizes(n))
        return qnt_infer_f32(n, out);
    if (!is_code(out->type) || out->scales)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': output is %s with %u scales, expected s8, u8, s16 or u16 without",
                        n->name, out->type ? qnt_dtype_name(out->type) : "not preset", out->scales);
    range(n, out->type, &lo, &hi);
    range(&plain, out->type, &type_lo, &type_hi);
    if (!(lo >= type_lo) || !(hi <= type_hi) || !(lo <= hi) || lo != rintf(lo) || hi != rintf(hi))
        return qnt_fail(QNT_ERR_ARG, "node '%s': codes from %g to %g, expected whole numbers of %s", n->name,
                        (double)lo, (double)hi, qnt_dtype_name(out->type));
    out->bits = 8 * (uint32_t)qnt_dtype_size(out->type);
    out->zero = 0;
    return QNT_OK;
}

qnt_status qnt_scales_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = &m->tensor[n->in[0]], *scale = &m->tensor[n->in[1]];
    const bool fits = quantizes(n) ? x->type == QNT_F32 : is_code(x->type) || x->type == QNT_S32;
    qnt_status status;
    if (x->constant)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is a constant, expected an activation", n->name, x->name);
    if (!fits || x->scales)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s with %u scales, expected %s without", n->name,
                        x->name, qnt_dtype_name(x->type), x->scales, quantizes(n) ? "f32" : "s8, u8, s16, u16 or s32");
    if ((status = check_scale(n, x, scale)) || (n->n_in > 2 && (status = check_zero(n, scale, &m->tensor[n->in[2]]))) ||
        (status = check_output(n, out)))
        return status;
    qnt_infer_same_shape(m, n, out);
    return QNT_OK;
}

qnt_status qnt_scales_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch)
{
    struct state *st = s->state;
    const struct qnt_tensor *x = s->in[0], *scale = s->in[1];
    size_t step = 1;
    (void)max_batch;
    if (!st && !(s->state = st = qnt_alloc(ctx, sizeof *st, s->node->name)))
        return QNT_ERR_NOMEM;
    st->rank = x->rank;
    st->n = x->dim[x->rank - 1];
    st->rows = qnt_tensor_count(x) / st->n;
    for (uint32_t d = x->rank; d-- > 0;) {
        st->dim[d] = x->dim[d];
        st->block[d] = block_of(s->node, d);
        st->step[d] = scale->dim[d] == 1 ? 0 : step;
        step *= scale->dim[d];
    }
    st->scale = scale->data;
    st->zero = s->node->n_in > 2 ? s->in[2]->data : NULL;
    if (quantizes(s->node))
        range(s->node, s->out->type, &st->lo, &st->hi);
    s->variant = &qnt_no_variant;
    return QNT_OK;
}

/* v in [-2^17, 2^17]: adding and taking away 1.5 * 2^23 leaves no bits below 1, rounded half to even. */
static inline float nearest(float v)
{
    return (v + 0x1.8p23f) - 0x1.8p23f;
}

#define QUANTIZE(T)                                                                                                    \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        float v = x[i] / scale;                                                                                        \
        v = v < lo ? lo : v > hi ? hi : v;                                                                             \
        v = v != v ? 0.0f : v;                                                                                         \
        ((T *)y)[at + i] = (T)((int32_t)nearest(v) + zero);                                                            \
    }                                                                                                                  \
    break

static void quantize_run(const struct state *st, qnt_dtype type, const float *x, void *y, size_t at, size_t n,
                         float scale, int32_t zero)
{
    const float lo = st->lo - (float)zero, hi = st->hi - (float)zero;
    switch (type) {
    case QNT_S8:
        QUANTIZE(int8_t);
    case QNT_U8:
        QUANTIZE(uint8_t);
    case QNT_S16:
        QUANTIZE(int16_t);
    default:
        QUANTIZE(uint16_t);
    }
}
#undef QUANTIZE

#define DEQUANTIZE(T)                                                                                                  \
    for (size_t i = 0; i < n; i++)                                                                                     \
        y[i] = (float)((int64_t)((const T *)x)[at + i] - zero) * scale;                                                \
    break

static void dequantize_run(qnt_dtype type, const void *x, float *y, size_t at, size_t n, float scale, int32_t zero)
{
    switch (type) {
    case QNT_S8:
        DEQUANTIZE(int8_t);
    case QNT_U8:
        DEQUANTIZE(uint8_t);
    case QNT_S16:
        DEQUANTIZE(int16_t);
    case QNT_U16:
        DEQUANTIZE(uint16_t);
    default:
        DEQUANTIZE(int32_t);
    }
}
#undef DEQUANTIZE

/* Where the scales of a row begin. */
static size_t scales_at(const struct state *st, size_t row)
{
    size_t at = 0;
    for (uint32_t d = st->rank - 1; d-- > 0; row /= st->dim[d])
        at += row % st->dim[d] / st->block[d] * st->step[d];
    return at;
}

/* Rows in runs of one scale. */
void qnt_scales_run(const struct qnt_step *s, const struct qnt_exec *x)
{
    const struct state *st = s->state;
    const void *from = qnt_step_in(s, x);
    void *to = qnt_step_out(s, x);
    const uint32_t last = st->rank - 1;
    const size_t block = st->step[last] ? st->block[last] : st->n;
    size_t r0, r1;
    qnt_share(x->batch * st->rows, x->part, x->parts, &r0, &r1);
    for (size_t r = r0; r < r1; r++) {
        const size_t first = scales_at(st, r % st->rows);
        for (size_t c = 0; c < st->n; c += block) {
            const size_t at = r * st->n + c, k = first + c / block, n = st->n - c < block ? st->n - c : block;
            const int32_t zero = st->zero ? st->zero[k] : 0;
            if (quantizes(s->node))
                quantize_run(st, s->out->type, (const float *)from + at, to, at, n, st->scale[k], zero);
            else
                dequantize_run(s->in[0]->type, from, (float *)to + at, at, n, st->scale[k], zero);
        }
    }
}
