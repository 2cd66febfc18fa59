/* 8-bit tiles on vpmaddubsw of 64 bytes that read the rows of A where they lie, exact for all codes: gemm_rows_avx2.c
 * tells why. W is |w|, A is a or ~a by the sign of w, and the sums have each negative w once too often (w_negative).
 *
 *   12x32  24 sums, 2 vectors of |w|, 2 of signs, the ones, 1 broadcast, 1 product: 31 of 32 registers
 *   24x16  24 sums, 1 and 1, for few output channels
 *
 * Four instructions on two ports for 64 products, as many as products of s16 would take; but these are of rows that
 * were widened and put in panels first.
 *
 * W panel [k/4], each 16 columns' [16][4] of |w| and then of their signs, 0 or -1. */
#include <immintrin.h>
#include <stdint.h>
#include "kernels.h"

enum { WIDE = 12, NARROW = 24, FEW = 0, STORED = 0, W_BYTES = 128 };
#define ROWS_WIDE QNT_ROWS_12
#define ROWS_NARROW QNT_ROWS_24

struct weights {
    __m512i codes, sign;
};

QNT_INLINE struct weights weights(const int8_t *w)
{
    return (struct weights){_mm512_loadu_si512(w), _mm512_loadu_si512(w + 64)};
}

QNT_INLINE __m512i add_products(__m512i sum, __m512i a, struct weights w)
{
    const __m512i pairs = _mm512_maddubs_epi16(w.codes, _mm512_xor_si512(a, w.sign));
    sum = _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
    __asm__("" : "+v"(sum)::"memory"); /* or gcc 12 would begin many rows at once, and spill */
    return sum;
}
#include "x86/tile_rows_avx512.h"

static void run_wide(const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    (t->n > 16 ? wide : narrow)[t->m - 1](o, t, 2 * W_BYTES);
}

static void run_narrow(const struct qnt_s8_operands *o, const struct qnt_tile *t)
{
    narrow[t->m - 1](o, t, W_BYTES);
}

QNT_INLINE __m512i wg_add(__m512i sum, __m512i a, __m512i w)
{
    sum = _mm512_add_epi32(sum, _mm512_madd_epi16(a, w));
    __asm__("" : "+v"(sum)::"memory"); /* as above */
    return sum;
}
#include "x86/winograd_avx512.h"

/* In the unit of gemm_s8_avx512.c, by counting. A channel and panel: 16 or 36 points, of which a step of 2 channels and
 * 12 tiles takes 24 cycles, and one for W; a panel: the outputs' transform, 50 or 400 cycles, and the ends of products;
 * a channel: the codes' transform. Products hide most of the way of W from beyond the second cache. */
const struct qnt_winograd qnt_winograd_avx512[] = {
    WG_WAY(2, "12x32_avx512", 48, 272, 1600, 16, 40),
    WG_WAY(4, "12x32_avx512", 24, 592, 8000, 75, 40),
    {.name = NULL},
};

/* The codes go into the upper half of the panel, from where each step is spread over one that was read before. */
QNT_INLINE void pack(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                     int8_t *out, const int NR)
{
    const size_t vectors = (k + 3) / 4 * (size_t)NR / 16;
    const int8_t *codes = out + 64 * vectors;
    qnt_pack_rows_avx512(rows, tap_k, k0, k, used, in_xor, out + 64 * vectors, NR);
    for (size_t v = 0; v < vectors; v++, codes += 64, out += W_BYTES) {
        const __m512i w = _mm512_loadu_si512(codes);
        _mm512_storeu_si512(out, _mm512_abs_epi8(w));
        _mm512_storeu_si512(out + 64, _mm512_movm_epi8(_mm512_movepi8_mask(w)));
    }
}

#define ROWS_TILE(MR, NR, RUN, WAYS, STEP, START, LEAST)                                                               \
    static void pack_w##NR(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,    \
                           void *panel)                                                                                \
    {                                                                                                                  \
        pack(rows, tap_k, k0, k, used, in_xor, panel, NR);                                                             \
    }                                                                                                                  \
    const struct qnt_gemm qnt_gemm_s8_##MR##x##NR##_avx512 = {                                                         \
        .name = #MR "x" #NR,                                                                                           \
        .run_rows = RUN,                                                                                               \
        .pack_a = copy_rows,                                                                                           \
        .pack_w = pack_w##NR,                                                                                          \
        .winograd = WAYS,                                                                                              \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 4,                                                                                                       \
        .a_size = 1,                                                                                                   \
        .w_bits = 16,                                                                                                  \
        .w_negative = 1,                                                                                               \
        .lines = NR == 16,                                                                                             \
        .cost_step = STEP,                                                                                             \
        .cost_tile = START,                                                                                            \
        .m_least = LEAST,                                                                                              \
    };
ROWS_TILE(24, 16, run_narrow, NULL, 784, 1000, 4)
ROWS_TILE(12, 32, run_wide, qnt_winograd_avx512, 776, 1000, 2)
