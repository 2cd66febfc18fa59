/* Contents of inputs. */
#include <float.h>
#include <math.h>
#include <string.h>
#include "ck.h"

uint64_t ck_rand(struct ck *c) /* splitmix64 */
{
    uint64_t z = c->rng += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

size_t ck_below(struct ck *c, size_t n)
{
    return (size_t)(ck_rand(c) >> 32) % n;
}

float ck_uniform(struct ck *c, float lo, float hi)
{
    return lo + (hi - lo) * (float)(ck_rand(c) >> 40) * 0x1p-24f;
}

const char *ck_fill_name(enum ck_fill fill)
{
    static const char *const names[] = {"noise", "min",  "max",      "alternating", "onehot",
                                        "zero",  "ties", "denormal", "bits",        "special"};
    return names[fill];
}

int ck_fills(enum ck_type type)
{
    return type == CK_F32 ? CK_FLOAT_FILLS : CK_INT_FILLS;
}

static float from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static float special(struct ck *c)
{
    static const uint32_t bits[] = {
        0x7fc00000, 0xffc00000,                                                 /* quiet NaN */
        0x7fc12345, 0xffeabcde,                                                 /* with payload */
        0x7f800001, 0xffbfffff,                                                 /* signalling */
        0x7f800000, 0xff800000,                                                 /* infinities */
        0x7f7fffff, 0xff7fffff,                                                 /* largest */
        0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x80800000,             /* around the smallest normal */
        0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x4f000000, 0xcf000000, /* 2^31: past s32 */
        0x4b000001, 0x4affffff,                                                 /* around 2^23: no fraction left */
    };
    size_t i = ck_below(c, 2 * sizeof bits / sizeof *bits);
    return i < sizeof bits / sizeof *bits ? from_bits(bits[i]) : ck_uniform(c, -c->range, c->range);
}

static float tie(struct ck *c)
{
    float k = (float)ck_below(c, 520) - 260.0f, x = (k + 0.5f) * c->unit;
    switch (ck_below(c, 4)) {
    case 0:
        return nextafterf(x, INFINITY);
    case 1:
        return nextafterf(x, -INFINITY);
    default:
        return x;
    }
}

static float f32(struct ck *c, enum ck_fill fill, size_t i, size_t hot)
{
    switch (fill) {
    case CK_MIN:
        return -FLT_MAX;
    case CK_MAX:
        return FLT_MAX;
    case CK_ALT:
        return i & 1 ? FLT_MAX : -FLT_MAX;
    case CK_ONEHOT:
        return i == hot ? c->range : 0.0f;
    case CK_ZERO:
        return ck_rand(c) & 1 ? -0.0f : 0.0f;
    case CK_TIES:
        return tie(c);
    case CK_DENORM:
        return from_bits((uint32_t)ck_rand(c) & 0x80ffffff);
    case CK_BITS:
        return from_bits((uint32_t)ck_rand(c));
    case CK_SPECIAL:
        return special(c);
    default:
        return ck_uniform(c, -c->range, c->range);
    }
}

static int32_t integer(struct ck *c, enum ck_fill fill, size_t i, size_t hot, int32_t lo, int32_t hi)
{
    switch (fill) {
    case CK_MIN:
        return lo;
    case CK_MAX:
        return hi;
    case CK_ALT:
        return i & 1 ? hi : lo;
    case CK_ONEHOT:
        return i == hot ? hi : 0;
    case CK_ZERO:
        return 0;
    default:
        return (int32_t)(uint32_t)(ck_rand(c) >> 16);
    }
}

void ck_fill(struct ck *c, void *to, enum ck_type type, size_t n, enum ck_fill fill)
{
    size_t hot = n ? ck_below(c, n) : 0;
    for (size_t i = 0; i < n; i++)
        switch (type) {
        case CK_S8:
            ((int8_t *)to)[i] = (int8_t)integer(c, fill, i, hot, INT8_MIN, INT8_MAX);
            break;
        case CK_U8:
            ((uint8_t *)to)[i] = (uint8_t)integer(c, fill, i, hot, 0, UINT8_MAX);
            break;
        case CK_S32:
            ((int32_t *)to)[i] = integer(c, fill, i, hot, INT32_MIN, INT32_MAX);
            break;
        case CK_F32:
            ((float *)to)[i] = f32(c, fill, i, hot);
            break;
        }
}

void ck_fill_near(float *to, float edge)
{
    float up = edge, down = edge;
    for (size_t i = 0; i < CK_NEAR; i += 4) {
        to[i] = up;
        to[i + 1] = -up;
        to[i + 2] = down;
        to[i + 3] = -down;
        up = nextafterf(up, INFINITY);
        down = nextafterf(down, 0.0f);
    }
}

void ck_fill_sweep(struct ck *c, float *to, uint32_t part, uint32_t parts)
{
    uint32_t step = UINT32_MAX / (parts * CK_SWEEP), bits = part * CK_SWEEP * step + (uint32_t)ck_below(c, step);
    for (size_t i = 0; i < CK_SWEEP; i++, bits += step)
        memcpy(to + i, &bits, sizeof bits);
}
