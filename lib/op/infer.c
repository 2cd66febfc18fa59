/* Types and shapes. */
#include <math.h>
#include <string.h>
#include "infer.h"

static const struct qnt_tensor *input(const struct qnt_model *m, const struct qnt_node *n, uint32_t i)
{
    return &m->tensor[n->in[i]];
}

qnt_status qnt_check_quant(const struct qnt_node *n, const struct qnt_tensor *t)
{
    if (t->scales != 1 || t->bits < 2 || t->bits > 8)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': tensor '%s' has %u scales and %u bits, expected 1 and 2 to 8",
                        n->name, t->name, t->scales, t->bits);
    if (!(t->scale[0] > 0.0f) || !isfinite(t->scale[0]) || t->zero < qnt_least_code(t) || t->zero > qnt_most_code(t))
        return qnt_fail(QNT_ERR_TYPE,
                        "node '%s': tensor '%s' has scale %g and zero point %d, expected finite, > 0 and %d to %d",
                        n->name, t->name, (double)t->scale[0], t->zero, qnt_least_code(t), qnt_most_code(t));
    return QNT_OK;
}

qnt_status qnt_same_codes(const struct qnt_node *n, const struct qnt_tensor *x, const struct qnt_tensor *y)
{
    const float from = x->scales ? x->scale[0] : 0.0f, to = y->scales ? y->scale[0] : 0.0f;
    if (x->type == QNT_S8 && y->bits > 1 && x->bits > y->bits)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': %s passes codes on: '%s' has %u bits, expected those of '%s', %u",
                        n->name, n->op->name, y->name, y->bits, x->name, x->bits);
    if (from == to && x->zero == y->zero)
        return QNT_OK;
    return qnt_fail(
        QNT_ERR_TYPE,
        "node '%s': %s passes codes on: '%s' has scale %.9g and zero point %d, expected those of '%s', %.9g "
        "and %d",
        n->name, n->op->name, y->name, (double)to, y->zero, x->name, (double)from, x->zero);
}

qnt_status qnt_infer_data(const struct qnt_model *m, const struct qnt_node *n)
{
    const struct qnt_tensor *x = input(m, n, 0);
    if (x->constant)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is a constant, expected an activation", n->name, x->name);
    if (x->type != QNT_F32 && x->type != QNT_S8)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is %s, expected f32 or s8", n->name, x->name,
                        qnt_dtype_name(x->type));
    return x->type == QNT_S8 ? qnt_check_quant(n, x) : QNT_OK;
}

static qnt_status wrong_output(const struct qnt_node *n, const struct qnt_tensor *out, const char *expected)
{
    return qnt_fail(QNT_ERR_TYPE, "node '%s': output is %s, expected %s", n->name,
                    out->type ? qnt_dtype_name(out->type) : "without a scale", expected);
}

qnt_status qnt_infer_f32(const struct qnt_node *n, struct qnt_tensor *out)
{
    if (out->type && (out->type != QNT_F32 || out->scales))
        return wrong_output(n, out, "f32");
    out->type = QNT_F32;
    out->bits = 32;
    return QNT_OK;
}

qnt_status qnt_infer_quantized(const struct qnt_node *n, const struct qnt_tensor *out)
{
    return out->type == QNT_S8 ? qnt_check_quant(n, out) : wrong_output(n, out, "s8 with a scale");
}

qnt_status qnt_infer_same_type(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = input(m, n, 0);
    qnt_status status = qnt_infer_data(m, n);
    if (status)
        return status;
    if (x->type == QNT_F32)
        return qnt_infer_f32(n, out);
    if (!out->type) {
        out->type = QNT_S8;
        out->bits = x->bits;
        out->scales = 1;
        out->scale = x->scale;
        out->zero = x->zero;
    }
    return qnt_infer_quantized(n, out);
}

qnt_status qnt_infer_passing(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    qnt_status status = qnt_infer_same_type(m, n, out);
    return status ? status : qnt_same_codes(n, input(m, n, 0), out);
}

