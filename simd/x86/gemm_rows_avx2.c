/* 8-bit tiles on vpmaddubsw that read the rows of A where they lie, exact for all codes.
 *
 * vpmaddubsw adds two products of u8 x s8 in an s16 that saturates. Here W is the u8, as |w| <= 128, and A the s8: a
 * where w >= 0, else ~a, that is -a - 1, which every s8 has. Two such products are within 2 * 128 * -128 = -32768 and
 * 2 * 128 * 127 = 32512: never past what an s16 holds. For w < 0
 *     a * w = |w| * ~a + |w| = |w| * ~a - w,
 * so that the sums have each negative w once too often (w_negative), which the driver takes off the bias. vpmaddwd by
 * ones adds pairs of s16 to the s32 of their column.
 *
 *   4x16  8 sums, 2 vectors of |w|, 2 of signs, the ones, 1 broadcast, 2 products: 16 registers
 *
 * W panel [k/4], each 8 columns' [8][4] of |w| and then of their signs, 0 or -1, twice. */
enum { MR = 4, STEP = 128, STORED = 0 };
#include "x86/rows_avx2.h"

QNT_INLINE __m256i load(const int8_t *w, const int v)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)w + v);
}

QNT_INLINE __m256i add_products(__m256i acc, __m256i w, __m256i sign, __m256i a)
{
    const __m256i pairs = _mm256_maddubs_epi16(w, _mm256_xor_si256(a, sign));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

QNT_INLINE void rows_step(const int M, const int V, const uint8_t *const *q, ptrdiff_t r1, ptrdiff_t r3,
                          const int8_t *w, __m256i *acc)
{
    const __m256i w0 = load(w, 0), sign0 = load(w, 1), w1 = load(w, 2), sign1 = load(w, 3);
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        const __m256i a = rows_at(q, i, r1, r3);
        acc[2 * i] = add_products(acc[2 * i], w0, sign0, a);
        if (V == 2)
            acc[2 * i + 1] = add_products(acc[2 * i + 1], w1, sign1, a);
    }
}

QNT_ROWS_RUN(4)

#include "x86/winograd_avx2.h"

/* The codes go into the upper half of the panel, from where each step is spread over one that was read before. */
static void pack_w(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor, void *panel)
{
    const size_t steps = (k + 3) / 4;
    const __m256i zero = _mm256_setzero_si256();
    __m256i *out = panel;
    const __m256i *codes = out + 2 * steps;
    qnt_pack_u8_avx2(rows, tap_k, k0, k, used, in_xor, (int8_t *)panel + 2 * steps * sizeof *out, NR);
    for (size_t s = 0; s < steps; s++, codes += 2, out += 4) {
        const __m256i w0 = _mm256_loadu_si256(codes), w1 = _mm256_loadu_si256(codes + 1);
        _mm256_storeu_si256(out, _mm256_abs_epi8(w0));
        _mm256_storeu_si256(out + 1, _mm256_cmpgt_epi8(zero, w0));
        _mm256_storeu_si256(out + 2, _mm256_abs_epi8(w1));
        _mm256_storeu_si256(out + 3, _mm256_cmpgt_epi8(zero, w1));
    }
}

/* In the unit of gemm_s8_avx2.c. */
const struct qnt_gemm qnt_gemm_s8_4x16_avx2 = {
    .name = "4x16",
    .run_rows = run,
    .pack_a = rows_copy,
    .pack_w = pack_w,
    .winograd = qnt_winograd_avx2,
    .mr = MR,
    .nr = NR,
    .kr = 4,
    .a_size = 1,
    .w_bits = 16,
    .w_negative = 1,
    .tall = 1,
    .cost_step = 168,
    .cost_tile = 920,
    .cost_row = 3,
    .m_least = 2,
};
