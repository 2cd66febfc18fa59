/* The k loops of the f32 tiles, for any vector width: included after `vec`, LANES, AHEAD, VEC_REG, vec_load, vec_set1,
 * vec_fma, vec_fma_kept, whose sum keeps its register, vec_fma_at, the same with a factor in memory.
 * Lanes run over columns of W; each output is one chain of fma. Rows of A are reached from one pointer for each four of
 * them (+0, +1, +2, +3 strides), so that 28 rows need 7 pointers. M rows and V vectors of columns, up to 4, are
 * constants; s[v * M + i] is vector v of row i. */
#include "gemm_f32_ends.h"

enum { GROUP = 4, GROUPS = 7, VECTORS = 4 };

/* W streams through: the panel of a long k comes from the second-level cache, or from farther for the first rows. What
 * lies behind a panel is asked for in vain, which is allowed. */
QNT_INLINE void prefetch(const float *w, const int V, ptrdiff_t ahead)
{
    if (AHEAD == 0 || V == 1) /* tiles of one vector are bound by their loads */
        return;
    QNT_UNROLL
    for (int v = 0; v < V; v++)
        _mm_prefetch((const char *)((uintptr_t)(w + v * LANES) + (uintptr_t)ahead * sizeof *w), _MM_HINT_T0);
}

/* One step of row i, vector v: b of W, or of three the last at w. */
QNT_INLINE void add(const int M, const int V, const int i, const int v, vec a, const vec *b, const float *w, vec *s)
{
    vec *const sum = s + v * M + i;
    *sum = V != 3 ? vec_fma(a, b[v], *sum) : v < 2 ? vec_fma_kept(a, b[v], *sum) : vec_fma_at(a, w + v * LANES, *sum);
}

/* One step of k of rows [FROM, TO): `q` points to the element of each fourth row, row strides r1 and r3 = 3 * r1. */
QNT_INLINE void step(const int M, const int FROM, const int TO, const int V, const float *const *q, ptrdiff_t r1,
                     ptrdiff_t r3, int p, const float *w, ptrdiff_t ahead, vec *s)
{
    const int HELD = V == 3 ? 2 : V;
    vec b[VECTORS];
    QNT_UNROLL
    for (int v = 0; v < HELD; v++)
        b[v] = vec_load(w + v * LANES);
    prefetch(w, V, ahead);
    QNT_UNROLL
    for (int i = FROM; i < TO; i++) { /* no loop over vectors: one of a single step would hide this one from clang */
        const float *at = q[i / GROUP] + p;
        at += i % GROUP == 1 ? r1 : i % GROUP == 2 ? 2 * r1 : i % GROUP == 3 ? r3 : 0;
        const vec a = vec_set1(*at);
        add(M, V, i, 0, a, b, w, s);
        if (V > 1)
            add(M, V, i, 1, a, b, w, s);
        if (V > 2)
            add(M, V, i, 2, a, b, w, s);
        if (V > 3)
            add(M, V, i, 3, a, b, w, s);
    }
}

/* Or gcc 12 would copy sums around the next loop, through the stack. */
QNT_INLINE void settle(const int M, const int V, vec *s)
{
    QNT_UNROLL
    for (int i = 0; i < M * V; i++)
        __asm__ volatile("" : "+" VEC_REG(s[i]));
}

/* Strides, in floats. */
struct strides {
    ptrdiff_t r1, r3, wk, ahead;
};

QNT_INLINE struct strides strides(const struct qnt_f32_operands *o)
{
    return (struct strides){o->a_row, 3 * o->a_row, o->w_k, AHEAD * o->w_k};
}

/* Beside the products a line is asked for with two steps, BURST at a time. */
enum { LINE = 64, BURST = 16 };
QNT_INLINE void ask(struct qnt_f32_wanted *next)
{
    for (int i = 0; i < BURST; i++)
        _mm_prefetch(next->line + i * LINE, _MM_HINT_T1);
    next->line += BURST * LINE;
}

