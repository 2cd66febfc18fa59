/* Resize and Upsample of height and width. */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/maps.h"

static qnt_status one_of(const struct onnx_node *n, const char *name, const char *otherwise, const char *const *names,
                         size_t count, uint32_t *out)
{
    const struct onnx_attr *a = qnt_onnx_attr(n, name);
    for (uint32_t i = 0; i < count; i++)
        if (qnt_onnx_attr_is(n, name, otherwise, names[i])) {
            *out = i;
            return QNT_OK;
        }
    return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "%s '%s', which is not supported", name, a && a->s ? a->s : otherwise);
}

static qnt_status modes(struct onnx_mapper *mp, const struct onnx_node *n, qnt_node_attr *a)
{
    static const char *const mode[] = {"nearest", "linear"};
    static const char *const position[] = {"half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"};
    static const char *const rounding[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    const bool early = mp->g->opset < 11; /* and Upsample: places are o / scale, cut */
    qnt_status status;
    if ((status = one_of(n, "mode", "nearest", mode, 2, &a->mode)) ||
        (status = one_of(n, "coordinate_transformation_mode", early ? "asymmetric" : "half_pixel", position, 4,
                         &a->position)) ||
        (status = one_of(n, "nearest_mode", early ? "floor" : "round_prefer_floor", rounding, 4, &a->rounding)))
        return status;
    if (qnt_onnx_attr_int(n, "antialias", 0) || qnt_onnx_attr_int(n, "exclude_outside", 0) ||
        !qnt_onnx_attr_is(n, "keep_aspect_ratio_policy", "stretch", "stretch"))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n,
                             "antialias, exclude_outside or keep_aspect_ratio_policy, which are not supported");
    return QNT_OK;
}

/* Scales (an attribute in opset 7, input 1 of Upsample 9 and Resize 10, 2 since 11) or sizes (3), a number a dimension.
 */
static qnt_status numbers(struct onnx_mapper *mp, const struct onnx_node *n, const float **scales, const float **sizes,
                          size_t *count)
{
    const struct onnx_attr *a = qnt_onnx_attr(n, "scales");
    const size_t k = strcmp(n->op, "Resize") || mp->g->opset < 11 ? 1 : 2;
    struct onnx_value *v = NULL;
    qnt_status status = QNT_OK;
    *scales = a ? a->floats : NULL;
    *sizes = NULL;
    *count = a ? a->n : 0;
    if (a)
        return QNT_OK;
    if (qnt_onnx_in(mp, n, k) && !(status = qnt_onnx_constant(mp, n, k, "scales", &v)) && qnt_onnx_count(&v->shape)) {
        *scales = qnt_onnx_floats(mp, v);
    } else if (!status && qnt_onnx_in(mp, n, 3) && !(status = qnt_onnx_constant(mp, n, 3, "sizes", &v))) {
        *sizes = qnt_onnx_floats(mp, v);
    }
    *count = v ? qnt_onnx_count(&v->shape) : 0;
    if (!status && !*scales && !*sizes)
        return qnt_onnx_fail(QNT_ERR_FORMAT, n, "neither scales nor sizes");
    return status;
}

/* The number of dimension d, by the attribute axes; 0: it stays as it is. */
static qnt_status at_axis(const struct onnx_node *n, const float *numbers, size_t count, uint32_t rank, uint32_t d,
                          float *out)
{
    const struct onnx_attr *axes = qnt_onnx_attr(n, "axes");
    *out = 0.0f;
    if (count != (axes ? axes->n : rank))
        return qnt_onnx_fail(QNT_ERR_SHAPE, n, "%zu scales or sizes, expected one for each of %u dimensions or axes",
                             count, rank);
    for (size_t i = 0; i < count; i++) {
        uint32_t axis = 0;
        qnt_status status = qnt_onnx_axis(n, axes ? axes->ints[i] : (int64_t)i, rank, false, &axis);
        if (status)
            return status;
        if (axis == d)
            *out = numbers[i];
    }
    return QNT_OK;
}

qnt_status qnt_onnx_map_resize(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const float *scales, *sizes;
    qnt_node_attr attr = {0};
    struct onnx_value *x;
    struct onnx_shape s;
    size_t count;
    int id;
    qnt_status status = modes(mp, n, &attr);
    if (status || (status = numbers(mp, n, &scales, &sizes, &count)))
        return status;
    if (attr.mode == QNT_RESIZE_LINEAR)
        status = qnt_onnx_float_in(mp, n, 0, &x);
    else
        status = qnt_onnx_moved_in(mp, n, 0, &x);
    if (status)
        return status;
    s = x->shape;
    if (s.rank != 4)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "%u dimensions, expected batch, channels, height and width",
                             s.rank);
    for (uint32_t d = 0; d < 4; d++) {
        float number;
        if ((status = at_axis(n, scales ? scales : sizes, count, 4, d, &number)))
            return status;
        const float grown = !number ? (float)s.dim[d] : scales ? floorf((float)s.dim[d] * number) : number;
        if (!(grown >= 1.0f && grown <= 0x1p24f) || (d < 2 && grown != (float)s.dim[d]))
            return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "dimension %u becomes %g, expected %s", d, (double)grown,
                                 d < 2 ? "batch and channels to stay" : "1 to 2^24");
        s.dim[d] = (size_t)grown;
        if (d > 1) {
            attr.dim[d - 2] = s.dim[d];
            attr.scale[d - 2] = scales && number ? number : 0.0f;
        }
    }
    if ((status = qnt_onnx_as_tensor(mp, n, x, true, &id)) ||
        (status = qnt_onnx_emit(mp, n, "resize", &attr, &id, 1, n->out[0], NULL, &id)))
        return status;
    if (attr.mode == QNT_RESIZE_LINEAR)
        return qnt_onnx_result(mp, n, 0, ONNX_FLOAT, &s, true, id);
    return qnt_onnx_moved(mp, n, 0, 0, &s, true, id);
}
