#include <string.h>
#include "kernels.h"

void qnt_binarize_f32_ref(const float *src, uint8_t *dst, size_t rows, size_t cols, const float *threshold,
                          const uint8_t *flip)
{
    const size_t bytes = (cols + 7) / 8;
    for (size_t r = 0; r < rows; r++, src += cols, dst += bytes) {
        memset(dst, 0, bytes);
        for (size_t c = 0; c < cols; c++)
            dst[c / 8] |= (uint8_t)((src[c] < (threshold ? threshold[c] : 0.0f)) << c % 8);
        for (size_t b = 0; flip && b < bytes; b++)
            dst[b] ^= flip[b];
    }
}

void qnt_binarize_s8_ref(const int8_t *src, uint8_t *dst, size_t rows, size_t cols, const int8_t *threshold,
                         const uint8_t *flip)
{
    const size_t bytes = (cols + 7) / 8;
    for (size_t r = 0; r < rows; r++, src += cols, dst += bytes) {
        memset(dst, 0, bytes);
        for (size_t c = 0; c < cols; c++)
            dst[c / 8] |= (uint8_t)((src[c] < (threshold ? threshold[c] : 0)) << c % 8);
        for (size_t b = 0; flip && b < bytes; b++)
            dst[b] ^= flip[b];
    }
}
