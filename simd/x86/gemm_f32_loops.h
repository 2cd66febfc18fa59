/* The k loops of the f32 tiles, for any vector width: included after `vec`, LANES, AHEAD, vec_load, vec_set1, vec_fma.
 * Lanes run over columns of W; each output is one chain of fma. Rows of A are reached from one pointer for each four of
 * them (+0, +1, +2, +3 strides), so that 28 rows need 7 pointers. M rows and V = 1 or 2 vectors are constants. */
enum { GROUP = 4, GROUPS = 7 };

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

/* One step of k: `q` points to the element of each fourth row, row strides r1 and r3 = 3 * r1. `x` is the left vector
 * of each row, `y` the right one. */
QNT_INLINE void step(const int M, const int V, const float *const *q, ptrdiff_t r1, ptrdiff_t r3, int p, const float *w,
                     ptrdiff_t ahead, vec *x, vec *y)
{
    const vec w0 = vec_load(w), w1 = V == 2 ? vec_load(w + LANES) : w0;
    prefetch(w, V, ahead);
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        const float *at = q[i / GROUP] + p;
        at += i % GROUP == 1 ? r1 : i % GROUP == 2 ? 2 * r1 : i % GROUP == 3 ? r3 : 0;
        const vec a = vec_set1(*at);
        x[i] = vec_fma(a, w0, x[i]);
        if (V == 2)
            y[i] = vec_fma(a, w1, y[i]);
    }
}

/* k contiguous in each row: two steps at a time. */
QNT_INLINE void by_rows(const int M, const int V, const struct qnt_f32_operands *o, vec *x, vec *y)
{
    const ptrdiff_t r1 = o->a_row, r3 = 3 * r1, wk = o->w_k, ahead = AHEAD * wk;
    const float *a = o->a, *w = o->w;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump, w += o->w_jump) {
        const float *q[GROUPS], *pw = w;
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            q[g] = a + g * GROUP * r1;
        size_t p = o->run;
        for (; p >= 2; p -= 2, pw += 2 * wk) {
            step(M, V, q, r1, r3, 0, pw, ahead, x, y);
            step(M, V, q, r1, r3, 1, pw + wk, ahead, x, y);
            QNT_UNROLL
            for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
                q[g] += 2;
        }
        if (p)
            step(M, V, q, r1, r3, 0, pw, ahead, x, y);
    }
}

/* Rows contiguous in each column. */
QNT_INLINE void by_columns(const int M, const int V, const struct qnt_f32_operands *o, vec *x, vec *y)
{
    const ptrdiff_t ak = o->a_k, wk = o->w_k, ahead = AHEAD * wk;
    const float *a = o->a, *w = o->w;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump, w += o->w_jump) {
        const float *pa = a, *pw = w;
        for (size_t p = o->run; p > 0; p--, pa += ak, pw += wk) {
            const float *q[GROUPS];
            QNT_UNROLL
            for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
                q[g] = pa + g * GROUP;
            step(M, V, q, 1, 3, 0, pw, ahead, x, y);
        }
    }
}
