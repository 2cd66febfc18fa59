/* Wrong moves and wrong interpolation. Each function is the reference with one mistake. */
#include <string.h>
#include "mutants.h"
#include "simd/ref/scalar.h"

static void copy_one_stride(const void *src, ptrdiff_t lds, void *dst, ptrdiff_t ldd, size_t rows, size_t bytes)
{
    qnt_copy_rows_ref(src, lds > ldd ? ldd : lds, dst, ldd, rows, bytes);
}

static void copy_whole_words(const void *src, ptrdiff_t lds, void *dst, ptrdiff_t ldd, size_t rows, size_t bytes)
{
    qnt_copy_rows_ref(src, lds, dst, ldd, rows, bytes > 64 ? bytes / 4 * 4 : bytes);
}

static void gather_in_order(const void *src, const size_t *at, void *dst, size_t rows, size_t bytes)
{
    for (size_t r = 0; r < rows; r++)
        memcpy((char *)dst + r * bytes, (const char *)src + at[r ? r - 1 : 0], bytes);
}

static void fill_lowest_byte(void *dst, size_t ldd, size_t rows, size_t bytes, uint32_t value)
{
    qnt_fill_rows_ref(dst, ldd, rows, bytes, (value & 255) * 0x01010101u);
}

static void transpose_whole_blocks(const int8_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols)
{
    qnt_transpose_s8_ref(src, lds, dst, ldd, rows > 64 ? rows / 16 * 16 : rows, cols);
}

static void transpose_8_in_16(const int8_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols)
{
    qnt_transpose_s8_ref(src, lds, dst, ldd, rows, cols);
    if (rows >= 16 && cols >= 16) /* two rows of a block change places */
        for (size_t c = 0; c < 16; c++) {
            int8_t kept = dst[c * ldd + 3];
            dst[c * ldd + 3] = dst[c * ldd + 11];
            dst[c * ldd + 11] = kept;
        }
}

static void transpose_quiets(const float *src, size_t lds, float *dst, size_t ldd, size_t rows, size_t cols)
{
    for (size_t c = 0; c < cols; c++)
        for (size_t r = 0; r < rows; r++) {
            float x = src[r * lds + c];
            dst[c * ldd + r] = x != x ? __builtin_nanf("") : x;
        }
}

/* Weights rounded apart: their sum is 2^14 only most of the time. */
static void bilinear_loose_weights(const int8_t *top, const int8_t *bottom, int8_t *dst, size_t pixels, size_t channels,
                                   const struct qnt_bilinear *x, int32_t y, int32_t in_zero,
                                   const struct qnt_requant *r)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            const int32_t one = QNT_BILINEAR_ONE, w = x[p].code;
            int32_t acc = ((one - w) * (one - y) >> 14) * (top[x[p].left + c] - in_zero) +
                          (w * (one - y) >> 14) * (top[x[p].right + c] - in_zero) +
                          ((one - w) * y >> 14) * (bottom[x[p].left + c] - in_zero) +
                          (w * y >> 14) * (bottom[x[p].right + c] - in_zero);
            dst[p * channels + c] = qnt_requantize_one(acc, r->scale[0], r);
        }
}

static void bilinear_rounds_lines(const int8_t *top, const int8_t *bottom, int8_t *dst, size_t pixels, size_t channels,
                                  const struct qnt_bilinear *x, int32_t y, int32_t in_zero, const struct qnt_requant *r)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            const int32_t one = QNT_BILINEAR_ONE, w = x[p].code;
            float upper = rintf((float)((one - w) * top[x[p].left + c] + w * top[x[p].right + c]) * 0x1p-14f);
            float lower = rintf((float)((one - w) * bottom[x[p].left + c] + w * bottom[x[p].right + c]) * 0x1p-14f);
            int32_t acc = (one - y) * ((int32_t)upper - in_zero) + y * ((int32_t)lower - in_zero);
            dst[p * channels + c] = qnt_requantize_one(acc, r->scale[0], r);
        }
}

static void bilinear_top_only(const int8_t *top, const int8_t *bottom, int8_t *dst, size_t pixels, size_t channels,
                              const struct qnt_bilinear *x, int32_t y, int32_t in_zero, const struct qnt_requant *r)
{
    (void)bottom;
    qnt_bilinear_s8_ref(top, top, dst, pixels, channels, x, y, in_zero, r);
}

static void bilinear_unfused(const float *top, const float *bottom, float *dst, size_t pixels, size_t channels,
                             const struct qnt_bilinear *x, float y)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            const size_t left = x[p].left + c, right = x[p].right + c;
            float upper = top[right] * x[p].part + top[left] * (1.0f - x[p].part);
            float lower = bottom[right] * x[p].part + bottom[left] * (1.0f - x[p].part);
            float v = lower * y + upper * (1.0f - y);
            dst[p * channels + c] = v != v ? __builtin_nanf("") : v;
        }
}

static void bilinear_by_difference(const float *top, const float *bottom, float *dst, size_t pixels, size_t channels,
                                   const struct qnt_bilinear *x, float y)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            const size_t left = x[p].left + c, right = x[p].right + c;
            float upper = fmaf(top[right] - top[left], x[p].part, top[left]);
            float lower = fmaf(bottom[right] - bottom[left], x[p].part, bottom[left]);
            float v = fmaf(lower - upper, y, upper);
            dst[p * channels + c] = v != v ? __builtin_nanf("") : v;
        }
}

#define M(op, what, fn)                                                                                                \
    {                                                                                                                  \
#op, what, (qnt_any_fn *)fn                                                                                    \
    }
const struct mutant copy_mutants[] = {
    M(copy_rows, "one stride for both", copy_one_stride),
    M(copy_rows, "whole words of long rows only", copy_whole_words),
    M(gather_rows, "the place of the row before", gather_in_order),
    M(fill_rows, "lowest byte everywhere", fill_lowest_byte),
    M(transpose_s8, "whole blocks of rows only", transpose_whole_blocks),
    M(transpose_s8, "rows 3 and 11 of a block exchanged", transpose_8_in_16),
    M(transpose_f32, "NaNs made one", transpose_quiets),
    M(bilinear_s8, "weights rounded apart", bilinear_loose_weights),
    M(bilinear_s8, "lines rounded before the sum", bilinear_rounds_lines),
    M(bilinear_s8, "bottom line not read", bilinear_top_only),
    M(bilinear_f32, "products and sums rounded apart", bilinear_unfused),
    M(bilinear_f32, "by differences", bilinear_by_difference),
    {NULL, NULL, NULL},
};
