#ifndef SIMD_PACK_LOW_H
#define SIMD_PACK_LOW_H
/* W panels of 4 and 2 bits a code (layout: kernels.h), made from the s8 panels of the same tile: these are packed part
 * by part into a buffer and their steps squeezed. */
#include <string.h>
#include "kernels.h"

/* A step: `fields` runs of `bytes` codes become one of bytes. */
QNT_INLINE void qnt_squeeze(const uint8_t *s8, uint8_t *out, size_t bytes, const unsigned bits)
{
    const unsigned mask = (1U << bits) - 1;
    for (size_t b = 0; b < bytes; b++) {
        unsigned v = 0;
        QNT_UNROLL
        for (size_t f = 0; f < 8U / bits; f++)
            v = v << bits | (s8[b + f * bytes] & mask);
        out[b] = (uint8_t)v;
    }
}

/* pack_s8 makes s8 panels of nr rows; its steps may be shorter than kr, not longer. */
QNT_INLINE void qnt_pack_low(qnt_pack_rows_fn *pack_s8, const void *const *rows, size_t tap_k, size_t k0, size_t k,
                             size_t used, void *panel, const size_t nr, const size_t kr, const unsigned bits)
{
    enum { BUFFER = 4096 };
    _Alignas(64) uint8_t s8[BUFFER];
    const size_t step = nr * kr, bytes = step * bits / 8, most = BUFFER / step * kr;
    uint8_t *out = panel;
    for (size_t part; k; k -= part, k0 += part) {
        part = k < most ? k : most;
        const size_t steps = (part + kr - 1) / kr;
        memset(s8 + (steps - 1) * step, 0, step); /* the end of k */
        pack_s8(rows, tap_k, k0, part, used, 0, s8);
        for (size_t i = 0; i < steps; i++, out += bytes)
            qnt_squeeze(s8 + i * step, out, bytes, bits);
    }
}

#define QNT_PACK_LOW(name, pack_s8, nr, kr, bits)                                                                      \
    static void name(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,          \
                     void *panel)                                                                                      \
    {                                                                                                                  \
        (void)in_xor;                                                                                                  \
        qnt_pack_low(pack_s8, rows, tap_k, k0, k, used, panel, nr, kr, bits);                                          \
    }
#endif
