#include <math.h>
#include "kernels.h"

/* The code of output j at k, less half. */
static int32_t code_at(const struct qnt_blocks *w, int bits, size_t j, size_t k)
{
    const size_t panel = j / QNT_BLOCKS_PANEL, lane = j % QNT_BLOCKS_PANEL, each = 32 / (size_t)bits;
    const size_t steps = w->blocks * w->block / each;
    const uint8_t *four = w->codes + ((panel * steps + k / each) * QNT_BLOCKS_PANEL + lane) * 4;
    if (bits == 8)
        return four[k % 4] - 128;
    return (four[k % 4] >> (k % 8 / 4 * 4) & 15) - 8;
}

/* Where the scale and the zero point of a block are. */
static size_t block_at(const struct qnt_blocks *w, size_t j, size_t b)
{
    return (j / QNT_BLOCKS_PANEL * w->blocks + b) * QNT_BLOCKS_PANEL + j % QNT_BLOCKS_PANEL;
}

static void finish(const struct qnt_blocks_out *o, size_t r, size_t j, float y)
{
    o->y[r * o->ldy + j] = y != y ? __builtin_nanf("") : y < o->lo ? o->lo : y > o->hi ? o->hi : y;
}

static void by_floats(int bits, const struct qnt_blocks *w, const float *x, const float *sum,
                      const struct qnt_blocks_out *o)
{
    for (size_t r = 0; r < o->rows; r++)
        for (size_t j = 0; j < w->n; j++) {
            float y = o->bias ? o->bias[j] : 0.0f;
            for (size_t b = 0; b < w->blocks; b++) {
                const size_t at = block_at(w, j, b), first = b * w->block;
                float s = w->zero ? (float)-w->zero[at] * sum[r * w->blocks + b] : 0.0f;
                for (size_t k = first; k < first + w->block; k++)
                    s = fmaf(x[r * w->blocks * w->block + k], (float)code_at(w, bits, j, k), s);
                y = fmaf(s, w->scale[at], y);
            }
            finish(o, r, j, y);
        }
}

static void by_codes(int bits, const struct qnt_blocks *w, const int8_t *x, const float *x_scale, const int32_t *sum,
                     const struct qnt_blocks_out *o)
{
    for (size_t r = 0; r < o->rows; r++)
        for (size_t j = 0; j < w->n; j++) {
            float y = o->bias ? o->bias[j] : 0.0f;
            for (size_t b = 0; b < w->blocks; b++) {
                const size_t at = block_at(w, j, b), first = b * w->block;
                int32_t s = w->zero ? -w->zero[at] * sum[r * w->blocks + b] : 0;
                for (size_t k = first; k < first + w->block; k++)
                    s += x[r * w->blocks * w->block + k] * code_at(w, bits, j, k);
                y = fmaf((float)s, w->scale[at] * x_scale[r * w->blocks + b], y);
            }
            finish(o, r, j, y);
        }
}

void qnt_blocks_u4f32_ref(const struct qnt_blocks *w, const float *x, const float *sum, const struct qnt_blocks_out *o)
{
    by_floats(4, w, x, sum, o);
}

void qnt_blocks_u8f32_ref(const struct qnt_blocks *w, const float *x, const float *sum, const struct qnt_blocks_out *o)
{
    by_floats(8, w, x, sum, o);
}

void qnt_blocks_u4s8_ref(const struct qnt_blocks *w, const int8_t *x, const float *x_scale, const int32_t *sum,
                         const struct qnt_blocks_out *o)
{
    by_codes(4, w, x, x_scale, sum, o);
}

void qnt_blocks_u8s8_ref(const struct qnt_blocks *w, const int8_t *x, const float *x_scale, const int32_t *sum,
                         const struct qnt_blocks_out *o)
{
    by_codes(8, w, x, x_scale, sum, o);
}

void qnt_quantize_blocks_f32_s8_ref(const float *src, int8_t *dst, float *scale, int32_t *sum, size_t block,
                                    size_t blocks)
{
    for (size_t b = 0; b < blocks; b++, src += block, dst += block) {
        float most = 0.0f;
        for (size_t i = 0; i < block; i++)
            most = fabsf(src[i]) > most ? fabsf(src[i]) : most;
        const float factor = 127.0f / most;
        scale[b] = most / 127.0f;
        sum[b] = 0;
        for (size_t i = 0; i < block; i++) {
            const float v = src[i] * factor;
            dst[i] = (int8_t)(v != v ? 0 : v < -127.0f ? -127 : v > 127.0f ? 127 : (int32_t)rintf(v));
            sum[b] += dst[i];
        }
    }
}
