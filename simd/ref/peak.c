#include <string.h>
#include "kernels.h"
#include "ref/popcount.h"

int32_t qnt_peak_s8_ref(const int8_t *a, const int8_t *b, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (uint32_t)(a[i % 16] * b[i % 16]);
    return (int32_t)sum;
}

int32_t qnt_peak_b1_ref(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint64_t x[2], y[2];
    uint32_t sum = 0;
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    for (size_t i = 0; i < n / 64; i++)
        sum += qnt_popcount64(x[i % 2] ^ y[i % 2]);
    return (int32_t)sum;
}

int32_t qnt_peak_f32_ref(const float *a, const float *b, size_t n)
{
    float sum[4] = {0};
    for (size_t i = 0; i < n; i++)
        sum[i % 4] += a[i % 4] * b[i % 4];
    return (int32_t)(sum[0] + sum[1] + sum[2] + sum[3]);
}

int32_t qnt_peak_read_ref(const void *src, size_t n, size_t times)
{
    uint32_t all = 0, word;
    for (; times; times--)
        for (size_t i = 0; i < n; i += sizeof word) {
            memcpy(&word, (const uint8_t *)src + i, sizeof word);
            all += word;
        }
    return (int32_t)all;
}
