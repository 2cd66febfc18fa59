/* What is around the sums of f32 tiles that take any number of rows. Before it:
 *
 *   vec, LANES, SUMS          a vector of columns, and how many sums the registers hold
 *   vec_zero, vec_load, vec_store, vec_set1
 *   vec_part_load, _store     the first n columns, 1 to LANES: no others are read and written
 *   vec_at_least, _at_most    of a bound and a vector, whose NaN passes
 *   find(M, V, PART, o, t, c) asks for the lines of the results
 *   by_rows, by_ends, by_columns(M, V, o, ..., s)
 *                             the products; s[v * M + i] is vector v of row i
 *   F32_SETS(S)               S(rows, F) for each number of vectors: the most rows, and F(TILE), which is TILE(M, V,
 *                             columns) for 1, 2, .. of them; F32_MOST: of all rows
 *   F32_ASKS                  whether rows ask for the panel of W that comes next (o->ahead), by functions of their
 *                             own: short sums would pay for the question
 *   F32_APART                 1: the first set is of less than a vector (part), which is done by itself; 0: the last
 *                             vector of each set may be one (any)
 *
 * Behind it `run` is the tile. There is a function for each set, number of rows and order. */
#include <stdbool.h>
#include "gemm_f32_ends.h"

/* Columns of a tile: whole vectors, less than one, or the last of them is one or the other. */
enum columns { whole, part, any };

/* Those of the last vector. */
QNT_INLINE uint32_t tail(const struct qnt_tile *t)
{
    return (t->n - 1) % LANES + 1;
}

/* Vector v of V at c; of fewer, nothing. */
QNT_INLINE vec take(const int V, const int v, const bool PART, const float *c, uint32_t n)
{
    if (v >= V)
        return vec_zero();
    return PART && v == V - 1 ? vec_part_load(c + v * LANES, n) : vec_load(c + v * LANES);
}

QNT_INLINE void put_one(const int V, const int v, const bool PART, float *c, uint32_t n, vec x)
{
    if (PART && v == V - 1)
        vec_part_store(c + v * LANES, x, n);
    else
        vec_store(c + v * LANES, x);
}

/* Row i. */
QNT_INLINE void set_row(const int M, const int V, const int i, vec x0, vec x1, vec x2, vec x3, vec *s)
{
    s[i] = x0;
    if (V > 1)
        s[M + i] = x1;
    if (V > 2)
        s[2 * M + i] = x2;
    if (V > 3)
        s[3 * M + i] = x3;
}

/* Rows have no loop over their vectors: one of a single step would hide the loop around it from clang, which then keeps
 * the sums in memory. */
QNT_INLINE void start(const int M, const int V, const bool PART, const struct qnt_tile *t, size_t col, const float *c,
                      vec *s)
{
    const float *bias = t->e->bias_f32 ? t->e->bias_f32 + t->col + col : NULL;
    const uint32_t n = tail(t);
    if (t->first) {
        vec x0 = vec_zero(), x1 = x0, x2 = x0, x3 = x0;
        if (bias) {
            x0 = take(V, 0, PART, bias, n);
            x1 = take(V, 1, PART, bias, n);
            x2 = take(V, 2, PART, bias, n);
            x3 = take(V, 3, PART, bias, n);
        }
        QNT_UNROLL
        for (int i = 0; i < M; i++)
            set_row(M, V, i, x0, x1, x2, x3, s);
        return;
    }
    QNT_UNROLL
    for (int i = 0; i < M; i++, c += t->ldc)
        set_row(M, V, i, take(V, 0, PART, c, n), take(V, 1, PART, c, n), take(V, 2, PART, c, n), take(V, 3, PART, c, n),
                s);
}

/* Bounds that are infinite need no instruction. */
QNT_INLINE void bound(const int M, const int V, const struct qnt_epilogue *e, vec *s)
{
    if (e->lo > -__builtin_inff()) {
        const vec lo = vec_set1(e->lo);
        QNT_UNROLL
        for (int i = 0; i < M * V; i++)
            s[i] = vec_at_least(lo, s[i]);
    }
    if (e->hi < __builtin_inff()) {
        const vec hi = vec_set1(e->hi);
        QNT_UNROLL
        for (int i = 0; i < M * V; i++)
            s[i] = vec_at_most(hi, s[i]);
    }
}

