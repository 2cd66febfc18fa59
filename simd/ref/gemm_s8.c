/* The specification of the 8-bit tiles: panels hold s8, no representation term. */
#include "ref/gemm_tile.h"

enum { MR = 4, NR = 4, KR = 4 };

static void run(size_t k, const void *a, const void *w, const struct qnt_tile *t)
{
    const int8_t *pa = a, *pw = w;
    int32_t acc[MR * NR] = {0};
    for (size_t s = 0; s < k; s += KR, pa += MR * KR, pw += NR * KR)
        for (size_t i = 0; i < MR; i++)
            for (size_t j = 0; j < NR; j++)
                for (size_t l = 0; l < KR; l++)
                    acc[i * NR + j] += pa[i * KR + l] * pw[j * KR + l];
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

const struct qnt_gemm qnt_gemm_s8_4x4_ref = {
    .name = "4x4",
    .run = run,
    .pack_a = pack,
    .pack_w = pack,
    .mr = MR,
    .nr = NR,
    .kr = KR,
    .a_size = 1,
    .w_size = 1,
    .cost_step = 4000,
    .cost_tile = 2000,
};
