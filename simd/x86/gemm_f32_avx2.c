/* f32 tiles, loops in gemm_f32_loops.h. 16 registers hold 12 sums, the vectors of W, a broadcast; two units that take
 * four cycles for an fma want eight sums.
 *
 *   6x16  12 fma for 6 broadcasts and 2 loads
 *   4x24  12 fma for 4 broadcasts and 6 loads, the third vector of W for each row again: 15 registers
 *   2x32  8 sums for two rows, 4 for one, where the others wait for their few: as many bytes of W a cycle as the
 *         second-level cache gives
 *
 * There is a function for each number of rows and vectors, whatever the tile, which takes any number of such rows.
 * W panel: [k][nr]. */
#include <immintrin.h>
#include <string.h>
#include "kernels.h"
#include "x86/part_avx2.h"

typedef __m256 vec;
enum { LANES = 8, AHEAD = 0 }; /* W panels are cut to fit the first-level cache */

#define VEC_REG "x"
QNT_INLINE vec vec_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

QNT_INLINE vec vec_set1(float x)
{
    return _mm256_set1_ps(x);
}

QNT_INLINE vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

/* In the sum's place: gcc 12 would take a broadcast's register for it, and with 16 of them spill. */
QNT_INLINE vec vec_fma_kept(vec a, vec b, vec c)
{
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
    return c;
}

QNT_INLINE vec vec_fma_at(vec a, const float *b, vec c)
{
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(c) : "x"(a), "m"(*(const __m256_u *)(const void *)b));
    return c;
}
#include "x86/gemm_f32_loops.h"

QNT_INLINE vec vec_zero(void)
{
    return _mm256_setzero_ps();
}

QNT_INLINE void vec_store(float *p, vec x)
{
    _mm256_storeu_ps(p, x);
}

QNT_INLINE vec vec_part_load(const float *p, uint32_t n)
{
    return _mm256_castsi256_ps(qnt_part8_avx2(p, n));
}

QNT_INLINE void vec_part_store(float *p, vec x, uint32_t n)
{
    _mm256_maskstore_ps(p, qnt_tail8_avx2(n, 0), x);
}

/* The second operand is taken where one is NaN. */
QNT_INLINE vec vec_at_least(vec lo, vec x)
{
    return _mm256_max_ps(lo, x);
}

QNT_INLINE vec vec_at_most(vec hi, vec x)
{
    return _mm256_min_ps(hi, x);
}

QNT_INLINE void find(const int M, const int V, const bool PART, const struct qnt_f32_operands *o,
                     const struct qnt_tile *t, const float *c)
{
    (void)V, (void)o;
    if (PART || !t->first)
        return;
    QNT_UNROLL
    for (int i = 0; i < M; i++, c += t->ldc)
        _mm_prefetch((const char *)c, _MM_HINT_T0);
}

/* Less than a vector, and 1 to 4 vectors. */
#define PARTS(F) F(1, 1, part) F(2, 1, part) F(3, 1, part) F(4, 1, part)
#define FOURS(F) F(1, 4, whole) F(2, 4, whole)
#define THREES(F) F(1, 3, whole) F(2, 3, whole) F(3, 3, whole) F(4, 3, whole)
#define TWOS(F) F(1, 2, whole) F(2, 2, whole) F(3, 2, whole) F(4, 2, whole) F(5, 2, whole) F(6, 2, whole)
#define ONES(F)                                                                                                        \
    F(1, 1, whole)                                                                                                     \
    F(2, 1, whole) F(3, 1, whole) F(4, 1, whole) F(5, 1, whole) F(6, 1, whole) F(7, 1, whole) F(8, 1, whole)
#define F32_ASKS 1
#define F32_APART 1
#define F32_SETS(S) S(4, PARTS) S(8, ONES) S(6, TWOS) S(4, THREES) S(2, FOURS)
enum { SUMS = 12, F32_MOST = 8 };
#include "tmpl/gemm_f32_tmpl.h"

