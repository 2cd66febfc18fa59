#ifndef REF_POPCOUNT_H
#define REF_POPCOUNT_H
#include <stdint.h>

/* Bits set in a word, without the instruction that the oldest machines lack. */
static inline uint32_t qnt_popcount64(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    return (uint32_t)(((x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u >> 56);
}
#endif
