/* Windows over images: kernel, strides, dilations, padding; images of one dimension are lines of height 1. */
#include <string.h>
#include "lib/import/onnx/linear.h"

static qnt_status positive(const struct onnx_node *n, const char *name, uint32_t places, size_t *out)
{
    const struct onnx_attr *a = qnt_onnx_attr(n, name);
    for (uint32_t d = 0; d < places; d++)
        out[d] = 1;
    if (!a)
        return QNT_OK;
    if (a->n != places)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "%s has %zu numbers, expected %u", name, a->n, places);
    for (uint32_t d = 0; d < places; d++) {
        if (a->ints[d] < 1 || a->ints[d] > QNT_MAX_ATTRIBUTE)
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "%s[%u] is %lld, expected 1 to %d", name, d, (long long)a->ints[d],
                                 QNT_MAX_ATTRIBUTE);
        out[d] = (size_t)a->ints[d];
    }
    return QNT_OK;
}

static qnt_status explicit_pads(const struct onnx_node *n, uint32_t places, size_t before[2], size_t after[2])
{
    const struct onnx_attr *a = qnt_onnx_attr(n, "pads");
    if (!a)
        return QNT_OK;
    if (a->n != (size_t)2 * places)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "pads has %zu numbers, expected %u", a->n, 2 * places);
    for (uint32_t d = 0; d < 2 * places; d++)
        if (a->ints[d] < 0 || a->ints[d] > QNT_MAX_ATTRIBUTE)
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "pads[%u] is %lld, expected 0 to %d", d, (long long)a->ints[d],
                                 QNT_MAX_ATTRIBUTE);
    for (uint32_t d = 0; d < places; d++) {
        before[d] = (size_t)a->ints[d];
        after[d] = (size_t)a->ints[d + places];
    }
    return QNT_OK;
}

/* As many outputs as strides begin in the input; the padding is halved, the odd one goes to the end (UPPER). */
static void same_pads(size_t in, size_t reach, size_t stride, bool upper, size_t *before, size_t *after)
{
    const size_t out = (in + stride - 1) / stride, need = (out - 1) * stride + reach, total = need > in ? need - in : 0;
    *before = upper ? total / 2 : total - total / 2;
    *after = total - *before;
}

/* ceil_mode: the last window may reach over the end, but begins inside or in the padding before it. */
static size_t outputs(size_t in, size_t before, size_t after, size_t reach, size_t stride, bool ceil)
{
    const size_t room = in + before + after - reach;
    size_t out = room / stride + 1;
    if (ceil && room % stride && out * stride < in + before)
        out++;
    return out;
}

static qnt_status axis(const struct onnx_node *n, size_t in, size_t kernel, size_t stride, size_t dilation,
                       size_t *before, size_t *after, size_t *out)
{
    const size_t reach = (kernel - 1) * dilation + 1;
    const bool upper = qnt_onnx_attr_is(n, "auto_pad", "NOTSET", "SAME_UPPER");
    if (upper || qnt_onnx_attr_is(n, "auto_pad", "NOTSET", "SAME_LOWER"))
        same_pads(in, reach, stride, upper, before, after);
    else if (qnt_onnx_attr_is(n, "auto_pad", "NOTSET", "VALID"))
        *before = *after = 0;
    else if (!qnt_onnx_attr_is(n, "auto_pad", "NOTSET", "NOTSET"))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                             "auto_pad is '%s', expected NOTSET, SAME_UPPER, SAME_LOWER or VALID",
                             qnt_onnx_attr(n, "auto_pad")->s);
    if (in + *before + *after < reach)
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "a window reaches over %zu elements, the padded input has %zu", reach,
                             in + *before + *after);
    *out = outputs(in, *before, *after, reach, stride, qnt_onnx_attr_int(n, "ceil_mode", 0) != 0);
    return QNT_OK;
}

static qnt_status kernel_of(const struct onnx_node *n, const size_t *weights, struct onnx_windows *w)
{
    qnt_status status = positive(n, "kernel_shape", w->places, w->kernel);
    if (status)
        return status;
    if (!weights && !qnt_onnx_attr(n, "kernel_shape"))
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "kernel_shape is missing");
    for (uint32_t d = 0; weights && d < w->places; d++) {
        if (qnt_onnx_attr(n, "kernel_shape") && w->kernel[d] != weights[d])
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "kernel_shape[%u] is %zu, expected %zu as the weights", d,
                                 w->kernel[d], weights[d]);
        w->kernel[d] = weights[d];
        if (!weights[d] || weights[d] > QNT_MAX_ATTRIBUTE)
            return qnt_onnx_fail(QNT_ERR_SHAPE, n, "the kernel is %zu in dimension %u, expected 1 to %d", weights[d], d,
                                 QNT_MAX_ATTRIBUTE);
    }
    return QNT_OK;
}

qnt_status qnt_onnx_windows(const struct onnx_node *n, const struct onnx_shape *x, const size_t *kernel,
                            struct onnx_windows *w)
{
    size_t stride[2], dilation[2], before[2] = {0}, after[2] = {0};
    char text[ONNX_SHAPE_TEXT];
    qnt_status status;
    *w = (struct onnx_windows){.places = x->rank - 2};
    if (x->rank < 3 || x->rank > 4)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "the input is %s, expected 1 or 2 dimensions behind the channels",
                             qnt_onnx_shape_text(x, text));
    if ((status = kernel_of(n, kernel, w)) || (status = positive(n, "strides", w->places, stride)) ||
        (status = positive(n, "dilations", w->places, dilation)) ||
        (status = explicit_pads(n, w->places, before, after)))
        return status;
    for (uint32_t d = 0; d < w->places; d++) {
        const uint32_t to = d + 2 - w->places; /* a line is the width */
        if ((status = axis(n, x->dim[2 + d], w->kernel[d], stride[d], dilation[d], &before[d], &after[d], &w->out[d])))
            return status;
        w->attr.kernel[to] = (uint32_t)w->kernel[d];
        w->attr.stride[to] = (uint32_t)stride[d];
        w->attr.dilation[to] = (uint32_t)dilation[d];
        w->attr.pad[to] = (uint32_t)before[d];
        w->attr.pad[to + 2] = (uint32_t)after[d];
    }
    return QNT_OK;
}

/* A line gets a height in front of its width, or loses it. */
static struct onnx_shape with_height(const struct onnx_mapper *mp, struct onnx_shape s)
{
    const uint32_t at = mp->whole ? 1 : 0;
    memmove(&s.dim[at + 1], &s.dim[at], (s.rank - at) * sizeof *s.dim);
    s.dim[at] = 1;
    s.rank++;
    return s;
}

qnt_status qnt_onnx_image(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x, int *id)
{
    qnt_status status = qnt_onnx_as_tensor(mp, n, x, true, id);
    if (status || x->shape.rank == 4)
        return status;
    const struct onnx_shape s = with_height(mp, qnt_onnx_stored(mp, &x->shape, true));
    return qnt_onnx_emit_reshape(mp, n, *id, &s, x->name, id);
}

qnt_status qnt_onnx_image_back(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_shape *x, size_t c,
                               const struct onnx_windows *w, const char *base, int *id, struct onnx_shape *s)
{
    *s = (struct onnx_shape){.rank = x->rank, .dim = {x->dim[0], c, w->out[0], w->out[1]}};
    if (x->rank == 4)
        return QNT_OK;
    const struct onnx_shape stored = qnt_onnx_stored(mp, s, true);
    return qnt_onnx_emit_reshape(mp, n, *id, &stored, base, id);
}
