/* Functions of one constant: Cast, Neg, Abs, Not, Floor, Ceil, Sqrt; and what dimensions multiply to: ReduceProd. */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/maps.h"

int64_t qnt_onnx_whole(float x)
{
    if (x != x)
        return 0;
    return x >= 0x1p63f ? INT64_MAX : x < -0x1p63f ? INT64_MIN : (int64_t)x;
}

/* Integers that are cut to a narrower type lose their upper bits. */
static int64_t cut(int64_t x, int32_t type)
{
    const uint32_t bits = qnt_onnx_type_bits(type);
    int64_t lo, hi;
    qnt_onnx_int_range(type, &lo, &hi);
    if (type == ONNX_BOOL)
        return x != 0;
    if (bits >= 64)
        return x;
    x &= (INT64_C(1) << bits) - 1;
    return x > hi ? x - (INT64_C(1) << bits) : x;
}

qnt_status qnt_onnx_fold_as(struct onnx_mapper *mp, const struct onnx_node *n, int32_t type)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    const bool from_float = qnt_onnx_is_float(x->type);
    void *to;
    if (type == x->type && !x->codes) {
        qnt_onnx_alias(mp, n, 0, x);
        return QNT_OK;
    }
    if (!qnt_onnx_type_size(type) || (qnt_onnx_is_float(type) && type != ONNX_FLOAT))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "a cast of constants to %s", qnt_onnx_type_name(type));
    const float *floats = from_float || type == ONNX_FLOAT ? qnt_onnx_floats(mp, x) : NULL;
    const int64_t *ints = floats ? NULL : qnt_onnx_ints(mp, x);
    if (!floats && !ints)
        return QNT_ERR_NOMEM;
    qnt_status status = qnt_onnx_give(mp, n, 0, type, &x->shape, &to);
    for (size_t i = 0; i < qnt_onnx_count(&x->shape) && !status; i++) {
        if (type == ONNX_FLOAT)
            ((float *)to)[i] = floats[i];
        else if (floats && type != ONNX_BOOL)
            qnt_onnx_put_int(to, type, i, qnt_onnx_whole(floats[i]));
        else
            qnt_onnx_put_int(to, type, i, floats ? floats[i] != 0.0f : cut(ints[i], type));
    }
    return status;
}

qnt_status qnt_onnx_fold_cast(struct onnx_mapper *mp, const struct onnx_node *n)
{
    const struct onnx_value *like = qnt_onnx_in(mp, n, 1);
    return qnt_onnx_fold_as(mp, n, like ? like->type : (int32_t)qnt_onnx_attr_int(n, "to", 0));
}

static float function(const char *op, float x)
{
    switch (op[0]) {
    case 'N':
        return -x;
    case 'A':
        return fabsf(x);
    case 'F':
        return floorf(x);
    case 'C':
        return ceilf(x);
    default:
        return sqrtf(x);
    }
}

qnt_status qnt_onnx_fold_function(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    const bool floats = x->type == ONNX_FLOAT;
    void *to;
    if (!floats && (qnt_onnx_is_float(x->type) || strchr("FCS", n->op[0])))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "a constant of %s", qnt_onnx_type_name(x->type));
    const float *f = floats ? qnt_onnx_floats(mp, x) : NULL;
    const int64_t *ints = floats ? NULL : qnt_onnx_ints(mp, x);
    if (!f && !ints)
        return QNT_ERR_NOMEM;
    qnt_status status = qnt_onnx_give(mp, n, 0, x->type, &x->shape, &to);
    for (size_t i = 0; i < qnt_onnx_count(&x->shape) && !status; i++) {
        if (f)
            ((float *)to)[i] = function(n->op, f[i]);
        else if (!strcmp(n->op, "Not"))
            qnt_onnx_put_int(to, x->type, i, !ints[i]);
        else
            qnt_onnx_put_int(to, x->type, i,
                             ints[i] < 0 || n->op[0] == 'N' ? (int64_t)(0 - (uint64_t)ints[i]) : ints[i]);
    }
    return status;
}

/* Of all elements, integers: how shapes are counted. */
qnt_status qnt_onnx_fold_product(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *x = qnt_onnx_in(mp, n, 0);
    const int64_t *ints = qnt_onnx_ints(mp, x);
    struct onnx_shape s = {0};
    uint32_t set;
    uint64_t product = 1;
    void *to;
    qnt_status status = qnt_onnx_axes(mp, n, "axes", 1, x->shape.rank, &set);
    if (status || !ints)
        return status ? status : mp->lost;
    if (set && set != (1u << x->shape.rank) - 1)
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "a constant over some of its axes, expected all");
    for (size_t i = 0; i < qnt_onnx_count(&x->shape); i++)
        product *= (uint64_t)ints[i];
    for (uint32_t d = 0; d < x->shape.rank && qnt_onnx_attr_int(n, "keepdims", 1); d++)
        s.dim[s.rank++] = 1;
    if (!(status = qnt_onnx_give(mp, n, 0, x->type, &s, &to)))
        qnt_onnx_put_int(to, x->type, 0, (int64_t)product);
    return status;
}
