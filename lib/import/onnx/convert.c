/* Elements of constants as numbers. */
#include <math.h>
#include <string.h>
#include "lib/import/onnx/map.h"

size_t qnt_onnx_type_size(int32_t type)
{
    const uint32_t bits = qnt_onnx_type_bits(type);
    return bits && bits < 8 ? 1 : bits / 8;
}

bool qnt_onnx_is_float(int32_t type)
{
    return type == ONNX_FLOAT || type == ONNX_FLOAT16 || type == ONNX_DOUBLE || type == ONNX_BFLOAT16;
}

bool qnt_onnx_is_small_int(int32_t type)
{
    return type != ONNX_BOOL && !qnt_onnx_is_float(type) && qnt_onnx_type_size(type) == 1;
}

void qnt_onnx_int_range(int32_t type, int64_t *lo, int64_t *hi)
{
    const uint32_t bits = qnt_onnx_type_bits(type);
    const bool sign = type == ONNX_INT8 || type == ONNX_INT16 || type == ONNX_INT32 || type == ONNX_INT64 ||
                      type == ONNX_INT4 || type == ONNX_INT2;
    if (type == ONNX_BOOL) {
        *lo = 0;
        *hi = 1;
        return;
    }
    *hi = bits >= 64 ? INT64_MAX : (INT64_C(1) << (sign ? bits - 1 : bits)) - 1;
    *lo = sign ? -*hi - 1 : 0;
}

static float from_half(uint16_t h)
{
    const float sign = h >> 15 ? -1.0f : 1.0f;
    const int exponent = h >> 10 & 31;
    const int fraction = h & 1023;
    if (exponent == 31)
        return fraction ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexpf((float)(1024 + fraction), exponent - 25) : ldexpf((float)fraction, -24));
}

static float from_bfloat(uint16_t h)
{
    const uint32_t bits = (uint32_t)h << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Element i; integers exactly, floats cut towards 0 and saturated. */
static int64_t int_at(const void *data, int32_t type, size_t i)
{
    switch (type) {
    case ONNX_UINT8:
    case ONNX_BOOL:
    case ONNX_UINT4:
    case ONNX_UINT2:
        return ((const uint8_t *)data)[i];
    case ONNX_INT8:
    case ONNX_INT4:
    case ONNX_INT2:
        return ((const int8_t *)data)[i];
    case ONNX_UINT16:
        return ((const uint16_t *)data)[i];
    case ONNX_INT16:
        return ((const int16_t *)data)[i];
    case ONNX_UINT32:
        return ((const uint32_t *)data)[i];
    case ONNX_INT32:
        return ((const int32_t *)data)[i];
    case ONNX_UINT64: {
        const uint64_t x = ((const uint64_t *)data)[i];
        return x > INT64_MAX ? INT64_MAX : (int64_t)x;
    }
    default:
        return ((const int64_t *)data)[i];
    }
}

static double double_at(const void *data, int32_t type, size_t i)
{
    switch (type) {
    case ONNX_FLOAT:
        return ((const float *)data)[i];
    case ONNX_DOUBLE:
        return ((const double *)data)[i];
    case ONNX_FLOAT16:
        return from_half(((const uint16_t *)data)[i]);
    case ONNX_BFLOAT16:
        return from_bfloat(((const uint16_t *)data)[i]);
    default:
        return (double)int_at(data, type, i);
    }
}

size_t qnt_onnx_quant_index(const struct onnx_quant *q, const struct onnx_shape *s, size_t at)
{
    if (q->n == 1)
        return 0;
    size_t inner = 1;
    for (uint32_t d = q->axis + 1; d < s->rank; d++)
        inner *= s->dim[d];
    const size_t extent = s->dim[q->axis], i = at / inner % extent;
    if (!q->block)
        return i;
    const size_t blocks = (extent + q->block - 1) / q->block;
    return (at / inner / extent * blocks + i / q->block) * inner + at % inner;
}

/* A DequantizeLinear of a constant: (code - zero) * scale in float32. */
static void dequantize(struct onnx_value *v)
{
    const struct onnx_quant *q = &v->quant;
    const size_t count = qnt_onnx_count(&v->shape);
    for (size_t i = 0; i < count; i++) {
        const size_t k = qnt_onnx_quant_index(q, &v->shape, i);
        v->floats[i] = (float)(int_at(v->codes->data, v->codes->type, i) - q->zero[k]) * q->scale[k];
    }
}

const float *qnt_onnx_floats(struct onnx_mapper *mp, struct onnx_value *v)
{
    if (v->floats || (!v->codes && v->type == ONNX_FLOAT))
        return v->floats ? v->floats : v->data;
    const size_t count = qnt_onnx_count(&v->shape);
    if (!(v->floats = qnt_onnx_alloc(mp, count, sizeof *v->floats, v->name)))
        return NULL;
    if (v->codes)
        dequantize(v);
    else
        for (size_t i = 0; i < count; i++)
            v->floats[i] = (float)double_at(v->data, v->type, i);
    return v->floats;
}

const int64_t *qnt_onnx_ints(struct onnx_mapper *mp, struct onnx_value *v)
{
    if (v->ints || (!v->codes && v->type == ONNX_INT64))
        return v->ints ? v->ints : v->data;
    if (v->codes || qnt_onnx_is_float(v->type)) {
        mp->lost = qnt_fail(QNT_ERR_TYPE, "tensor '%s' is %s, expected integers", v->name, qnt_onnx_type_name(v->type));
        return NULL;
    }
    const size_t count = qnt_onnx_count(&v->shape);
    if (!(v->ints = qnt_onnx_alloc(mp, count, sizeof *v->ints, v->name)))
        return NULL;
    for (size_t i = 0; i < count; i++)
        v->ints[i] = int_at(v->data, v->type, i);
    return v->ints;
}

void qnt_onnx_put_int(void *data, int32_t type, size_t i, int64_t x)
{
    int64_t lo, hi;
    qnt_onnx_int_range(type, &lo, &hi);
    x = x < lo ? lo : x > hi ? hi : x;
    switch (qnt_onnx_type_size(type)) {
    case 1:
        ((uint8_t *)data)[i] = (uint8_t)x;
        break;
    case 2:
        ((uint16_t *)data)[i] = (uint16_t)x;
        break;
    case 4:
        ((uint32_t *)data)[i] = (uint32_t)x;
        break;
    default:
        ((uint64_t *)data)[i] = (uint64_t)x;
    }
}