qnt_status qnt_infer_moving(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = input(m, n, 0);
    if (x->constant)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': input '%s' is a constant, expected an activation", n->name, x->name);
    if (x->type == QNT_S8 && x->scales)
        return qnt_infer_passing(m, n, out);
    if (x->scales > 1 || x->bits != 8 * qnt_dtype_size(x->type))
        return qnt_fail(QNT_ERR_TYPE,
                        "node '%s': input '%s' is %s of %u bits with %u scales, expected 0 or 1 scale of %zu", n->name,
                        x->name, qnt_dtype_name(x->type), x->bits, x->scales, 8 * qnt_dtype_size(x->type));
    if (out->type && (out->type != x->type || out->bits != x->bits))
        return wrong_output(n, out, qnt_dtype_name(x->type));
    if (!out->type) {
        out->scales = x->scales;
        out->scale = x->scale;
        out->zero = x->zero;
    }
    out->type = x->type;
    out->bits = x->bits;
    return qnt_same_codes(n, x, out);
}

void qnt_infer_same_shape(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = input(m, n, 0);
    out->rank = x->rank;
    memcpy(out->dim, x->dim, sizeof out->dim);
}

qnt_status qnt_infer_rank(const struct qnt_model *m, const struct qnt_node *n, uint32_t rank, const char *layout)
{
    const struct qnt_tensor *x = input(m, n, 0);
    char shape[QNT_SHAPE_TEXT];
    if (x->rank != rank)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': input '%s' is %s, expected %s", n->name, x->name,
                        qnt_shape_text(x, shape), layout);
    return QNT_OK;
}

qnt_status qnt_infer_constant(const struct qnt_node *n, const struct qnt_tensor *t, qnt_dtype type, const char *what)
{
    if (!t->constant || !t->data)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "node '%s': %s '%s' is not a constant", n->name, what, t->name);
    if (t->type != type)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': %s '%s' is %s, expected %s", n->name, what, t->name,
                        qnt_dtype_name(t->type), qnt_dtype_name(type));
    return QNT_OK;
}

static qnt_status check_weights(const struct qnt_model *m, const struct qnt_node *n, uint32_t rank, bool s8)
{
    const struct qnt_tensor *w = input(m, n, 1);
    char shape[QNT_SHAPE_TEXT];
    const bool ternary = s8 && w->type == QNT_TERNARY;
    qnt_status status = qnt_infer_constant(n, w, ternary ? QNT_TERNARY : s8 ? QNT_S8 : QNT_F32, "weights");
    if (status)
        return status;
    if (w->rank != rank)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': weights '%s' are %s, expected rank %u", n->name, w->name,
                        qnt_shape_text(w, shape), rank);
    if (s8 && w->scales != 1 && w->scales != w->dim[0])
        return qnt_fail(QNT_ERR_TYPE, "node '%s': weights '%s' have %u scales, expected 1 or %zu", n->name, w->name,
                        w->scales, w->dim[0]);
    if (ternary && (w->zero || w->bits != 2))
        return qnt_fail(QNT_ERR_TYPE,
                        "node '%s': ternary weights '%s' have zero point %d and %u bits, expected 0 and 2", n->name,
                        w->name, w->zero, w->bits);
    if (s8 && (w->zero || w->bits < 1 || w->bits > 8))
        return qnt_fail(QNT_ERR_TYPE, "node '%s': weights '%s' have zero point %d and %u bits, expected 0 and 1 to 8",
                        n->name, w->name, w->zero, w->bits);
    return QNT_OK;
}

static qnt_status check_bias(const struct qnt_model *m, const struct qnt_node *n, bool s8)
{
    const struct qnt_tensor *b = input(m, n, 2);
    size_t channels = input(m, n, 1)->dim[0];
    char shape[QNT_SHAPE_TEXT];
    qnt_status status;
    if ((status = qnt_infer_constant(n, b, s8 ? QNT_S32 : QNT_F32, "bias")))
        return status;
    if (b->rank != 1 || b->dim[0] != channels)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': bias '%s' is %s, expected %zu", n->name, b->name,
                        qnt_shape_text(b, shape), channels);
    if (b->zero || (b->scales > 1 && b->scales != channels))
        return qnt_fail(QNT_ERR_TYPE,
                        "node '%s': bias '%s' has zero point %d and %u scales, expected 0 and 0, 1 or %zu", n->name,
                        b->name, b->zero, b->scales, channels);
    return QNT_OK;
}

