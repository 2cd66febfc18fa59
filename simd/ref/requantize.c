#include "ref/scalar.h"

void qnt_requantize_s32_s8_ref(const int32_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols,
                               const struct qnt_requant *r)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < cols; c++)
            dst[i * ldd + c] = qnt_requantize_one(src[i * lds + c], r->scale[r->per_channel ? c : 0], r);
}
