/* f32 tiles, loops in gemm_f32_loops.h.
 *   14x32  28 accumulators, 2 vectors of W, 1 broadcast: 31 of 32 registers; 28 fma for 14 broadcasts and 2 loads
 *   28x16  28 accumulators, 1 vector of W; every fma takes its element of A as a broadcast memory operand
 * There is a function for each number of rows: nothing outside the operands is read, and fewer rows cost less.
 * W panel: [k][nr]. */
#include <immintrin.h>
#include "x86/pack_avx512.h"
#include "x86/rows_avx512.h"

typedef __m512 vec;
enum { LANES = 16, LONG = 64, AHEAD = 24 }; /* steps of k from a row of W to the one asked for meanwhile */

#define VEC_REG "v"
QNT_INLINE vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

QNT_INLINE vec vec_set1(float x)
{
    return _mm512_set1_ps(x);
}

QNT_INLINE vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

QNT_INLINE vec vec_fma_kept(vec a, vec b, vec c)
{
    return vec_fma(a, b, c);
}

QNT_INLINE vec vec_fma_at(vec a, const float *b, vec c)
{
    return vec_fma(a, vec_load(b), c);
}
#include "x86/gemm_f32_loops.h"

QNT_INLINE __mmask16 lanes(uint32_t n, int v)
{
    int left = (int)n - v * LANES;
    return left >= LANES ? 0xffff : left > 0 ? (__mmask16)((1u << left) - 1) : 0;
}

/* What a column of sums starts from in the first k block. */
QNT_INLINE __m512 origin(const struct qnt_tile *t, int v, __mmask16 k)
{
    const float *bias = t->e->bias_f32;
    return bias ? _mm512_maskz_loadu_ps(k, bias + t->col + v * LANES) : _mm512_setzero_ps();
}

/* Where the sums start. Rows are reached one from the other: products of row and stride would be most of the work
 * around short sums. */
QNT_INLINE void start(const int M, const int V, const struct qnt_tile *t, __m512 *x, __m512 *y)
{
    const __mmask16 k0 = lanes(t->n, 0), k1 = lanes(t->n, 1);
    const float *c = t->c;
    if (t->first) {
        const __m512 x0 = origin(t, 0, k0), y0 = V == 2 ? origin(t, 1, k1) : x0;
        QNT_UNROLL
        for (int i = 0; i < M; i++) {
            x[i] = x0;
            if (V == 2)
                y[i] = y0;
        }
        return;
    }
    QNT_UNROLL
    for (int i = 0; i < M; i++, c += t->ldc) {
        x[i] = _mm512_maskz_loadu_ps(k0, c);
        if (V == 2)
            y[i] = _mm512_maskz_loadu_ps(k1, c + LANES);
    }
}

/* Stores at the end of a sum find their lines on the way, but where it is so short that it would wait for them. */
QNT_INLINE void find(const int M, const int V, const struct qnt_tile *t)
{
    const float *c = t->c;
    QNT_UNROLL
    for (int i = 0; i < M; i++, c += t->ldc) {
        _mm_prefetch((const char *)c, _MM_HINT_T0);
        if (V == 2)
            _mm_prefetch((const char *)(c + LANES), _MM_HINT_T0);
    }
}

QNT_INLINE void bound(const int M, const struct qnt_tile *t, __m512 *x)
{
    if (t->e->lo > -__builtin_inff()) {
        const __m512 lo = _mm512_set1_ps(t->e->lo);
        QNT_UNROLL
        for (int i = 0; i < M; i++)
            x[i] = _mm512_max_ps(lo, x[i]); /* NaN passes: the second operand is taken */
    }
    if (t->e->hi < __builtin_inff()) {
        const __m512 hi = _mm512_set1_ps(t->e->hi);
        QNT_UNROLL
        for (int i = 0; i < M; i++)
            x[i] = _mm512_min_ps(hi, x[i]);
    }
}

