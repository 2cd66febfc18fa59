/* Wrong arithmetic of products with weights in blocks. Each function is the reference with one mistake. */
#include <math.h>
#include "mutants.h"

/* The sum of one block of row r with output j, of 4 bits, and its scale. */
static float sum_f32(const struct qnt_blocks *w, const float *x, const float *sum, size_t r, size_t j, size_t b,
                     bool backward)
{
    const size_t at = (j / 32 * w->blocks + b) * 32 + j % 32;
    float s = w->zero ? (float)-w->zero[at] * sum[r * w->blocks + b] : 0.0f;
    for (size_t i = 0; i < w->block; i++) {
        const size_t k = b * w->block + (backward ? w->block - 1 - i : i);
        const uint8_t four = w->codes[((j / 32 * w->blocks * w->block / 8 + k / 8) * 32 + j % 32) * 4 + k % 4];
        s = fmaf(x[r * w->block * w->blocks + k], (float)((four >> (k % 8 / 4 * 4) & 15) - 8), s);
    }
    return s;
}

static float finished(const struct qnt_blocks_out *o, float y)
{
    return y != y ? __builtin_nanf("") : y < o->lo ? o->lo : y > o->hi ? o->hi : y;
}

static void u4f32(const struct qnt_blocks *w, const float *x, const float *sum, const struct qnt_blocks_out *o,
                  bool backward, bool apart)
{
    for (size_t r = 0; r < o->rows; r++)
        for (size_t j = 0; j < w->n; j++) {
            float y = o->bias ? o->bias[j] : 0.0f;
            for (size_t b = 0; b < w->blocks; b++) {
                const float s = sum_f32(w, x, sum, r, j, b, backward),
                            scale = w->scale[(j / 32 * w->blocks + b) * 32 + j % 32];
                y = apart ? s * scale + y : fmaf(s, scale, y);
            }
            o->y[r * o->ldy + j] = finished(o, y);
        }
}

static void f32_backward(const struct qnt_blocks *w, const float *x, const float *sum, const struct qnt_blocks_out *o)
{
    u4f32(w, x, sum, o, true, false);
}

static void f32_apart(const struct qnt_blocks *w, const float *x, const float *sum, const struct qnt_blocks_out *o)
{
    u4f32(w, x, sum, o, false, true);
}

static void f32_no_zeros(const struct qnt_blocks *w, const float *x, const float *sum, const struct qnt_blocks_out *o)
{
    struct qnt_blocks none = *w;
    none.zero = NULL;
    qnt_blocks_u4f32_ref(&none, x, sum, o);
}

static void f32_no_bias(const struct qnt_blocks *w, const float *x, const float *sum, const struct qnt_blocks_out *o)
{
    struct qnt_blocks_out none = *o;
    none.bias = NULL;
    qnt_blocks_u8f32_ref(w, x, sum, &none);
}

static void s8_no_zeros(const struct qnt_blocks *w, const int8_t *x, const float *x_scale, const int32_t *sum,
                        const struct qnt_blocks_out *o)
{
    struct qnt_blocks none = *w;
    none.zero = NULL;
    qnt_blocks_u4s8_ref(&none, x, x_scale, sum, o);
}

static void s8_unbounded(const struct qnt_blocks *w, const int8_t *x, const float *x_scale, const int32_t *sum,
                         const struct qnt_blocks_out *o)
{
    struct qnt_blocks_out none = *o;
    none.lo = -INFINITY;
    qnt_blocks_u8s8_ref(w, x, x_scale, sum, &none);
}

/* The sum times the scale of W, that times the scale of x. */
static void s8_other_order(const struct qnt_blocks *w, const int8_t *x, const float *x_scale, const int32_t *sum,
                           const struct qnt_blocks_out *o)
{
    for (size_t r = 0; r < o->rows; r++)
        for (size_t j = 0; j < w->n; j++) {
            float y = o->bias ? o->bias[j] : 0.0f;
            for (size_t b = 0; b < w->blocks; b++) {
                const size_t at = (j / 32 * w->blocks + b) * 32 + j % 32;
                int32_t s = w->zero ? -w->zero[at] * sum[r * w->blocks + b] : 0;
                for (size_t k = b * w->block; k < (b + 1) * w->block; k++)
                    s += x[r * w->block * w->blocks + k] *
                         (w->codes[((j / 32 * w->blocks * w->block / 4 + k / 4) * 32 + j % 32) * 4 + k % 4] - 128);
                y = fmaf((float)s * w->scale[at], x_scale[r * w->blocks + b], y);
            }
            o->y[r * o->ldy + j] = finished(o, y);
        }
}

static void quantize_by_division(const float *src, int8_t *dst, float *scale, int32_t *sum, size_t block, size_t blocks)
{
    qnt_quantize_blocks_f32_s8_ref(src, dst, scale, sum, block, blocks);
    for (size_t i = 0; i < block * blocks; i++) {
        const float v = src[i] / scale[i / block];
        const int code = v != v ? 0 : v < -127.0f ? -127 : v > 127.0f ? 127 : (int)rintf(v);
        sum[i / block] += code - dst[i];
        dst[i] = (int8_t)code;
    }
}

static void quantize_halves_up(const float *src, int8_t *dst, float *scale, int32_t *sum, size_t block, size_t blocks)
{
    qnt_quantize_blocks_f32_s8_ref(src, dst, scale, sum, block, blocks);
    for (size_t i = 0; i < block * blocks; i++) {
        const float v = src[i] * (127.0f / (scale[i / block] * 127.0f));
        if (v - floorf(v) == 0.5f) {
            sum[i / block] += (int)ceilf(v) - dst[i];
            dst[i] = (int8_t)ceilf(v);
        }
    }
}

#define M(op, what, fn)                                                                                                \
    {                                                                                                                  \
#op, what, (qnt_any_fn *)fn                                                                                    \
    }
const struct mutant block_mutants[] = {
    M(blocks_u4f32, "sums from the end of the block", f32_backward),
    M(blocks_u4f32, "product with the scale rounded apart", f32_apart),
    M(blocks_u4f32, "no zero points", f32_no_zeros),
    M(blocks_u8f32, "no bias", f32_no_bias),
    M(blocks_u4s8, "no zero points", s8_no_zeros),
    M(blocks_u8s8, "no lower bound", s8_unbounded),
    M(blocks_u8s8, "scales one after the other", s8_other_order),
    M(quantize_blocks_f32_s8, "division by the scale", quantize_by_division),
    M(quantize_blocks_f32_s8, "halves up", quantize_halves_up),
    {NULL, NULL, NULL},
};
