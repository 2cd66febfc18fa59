/* The 8-bit tile for one row: the weights stay s8. Exact, as gemm_rows_avx2.c tells, with A and W in each other's
 * places: A is the u8, as |a| <= 128, and W the s8, ~w where a < 0. Then a * w = |a| * ~w + |a|, and what is missing is
 * the same for all columns: the sum of |a| of negative a.
 *
 * A panel: [k] of |a|, then [k] of signs, 0 or -1. W panel [k/4][16][4] of s8. */
#include "x86/row_avx2.h"

QNT_INLINE __m256i add_products(__m256i acc, __m256i a, __m256i b)
{
    return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)));
}

QNT_INLINE void row_products(const int P, const int BITS, size_t k, const int8_t *a, const uint8_t *w, size_t panel,
                             __m256i *acc)
{
    (void)BITS;
    for (const int8_t *sign = a + k; k; k -= 4, a += 4, sign += 4, w += 4 * NR) {
        const __m256i av = qnt_dword_avx2(a), sv = qnt_dword_avx2(sign);
        QNT_UNROLL
        for (int i = 0; i < 2 * P; i++)
            acc[i] = add_products(acc[i], av, _mm256_xor_si256(sv, row_load(w + (size_t)(i / 2) * panel + i % 2 * 32)));
    }
}

/* In each dword, the sum of |a| of negative a. */
static __m256i missing(const int8_t *a, const int8_t *sign, size_t k)
{
    __m256i sum = _mm256_setzero_si256();
    int32_t few = 0;
    for (; k >= 32; k -= 32, a += 32, sign += 32)
        sum = add_products(sum, row_load(a), row_load(sign));
    for (; k; k--)
        few += (uint8_t)*a++ * *sign++;
    return _mm256_sub_epi32(_mm256_set1_epi32(-few), row_across(sum));
}

static void run(size_t k, const void *a, const void *w, const struct qnt_tile *t)
{
    const int8_t *const row = a;
    row_run(8, k, row, w, missing(row, row + k, k), t);
}

/* The row itself, then in two. */
static void pack_a(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor, void *panel)
{
    const size_t padded = (k + 3) / 4 * 4;
    int8_t *a = panel, *sign = a + padded;
    size_t i = 0;
    row_pack(rows, tap_k, k0, k, used, in_xor, panel);
    for (; i + 32 <= padded; i += 32) {
        const __m256i x = row_load(a + i);
        _mm256_storeu_si256((__m256i *)(void *)(sign + i), _mm256_cmpgt_epi8(_mm256_setzero_si256(), x));
        _mm256_storeu_si256((__m256i *)(void *)(a + i), _mm256_abs_epi8(x));
    }
    for (; i < padded; i++) {
        sign[i] = a[i] < 0 ? -1 : 0;
        a[i] = (int8_t)(a[i] < 0 ? -(unsigned)a[i] : (unsigned)a[i]);
    }
}

/* Costs in 1/16 cycle, by qbench tune on a Zen 4 core. */
const struct qnt_gemm qnt_gemm_s8_1x16_avx2 = {
    .name = "1x16",
    .run = run,
    .pack_a = pack_a,
    .pack_w = row_pack_w,
    .mr = 1,
    .nr = NR,
    .kr = 4,
    .a_size = 2,
    .w_bits = 8,
    .wide = 1,
    .cost_step = 48,
    .cost_tile = 1000,
    .cost_row = 38,
};