/* Zero points of s8 weights: one, or one a channel. */
static qnt_status check_zeros(const struct qnt_model *m, const struct qnt_node *n, bool s8)
{
    const struct qnt_tensor *z = input(m, n, 3), *w = input(m, n, 1);
    char shape[QNT_SHAPE_TEXT];
    qnt_status status = qnt_infer_constant(n, z, QNT_S32, "zero points");
    if (status)
        return status;
    if (!s8 || w->type != QNT_S8)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': zero points of weights '%s', which are %s, expected s8 with s8 input",
                        n->name, w->name, qnt_dtype_name(w->type));
    if (z->rank != 1 || (z->dim[0] != 1 && z->dim[0] != w->dim[0]))
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': zero points '%s' are %s, expected 1 or %zu", n->name, z->name,
                        qnt_shape_text(z, shape), w->dim[0]);
    for (size_t c = 0; c < z->dim[0]; c++) {
        const int32_t zero = ((const int32_t *)z->data)[c];
        if (zero < -128 || zero > 127)
            return qnt_fail(QNT_ERR_RANGE, "node '%s': zero point %zu of '%s' is %d, expected -128 to 127", n->name, c,
                            z->name, zero);
    }
    return QNT_OK;
}

/* The sums themselves. */
static qnt_status infer_sums(const struct qnt_node *n, const struct qnt_tensor *out)
{
    if (out->scales || out->zero || out->bits != 32)
        return qnt_fail(QNT_ERR_TYPE,
                        "node '%s': output is s32 of %u bits, %u scales, zero point %d, expected 32, 0, 0", n->name,
                        out->bits, out->scales, out->zero);
    return QNT_OK;
}

qnt_status qnt_infer_linear(const struct qnt_model *m, const struct qnt_node *n, uint32_t weight_rank,
                            struct qnt_tensor *out)
{
    bool s8 = input(m, n, 0)->type == QNT_S8;
    qnt_status status = qnt_infer_data(m, n);
    if (status || (status = check_weights(m, n, weight_rank, s8)) ||
        (status = !s8                    ? qnt_infer_f32(n, out)
                  : out->type == QNT_S32 ? infer_sums(n, out)
                                         : qnt_infer_quantized(n, out)) ||
        (n->n_in > 2 && (status = check_bias(m, n, s8))))
        return status;
    return n->n_in < 4 ? QNT_OK : check_zeros(m, n, s8);
}

qnt_status qnt_infer_binary(const struct qnt_model *m, const struct qnt_node *n, uint32_t weight_rank,
                            struct qnt_tensor *out)
{
    const struct qnt_tensor *w = input(m, n, 1);
    bool s8 = out->type == QNT_S8, codes = s8 || w->type == QNT_S8;
    qnt_status status = qnt_infer_data(m, n);
    if (status || (status = check_weights(m, n, weight_rank, codes)) ||
        (status = s8 ? qnt_infer_quantized(n, out) : qnt_infer_f32(n, out)))
        return status;
    if (codes && w->bits != 1)
        return qnt_fail(QNT_ERR_TYPE, "node '%s': weights '%s' have %u bits, expected 1", n->name, w->name, w->bits);
    return n->n_in < 3 ? QNT_OK : check_bias(m, n, s8);
}

qnt_status qnt_infer_conv(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = input(m, n, 0), *w = input(m, n, 1);
    const qnt_node_attr *a = &n->attr;
    char shape[QNT_SHAPE_TEXT];
    qnt_status status = qnt_infer_rank(m, n, 3, "height x width x channels");
    if (status)
        return status;
    if (x->dim[2] % a->groups || w->dim[0] % a->groups)
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': %u groups do not divide %zu input and %zu output channels", n->name,
                        a->groups, x->dim[2], w->dim[0]);
    if (w->dim[3] != x->dim[2] / a->groups || w->dim[1] != a->kernel[0] || w->dim[2] != a->kernel[1])
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': weights '%s' are %s, expected %zu x %u x %u x %zu", n->name, w->name,
                        qnt_shape_text(w, shape), w->dim[0], a->kernel[0], a->kernel[1], x->dim[2] / a->groups);
    out->dim[2] = w->dim[0];
    return qnt_infer_windows(m, n, out);
}

