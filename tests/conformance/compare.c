/* Found against expected. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "tests/conformance/conformance.h"

static double number(int32_t type, const uint8_t *at)
{
    union {
        float f;
        double d;
        int8_t s8;
        int16_t s16;
        uint16_t u16;
        int32_t s32;
        uint32_t u32;
        int64_t s64;
    } x;
    memcpy(&x, at, value_element(type));
    switch (type) {
    case ONNX_FLOAT:
        return (double)x.f;
    case ONNX_DOUBLE:
        return x.d;
    case ONNX_INT8:
    case ONNX_INT4:
    case ONNX_INT2:
        return x.s8;
    case ONNX_INT16:
        return x.s16;
    case ONNX_UINT16:
        return x.u16;
    case ONNX_INT32:
        return x.s32;
    case ONNX_UINT32:
        return x.u32;
    case ONNX_INT64:
        return (double)x.s64;
    default:
        return *at;
    }
}

static bool close_enough(double expected, double found, struct tolerance t)
{
    if (isnan(expected) || isnan(found))
        return isnan(expected) && isnan(found);
    if (isinf(expected) || isinf(found))
        return expected == found;
    return fabs(found - expected) <= t.absolute + t.relative * fabs(expected);
}

bool value_same(const struct value *expected, const void *found, struct tolerance t, char *text, size_t room)
{
    const size_t size = value_element(expected->type);
    const bool floats = expected->type == ONNX_FLOAT || expected->type == ONNX_DOUBLE;
    size_t wrong = 0, first = 0;
    for (size_t i = 0; i < expected->count; i++) {
        const uint8_t *e = expected->data + i * size, *f = (const uint8_t *)found + i * size;
        bool same =
            floats ? close_enough(number(expected->type, e), number(expected->type, f), t) : !memcmp(e, f, size);
        if (!same && !wrong++)
            first = i;
    }
    if (wrong)
        snprintf(text, room, "%zu of %zu elements differ, the first at %zu: %.9g, expected %.9g", wrong,
                 expected->count, first, number(expected->type, (const uint8_t *)found + first * size),
                 number(expected->type, expected->data + first * size));
    return !wrong;
}
