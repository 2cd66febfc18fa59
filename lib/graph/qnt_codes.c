/* Codes of 1..7 bits, bit-tight, lowest bits first. The two codes of 1 bit are 1 and -1, set for -1. */
#include "lib/graph/qnt_file.h"

size_t qnt_codes_pack(const int8_t *src, size_t n, uint32_t bits, uint8_t *dst)
{
    int32_t half = 1 << (bits - 1);
    uint32_t mask = (1u << bits) - 1, window = 0, filled = 0;
    for (size_t i = 0; i < n; i++) {
        if (bits == 1 ? src[i] != 1 && src[i] != -1 : src[i] < -half || src[i] >= half)
            return i;
        window |= (bits == 1 ? (uint32_t)(src[i] < 0) : (uint32_t)src[i] & mask) << filled;
        filled += bits;
        if (filled >= 8) {
            *dst++ = (uint8_t)window;
            window >>= 8;
            filled -= 8;
        }
    }
    if (filled)
        *dst = (uint8_t)window;
    return n;
}

bool qnt_codes_unpack(const uint8_t *src, size_t n, uint32_t bits, int8_t *dst)
{
    int32_t half = 1 << (bits - 1);
    uint32_t mask = (1u << bits) - 1, window = 0, filled = 0;
    for (size_t i = 0; i < n; i++) {
        if (filled < bits) {
            window |= (uint32_t)*src++ << filled;
            filled += 8;
        }
        dst[i] = bits == 1 ? (int8_t)(1 - 2 * (int32_t)(window & 1))
                           : (int8_t)((int32_t)((window & mask) ^ (uint32_t)half) - half);
        window >>= bits;
        filled -= bits;
    }
    return window == 0;
}

size_t qnt_codes_not_ternary(const int8_t *codes, size_t n)
{
    size_t i = 0;
    while (i < n && codes[i] >= -1 && codes[i] <= 1)
        i++;
    return i;
}

size_t qnt_codes_not_bool(const uint8_t *codes, size_t n)
{
    size_t i = 0;
    while (i < n && codes[i] <= 1)
        i++;
    return i;
}
