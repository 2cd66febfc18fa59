/* The specification of the binary tiles: panels hold the bytes as they are. */
#include "ref/gemm_b1_tile.h"
#include "ref/popcount.h"

enum { MR = 4, NR = 8 };

static void run(size_t k, const void *a, const void *w, const struct qnt_tile *t)
{
    const uint8_t *pa = a, *pw = w;
    int32_t acc[MR * NR] = {0};
    for (size_t s = 0; s < k; s++, pa += MR, pw += NR)
        for (size_t i = 0; i < MR; i++)
            for (size_t j = 0; j < NR; j++)
                acc[i * NR + j] -= 2 * (int32_t)qnt_popcount64(pa[i] ^ pw[j]);
    qnt_tile_store_b1_ref(t, acc, NR);
}

static void pack(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, size_t r, uint8_t *panel)
{
    for (size_t s = 0; s < k; s++)
        for (size_t i = 0; i < r; i++)
            *panel++ = i < used ? qnt_row_byte(rows, tap_k, used, i, k0 + s) : 0;
}

static void pack_a(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor, void *panel)
{
    (void)in_xor;
    pack(rows, tap_k, k0, k, used, MR, panel);
}

static void pack_w(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor, void *panel)
{
    (void)in_xor;
    pack(rows, tap_k, k0, k, used, NR, panel);
}

const struct qnt_gemm qnt_gemm_b1_4x8_ref = {
    .name = "4x8",
    .run = run,
    .pack_a = pack_a,
    .pack_w = pack_w,
    .mr = MR,
    .nr = NR,
    .kr = 1,
    .a_size = 1,
    .w_bits = 8,
    .binary = 1,
    .cost_step = 8000,
    .cost_tile = 4000,
};