/* Masked stores are several times slower than plain ones on some machines, bounds that are infinite need no
 * instruction. */
QNT_INLINE void finish(const int M, const int V, const struct qnt_tile *t, __m512 *x, __m512 *y)
{
    const size_t ldc = t->ldc;
    float *c = t->c;
    if (t->last) {
        bound(M, t, x);
        if (V == 2)
            bound(M, t, y);
    }
    if (t->n == (uint32_t)V * LANES) {
        QNT_UNROLL
        for (int i = 0; i < M; i++, c += ldc) {
            _mm512_storeu_ps(c, x[i]);
            if (V == 2)
                _mm512_storeu_ps(c + LANES, y[i]);
        }
        return;
    }
    const __mmask16 k0 = lanes(t->n, 0), k1 = lanes(t->n, 1);
    QNT_UNROLL
    for (int i = 0; i < M; i++, c += ldc) {
        _mm512_mask_storeu_ps(c, k0, x[i]);
        if (V == 2)
            _mm512_mask_storeu_ps(c + LANES, k1, y[i]);
    }
}

QNT_INLINE void tile(const int M, const int V, const bool ends, const struct qnt_f32_operands *o,
                     const struct qnt_tile *t)
{
    __m512 s[28];
    if (o->far && t->first && o->run * o->runs >= LONG)
        find(M, V, t);
    start(M, V, t, s, s + M);
    if (ends)
        by_ends(M, V, o, NULL, s);
    else if (o->a_k == 1)
        by_rows(M, V, o, NULL, s);
    else
        by_columns(M, V, o, s);
    finish(M, V, t, s, s + M);
}

#define TILE(m, v)                                                                                                     \
    static void tile_##m##x##v(const struct qnt_f32_operands *o, const struct qnt_tile *t)                             \
    {                                                                                                                  \
        tile(m, v, false, o, t);                                                                                       \
    }                                                                                                                  \
    static void ends_##m##x##v(const struct qnt_f32_operands *o, const struct qnt_tile *t)                             \
    {                                                                                                                  \
        tile(m, v, true, o, t);                                                                                        \
    }
QNT_ROWS_28(TILE, 1)
QNT_ROWS_14(TILE, 2)
#define NAME(m, v) tile_##m##x##v,
#define NAME_ENDS(m, v) ends_##m##x##v,

static void run_14x32(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    static qnt_gemm_f32_fn *const by_m[] = {QNT_ROWS_14(NAME, 2)}, *const ends[] = {QNT_ROWS_14(NAME_ENDS, 2)};
    qnt_f32_run(o, t, by_m[t->m - 1], ends[t->m - 1], run_14x32);
}

static void run_28x16(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    static qnt_gemm_f32_fn *const by_m[] = {QNT_ROWS_28(NAME, 1)}, *const ends[] = {QNT_ROWS_28(NAME_ENDS, 1)};
    qnt_f32_run(o, t, by_m[t->m - 1], ends[t->m - 1], run_28x16);
}

