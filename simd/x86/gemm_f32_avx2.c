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

/* A vector of columns, or the first n of it: no others are read and written. */
QNT_INLINE vec take(const bool PART, const float *p, uint32_t n)
{
    return PART ? _mm256_castsi256_ps(qnt_part8_avx2(p, n)) : vec_load(p);
}

QNT_INLINE void start(const int M, const int V, const bool PART, const struct qnt_tile *t, size_t col, const float *c,
                      vec *s)
{
    const float *bias = t->e->bias_f32;
    const uint32_t n = t->n % LANES;
    if (t->first) {
        QNT_UNROLL
        for (int v = 0; v < V; v++) {
            const vec from = bias ? take(PART, bias + t->col + col + v * LANES, n) : _mm256_setzero_ps();
            QNT_UNROLL
            for (int i = 0; i < M; i++)
                s[v * M + i] = from;
        }
        return;
    }
    QNT_UNROLL
    for (int i = 0; i < M; i++, c += t->ldc)
        QNT_UNROLL
    for (int v = 0; v < V; v++)
        s[v * M + i] = take(PART, c + v * LANES, n);
}

/* For the stores at the end. */
QNT_INLINE void find(const int M, const float *c, size_t ldc)
{
    QNT_UNROLL
    for (int i = 0; i < M; i++, c += ldc)
        _mm_prefetch((const char *)c, _MM_HINT_T0);
}

/* Bounds that are infinite need no instruction; NaN passes: the second operand is taken. */
QNT_INLINE void bound(const int M, const int V, const struct qnt_epilogue *e, vec *s)
{
    if (e->lo > -__builtin_inff()) {
        const vec lo = vec_set1(e->lo);
        QNT_UNROLL
        for (int i = 0; i < M * V; i++)
            s[i] = _mm256_max_ps(lo, s[i]);
    }
    if (e->hi < __builtin_inff()) {
        const vec hi = vec_set1(e->hi);
        QNT_UNROLL
        for (int i = 0; i < M * V; i++)
            s[i] = _mm256_min_ps(hi, s[i]);
    }
}

QNT_INLINE void finish(const int M, const int V, const bool PART, const struct qnt_tile *t, float *c, vec *s)
{
    const size_t ldc = t->ldc;
    if (t->last)
        bound(M, V, t->e, s);
    QNT_UNROLL
    for (int i = 0; i < M; i++, c += ldc) {
        QNT_UNROLL
        for (int v = 0; v < V; v++) {
            if (PART)
                _mm256_maskstore_ps(c, qnt_tail8_avx2(t->n % LANES, 0), s[i]);
            else
                _mm256_storeu_ps(c + v * LANES, s[v * M + i]);
        }
    }
}

/* Rows [row, row + m), m a multiple of M, or M where there are ends; columns from `col` on. Structures are not copied
 * in memory for such parts: that would wait for the stores of those who just wrote them. */
enum order { ROWS, ASKING, ENDS, COLUMNS }; /* asking: rows that ask for what comes next */
QNT_INLINE void rows(const int M, const int V, const bool PART, const enum order ORDER,
                     const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t row, size_t m, size_t col)
{
    struct qnt_f32_operands at = *o;
    float *c = (float *)t->c + row * t->ldc + col;
    at.at += (ptrdiff_t)row * o->a_row;
    at.w += col;
    at.a_k = ORDER == COLUMNS ? o->a_k : 1;
    struct wanted next = {(const char *)o->ahead, (const char *)o->ahead_end};
    for (; m > 0; m -= (size_t)M, at.at += M * at.a_row, c += (size_t)M * t->ldc) {
        vec s[12];
        if (!PART && t->first)
            find(M, c, t->ldc);
        start(M, V, PART, t, col, c, s);
        if (ORDER == ENDS)
            by_ends(M, V, &at, &next, s);
        else if (ORDER != COLUMNS)
            by_rows(M, V, &at, ORDER == ASKING ? &next : NULL, s);
        else
            by_columns(M, V, &at, s);
        finish(M, V, PART, t, c, s);
    }
}

typedef void rows_fn(const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t row, size_t m, size_t col);
#define FUNCTION(NAME, M, V, PART, ORDER)                                                                              \
    static void NAME##_##M##x##V##PART(const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t row,         \
                                       size_t m, size_t col)                                                           \
    {                                                                                                                  \
        rows(M, V, PART, ORDER, o, t, row, m, col);                                                                    \
    }
#define FUNCTIONS(M, V, PART)                                                                                          \
    FUNCTION(rows, M, V, PART, ROWS)                                                                                   \
    FUNCTION(asking, M, V, PART, ASKING) FUNCTION(ends, M, V, PART, ENDS) FUNCTION(columns, M, V, PART, COLUMNS)
