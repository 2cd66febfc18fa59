#ifndef X86_TILE_ROWS_AVX512_H
#define X86_TILE_ROWS_AVX512_H
/* 8-bit tiles with 512-bit vectors that read the rows of A where they lie: all but the products. There is a function
 * for each number of rows: fewer rows cost less, and nothing outside of them is read. Rows are reached from one pointer
 * for each four of them (+0, +1, +2, +3 strides). The last panel of 32 columns takes the functions of one vector where
 * that does. Everything that is added to the sums is where they start: 32 bits wrap, so the order does not count.
 *
 * The includer gives
 *
 *   WIDE, NARROW        rows of a tile of two vectors of columns, and of one
 *   ROWS_WIDE(F, v), ROWS_NARROW(F, v)
 *                       F(m, v) for as many rows
 *   FEW                 sums of a tile that take two steps by turns
 *   STORED              what is xor'ed to codes of s8 of copied rows
 *   W_BYTES, weights(w) of a step of one vector of columns in the panel: a struct weights
 *   add_products(sum, a, w)
 *
 * Behind it wide and narrow have the functions of two vectors and of one; other modes are the includer's. */
#include <stdbool.h>
#include <string.h>
#include "x86/ends_avx512.h"
#include "x86/pack_avx512.h"
#include "x86/rows_avx512.h"

enum { GROUP = 4, GROUPS = 7 };

/* Where a tile is: the bytes of each fourth row, row strides r1 and r3 = 3 * r1; its step of the panel. */
struct place {
    const uint8_t *q[GROUPS];
    const int8_t *w;
    ptrdiff_t r1, r3;
};

/* Four bytes of row i, p bytes on, in each lane. */
QNT_INLINE __m512i bcast(const struct place *at, const int i, int p)
{
    const uint8_t *from = at->q[i / GROUP] + p;
    int32_t v;
    from += i % GROUP == 1 ? at->r1 : i % GROUP == 2 ? 2 * at->r1 : i % GROUP == 3 ? at->r3 : 0;
    memcpy(&v, from, sizeof v);
    return _mm512_set1_epi32(v);
}

/* One step, of rows [FROM, TO): p bytes and pw of the panel on. `x` is the left vector of each row, `y` the right one.
 */
QNT_INLINE void step(const int FROM, const int TO, const int V, const struct place *at, int p, ptrdiff_t pw, __m512i *x,
                     __m512i *y)
{
    const int8_t *w = at->w + pw;
    const struct weights w0 = weights(w), w1 = V == 2 ? weights(w + W_BYTES) : w0;
    QNT_UNROLL
    for (int i = FROM; i < TO; i++) {
        const __m512i a = bcast(at, i, p);
        x[i] = add_products(x[i], a, w0);
        if (V == 2)
            y[i] = add_products(y[i], a, w1);
    }
}

/* What a function is for beside its number of rows. */
enum mode {
    PLAIN,
    FAR,   /* asks for lines; sums of 32 bits only */
    AHEAD, /* asks for those at o->ahead alone, */
    EDGES, /* and leaves out head and tail; where none are wanted, asks for W's, which are there */
    COPY   /* asks for the results' lines, copies others */
};

/* Lines that will be wanted, asked for beside the products, which leave the load units time for it: the results'
 * (stores that wait for their lines hold up loads), two for a row, and those at o->ahead. Or lines to copy: by eight
 * bytes in general registers, because the units of vectors are what the products wait for. */
struct wanted {
    const char *c, *c_last;
    const uint8_t *a;
    ptrdiff_t c_row;
    uint8_t *to;
    uint64_t flip;
};

QNT_INLINE struct wanted wanted(const int M, const enum mode MODE, const struct qnt_s8_operands *o,
                                const struct qnt_tile *t)
{
    const ptrdiff_t row = (ptrdiff_t)t->ldc * (t->e->kind == QNT_EPI_S8 ? 1 : 4);
    const char *c = t->c;
    return (struct wanted){.c = c,
                           .c_last = c + (M - 1) * row,
                           .a = MODE == COPY                 ? o->copy_from
                                : MODE == EDGES && !o->ahead ? (const uint8_t *)o->w
                                                             : o->ahead,
                           .c_row = row,
                           .to = o->copy_to,
                           .flip = o->copy_flip * UINT64_C(0x0101010101010101)};
}

