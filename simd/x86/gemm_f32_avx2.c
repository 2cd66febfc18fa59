/* f32 tile 6x16, loops in gemm_f32_loops.h: 12 accumulators, 2 vectors of W, 1 or 2 broadcasts: 16 registers; 12 fma
 * for 6 broadcasts and 2 loads. A function for each number of rows: nothing outside the operands is read. W panel:
 * [k][16]. */
#include <immintrin.h>
#include <string.h>
#include "gemm_f32_edge.h"

typedef __m256 vec;
enum { LANES = 8, MR = 6, NR = 16, AHEAD = 0 }; /* W panels are cut to fit the first-level cache */

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
#include "x86/gemm_f32_loops.h"

QNT_INLINE void start(const int M, const struct qnt_tile *t, vec *x, vec *y)
{
    const float *bias = t->e->bias_f32, *c = t->c;
    if (t->first) {
        const vec x0 = bias ? vec_load(bias + t->col) : _mm256_setzero_ps();
        const vec y0 = bias ? vec_load(bias + t->col + LANES) : _mm256_setzero_ps();
        QNT_UNROLL
        for (int i = 0; i < M; i++) {
            x[i] = x0;
            y[i] = y0;
            _mm_prefetch((const char *)(c + (size_t)i * t->ldc), _MM_HINT_T0); /* for the stores at the end */
        }
    } else {
        QNT_UNROLL
        for (int i = 0; i < M; i++) {
            x[i] = vec_load(c + (size_t)i * t->ldc);
            y[i] = vec_load(c + (size_t)i * t->ldc + LANES);
        }
    }
}

QNT_INLINE void finish(const int M, const struct qnt_tile *t, vec *x, vec *y)
{
    float *c = t->c;
    if (t->last) {
        const vec lo = _mm256_set1_ps(t->e->lo), hi = _mm256_set1_ps(t->e->hi);
        QNT_UNROLL
        for (int i = 0; i < M; i++) { /* NaN passes: the second operand is taken */
            x[i] = _mm256_min_ps(hi, _mm256_max_ps(lo, x[i]));
            y[i] = _mm256_min_ps(hi, _mm256_max_ps(lo, y[i]));
        }
    }
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        _mm256_storeu_ps(c + (size_t)i * t->ldc, x[i]);
        _mm256_storeu_ps(c + (size_t)i * t->ldc + LANES, y[i]);
    }
}

QNT_INLINE void tile(const int M, const bool ends, const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    vec x[MR], y[MR];
    start(M, t, x, y);
    if (ends)
        by_ends(M, 2, o, x, y);
    else if (o->a_k == 1)
        by_rows(M, 2, o, x, y);
    else
        by_columns(M, 2, o, x, y);
    finish(M, t, x, y);
}

#define TILE(m)                                                                                                        \
    static void tile_##m(const struct qnt_f32_operands *o, const struct qnt_tile *t)                                   \
    {                                                                                                                  \
        tile(m, false, o, t);                                                                                          \
    }                                                                                                                  \
    static void ends_##m(const struct qnt_f32_operands *o, const struct qnt_tile *t)                                   \
    {                                                                                                                  \
        tile(m, true, o, t);                                                                                           \
    }
TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)

static void full(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    static qnt_gemm_f32_fn *const by_m[MR] = {tile_1, tile_2, tile_3, tile_4, tile_5, tile_6};
    static qnt_gemm_f32_fn *const ends[MR] = {ends_1, ends_2, ends_3, ends_4, ends_5, ends_6};
    qnt_f32_run(o, t, by_m[t->m - 1], ends[t->m - 1], full);
}

static void run(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    if (t->n == NR)
        full(o, t);
    else
        qnt_f32_edge(o, t, NR, full);
}

/* Eight rows of eight floats to eight columns. */
QNT_INLINE void transpose(const __m256 *r, float *to)
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
        _mm256_storeu_ps(to + (2 * h) * NR, _mm256_permute2f128_ps(a, c, 0x20));
        _mm256_storeu_ps(to + (2 * h + 1) * NR, _mm256_permute2f128_ps(b, d, 0x20));
        _mm256_storeu_ps(to + (2 * h + 4) * NR, _mm256_permute2f128_ps(a, c, 0x31));
        _mm256_storeu_ps(to + (2 * h + 5) * NR, _mm256_permute2f128_ps(b, d, 0x31));
    }
}

/* `n` elements of `used` rows from element `at` of their taps. */
static void pack_run(const void *const *rows, size_t at, size_t n, size_t used, float *to)
{
    size_t p = 0;
    for (; used == NR && p + 8 <= n; p += 8, to += 8 * NR)
        for (int h = 0; h < 2; h++) {
            __m256 r[8];
            QNT_UNROLL
            for (int i = 0; i < 8; i++)
                r[i] = _mm256_loadu_ps((const float *)rows[8 * h + i] + at + p);
            transpose(r, to + 8 * h);
        }
    for (; p < n; p++, to += NR)
        for (size_t i = 0; i < NR; i++)
            to[i] = i < used ? ((const float *)rows[i])[at + p] : 0.0f;
}

static void pack_rows(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                      void *panel)
{
    float *to = panel;
    (void)in_xor;
    for (size_t n; k > 0; k -= n, k0 += n, to += n * NR) {
        const size_t at = k0 % tap_k;
        n = tap_k - at < k ? tap_k - at : k;
        pack_run(rows + k0 / tap_k * used, at, n, used, to);
    }
}

static void pack_cols(const void *const *lines, size_t k, size_t used, void *panel)
{
    float *to = panel;
    for (size_t p = 0; p < k; p++, to += NR) {
        const float *from = lines[p];
        if (used == NR) {
            _mm256_storeu_ps(to, _mm256_loadu_ps(from));
            _mm256_storeu_ps(to + LANES, _mm256_loadu_ps(from + LANES));
            continue;
        }
        memset(to, 0, NR * sizeof *to);
        memcpy(to, from, used * sizeof *to);
    }
}

const struct qnt_gemm qnt_gemm_f32_6x16_avx2 = {
    .name = "6x16",
    .run_f32 = run,
    .pack_w = pack_rows,
    .pack_w_cols = pack_cols,
    .mr = MR,
    .nr = NR,
    .kr = 1,
    .a_size = 4,
    .w_bits = 32,
    .cost_step = 50,
    .cost_tile = 280,
    .k_run = 512,
    .m_least = 4,
};
