/* 8-bit tiles on vpdpbusd with 256-bit vectors that read the rows of A where they lie, as a ^ 0x80 (that is a + 128:
 * w_bias).
 *
 *   6x16  12 sums, 2 vectors of W, 1 broadcast: 15 of 16 registers; 12 vpdpbusd for 6 broadcasts and 2 loads
 *
 * W panel [k/4][16][4] of s8.
 *
 * The intrinsic is the one of AVX-512 VL, so that a test can have the same code in EVEX encoding. */
enum { MR = 6, STEP = 64, STORED = 0x80 };
#include "x86/rows_avx2.h"

QNT_INLINE void rows_step(const int M, const int V, const uint8_t *const *q, ptrdiff_t r1, ptrdiff_t r3,
                          const int8_t *w, __m256i *acc)
{
    const __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)w),
                  w1 = _mm256_loadu_si256((const __m256i *)(const void *)(w + STEP / 2));
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        const __m256i a = rows_at(q, i, r1, r3);
        acc[2 * i] = _mm256_dpbusd_epi32(acc[2 * i], a, w0);
        if (V == 2)
            acc[2 * i + 1] = _mm256_dpbusd_epi32(acc[2 * i + 1], a, w1);
    }
}

QNT_ROWS_RUN(6)

static void pack_w(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor, void *panel)
{
    qnt_pack_u8_avx2(rows, tap_k, k0, k, used, in_xor, panel, NR);
}

/* In the unit of gemm_s8_avxvnni.c. */
const struct qnt_gemm qnt_gemm_s8_6x16_avxvnni = {
    .name = "6x16",
    .run_rows = run,
    .pack_a = rows_copy,
    .pack_w = pack_w,
    .mr = MR,
    .nr = NR,
    .kr = 4,
    .a_size = 1,
    .w_bits = 8,
    .w_bias = 128,
    .tall = 1,
    .cost_step = 125,
    .cost_tile = 1200,
    .m_least = 4,
};