/* `n` pairs of steps of all rows, k contiguous in each; returns W after them. */
QNT_INLINE const float *pairs(const int M, const int V, size_t n, struct strides d, const float **q, const float *w,
                              vec *s)
{
    for (; n > 0; n--, w += 2 * d.wk) {
        step(M, 0, M, V, q, d.r1, d.r3, 0, w, d.ahead, s);
        if (AHEAD == 0 && V != 3) /* 16 registers: loads of the next step would take the sums' */
            __asm__ volatile("" ::: "memory");
        step(M, 0, M, V, q, d.r1, d.r3, 1, w + d.wk, d.ahead, s);
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            q[g] += 2;
    }
    return w;
}

/* `n` steps; next: what to ask for meanwhile, or NULL. */
QNT_INLINE const float *all_rows(const int M, const int V, size_t n, struct strides d, const float **q, const float *w,
                                 struct qnt_f32_wanted *next, vec *s)
{
    size_t left = n / 2;
    for (size_t part; next && left > 0; left -= part) {
        part = left;
        if (next->line < next->end) {
            part = left < BURST ? left : BURST;
            ask(next);
        }
        w = pairs(M, V, part, d, q, w, s);
    }
    if (!next)
        w = pairs(M, V, left, d, q, w, s);
    if (n % 2 == 0)
        return w;
    step(M, 0, M, V, q, d.r1, d.r3, 0, w, d.ahead, s);
    return w + d.wk;
}

/* `n` steps of rows [FROM, TO). */
QNT_INLINE const float *some_rows(const int M, const int FROM, const int TO, const int V, size_t n, struct strides d,
                                  const float **q, const float *w, vec *s)
{
    for (; n > 0; n--, w += d.wk) {
        step(M, FROM, TO, V, q, d.r1, d.r3, 0, w, d.ahead, s);
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            q[g]++;
    }
    settle(M, V, s);
    return w;
}

QNT_INLINE void by_rows(const int M, const int V, const struct qnt_f32_operands *o, struct qnt_f32_wanted *next, vec *s)
{
    const struct strides d = strides(o);
    const float *a = o->a + o->at, *w = o->w;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump, w += o->w_jump) {
        const float *q[GROUPS];
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            q[g] = a + g * GROUP * d.r1;
        all_rows(M, V, o->run, d, q, w, next, s);
    }
}

/* The same where the first two rows lack elements at the begin of each run, and the last two at its end. The first
 * element of a row may then lie outside of the line. */
QNT_INLINE void by_ends(const int M, const int V, const struct qnt_f32_operands *o, struct qnt_f32_wanted *next, vec *s)
{
    const struct strides d = strides(o);
    const struct qnt_f32_ends e = qnt_f32_ends(o, M);
    uintptr_t a = (uintptr_t)o->a + (uintptr_t)o->at * sizeof *o->a;
    const float *w = o->w;
    for (size_t r = o->runs; r > 0; r--, a += (uintptr_t)o->a_jump * sizeof *w, w += o->w_jump) {
        const float *q[GROUPS], *pw = w;
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            q[g] = (const float *)(a + (uintptr_t)(g * GROUP * d.r1) * sizeof *w);
        for (int i = 0; i < 2 && next && next->line < next->end; i++)
            ask(next);
        pw = some_rows(M, 2, M, V, e.head[1], d, q, pw, s);
        pw = some_rows(M, 1, M, V, e.head[0] - e.head[1], d, q, pw, s);
        pw = all_rows(M, V, e.all, d, q, pw, NULL, s);
        if (e.all & 1) {
            QNT_UNROLL
            for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
                q[g]++;
        }
        settle(M, V, s);
        pw = some_rows(M, 0, M - 1, V, e.tail[0] - e.tail[1], d, q, pw, s);
        some_rows(M, 0, M - 2, V, e.tail[1], d, q, pw, s);
    }
}

/* Rows contiguous in each column. */
QNT_INLINE void by_columns(const int M, const int V, const struct qnt_f32_operands *o, vec *s)
{
    const ptrdiff_t ak = o->a_k, wk = o->w_k, ahead = AHEAD * wk;
    const float *a = o->a + o->at, *w = o->w;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump, w += o->w_jump) {
        const float *pa = a, *pw = w;
        for (size_t p = o->run; p > 0; p--, pa += ak, pw += wk) {
            const float *q[GROUPS];
            QNT_UNROLL
            for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
                q[g] = pa + g * GROUP;
            step(M, 0, M, V, q, 1, 3, 0, pw, ahead, s);
        }
    }
}
