/* 8-bit tiles on vpdpbusd that read the rows of A where they lie, as a ^ 0x80 (that is a + 128: w_bias).
 *
 *   14x32  28 sums, 2 vectors of W, 1 broadcast: 31 of 32 registers; 28 vpdpbusd for 14 broadcasts and 2 loads
 *   28x16  28 sums, 1 vector of W; bound by the loads, for few output channels
 *
 * W panel [k/4][NR][4] of s8. */
#include <immintrin.h>
#include "pack_low.h"
#include "x86/unpack_avx512.h"

enum { WIDE = 14, NARROW = 28, FEW = 12, STORED = 0x80, W_BYTES = 64 };
#define ROWS_WIDE QNT_ROWS_14
#define ROWS_NARROW QNT_ROWS_28

struct weights {
    __m512i codes;
};

QNT_INLINE struct weights weights(const int8_t *w)
{
    return (struct weights){_mm512_loadu_si512(w)};
}

QNT_INLINE __m512i add_products(__m512i sum, __m512i a, struct weights w)
{
    return _mm512_dpbusd_epi32(sum, a, w.codes);
}
#include "x86/tile_rows_avx512.h"

/* From MANY rows on the modes have functions. */
#define TILE_MODES(m, v)                                                                                               \
    static void edges_##m##x##v(const struct qnt_s8_operands *o, const struct qnt_tile *t, ptrdiff_t ws)               \
    {                                                                                                                  \
        tile(m, v, EDGES, o, t, ws);                                                                                   \
    }                                                                                                                  \
    static void far_##m##x##v(const struct qnt_s8_operands *o, const struct qnt_tile *t, ptrdiff_t ws)                 \
    {                                                                                                                  \
        tile(m, v, FAR, o, t, ws);                                                                                     \
    }                                                                                                                  \
    static void ahead_##m##x##v(const struct qnt_s8_operands *o, const struct qnt_tile *t, ptrdiff_t ws)               \
    {                                                                                                                  \
        tile(m, v, AHEAD, o, t, ws);                                                                                   \
    }                                                                                                                  \
    static void copy_##m##x##v(const struct qnt_s8_operands *o, const struct qnt_tile *t, ptrdiff_t ws)                \
    {                                                                                                                  \
        tile(m, v, COPY, o, t, ws);                                                                                    \
    }
#define NAME_EDGES(m, v) edges_##m##x##v,
#define NAME_FAR(m, v) far_##m##x##v,
#define NAME_AHEAD(m, v) ahead_##m##x##v,
#define NAME_COPY(m, v) copy_##m##x##v,
enum { MANY = 7 };
QNT_ROWS_7_14(TILE_MODES, 2)
static rows_fn *const wide_edges[] = {QNT_ROWS_7_14(NAME_EDGES, 2)};
static rows_fn *const wide_far[] = {QNT_ROWS_7_14(NAME_FAR, 2)};
static rows_fn *const wide_ahead[] = {QNT_ROWS_7_14(NAME_AHEAD, 2)};
static rows_fn *const wide_copy[] = {QNT_ROWS_7_14(NAME_COPY, 2)};

static void copy_lines(const struct qnt_s8_operands *o)
{
    if (o->copy_lines)
        copy_run((const int8_t *)o->copy_from, 64 * o->copy_lines, _mm512_set1_epi8((char)o->copy_flip),
                 (int8_t *)o->copy_to);
}

static void run_wide(const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    rows_fn *const *fn = t->n > 16 ? wide : narrow;
    size_t i = t->m - 1;
    if (t->n > 16 && t->m >= MANY) {
        const bool edges = o->head || o->tail;
        fn = o->copy_lines               ? wide_copy
             : edges                     ? wide_edges
             : !o->ahead                 ? wide
             : t->e->kind == QNT_EPI_S32 ? wide_far
                                         : wide_ahead;
        i -= fn != wide ? MANY - 1 : 0;
    } else {
        copy_lines(o);
    }
    fn[i](o, t, 2 * W_BYTES);
}

static void run_narrow(const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    copy_lines(o);
    narrow[t->m - 1](o, t, W_BYTES);
}

QNT_INLINE __m512i wg_add(__m512i sum, __m512i a, __m512i w)
{
    return _mm512_dpwssd_epi32(sum, a, w);
}
#include "x86/winograd_avx512.h"

/* Derived from instruction throughput, not measured; 32 are a cycle, of which a step of the tile has 14. A channel and
 * panel: 18 cycles of products, and one for W that comes from the second cache; a panel: 400 of the outputs' transform
 * and 100 around the products; a channel: 4 of the codes' transform and one to store them. Lines of W from further away
 * take about 8 cycles, of which the products hide three or more.
 *
 * vpdpbusd takes four products a lane, vpdpwssd two: side 2, of 16 products for 36, would save a ninth before its
 * transforms. Side 4 takes half as many steps as there are without it. */
static const struct qnt_winograd winograd[] = {
    WG_WAY(4, "14x32_avx512vnni", 28, 620, 16000, 150, 160),
    {.name = NULL},
};

#define PACK_W(NR)                                                                                                     \
    static void pack_w##NR(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,    \
                           void *panel)                                                                                \
    {                                                                                                                  \
        qnt_pack_rows_avx512(rows, tap_k, k0, k, used, in_xor, panel, NR);                                             \
    }
PACK_W(16)
PACK_W(32)

QNT_PACK_LOW(pack_w32_s4, pack_w32, 32, 4, 4)
QNT_PACK_LOW(pack_w32_s2, pack_w32, 32, 4, 2)

#define DESCRIPTOR(op, MR, NR, BITS, packw, unpackw, costunpack, step, start, least)                                   \
    const struct qnt_gemm qnt_##op##_##MR##x##NR##_avx512vnni = {                                                      \
        .name = #MR "x" #NR,                                                                                           \
        .run_rows = NR == 32 ? run_wide : run_narrow,                                                                  \
        .pack_a = copy_rows,                                                                                           \
        .pack_w = packw,                                                                                               \
        .unpack = unpackw,                                                                                             \
        .winograd = NR == 32 ? winograd : NULL,                                                                        \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 4,                                                                                                       \
        .a_size = 1,                                                                                                   \
        .w_bits = BITS,                                                                                                \
        .w_bias = 128,                                                                                                 \
        .beside = NR == 32,                                                                                            \
        .lines = NR == 16,                                                                                             \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
        .cost_unpack = costunpack,                                                                                     \
        .m_least = least,                                                                                              \
    };
DESCRIPTOR(gemm_s8, 28, 16, 8, pack_w16, NULL, 0, 465, 1800, 8)
DESCRIPTOR(gemm_s8, 14, 32, 8, pack_w32, NULL, 0, 450, 1800, 5)
/* By qbench tune on a Xeon (Emerald Rapids); their steps are those of 8 bits. */
DESCRIPTOR(gemm_s4s8, 14, 32, 4, pack_w32_s4, qnt_unpack32_s4_avx512, 110, 450, 2500, 3)
DESCRIPTOR(gemm_s2s8, 14, 32, 2, pack_w32_s2, qnt_unpack32_s2_avx512, 130, 450, 2600, 3)
