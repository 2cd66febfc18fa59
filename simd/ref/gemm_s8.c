/* The specification of the tiles of s8 activations: A panels hold s8, W panels s8, s4 or s2, no representation term. */
#include "pack_low.h"
#include "ref/gemm_tile.h"

enum { MR = 4, NR = 4, KR = 4, STEP = NR * KR };

/* Code i of a step of `bits`-bit codes. */
static int8_t code(const uint8_t *step, size_t i, size_t bits)
{
    const size_t bytes = STEP * bits / 8;
    return (int8_t)((int8_t)(step[i % bytes] << bits * (i / bytes)) >> (8 - bits));
}

static inline void tile(size_t k, const void *a, const void *w, const struct qnt_tile *t, size_t bits)
{
    const int8_t *pa = a;
    const uint8_t *pw = w;
    int32_t acc[MR * NR] = {0};
    int8_t codes[STEP];
    for (size_t s = 0; s < k; s += KR, pa += MR * KR, pw += STEP * bits / 8) {
        for (size_t i = 0; i < STEP; i++)
            codes[i] = code(pw, i, bits);
        for (size_t i = 0; i < MR * NR; i++)
            for (size_t l = 0; l < KR; l++)
                acc[i] += pa[i / NR * KR + l] * codes[i % NR * KR + l];
    }
    qnt_tile_store_ref(t, acc, NR);
}

static void pack(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor, void *panel)
{
    uint8_t *p = panel;
    for (size_t s = 0; s < k; s += KR)
        for (size_t i = 0; i < MR; i++)
            for (size_t l = 0; l < KR; l++)
                *p++ = i < used && s + l < k ? qnt_row_byte(rows, tap_k, used, i, k0 + s + l) ^ in_xor : 0;
}
QNT_PACK_LOW(pack_s4, pack, NR, KR, 4)
QNT_PACK_LOW(pack_s2, pack, NR, KR, 2)

#define TILE(op, packw, bits)                                                                                          \
    static void run_##op(size_t k, const void *a, const void *w, const struct qnt_tile *t)                             \
    {                                                                                                                  \
        tile(k, a, w, t, bits);                                                                                        \
    }                                                                                                                  \
    const struct qnt_gemm qnt_##op##_4x4_ref = {                                                                       \
        .name = "4x4",                                                                                                 \
        .run = run_##op,                                                                                               \
        .pack_a = pack,                                                                                                \
        .pack_w = packw,                                                                                               \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = KR,                                                                                                      \
        .a_size = 1,                                                                                                   \
        .w_bits = bits,                                                                                                \
        .cost_step = 4000,                                                                                             \
        .cost_tile = 2000,                                                                                             \
    };
TILE(gemm_s8, pack, 8)
TILE(gemm_s4s8, pack_s4, 4)
TILE(gemm_s2s8, pack_s2, 2)
