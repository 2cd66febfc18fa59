/* Tiles with W of few bits that read the rows of A where they lie, as a ^ 0x80: the panel's codes become s8 once for
 * all rows of a block. Sums are bounded as in gemm_low_avx2.c, and so added up in s16 for BURST steps.
 *
 *   6x16  12 sums of s16, 2 vectors of W, 1 broadcast, 1 product: 16 registers; the sums of s32 wait in memory
 *
 * The includer gives BITS and BURST, then LOW_TILE(op, step, start, unpack, row). */
enum { MR = 6, STEP = 64, STORED = 0x80 };
#define ROWS_SUMS low_sums
#include "x86/rows_avx2.h"
#include "pack_low.h"
#include "x86/codes_avx2.h"

QNT_INLINE __m256i low_wide(__m256i sum, __m256i few)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(few, _mm256_set1_epi16(1)));
}

QNT_INLINE void low_add(__m256i *few, __m256i a, __m256i w)
{
    *few = _mm256_add_epi16(*few, _mm256_maddubs_epi16(a, w));
    __asm__("" : "+x"(*few) : : "memory"); /* row by row: gcc 12 would compute all products first, and spill */
}

/* n steps into few; q goes on. */
QNT_INLINE void low_steps(const int M, const int V, const uint8_t **q, ptrdiff_t r1, const int8_t *w, size_t n,
                          __m256i *few)
{
    const ptrdiff_t r3 = 3 * r1;
    for (; n; n--, w += STEP) {
        const __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)w),
                      w1 = _mm256_loadu_si256((const __m256i *)(const void *)(w + STEP / 2));
        QNT_UNROLL
        for (int i = 0; i < M; i++) {
            const __m256i a = rows_at(q, i, r1, r3);
            low_add(&few[2 * i], a, w0);
            if (V == 2)
                low_add(&few[2 * i + 1], a, w1);
        }
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            q[g] += 4;
    }
}

QNT_INLINE void low_sums(const int M, const int V, const struct qnt_s8_operands *o, const uint8_t *a,
                         const __m256i *bias, __m256i *acc)
{
    const int8_t *w = o->w;
    __m256i few[2 * MR], room[2 * MR], *sum = room;
    size_t left = BURST;
    __asm__("" : "+r"(sum) : : "memory"); /* gcc 12 would copy them about */
    QNT_UNROLL
    for (int i = 0; i < 2 * M; i++) {
        few[i] = _mm256_setzero_si256();
        _mm256_store_si256(&sum[i], bias[i % 2]);
    }
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump) {
        const uint8_t *q[GROUPS];
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            q[g] = a + g * GROUP * o->a_row;
        for (size_t steps = o->run / 4, n; steps; steps -= n, w += n * STEP) {
            n = steps < left ? steps : left;
            low_steps(M, V, q, o->a_row, w, n, few);
            left -= n;
            if (left)
                continue;
            left = BURST;
            QNT_UNROLL
            for (int i = 0; i < 2 * M; i += V == 2 ? 1 : 2) {
                _mm256_store_si256(&sum[i], low_wide(_mm256_load_si256(&sum[i]), few[i]));
                few[i] = _mm256_setzero_si256();
            }
        }
    }
    QNT_UNROLL
    for (int i = 0; i < 2 * M; i++)
        acc[i] = low_wide(_mm256_load_si256(&sum[i]), few[i]);
}

QNT_ROWS_RUN(6)

static void pack_s8(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                    void *panel)
{
    qnt_pack_u8_avx2(rows, tap_k, k0, k, used, in_xor, panel, NR);
}
QNT_PACK_LOW(pack_w, pack_s8, NR, 4, BITS)

static void unpack(const void *panel, size_t k, int8_t *out)
{
    const uint8_t *w = panel;
    for (; k; k -= 4, w += 8 * BITS, out += STEP)
        QNT_UNROLL
    for (int v = 0; v < 2; v++)
        _mm256_storeu_si256((__m256i *)(void *)out + v, qnt_codes_avx2(w, v, BITS));
}

#define LOW_TILE(op, step, start, unpack_step, row)                                                                    \
    const struct qnt_gemm qnt_##op##_6x16_avx2 = {                                                                     \
        .name = "6x16",                                                                                                \
        .run_rows = run,                                                                                               \
        .pack_a = rows_copy,                                                                                           \
        .pack_w = pack_w,                                                                                              \
        .unpack = unpack,                                                                                              \
        .winograd = qnt_winograd_avx2,                                                                                 \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 4,                                                                                                       \
        .a_size = 1,                                                                                                   \
        .w_bits = BITS,                                                                                                \
        .w_bias = 128,                                                                                                 \
        .tall = 1,                                                                                                     \
        .cost_step = step,                                                                                             \
        .cost_tile = start,                                                                                            \
        .cost_unpack = unpack_step,                                                                                    \
        .cost_row = row,                                                                                               \
        .m_least = 1,                                                                                                  \
    };
