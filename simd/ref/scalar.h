#ifndef REF_SCALAR_H
#define REF_SCALAR_H
/* One element of each operation: the references loop over these, and vector variants use them for their tails. */
#include <math.h>
#include "kernels.h"

/* NaN fails both comparisons of the clamp and is caught last. Returns code - zero's sum: a value in [lo, hi]. */
static inline int32_t qnt_quantize_one(float x, float scale, int32_t zero, int32_t lo, int32_t hi)
{
    float v = x / scale, vlo = (float)(lo - zero), vhi = (float)(hi - zero);
    v = v < vlo ? vlo : v > vhi ? vhi : v;
    return v != v ? zero : (int32_t)rintf(v) + zero;
}

/* The code of v, which is in units of the output's scale. */
static inline int8_t qnt_code_one(float v, const struct qnt_requant *r)
{
    float lo = (float)(r->lo - r->zero), hi = (float)(r->hi - r->zero);
    v = v < lo ? lo : v > hi ? hi : v;
    return (int8_t)(uint8_t)((uint8_t)((int32_t)rintf(v) + r->zero) ^ r->out_xor);
}

static inline int8_t qnt_requantize_one(int32_t acc, float scale, const struct qnt_requant *r)
{
    return qnt_code_one((float)acc * scale, r);
}
#endif