QNT_INLINE void put(const int M, const int V, const bool PART, const struct qnt_tile *t, float *c, const vec *s)
{
    const size_t ldc = t->ldc;
    const uint32_t n = tail(t);
    QNT_UNROLL
    for (int i = 0; i < M; i++, c += ldc) {
        put_one(V, 0, PART, c, n, s[i]);
        if (V > 1)
            put_one(V, 1, PART, c, n, s[M + i]);
        if (V > 2)
            put_one(V, 2, PART, c, n, s[2 * M + i]);
        if (V > 3)
            put_one(V, 3, PART, c, n, s[3 * M + i]);
    }
}

/* Masked stores are several times slower than plain ones on some machines. */
QNT_INLINE void finish(const int M, const int V, const enum columns COLS, const struct qnt_tile *t, float *c, vec *s)
{
    if (t->last)
        bound(M, V, t->e, s);
    if (COLS == part || (COLS == any && tail(t) < LANES))
        put(M, V, true, t, c, s);
    else
        put(M, V, false, t, c, s);
}

/* Rows [row, row + m), m a multiple of M, or M where there are ends; columns from `col` on. Structures are not copied
 * in memory for such parts: that would wait for the stores of those who just wrote them. */
enum order { ROWS, ENDS, COLUMNS, ASKING }; /* asking: rows that ask for what comes next */
QNT_INLINE void rows(const int M, const int V, const enum columns COLS, const enum order ORDER,
                     const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t row, size_t m, size_t col)
{
    struct qnt_f32_operands at = *o;
    float *c = (float *)t->c + row * t->ldc + col;
    at.at += (ptrdiff_t)row * o->a_row;
    at.w += col;
    at.a_k = ORDER == COLUMNS ? o->a_k : 1;
    struct qnt_f32_wanted next = {(const char *)o->ahead, (const char *)o->ahead_end};
    for (; m > 0; m -= (size_t)M, at.at += M * at.a_row, c += (size_t)M * t->ldc) {
        vec s[SUMS];
        find(M, V, COLS == part, &at, t, c);
        start(M, V, COLS != whole, t, col, c, s);
        if (ORDER == ENDS)
            by_ends(M, V, &at, F32_ASKS ? &next : NULL, s);
        else if (ORDER != COLUMNS)
            by_rows(M, V, &at, ORDER == ASKING ? &next : NULL, s);
        else
            by_columns(M, V, &at, s);
        finish(M, V, COLS, t, c, s);
    }
}

typedef void rows_fn(const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t row, size_t m, size_t col);
#define F32_FUNCTION(NAME, M, V, COLS, ORDER)                                                                          \
    static void NAME##_##M##x##V##COLS(const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t row,         \
                                       size_t m, size_t col)                                                           \
    {                                                                                                                  \
        rows(M, V, COLS, ORDER, o, t, row, m, col);                                                                    \
    }
#define F32_FUNCTIONS(M, V, COLS)                                                                                      \
    F32_FUNCTION(rows, M, V, COLS, ROWS)                                                                               \
    F32_FUNCTION(ends, M, V, COLS, ENDS)                                                                               \
    F32_FUNCTION(columns, M, V, COLS, COLUMNS)                                                                         \
    F32_FUNCTION_ASKING(M, V, COLS)
#if F32_ASKS
#define F32_FUNCTION_ASKING(M, V, COLS) F32_FUNCTION(asking, M, V, COLS, ASKING)
#define F32_ASKING(M, V, COLS) asking_##M##x##V##COLS,
#else
#define F32_FUNCTION_ASKING(M, V, COLS)
#define F32_ASKING F32_ROWS
#endif
#define F32_ROWS(M, V, COLS) rows_##M##x##V##COLS,
#define F32_ENDS(M, V, COLS) ends_##M##x##V##COLS,
#define F32_COLUMNS(M, V, COLS) columns_##M##x##V##COLS,
#define F32_ALL(most, F) F(F32_FUNCTIONS)
F32_SETS(F32_ALL)

#define F32_BY(order, F) [order] = {F(F32_##order)}
#define F32_SET(most, F) {most, {F32_BY(ROWS, F), F32_BY(ENDS, F), F32_BY(COLUMNS, F), F32_BY(ASKING, F)}},
static const struct functions {
    uint32_t most; /* rows */
    rows_fn *by[ASKING + 1][F32_MOST];
} of_vectors[] = {F32_SETS(F32_SET)};

static void run(const struct qnt_f32_operands *o, const struct qnt_tile *t);

QNT_INLINE size_t lacks_of(ptrdiff_t n, size_t run)
{
    return n <= 0 ? 0 : (size_t)n < run ? (size_t)n : run;
}

