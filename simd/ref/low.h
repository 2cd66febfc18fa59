#ifndef REF_LOW_H
#define REF_LOW_H
/* Codes of few bits as files have them: a little-endian bit string. */
#include <stddef.h>
#include <stdint.h>

/* Code i of `bits` (4 or 2). */
static inline int32_t qnt_low_code(const uint8_t *w, size_t i, const size_t bits)
{
    const size_t at = i * bits;
    return (int8_t)(w[at / 8] << (8 - bits - at % 8)) >> (8 - bits);
}

/* The products of codes [i, n). */
static inline int32_t qnt_low_dot(const uint8_t *w, const int8_t *a, size_t i, size_t n, const size_t bits)
{
    int32_t sum = 0;
    for (; i < n; i++)
        sum += qnt_low_code(w, i, bits) * a[i];
    return sum;
}
#endif
