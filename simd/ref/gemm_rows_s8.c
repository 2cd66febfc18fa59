/* The specification of 8-bit tiles that read the rows of A where they lie: as s8, so no representation term. */
#include "ref/gemm_tile.h"

enum { MR = 5, NR = 8, KR = 4 };

static void run(const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    int32_t acc[MR * NR] = {0};
    const int8_t *w = o->w;
    for (size_t r = 0; r < o->runs; r++)
        for (size_t p = 0; p < o->run; p += KR, w += NR * KR)
            for (size_t i = 0; i < (size_t)t->m * NR * KR; i++)
                acc[i / KR] +=
                    (int8_t)
                        o->a[(ptrdiff_t)(i / KR / NR) * o->a_row + (ptrdiff_t)r * o->a_jump + (ptrdiff_t)(p + i % KR)] *
                    w[i % (NR * KR)];
    qnt_tile_store_ref(t, acc, NR);
}

static void copy_rows(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                      void *panel)
{
    for (size_t i = 0; i < used; i++) {
        uint8_t *row = (uint8_t *)panel + i * qnt_rows_pitch(k);
        for (size_t p = 0; p < (k + KR - 1) / KR * KR; p++)
            row[p] = p < k ? qnt_row_byte(rows, tap_k, used, i, k0 + p) ^ in_xor : 0;
    }
}

static void pack_w(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor, void *panel)
{
    uint8_t *p = panel;
    for (size_t s = 0; s < k; s += KR)
        for (size_t i = 0; i < NR; i++)
            for (size_t l = 0; l < KR; l++)
                *p++ = i < used && s + l < k ? qnt_row_byte(rows, tap_k, used, i, k0 + s + l) ^ in_xor : 0;
}

const struct qnt_gemm qnt_gemm_s8_5x8_ref = {
    .name = "5x8",
    .run_rows = run,
    .pack_a = copy_rows,
    .pack_w = pack_w,
    .mr = MR,
    .nr = NR,
    .kr = KR,
    .a_size = 1,
    .w_bits = 8,
    .cost_step = 10000,
    .cost_tile = 5000,
    .m_least = 1,
};
