/* Wrong arithmetic of the binary kernels. Each function is the reference with one mistake. */
#include <math.h>
#include <string.h>
#include "mutants.h"
#include "simd/ref/popcount.h"

#define BINARIZE(name, T, below, with_flip, in_row)                                                                    \
    static void name(const T *src, uint8_t *dst, size_t rows, size_t cols, const T *threshold, const uint8_t *flip)    \
    {                                                                                                                  \
        const size_t bytes = (cols + 7) / 8;                                                                           \
        memset(dst, 0, rows *bytes);                                                                                   \
        for (size_t i = 0; i < rows * cols; i++) {                                                                     \
            size_t c = i % cols;                                                                                       \
            T x = src[i], t = threshold ? threshold[c] : 0;                                                            \
            dst[i / cols * bytes + c / 8] |= (uint8_t)(((below) != 0) << (in_row));                                    \
        }                                                                                                              \
        for (size_t i = 0; (with_flip) && flip && i < rows * bytes; i++)                                               \
            dst[i] ^= flip[i % bytes];                                                                                 \
    }
BINARIZE(f32_at_most, float, x <= t, 1, c % 8)
BINARIZE(f32_not_at_least, float, !(x >= t), 1, c % 8)
BINARIZE(f32_sign_bit, float, threshold ? x < t : signbit(x), 1, c % 8)
BINARIZE(f32_no_flip, float, x < t, 0, c % 8)
BINARIZE(s8_most_significant_first, int8_t, x < t, 1, 7 - c % 8)
BINARIZE(s8_difference_in_8_bits, int8_t, (int8_t)(x - t) < 0, 1, c % 8)
BINARIZE(s8_no_threshold, int8_t, (t = 0, x < t), 1, c % 8)

static void s8_tail_set(const int8_t *src, uint8_t *dst, size_t rows, size_t cols, const int8_t *threshold,
                        const uint8_t *flip)
{
    const size_t bytes = (cols + 7) / 8;
    qnt_binarize_s8_ref(src, dst, rows, cols, threshold, flip);
    for (size_t r = 0; cols % 8 && r < rows; r++)
        dst[r * bytes + bytes - 1] |= (uint8_t)(0xff << cols % 8);
}

static int32_t dot_whole_bytes(const uint8_t *a, const uint8_t *b, size_t n)
{
    return qnt_dot_b1_ref(a, b, (n + 7) / 8 * 8);
}

static int32_t dot_count_in_8_bits(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < (n + 7) / 8; i += 32) {
        uint8_t part = 0;
        for (size_t j = i; j < i + 32 && j < (n + 7) / 8; j++)
            part = (uint8_t)(part + qnt_popcount64(a[j] ^ b[j]));
        sum += part;
    }
    return (int32_t)((uint32_t)n - 2 * sum);
}

static int32_t dot_and(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < (n + 7) / 8; i++)
        sum += qnt_popcount64(a[i] & b[i]);
    return (int32_t)((uint32_t)n - 2 * sum);
}

#define M(op, what, fn)                                                                                                \
    {                                                                                                                  \
#op, what, (qnt_any_fn *)fn                                                                                    \
    }
const struct mutant binary_mutants[] = {
    M(binarize_f32, "equal counts as below", f32_at_most),
    M(binarize_f32, "NaN is -1", f32_not_at_least),
    M(binarize_f32, "takes the sign bit", f32_sign_bit),
    M(binarize_f32, "no flip", f32_no_flip),
    M(binarize_s8, "most significant bit first", s8_most_significant_first),
    M(binarize_s8, "difference in 8 bits", s8_difference_in_8_bits),
    M(binarize_s8, "no threshold", s8_no_threshold),
    M(binarize_s8, "bits past the row set", s8_tail_set),
    M(dot_b1, "counts the tail", dot_whole_bytes),
    M(dot_b1, "counts 32 bytes in 8 bits", dot_count_in_8_bits),
    M(dot_b1, "and for xor", dot_and),
    {NULL, NULL, NULL},
};
