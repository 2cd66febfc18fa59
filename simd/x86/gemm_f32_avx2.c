/* f32 tiles.
 *   6x16  loops in gemm_f32_loops.h: 12 accumulators, 2 vectors of W, 1 or 2 broadcasts: 16 registers; 12 fma for 6
 *         broadcasts and 2 loads
 *   2x32  8 accumulators for two rows, 4 for one, where 6x16 has two chains that wait for themselves: as many bytes of
 *         W a cycle as the second-level cache gives
 * A function for each number of rows: nothing outside the operands is read. W panel: [k][nr]. */
#include <immintrin.h>
#include <string.h>
#include "gemm_f32_edge.h"

typedef __m256 vec;
enum { LANES = 8, MR = 6, NR = 16, WIDE = 32, AHEAD = 0 }; /* W panels are cut to fit the first-level cache */

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

/* Rows of four vectors. */
QNT_INLINE void wide_start(const int M, const struct qnt_tile *t, vec (*x)[4])
{
    const float *from = t->first ? t->e->bias_f32 : t->c;
    if (t->first && from)
        from += t->col;
    QNT_UNROLL
    for (int i = 0; i < M; i++)
        QNT_UNROLL
    for (int v = 0; v < 4; v++)
        x[i][v] = from ? vec_load(from + (t->first ? 0 : (size_t)i * t->ldc) + v * LANES) : _mm256_setzero_ps();
}

QNT_INLINE void wide_steps(const int M, const struct qnt_f32_operands *o, vec (*x)[4])
{
    const float *a = o->a + o->at, *w = o->w;
    const ptrdiff_t ak = o->a_k, wk = o->w_k, row = o->a_row;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump, w += o->w_jump) {
        const float *pa = a, *pw = w;
        for (size_t p = o->run; p > 0; p--, pa += ak, pw += wk) {
            const vec a0 = vec_set1(*pa), a1 = M == 2 ? vec_set1(pa[row]) : a0;
            QNT_UNROLL
            for (int v = 0; v < 4; v++) {
                const vec b = vec_load(pw + v * LANES);
                x[0][v] = vec_fma(a0, b, x[0][v]);
                if (M == 2)
                    x[M - 1][v] = vec_fma(a1, b, x[M - 1][v]);
            }
        }
    }
}

QNT_INLINE void wide(const int M, const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    vec x[2][4];
    wide_start(M, t, x);
    wide_steps(M, o, x);
    const vec lo = _mm256_set1_ps(t->last ? t->e->lo : -__builtin_inff());
    const vec hi = _mm256_set1_ps(t->last ? t->e->hi : __builtin_inff());
    QNT_UNROLL
    for (int i = 0; i < M; i++)
        QNT_UNROLL
    for (int v = 0; v < 4; v++)
        _mm256_storeu_ps((float *)t->c + (size_t)i * t->ldc + v * LANES, _mm256_min_ps(hi, _mm256_max_ps(lo, x[i][v])));
}

static void wide_1(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    wide(1, o, t);
}

static void wide_2(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    wide(2, o, t);
}

static void full_wide(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    if (o->width)
        qnt_f32_apart(o, t, full_wide);
    else
        (t->m == 1 ? wide_1 : wide_2)(o, t);
}

static void run_wide(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    if (t->n == WIDE)
        full_wide(o, t);
    else
        qnt_f32_edge(o, t, WIDE, full_wide);
}

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
PACKS(32)

const struct qnt_gemm qnt_gemm_f32_6x16_avx2 = {
    .name = "6x16",
    .run_f32 = run,
    .pack_w = pack_rows_16,
    .pack_w_cols = pack_cols_16,
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
const struct qnt_gemm qnt_gemm_f32_2x32_avx2 = {
    .name = "2x32",
    .run_f32 = run_wide,
    .pack_w = pack_rows_32,
    .pack_w_cols = pack_cols_32,
    .mr = 2,
    .nr = WIDE,
    .kr = 1,
    .a_size = 4,
    .w_bits = 32,
    .cost_step = 46,
    .cost_tile = 200,
    .k_run = 8192,
    .m_least = 2,
};