QNT_INLINE size_t head_of(const struct qnt_f32_operands *o, ptrdiff_t i)
{
    return lacks_of(-(o->at + i * o->a_row), o->run);
}

QNT_INLINE size_t tail_of(const struct qnt_f32_operands *o, ptrdiff_t i)
{
    return lacks_of(o->at + i * o->a_row + (ptrdiff_t)o->run - (ptrdiff_t)o->width, o->run);
}

/* Each stretch of rows that lack the same by itself, without width. */
static void run_apart(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    const ptrdiff_t m = t->m;
    for (ptrdiff_t i = 0, n; i < m; i += n) {
        const size_t first = head_of(o, i), last = tail_of(o, i);
        for (n = 1; i + n < m && head_of(o, i + n) == first && tail_of(o, i + n) == last;)
            n++;
        struct qnt_f32_operands at = *o;
        struct qnt_tile rows = *t;
        at.at += i * o->a_row + (ptrdiff_t)first;
        at.w += (ptrdiff_t)first * o->w_k;
        at.run -= first + last;
        at.width = 0;
        if (at.run == 0)
            at.runs = 0;
        if (at.runs == 0)
            at.at = 0;
        rows.c = (float *)t->c + i * (ptrdiff_t)t->ldc;
        rows.row += (uint32_t)i;
        rows.m = (uint32_t)n;
        run(&at, &rows);
    }
}

/* Rows of `n` columns from `col` on of which more lack elements than `ends` can leave out. */
__attribute__((noinline)) static void apart(const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t row,
                                            size_t m, size_t col, uint32_t n)
{
    struct qnt_f32_operands at = *o;
    struct qnt_tile own = *t;
    at.at += (ptrdiff_t)row * o->a_row;
    at.w += col;
    own.c = (float *)t->c + row * t->ldc + col;
    own.m = (uint32_t)m;
    own.n = n;
    own.col += (uint32_t)col;
    run_apart(&at, &own);
}

/* `count` times `per` rows of windows; those that lack nothing are taken together. */
static void windows(const struct functions *f, const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t row,
                    size_t per, size_t count, size_t col, uint32_t columns)
{
    const ptrdiff_t step = (ptrdiff_t)per * o->a_row;
    struct qnt_f32_operands first = {.a_row = o->a_row, .run = o->run, .width = o->width};
    first.at = o->at + (ptrdiff_t)row * o->a_row;
    for (size_t n; count > 0; count -= n, row += n * per, first.at += (ptrdiff_t)n * step) {
        ptrdiff_t past = qnt_f32_past(&first, (ptrdiff_t)per);
        const bool inside = first.at >= 0 && past <= 0;
        if (!inside && !qnt_f32_has_ends(&first, (ptrdiff_t)per, past)) {
            apart(o, t, row, per, col, columns);
            n = 1;
            continue;
        }
        for (n = 1; inside && n < count && (past += step) <= 0;)
            n++;
        f->by[!inside ? ENDS : o->ahead ? ASKING : ROWS][per - 1](o, t, row, n * per, col);
    }
}

static void some(const struct functions *f, const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t row,
                 size_t per, size_t count, size_t col, uint32_t columns)
{
    if (o->width)
        windows(f, o, t, row, per, count, col, columns);
    else
        f->by[o->a_k != 1 ? COLUMNS : o->ahead ? ASKING : ROWS][per - 1](o, t, row, per * count, col);
}

/* All rows, in even shares, of `columns` from `col` on, which are those of the set. */
static void all_of(const struct functions *f, const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t col,
                   uint32_t columns)
{
    if (t->m <= f->most) {
        some(f, o, t, 0, t->m, 1, col, columns);
        return;
    }
    const uint32_t parts = (t->m + f->most - 1) / f->most, per = t->m / parts, more = t->m - parts * per;
    if (more > 0)
        some(f, o, t, 0, per + 1, more, col, columns);
    some(f, o, t, more * (per + 1), per, parts - more, col, columns);
}

static void run(const struct qnt_f32_operands *o, const struct qnt_tile *t)
{
    if (!F32_APART) {
        all_of(of_vectors + (t->n - 1) / LANES, o, t, 0, t->n);
        return;
    }
    const uint32_t n = t->n / LANES * LANES;
    if (n > 0)
        all_of(of_vectors + n / LANES, o, t, 0, n);
    if (n < t->n)
        all_of(of_vectors, o, t, n, t->n - n);
}
