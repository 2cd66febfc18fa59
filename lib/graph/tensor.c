/* Sizes and names of tensors. */
#include <stdio.h>
#include "lib/graph/graph.h"

qnt_status qnt_tensor_elements(const struct qnt_tensor *t, size_t *out)
{
    size_t n = 1;
    for (uint32_t d = 0; d < t->rank; d++)
        if (qnt_mul_overflows(n, t->dim[d], &n) || n > QNT_MAX_ELEMENTS) {
            char shape[QNT_SHAPE_TEXT];
            return qnt_fail(QNT_ERR_RANGE, "tensor '%s' of shape %s has more than 2^40 elements", t->name,
                            qnt_shape_text(t, shape));
        }
    *out = n;
    return QNT_OK;
}

size_t qnt_dtype_size(qnt_dtype type)
{
    switch (type) {
    case QNT_S64:
        return 8;
    case QNT_F32:
    case QNT_S32:
        return 4;
    case QNT_S16:
    case QNT_U16:
        return 2;
    case QNT_S8:
    case QNT_U8:
    case QNT_TERNARY:
    case QNT_BOOL:
        break;
    }
    return 1;
}

size_t qnt_tensor_strip(struct qnt_tensor *t, uint32_t rank)
{
    size_t product = 1;
    uint32_t extra = 0;
    for (; t->rank - extra > rank; extra++)
        product *= t->dim[extra];
    t->rank -= extra;
    for (uint32_t d = 0; d < QNT_MAX_RANK && extra; d++)
        t->dim[d] = d < t->rank ? t->dim[d + extra] : 0;
    return product;
}

size_t qnt_tensor_count(const struct qnt_tensor *t)
{
    size_t n = 1;
    for (uint32_t d = 0; d < t->rank; d++)
        n *= t->dim[d];
    return n;
}

size_t qnt_tensor_bytes(const struct qnt_tensor *t)
{
    return qnt_tensor_packed(t) ? qnt_tensor_count(t) * t->bits / 8 : qnt_tensor_count(t) * qnt_dtype_size(t->type);
}

const char *qnt_dtype_name(qnt_dtype type)
{
    switch (type) {
    case QNT_F32:
        return "f32";
    case QNT_S8:
        return "s8";
    case QNT_U8:
        return "u8";
    case QNT_S32:
        return "s32";
    case QNT_TERNARY:
        return "ternary";
    case QNT_S16:
        return "s16";
    case QNT_U16:
        return "u16";
    case QNT_S64:
        return "s64";
    case QNT_BOOL:
        return "bool";
    }
    return "unknown";
}

bool qnt_dtype_range(qnt_dtype type, int64_t *least, int64_t *most)
{
    const uint32_t bits = type == QNT_TERNARY ? 2 : 8 * (uint32_t)qnt_dtype_size(type);
    const bool is_unsigned = type == QNT_U8 || type == QNT_U16;
    if (type == QNT_F32)
        return false;
    *most = type == QNT_BOOL ? 1 : (int64_t)(UINT64_MAX >> (is_unsigned ? 64 - bits : 65 - bits));
    *least = is_unsigned || type == QNT_BOOL ? 0 : -*most - 1;
    return true;
}

const char *qnt_shape_text(const struct qnt_tensor *t, char *text)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t d = 0; d < t->rank && d < QNT_MAX_RANK; d++)
        used += (size_t)snprintf(text + used, QNT_SHAPE_TEXT - used, d ? " x %zu" : "%zu", t->dim[d]);
    return text;
}