/* Eight rows of eight floats to eight columns. */
QNT_INLINE void transpose(const __m256 *r, float *to, const int nr)
{
    __m256 ab[4], cd[4];
    QNT_UNROLL
    for (int i = 0; i < 4; i++) {
        ab[i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        cd[i] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    QNT_UNROLL
    for (int h = 0; h < 2; h++) {
        const __m256 *s = h ? cd : ab;
        const __m256 a = _mm256_shuffle_ps(s[0], s[1], 0x44), b = _mm256_shuffle_ps(s[0], s[1], 0xee);
        const __m256 c = _mm256_shuffle_ps(s[2], s[3], 0x44), d = _mm256_shuffle_ps(s[2], s[3], 0xee);
        _mm256_storeu_ps(to + (2 * h) * nr, _mm256_permute2f128_ps(a, c, 0x20));
        _mm256_storeu_ps(to + (2 * h + 1) * nr, _mm256_permute2f128_ps(b, d, 0x20));
        _mm256_storeu_ps(to + (2 * h + 4) * nr, _mm256_permute2f128_ps(a, c, 0x31));
        _mm256_storeu_ps(to + (2 * h + 5) * nr, _mm256_permute2f128_ps(b, d, 0x31));
    }
}

/* `n` elements of `used` rows from element `at` of their taps. */
QNT_INLINE void pack_run(const void *const *rows, size_t at, size_t n, size_t used, float *to, const int nr)
{
    const size_t step = (size_t)nr;
    size_t p = 0;
    for (; used == step && p + 8 <= n; p += 8, to += 8 * step)
        for (int h = 0; h < nr / LANES; h++) {
            __m256 r[8];
            QNT_UNROLL
            for (int i = 0; i < 8; i++)
                r[i] = _mm256_loadu_ps((const float *)rows[8 * h + i] + at + p);
            transpose(r, to + 8 * h, nr);
        }
    for (; p < n; p++, to += step)
        for (size_t i = 0; i < step; i++)
            to[i] = i < used ? ((const float *)rows[i])[at + p] : 0.0f;
}

QNT_INLINE void pack_rows(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, float *to,
                          const int nr)
{
    for (size_t n; k > 0; k -= n, k0 += n, to += n * (size_t)nr) {
        const size_t at = k0 % tap_k;
        n = tap_k - at < k ? tap_k - at : k;
        pack_run(rows + k0 / tap_k * used, at, n, used, to, nr);
    }
}

QNT_INLINE void pack_cols(const void *const *lines, size_t k, size_t used, float *to, const int nr)
{
    for (size_t p = 0; p < k; p++, to += nr) {
        const float *from = lines[p];
        if (used == (size_t)nr) {
            for (int v = 0; v < nr; v += LANES)
                _mm256_storeu_ps(to + v, _mm256_loadu_ps(from + v));
            continue;
        }
        memset(to, 0, (size_t)nr * sizeof *to);
        memcpy(to, from, used * sizeof *to);
    }
}

#define PACKS(nr)                                                                                                      \
    static void pack_rows_##nr(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used,                \
                               uint8_t in_xor, void *panel)                                                            \
    {                                                                                                                  \
        (void)in_xor;                                                                                                  \
        pack_rows(rows, tap_k, k0, k, used, panel, nr);                                                                \
    }                                                                                                                  \
    static void pack_cols_##nr(const void *const *lines, size_t k, size_t used, void *panel)                           \
    {                                                                                                                  \
        pack_cols(lines, k, used, panel, nr);                                                                          \
    }
PACKS(16)
PACKS(24)
PACKS(32)

#define TILE(MR, NR, STEP, COST, K, LEAST)                                                                             \
    const struct qnt_gemm qnt_gemm_f32_##MR##x##NR##_avx2 = {                                                          \
        .name = #MR "x" #NR,                                                                                           \
        .run_f32 = run,                                                                                                \
        .pack_w = pack_rows_##NR,                                                                                      \
        .pack_w_cols = pack_cols_##NR,                                                                                 \
        .mr = MR,                                                                                                      \
        .nr = NR,                                                                                                      \
        .kr = 1,                                                                                                       \
        .a_size = 4,                                                                                                   \
        .w_bits = 32,                                                                                                  \
        .cost_step = STEP,                                                                                             \
        .cost_tile = COST,                                                                                             \
        .k_run = K,                                                                                                    \
        .m_least = LEAST,                                                                                              \
        .tall = 1,                                                                                                     \
    };
TILE(6, 16, 50, 280, 512, 4)
TILE(4, 24, 49, 280, 336, 3)
TILE(2, 32, 46, 200, 8192, 2)
