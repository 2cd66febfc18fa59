#ifndef TESTS_FUZZ_ELEMENT_H
#define TESTS_FUZZ_ELEMENT_H
/* Elements of constants of any type, as numbers. */
#include <math.h>
#include <string.h>
#include "lib/graph/graph.h"

static inline double element_value(const struct qnt_tensor *t, size_t i)
{
    switch (t->type) {
    case QNT_F32:
        return ((const float *)t->data)[i];
    case QNT_S32:
        return ((const int32_t *)t->data)[i];
    case QNT_S64:
        return (double)((const int64_t *)t->data)[i];
    case QNT_S16:
        return ((const int16_t *)t->data)[i];
    case QNT_U16:
        return ((const uint16_t *)t->data)[i];
    case QNT_U8:
        if (qnt_tensor_packed(t))
            return ((const uint8_t *)t->data)[i / 2] >> i % 2 * 4 & 15;
        return ((const uint8_t *)t->data)[i];
    case QNT_BOOL:
        return ((const uint8_t *)t->data)[i];
    default:
        return ((const int8_t *)t->data)[i];
    }
}

/* Into what the type and bits of `t` can hold. */
static inline void element_put(const struct qnt_tensor *t, size_t i, double x)
{
    int64_t least = 0, most = 0;
    if (!qnt_dtype_range(t->type, &least, &most)) {
        ((float *)t->data)[i] = (float)x;
        return;
    }
    if (t->type == QNT_S8) {
        least = -(1 << (t->bits - 1));
        most = -least - 1;
    } else if (t->type == QNT_TERNARY) {
        least = -1;
    } else if (t->type == QNT_S64) { /* all of them are doubles */
        least = -(INT64_C(1) << 52);
        most = -least;
    }
    x = isnan(x) ? 0 : x < (double)least ? (double)least : x > (double)most ? (double)most : x;
    if (qnt_tensor_packed(t)) {
        ((uint8_t *)t->data)[i / 2] |= (uint8_t)(((int)x & 15) << i % 2 * 4);
        return;
    }
    const int64_t code = t->type != QNT_S8 || t->bits > 1 ? (int64_t)x : x < 0 ? -1 : 1;
    memcpy((uint8_t *)t->data + i * qnt_dtype_size(t->type), &code, qnt_dtype_size(t->type)); /* little-endian */
}
#endif
