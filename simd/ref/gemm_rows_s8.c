/* The specification of 8-bit tiles that read the rows of A where they lie: as s8, so no representation term. */
#include "pack_low.h"
#include "ref/gemm_tile.h"

enum { MR = 5, NR = 8, KR = 4, STEP = NR * KR };

static const uint8_t *row_at(const struct qnt_s8_operands *o, size_t i)
{
    return o->a + (ptrdiff_t)i * o->a_row + (o->line && i >= o->line ? o->line_jump : 0);
}

static void run(const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    int32_t acc[MR * NR] = {0};
    const int8_t *w = o->w;
    for (size_t r = 0; r < o->runs; r++)
        for (size_t p = 0; p < o->run; p += KR, w += NR * KR)
            for (size_t i = 0; i < (size_t)t->m * NR * KR; i++)
                acc[i / KR] += (int8_t)row_at(o, i / KR / NR)[(ptrdiff_t)r * o->a_jump + (ptrdiff_t)(p + i % KR)] *
                               w[i % (NR * KR)];
    qnt_tile_store_ref(t, acc, NR);
    for (size_t i = 0; i < 64 * o->copy_lines; i++)
        o->copy_to[i] = o->copy_from[i] ^ o->copy_flip;
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

QNT_PACK_LOW(pack_w_s4, pack_w, NR, KR, 4)
QNT_PACK_LOW(pack_w_s2, pack_w, NR, KR, 2)

static inline void unpack(const uint8_t *panel, size_t k, int8_t *out, size_t bits)
{
    const size_t bytes = STEP * bits / 8;
    for (size_t s = 0; s < k; s += KR, panel += bytes)
        for (size_t i = 0; i < STEP; i++)
            *out++ = (int8_t)((int8_t)(panel[i % bytes] << bits * (i / bytes)) >> (8 - bits));
}

static void unpack_s4(const void *panel, size_t k, int8_t *out)
{
    unpack(panel, k, out, 4);
}

static void unpack_s2(const void *panel, size_t k, int8_t *out)
{
    unpack(panel, k, out, 2);
}

#define DESCRIPTOR(op, packw, unpackw, bits)                                                                           \
    const struct qnt_gemm qnt_##op##_5x8_ref = {                                                                       \
        .name = "5x8",                                                                                                 \
        .run_rows = run,                                                                                               \
        .pack_a = copy_rows,                                                                                           \
        .pack_w = packw,                                                                                               \
        .unpack = unpackw,                                                                                             \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = KR,                                                                                                      \
        .a_size = 1,                                                                                                   \
        .w_bits = bits,                                                                                                \
        .beside = 1,                                                                                                   \
        .lines = 1,                                                                                                    \
        .cost_step = 10000,                                                                                            \
        .cost_tile = 5000,                                                                                             \
        .m_least = 1,                                                                                                  \
    };
DESCRIPTOR(gemm_s8, pack_w, NULL, 8)
DESCRIPTOR(gemm_s4s8, pack_w_s4, unpack_s4, 4)
DESCRIPTOR(gemm_s2s8, pack_w_s2, unpack_s2, 2)