/* 16 rows of 16 floats to 16 columns, one every `step` floats: a whole cache line of each row at a time. */
QNT_INLINE void transpose(const void *const *rows, size_t at, float *to, const int step)
{
    __m512 r[16], s[16];
    QNT_UNROLL
    for (int i = 0; i < 16; i++)
        r[i] = _mm512_loadu_ps((const float *)rows[i] + at);
    QNT_UNROLL
    for (int i = 0; i < 16; i += 4) { /* within lanes: s[i + c] lane l holds column 4l + c of rows i .. i + 3 */
        const __m512 ab0 = _mm512_unpacklo_ps(r[i], r[i + 1]), ab1 = _mm512_unpackhi_ps(r[i], r[i + 1]);
        const __m512 cd0 = _mm512_unpacklo_ps(r[i + 2], r[i + 3]), cd1 = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
        s[i] = _mm512_shuffle_ps(ab0, cd0, 0x44);
        s[i + 1] = _mm512_shuffle_ps(ab0, cd0, 0xee);
        s[i + 2] = _mm512_shuffle_ps(ab1, cd1, 0x44);
        s[i + 3] = _mm512_shuffle_ps(ab1, cd1, 0xee);
    }
    QNT_UNROLL
    for (int c = 0; c < 4; c++) { /* lanes: 4 x 4 blocks of rows */
        const __m512 a = _mm512_shuffle_f32x4(s[c], s[4 + c], 0x44), b = _mm512_shuffle_f32x4(s[c], s[4 + c], 0xee);
        const __m512 d = _mm512_shuffle_f32x4(s[8 + c], s[12 + c], 0x44),
                     e = _mm512_shuffle_f32x4(s[8 + c], s[12 + c], 0xee);
        _mm512_storeu_ps(to + c * step, _mm512_shuffle_f32x4(a, d, 0x88));
        _mm512_storeu_ps(to + (4 + c) * step, _mm512_shuffle_f32x4(a, d, 0xdd));
        _mm512_storeu_ps(to + (8 + c) * step, _mm512_shuffle_f32x4(b, e, 0x88));
        _mm512_storeu_ps(to + (12 + c) * step, _mm512_shuffle_f32x4(b, e, 0xdd));
    }
}

/* The rest as a panel of bytes, four to a step. */
QNT_INLINE void pack_rows(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, float *to,
                          const int NR)
{
    size_t p = 0;
    for (; used == (size_t)NR && k0 + k <= tap_k && p + 16 <= k; p += 16)
        for (int i = 0; i < NR; i += 16)
            transpose(rows + i, k0 + p, to + p * NR + i, NR);
    if (p < k)
        qnt_pack_rows_avx512(rows, 4 * tap_k, 4 * (k0 + p), 4 * (k - p), used, 0, to + p * NR, NR);
}

static void pack_rows_32(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                         void *panel)
{
    (void)in_xor;
    pack_rows(rows, tap_k, k0, k, used, panel, 32);
}

static void pack_rows_16(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                         void *panel)
{
    (void)in_xor;
    pack_rows(rows, tap_k, k0, k, used, panel, 16);
}

QNT_INLINE void pack_cols(const int V, const void *const *lines, size_t k, size_t used, float *to)
{
    for (size_t p = 0; p < k; p++, to += V * LANES) {
        const float *from = lines[p];
        QNT_UNROLL
        for (int v = 0; v < V; v++)
            _mm512_storeu_ps(to + v * LANES, _mm512_maskz_loadu_ps(lanes((uint32_t)used, v), from + v * LANES));
    }
}

static void pack_cols_32(const void *const *lines, size_t k, size_t used, void *panel)
{
    pack_cols(2, lines, k, used, panel);
}

static void pack_cols_16(const void *const *lines, size_t k, size_t used, void *panel)
{
    pack_cols(1, lines, k, used, panel);
}

const struct qnt_gemm qnt_gemm_f32_14x32_avx512 = {
    .name = "14x32",
    .run_f32 = run_14x32,
    .pack_w = pack_rows_32,
    .pack_w_cols = pack_cols_32,
    .mr = 14,
    .nr = 32,
    .kr = 1,
    .a_size = 4,
    .w_bits = 32,
    .cost_step = 112,
    .cost_tile = 320,
    .k_run = 8192,
    .m_least = 4,
};
const struct qnt_gemm qnt_gemm_f32_28x16_avx512 = {
    .name = "28x16",
    .run_f32 = run_28x16,
    .pack_w = pack_rows_16,
    .pack_w_cols = pack_cols_16,
    .mr = 28,
    .nr = 16,
    .kr = 1,
    .a_size = 4,
    .w_bits = 32,
    .cost_step = 115,
    .cost_tile = 640,
    .k_run = 512,
    .m_least = 9,
};
