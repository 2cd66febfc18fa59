#include <string.h>
#include "kernels.h"

void qnt_copy_rows_ref(const void *src, ptrdiff_t lds, void *dst, ptrdiff_t ldd, size_t rows, size_t bytes)
{
    for (size_t r = 0; r < rows; r++)
        memcpy((uint8_t *)dst + (ptrdiff_t)r * ldd, (const uint8_t *)src + (ptrdiff_t)r * lds, bytes);
}

void qnt_gather_rows_ref(const void *src, const size_t *at, void *dst, size_t rows, size_t bytes)
{
    for (size_t r = 0; r < rows; r++)
        memcpy((uint8_t *)dst + r * bytes, (const uint8_t *)src + at[r], bytes);
}

void qnt_fill_rows_ref(void *dst, size_t ldd, size_t rows, size_t bytes, uint32_t value)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < bytes; i++)
            ((uint8_t *)dst)[r * ldd + i] = (uint8_t)(value >> i % 4 * 8);
}

void qnt_transpose_s8_ref(const int8_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols)
{
    for (size_t c = 0; c < cols; c++)
        for (size_t r = 0; r < rows; r++)
            dst[c * ldd + r] = src[r * lds + c];
}

void qnt_transpose_f32_ref(const float *src, size_t lds, float *dst, size_t ldd, size_t rows, size_t cols)
{
    for (size_t c = 0; c < cols; c++)
        for (size_t r = 0; r < rows; r++)
            memcpy(&dst[c * ldd + r], &src[r * lds + c], sizeof *dst); /* any bits, of whatever type */
}