QNT_INLINE void ask_c(struct wanted *next)
{
    __builtin_prefetch(next->c, 1);
    __builtin_prefetch(next->c + 64, 1);
    next->c += next->c == next->c_last ? 0 : next->c_row;
}

/* Rows of A into the first cache, weights, which may be more than it holds, into the second. */
QNT_INLINE void ask_ahead(const enum mode MODE, struct wanted *next)
{
    if (MODE == FAR)
        __builtin_prefetch(next->a);
    else
        __builtin_prefetch(next->a, 0, 2);
    next->a += 64;
}

/* Half a line. */
QNT_INLINE void copy_half(const struct wanted *next, const int from)
{
    QNT_UNROLL
    for (int i = from; i < from + 32; i += 8) {
        uint64_t x;
        memcpy(&x, next->a + i, sizeof x);
        x ^= next->flip;
        __asm__("" : "+r"(x)); /* or compilers would make vectors of it */
        memcpy(next->to + i, &x, sizeof x);
    }
}

/* `bytes` of rows [FROM, TO), a multiple of 8. x2 and y2: the sums of every other step, or the same as x and y. */
QNT_INLINE void steps(const enum mode MODE, const int M, const int FROM, const int TO, const int V, size_t bytes,
                      ptrdiff_t ws, struct place *at, struct wanted *next, __m512i *x, __m512i *y, __m512i *x2,
                      __m512i *y2)
{
    for (size_t pairs = bytes / 8; pairs > 0; pairs--) {
        if (MODE == FAR || MODE == COPY)
            ask_c(next);
        if (MODE == COPY)
            copy_half(next, 0);
        step(FROM, TO, V, at, 0, 0, x, y);
        if (MODE == FAR || MODE == COPY)
            ask_c(next);
        if (MODE == FAR || MODE == AHEAD || MODE == EDGES)
            ask_ahead(MODE, next);
        if (MODE == COPY) {
            copy_half(next, 32);
            next->a += 64;
            next->to += 64;
        }
        step(FROM, TO, V, at, 4, ws, x2, y2);
        at->w += 2 * ws;
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            at->q[g] += 8;
    }
}

/* Or gcc 12 would copy sums around the next loop, through the stack. */
QNT_INLINE void settle(const int M, const int V, __m512i *x, __m512i *y)
{
    QNT_UNROLL
    for (int i = 0; i < M; i++) {
        __asm__ volatile("" : "+v"(x[i]));
        if (V == 2)
            __asm__ volatile("" : "+v"(y[i]));
    }
}

/* Few sums may wait for each other: two units take ten to hide five cycles. Every other step then has its own. */
QNT_INLINE void sums(const int M, const int V, const enum mode MODE, const struct qnt_s8_operands *o,
                     const struct qnt_tile *t, ptrdiff_t ws, __m512i *x, __m512i *y)
{
    const bool few = M * V <= FEW;
    __m512i x2[FEW + 1], y2[FEW + 1];
    QNT_UNROLL
    for (int i = 0; few && i < M; i++) {
        x2[i] = y2[i] = _mm512_setzero_si512();
        __asm__ volatile("" : "+v"(x2[i])); /* not the constant: gcc 12 would copy the sums around the loop */
        if (V == 2)
            __asm__ volatile("" : "+v"(y2[i]));
    }
    struct place at = {.w = o->w, .r1 = o->a_row, .r3 = 3 * o->a_row};
    struct wanted next = wanted(M, MODE, o, t);
    const size_t copied = MODE == COPY ? 8 * o->copy_lines : 0;
    const uint8_t *a = o->a;
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump) {
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            at.q[g] = a + g * GROUP * at.r1 + (V == 1 && o->line && (size_t)(g * GROUP) >= o->line ? o->line_jump : 0);
        if (MODE == EDGES && o->head) {
            steps(MODE, M, 1, M, V, o->head, ws, &at, &next, x, y, x, y);
            settle(M, V, x, y);
        }
        if (MODE == COPY) {
            steps(MODE, M, 0, M, V, copied, ws, &at, &next, x, y, x, y);
            settle(M, V, x, y);
        }
        steps(MODE == COPY ? PLAIN : MODE, M, 0, M, V, MODE == EDGES ? o->run - o->head - o->tail : o->run - copied, ws,
              &at, &next, x, y, few ? x2 : x, few ? y2 : y);
        if (MODE == EDGES && o->tail) {
            settle(M, V, x, y);
            steps(MODE, M, 0, M - 1, V, o->tail, ws, &at, &next, x, y, x, y);
        }
        if (o->run % 8) {
            step(0, M, V, &at, 0, 0, x, y);
            at.w += ws;
        }
    }
    QNT_UNROLL
    for (int i = 0; few && i < M; i++) {
        x[i] = _mm512_add_epi32(x[i], x2[i]);
        if (V == 2)
            y[i] = _mm512_add_epi32(y[i], y2[i]);
    }
}

