/* Tiles of one row with W of 4 and 2 bits. Here W is the u8 of vpmaddubsw, as code + 8 or + 2, and A the s8: a pair of
 * products is within 2 * 15 * 128 = 3840, eight steps of them within 30720, as 32 steps with 2 bits. So long they are
 * added up in s16, then in s32. What the sums have too much is the same for all columns: 8 or 2 times the sum of A.
 *
 * A panel: the row. W panel [k/4][16][4] of codes (layout: kernels.h). Registers: 8 sums of s16, one of A, a load and a
 * product of it; the sums of s32 wait in memory. */
#include "pack_low.h"
#include "x86/codes_avx2.h"
#include "x86/row_avx2.h"

/* n steps. */
QNT_INLINE void burst(const int P, const int BITS, size_t n, const int8_t *a, const uint8_t *w, size_t panel,
                      int32_t *sum)
{
    __m256i acc[2 * WIDE];
    QNT_UNROLL
    for (int i = 0; i < 2 * P; i++)
        acc[i] = _mm256_setzero_si256();
    for (; n; n--, a += 4, w += 8 * BITS) {
        const __m256i av = qnt_dword_avx2(a);
        QNT_UNROLL
        for (int i = 0; i < 2 * P; i += 2) {
            const uint8_t *from = w + (size_t)(i / 2) * panel;
            acc[i] = _mm256_add_epi16(acc[i], _mm256_maddubs_epi16(qnt_fields_avx2(from, 0, BITS), av));
            acc[i + 1] = _mm256_add_epi16(acc[i + 1], _mm256_maddubs_epi16(qnt_fields_avx2(from, 1, BITS), av));
            /* panel by panel: gcc 12 would compute all products first, and put sums on the stack */
            __asm__("" : "+x"(acc[i]), "+x"(acc[i + 1]) : : "memory");
        }
    }
    QNT_UNROLL
    for (int i = 0; i < 2 * P; i++) {
        __m256i *s = (__m256i *)(void *)(sum + 8 * i);
        _mm256_store_si256(s, _mm256_add_epi32(_mm256_load_si256(s), _mm256_madd_epi16(acc[i], _mm256_set1_epi16(1))));
    }
}

QNT_INLINE void row_products(const int P, const int BITS, size_t k, const int8_t *a, const uint8_t *w, size_t panel,
                             __m256i *acc)
{
    const size_t most = BITS == 4 ? 8 : 32;
    _Alignas(32) int32_t sum[WIDE * NR];
    QNT_UNROLL
    for (int i = 0; i < 2 * P; i++)
        _mm256_store_si256((__m256i *)(void *)(sum + 8 * i), acc[i]);
    for (size_t left = k / 4, n; left; left -= n, a += 4 * n, w += 8 * (size_t)BITS * n) {
        n = left < most ? left : most;
        burst(P, BITS, n, a, w, panel, sum);
    }
    QNT_UNROLL
    for (int i = 0; i < 2 * P; i++)
        acc[i] = _mm256_load_si256((const __m256i *)(const void *)(sum + 8 * i));
}

/* In each dword, the sum of A. */
static __m256i sum_of(const int8_t *a, size_t k)
{
    const __m256i ones = _mm256_set1_epi8(1);
    __m256i sum = _mm256_setzero_si256();
    int32_t few = 0;
    for (; k >= 32; k -= 32, a += 32)
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(ones, row_load(a)), _mm256_set1_epi16(1)));
    for (; k; k--)
        few += *a++;
    return _mm256_add_epi32(_mm256_set1_epi32(few), row_across(sum));
}

/* Adding half of the range flips the sign bits. */
#define TILE(op, BITS, SIGNS, step, start, row)                                                                        \
    QNT_PACK_LOW(pack_signed_##op, row_pack_w, NR, 4, BITS)                                                            \
    static void pack_##op(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,     \
                          void *panel)                                                                                 \
    {                                                                                                                  \
        uint8_t *p = panel;                                                                                            \
        pack_signed_##op(rows, tap_k, k0, k, used, in_xor, panel);                                                     \
        for (size_t i = 0; i < (k + 3) / 4 * 8 * BITS; i++)                                                            \
            p[i] ^= SIGNS;                                                                                             \
    }                                                                                                                  \
    static void run_##op(size_t k, const void *a, const void *w, const struct qnt_tile *t)                             \
    {                                                                                                                  \
        row_run(BITS, k, a, w, _mm256_slli_epi32(_mm256_sub_epi32(_mm256_setzero_si256(), sum_of(a, k)), BITS - 1),    \
                t);                                                                                                    \
    }                                                                                                                  \
    const struct qnt_gemm qnt_##op##_1x16_avx2 = {                                                                     \
        .name = "1x16",                                                                                                \
        .run = run_##op,                                                                                               \
        .pack_a = row_pack,                                                                                            \
        .pack_w = pack_##op,                                                                                           \
        .mr = 1,                                                                                                       \
        .nr = NR,                                                                                                      \
        .kr = 4,                                                                                                       \
        .a_size = 1,                                                                                                   \
        .w_bits = BITS,                                                                                                \
        .wide = 1,                                                                                                     \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
        .cost_row = row,                                                                                               \
    };
/* Costs in 1/16 cycle, by qbench tune on a Zen 4 core. */
TILE(gemm_s4s8, 4, 0x88, 46, 880, 34)
TILE(gemm_s2s8, 2, 0xaa, 58, 960, 42)
