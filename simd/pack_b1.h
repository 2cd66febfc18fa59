#ifndef SIMD_PACK_B1_H
#define SIMD_PACK_B1_H
/* Packs rows of bits for the binary tiles: panel [k/4][R][4], or with `split` [k/4][2][R][4]: low, then high nibbles of
 * the four bytes, which index a table of popcounts. */
#include "pack_rows.h"

QNT_INLINE void qnt_pack_b1_put(uint8_t *out, size_t i, uint32_t v, const int R, const int split)
{
    uint32_t lo = split ? v & 0x0f0f0f0f : v, hi = v >> 4 & 0x0f0f0f0f;
    memcpy(out + 4 * i, &lo, 4);
    if (split)
        memcpy(out + 4 * ((size_t)R + i), &hi, 4);
}

/* R <= QNT_BLOCK_ROWS. */
QNT_INLINE void qnt_pack_b1(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, void *panel,
                            const int R, const int split)
{
    struct qnt_rows r;
    uint8_t *out = panel;
    qnt_rows_init(&r, rows, tap_k, k0, k, used, R);
    while (qnt_rows_next(&r, 8))
        for (size_t j = 0; j < r.bytes; j += 4, out += 4 * R << split)
            for (size_t i = 0; i < (size_t)R; i++) {
                uint32_t v;
                memcpy(&v, (const uint8_t *)r.row[i] + r.at + j, 4);
                qnt_pack_b1_put(out, i, v, R, split);
            }
}

/* Any R; for weights, which are packed once. */
QNT_INLINE void qnt_pack_b1_wide(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, void *panel,
                                 const int R, const int split)
{
    uint8_t *out = panel;
    for (size_t s = 0; s < k; s += 4, out += 4 * R << split)
        for (size_t i = 0; i < (size_t)R; i++) {
            uint8_t b[4] = {0};
            uint32_t v;
            for (size_t j = s; i < used && j < k && j < s + 4; j++)
                b[j - s] = ((const uint8_t *)rows[(k0 + j) / tap_k * used + i])[(k0 + j) % tap_k];
            memcpy(&v, b, 4);
            qnt_pack_b1_put(out, i, v, R, split);
        }
}

#define QNT_PACK_B1(name, pack, R, split)                                                                              \
    static void name(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,          \
                     void *panel)                                                                                      \
    {                                                                                                                  \
        (void)in_xor;                                                                                                  \
        pack(rows, tap_k, k0, k, used, panel, R, split);                                                               \
    }
#define QNT_TILE_B1(MR, NR, isa, split, packa, packw, step, start)                                                     \
    static void run_##MR##x##NR(size_t k, const void *a, const void *w, const struct qnt_tile *t)                      \
    {                                                                                                                  \
        tile(k, a, w, t, MR, NR / 16);                                                                                 \
    }                                                                                                                  \
    const struct qnt_gemm qnt_gemm_b1_##MR##x##NR##_##isa = {                                                          \
        .name = #MR "x" #NR,                                                                                           \
        .run = run_##MR##x##NR,                                                                                        \
        .pack_a = packa,                                                                                               \
        .pack_w = packw,                                                                                               \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 4,                                                                                                       \
        .a_size = 1 + split,                                                                                           \
        .w_bits = 8 << split,                                                                                          \
        .binary = 1,                                                                                                   \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
    };
#endif