#define NAME_ROWS(M, V, PART) rows_##M##x##V##PART,
#define NAME_ASKING(M, V, PART) asking_##M##x##V##PART,
#define NAME_ENDS(M, V, PART) ends_##M##x##V##PART,
#define NAME_COLUMNS(M, V, PART) columns_##M##x##V##PART,
/* Of a part of a vector, and of 1 to 4 vectors: 1, 2, 3.. rows. */
#define PARTS(F) F(1, 1, 1) F(2, 1, 1) F(3, 1, 1) F(4, 1, 1)
#define ONES(F) F(1, 1, 0) F(2, 1, 0) F(3, 1, 0) F(4, 1, 0) F(5, 1, 0) F(6, 1, 0) F(7, 1, 0) F(8, 1, 0)
#define TWOS(F) F(1, 2, 0) F(2, 2, 0) F(3, 2, 0) F(4, 2, 0) F(5, 2, 0) F(6, 2, 0)
#define THREES(F) F(1, 3, 0) F(2, 3, 0) F(3, 3, 0) F(4, 3, 0)
#define FOURS(F) F(1, 4, 0) F(2, 4, 0)
PARTS(FUNCTIONS)
ONES(FUNCTIONS)
TWOS(FUNCTIONS)
THREES(FUNCTIONS)
FOURS(FUNCTIONS)

enum { MOST = 8 };
static const struct functions {
    uint32_t most; /* rows */
    rows_fn *by[COLUMNS + 1][MOST];
} of_vectors[] = {
#define BY(order, F) [order] = {F(NAME_##order)}
#define ALL(most, F)                                                                                                   \
    {                                                                                                                  \
        most,                                                                                                          \
        {                                                                                                              \
            BY(ROWS, F), BY(ASKING, F), BY(ENDS, F), BY(COLUMNS, F)                                                    \
        }                                                                                                              \
    }
    ALL(4, PARTS), ALL(8, ONES), ALL(6, TWOS), ALL(4, THREES), ALL(2, FOURS)};

static void run(const struct qnt_f32_operands *o, const struct qnt_tile *t);

/* Rows of which more lack elements than `ends` can leave out. */
static void apart(const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t row, size_t m, size_t col)
{
    struct qnt_f32_operands at = *o;
    struct qnt_tile own = *t;
    at.at += (ptrdiff_t)row * o->a_row;
    at.w += col;
    own.c = (float *)t->c + row * t->ldc + col;
    own.m = (uint32_t)m;
    own.n = (uint32_t)(col || t->n < LANES ? t->n % LANES : t->n / LANES * LANES);
    own.col += (uint32_t)col;
    qnt_f32_apart(&at, &own, run);
}

/* `count` times `per` rows of windows; those that lack nothing are taken together. */
static void windows(const struct functions *f, const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t row,
                    size_t per, size_t count, size_t col)
{
    const ptrdiff_t step = (ptrdiff_t)per * o->a_row;
    struct qnt_f32_operands first = {.a_row = o->a_row, .run = o->run, .width = o->width};
    first.at = o->at + (ptrdiff_t)row * o->a_row;
    for (size_t n; count > 0; count -= n, row += n * per, first.at += (ptrdiff_t)n * step) {
        ptrdiff_t past = qnt_f32_past(&first, (ptrdiff_t)per);
        const bool inside = first.at >= 0 && past <= 0;
        if (!inside && !qnt_f32_has_ends(&first, (ptrdiff_t)per, past)) {
            apart(o, t, row, per, col);
            n = 1;
            continue;
        }
        for (n = 1; inside && n < count && (past += step) <= 0;)
            n++;
        f->by[!inside ? ENDS : o->ahead ? ASKING : ROWS][per - 1](o, t, row, n * per, col);
    }
}

static void some(const struct functions *f, const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t row,
                 size_t per, size_t count, size_t col)
{
    if (o->width)
        windows(f, o, t, row, per, count, col);
    else
        f->by[o->a_k != 1 ? COLUMNS : o->ahead ? ASKING : ROWS][per - 1](o, t, row, per * count, col);
}

/* All rows, in even shares, of whole vectors of columns from `col` on, or less than one. */
static void all_of(const struct functions *f, const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t col)
{
    if (t->m <= f->most) {
        some(f, o, t, 0, t->m, 1, col);
        return;
    }
    const uint32_t parts = (t->m + f->most - 1) / f->most, per = t->m / parts, more = t->m - parts * per;
    if (more > 0)
        some(f, o, t, 0, per + 1, more, col);
    some(f, o, t, more * (per + 1), per, parts - more, col);
}

static void run(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    const size_t whole = t->n / LANES * LANES;
    if (whole > 0)
        all_of(of_vectors + whole / LANES, o, t, 0);
    if (whole < t->n)
        all_of(of_vectors, o, t, whole);
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