qnt_status qnt_infer_full(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = input(m, n, 0), *w = input(m, n, 1);
    char shape[QNT_SHAPE_TEXT];
    if (w->dim[1] != x->dim[0])
        return qnt_fail(QNT_ERR_SHAPE, "node '%s': weights '%s' are %s, expected %zu x %zu", n->name, w->name,
                        qnt_shape_text(w, shape), w->dim[0], x->dim[0]);
    out->rank = 1;
    out->dim[0] = w->dim[0];
    return QNT_OK;
}
qnt_status qnt_infer_windows(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    static const char *const axis[] = {"height", "width"};
    const struct qnt_tensor *x = input(m, n, 0);
    const qnt_node_attr *a = &n->attr;
    qnt_status status = qnt_infer_rank(m, n, 3, "height x width x channels");
    if (status)
        return status;
    for (int d = 0; d < 2; d++) {
        size_t reach = (size_t)(a->kernel[d] - 1) * a->dilation[d] + 1, padded = x->dim[d] + a->pad[d] + a->pad[d + 2];
        if (padded < reach)
            return qnt_fail(QNT_ERR_SHAPE, "node '%s': input '%s' has padded %s %zu, the window needs %zu", n->name,
                            x->name, axis[d], padded, reach);
        out->dim[d] = (padded - reach) / a->stride[d] + 1;
    }
    out->rank = 3;
    return QNT_OK;
}

qnt_status qnt_infer_global_pool(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    qnt_status status = qnt_infer_rank(m, n, 3, "height x width x channels");
    if (status)
        return status;
    out->rank = 3;
    out->dim[0] = out->dim[1] = 1;
    out->dim[2] = m->tensor[n->in[0]].dim[2];
    return QNT_OK;
}

/* One more window where the last one leaves pixels over, if it begins before the padding at the end. */
static void add_last_windows(const struct qnt_tensor *x, const qnt_node_attr *a, struct qnt_tensor *out)
{
    for (int d = 0; d < 2; d++) {
        size_t reach = (size_t)(a->kernel[d] - 1) * a->dilation[d] + 1, next = out->dim[d] * a->stride[d];
        if ((x->dim[d] + a->pad[d] + a->pad[d + 2] - reach) % a->stride[d] && next < x->dim[d] + a->pad[d])
            out->dim[d]++;
    }
}

qnt_status qnt_infer_pool(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out)
{
    const struct qnt_tensor *x = input(m, n, 0);
    const qnt_node_attr *a = &n->attr;
    qnt_status status = qnt_infer_windows(m, n, out);
    if (status)
        return status;
    if (a->mode & ~(uint32_t)(QNT_POOL_COUNT_PADDING | QNT_POOL_CEIL))
        return qnt_fail(QNT_ERR_ARG, "node '%s': mode %u, expected at most 3", n->name, a->mode);
    if (a->mode & QNT_POOL_CEIL)
        add_last_windows(x, a, out);
    /* With both, the first tap at or past the border lies inside, and it is one of the window's. */
    for (int d = 0; d < 2; d++) {
        size_t reach = (size_t)(a->kernel[d] - 1) * a->dilation[d] + 1;
        if (a->pad[d] >= reach || a->pad[d + 2] >= reach)
            return qnt_fail(QNT_ERR_SHAPE, "node '%s': pad %u and %u, expected less than the window, %zu", n->name,
                            a->pad[d], a->pad[d + 2], reach);
        if ((a->pad[d] || a->pad[d + 2]) && a->kernel[d] > 1 && a->dilation[d] > x->dim[d])
            return qnt_fail(QNT_ERR_SHAPE, "node '%s': dilation %u with padding, expected at most the image's %zu",
                            n->name, a->dilation[d], x->dim[d]);
    }
    out->dim[2] = x->dim[2];
    return QNT_OK;
}
