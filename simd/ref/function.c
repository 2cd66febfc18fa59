#include "ref/function_one.h"

void qnt_function_f32_ref(const float *src, float *dst, size_t n, const struct qnt_function *f)
{
    for (size_t i = 0; i < n; i++) {
        const float y = qnt_function_one(src[i], f);
        dst[i] = y != y ? __builtin_nanf("") : y;
    }
}
