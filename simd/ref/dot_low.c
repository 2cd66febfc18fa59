#include "kernels.h"
#include "ref/low.h"

int32_t qnt_dot_s4s8_ref(const uint8_t *w, const int8_t *a, size_t n)
{
    return qnt_low_dot(w, a, 0, n, 4);
}

int32_t qnt_dot_s2s8_ref(const uint8_t *w, const int8_t *a, size_t n)
{
    return qnt_low_dot(w, a, 0, n, 2);
}