QNT_INLINE void tile(const int M, const int V, const enum mode MODE, const struct qnt_s8_operands *o,
                     const struct qnt_tile *t, ptrdiff_t ws)
{
    __m512i x[NARROW], y[WIDE];
    ends_start(M, t, 0, x);
    if (V == 2)
        ends_start(M, t, 1, y);
    sums(M, V, MODE, o, t, V == 2 ? 2 * W_BYTES : ws, x, y);
    if (MODE != FAR && t->e->kind == QNT_EPI_S8)
        ends_store_s8(M, V, t, x, y);
    else
        ends_store_s32(M, V, t, x, y);
}

/* ws: bytes of a step of the panel. */
typedef void rows_fn(const struct qnt_s8_operands *o, const struct qnt_tile *t, ptrdiff_t ws);
#define TILE(m, v)                                                                                                     \
    static void tile_##m##x##v(const struct qnt_s8_operands *o, const struct qnt_tile *t, ptrdiff_t ws)                \
    {                                                                                                                  \
        tile(m, v, PLAIN, o, t, ws);                                                                                   \
    }
ROWS_NARROW(TILE, 1)
ROWS_WIDE(TILE, 2)
#define NAME(m, v) tile_##m##x##v,
static rows_fn *const wide[] = {ROWS_WIDE(NAME, 2)};
static rows_fn *const narrow[] = {ROWS_NARROW(NAME, 1)};

QNT_INLINE int8_t *copy_run(const int8_t *from, size_t n, __m512i flip, int8_t *to)
{
    size_t j = 0;
    for (; j + 64 <= n; j += 64)
        _mm512_storeu_si512(to + j, _mm512_xor_si512(_mm512_loadu_si512(from + j), flip));
    if (j < n) {
        const __mmask64 m = _bzhi_u64(~UINT64_C(0), (unsigned)(n - j));
        _mm512_mask_storeu_epi8(to + j, m, _mm512_xor_si512(_mm512_maskz_loadu_epi8(m, from + j), flip));
    }
    return to + n;
}

/* Rows of taps side by side, each padded with zeros to whole steps. */
static void copy_rows(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                      void *panel)
{
    const __m512i flip = _mm512_set1_epi8((char)(in_xor ^ STORED));
    const size_t pitch = qnt_rows_pitch(k), pad = (size_t)-k % 4;
    int8_t *row = panel;
    if (k0 + k <= tap_k && !pad) { /* whole steps of one tap */
        for (size_t i = 0; i < used; i++, row += pitch)
            copy_run((const int8_t *)rows[i] + k0, k, flip, row);
        return;
    }
    for (size_t i = 0; i < used; i++, row += pitch) {
        const void *const *tap = rows + (k ? k0 / tap_k * used : 0) + i;
        int8_t *out = row;
        size_t off = k ? k0 % tap_k : 0;
        for (size_t left = k, run; left; left -= run, off = 0, tap += used) {
            run = tap_k - off < left ? tap_k - off : left;
            out = copy_run((const int8_t *)*tap + off, run, flip, out);
        }
        memset(out, 0, pad);
    }
}
#endif
