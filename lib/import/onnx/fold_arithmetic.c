/* Arithmetic on constants: float32 as the operation would do it, or integers of 64 bits cut to their type. */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/maps.h"

static float float_op(const char *op, float a, float b)
{
    switch (op[0]) {
    case 'A':
        return a + b;
    case 'S':
        return a - b;
    case 'M':
        return op[1] == 'u' ? a * b : op[1] == 'i' ? (a < b ? a : b) : a > b ? a : b;
    case 'P':
        return powf(a, b);
    default:
        return a / b;
    }
}

/* The sign of a remainder is the divisor's. */
static int64_t remainder_of(int64_t a, int64_t b)
{
    const int64_t r = b == -1 ? 0 : a % b;
    return r && (r < 0) != (b < 0) ? r + b : r;
}

/* Wraps as two's complement; a division by 0 is refused before. */
static int64_t int_op(const char *op, int64_t a, int64_t b)
{
    const uint64_t x = (uint64_t)a, y = (uint64_t)b;
    switch (op[0]) {
    case 'A':
        return (int64_t)(x + y);
    case 'S':
        return (int64_t)(x - y);
    case 'M':
        if (op[1] == 'u')
            return (int64_t)(x * y);
        if (op[1] == 'o')
            return remainder_of(a, b);
        return (op[1] == 'i') == (a < b) ? a : b;
    default:
        return b == -1 ? (int64_t)(0 - x) : a / b;
    }
}

size_t qnt_onnx_broadcast_at(const struct onnx_shape *s, const struct onnx_shape *x, size_t i)
{
    size_t at = 0, stride = 1;
    for (uint32_t d = s->rank, e = x->rank; d-- > 0 && e > 0; i /= s->dim[d]) {
        e--;
        at += x->dim[e] == 1 ? 0 : i % s->dim[d] * stride;
        stride *= x->dim[e];
    }
    return at;
}

qnt_status qnt_onnx_fold_arithmetic(struct onnx_mapper *mp, const struct onnx_node *n)
{
    struct onnx_value *a = qnt_onnx_in(mp, n, 0), *b = qnt_onnx_in(mp, n, 1);
    struct onnx_shape s;
    void *to;
    if (!a || !b || n->n_in != 2 || a->type != b->type || qnt_onnx_attr(n, "axis"))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "constants, expected two of one type and no attribute 'axis'");
    qnt_status status = qnt_onnx_broadcast(n, &a->shape, &b->shape, &s);
    if (status || (status = qnt_onnx_give(mp, n, 0, a->type, &s, &to)))
        return status;
    const bool floats = qnt_onnx_is_float(a->type);
    const float *fa = floats ? qnt_onnx_floats(mp, a) : NULL, *fb = floats ? qnt_onnx_floats(mp, b) : NULL;
    const int64_t *ia = floats ? NULL : qnt_onnx_ints(mp, a), *ib = floats ? NULL : qnt_onnx_ints(mp, b);
    if ((!fa || !fb) && (!ia || !ib))
        return QNT_ERR_NOMEM;
    if (floats ? a->type != ONNX_FLOAT || !strcmp(n->op, "Mod")
               : !strcmp(n->op, "Pow") || qnt_onnx_attr_int(n, "fmod", 0))
        return qnt_onnx_fail(QNT_ERR_UNSUPPORTED, n, "constants of %s, which is not computed",
                             qnt_onnx_type_name(a->type));
    for (size_t i = 0; i < qnt_onnx_count(&s); i++) {
        const size_t x = qnt_onnx_broadcast_at(&s, &a->shape, i), y = qnt_onnx_broadcast_at(&s, &b->shape, i);
        if (floats) {
            ((float *)to)[i] = float_op(n->op, fa[x], fb[y]);
            continue;
        }
        if (!ib[y] && (!strcmp(n->op, "Div") || !strcmp(n->op, "Mod")))
            return qnt_onnx_fail(QNT_ERR_RANGE, n, "a constant is divided by 0");
        qnt_onnx_put_int(to, a->type, i, int_op(n->op, ia[x], ib[y]));
    }
    return QNT_OK;
}
