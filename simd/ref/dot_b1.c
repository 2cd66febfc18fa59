#include "kernels.h"
#include "ref/popcount.h"

int32_t qnt_dot_b1_ref(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint32_t differ = 0;
    for (size_t i = 0; i < (n + 7) / 8; i++)
        differ += qnt_popcount64(a[i] ^ b[i]);
    return (int32_t)((uint32_t)n - 2 * differ);
}
