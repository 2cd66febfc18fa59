#ifndef X86_ROWS_AVX2_H
#define X86_ROWS_AVX2_H
/* 8-bit tiles with 256-bit vectors that read the rows of A where they lie: all but the products. There is a function
 * for each number of rows: fewer rows cost less, and nothing outside of them is read. Rows are reached from one pointer
 * for each four of them (+0, +1, +2, +3 strides).
 *
 * The includer gives MR; STEP, bytes of W for four k of 16 columns; STORED, what is xor'ed to codes of s8;
 * rows_step(M, V, q, r1, r3, w, acc): one such step for the first V vectors of columns, q pointing to the bytes of each
 * fourth row, row strides r1 and r3 = 3 * r1; or ROWS_SUMS, a function of its own in the place of rows_sums. */
#include <immintrin.h>
#include <string.h>
#include "x86/pack_u8_avx2.h"
#include "x86/tile_avx2.h"

enum { NR = 16, GROUP = 4, GROUPS = (MR + GROUP - 1) / GROUP };

/* Four k of row i, in each dword. */
QNT_INLINE __m256i rows_at(const uint8_t *const *q, const int i, ptrdiff_t r1, ptrdiff_t r3)
{
    return qnt_dword_avx2(q[i / GROUP] + (i % GROUP == 1 ? r1 : i % GROUP == 2 ? 2 * r1 : i % GROUP == 3 ? r3 : 0));
}

#ifndef ROWS_SUMS
#define ROWS_SUMS rows_sums
QNT_INLINE void rows_step(const int M, const int V, const uint8_t *const *q, ptrdiff_t r1, ptrdiff_t r3,
                          const int8_t *w, __m256i *acc);

/* The sums of M rows from `a` on: of row i in acc[2 * i], and where V is 2 in the one after. */
QNT_INLINE void rows_sums(const int M, const int V, const struct qnt_s8_operands *o, const uint8_t *a,
                          const __m256i *bias, __m256i *acc)
{
    const ptrdiff_t r1 = o->a_row, r3 = 3 * r1;
    const int8_t *w = o->w;
    QNT_UNROLL
    for (int i = 0; i < M; i++) { /* of one row, a loop over both would be a copy of memory to clang */
        acc[2 * i] = bias[0];
        acc[2 * i + 1] = bias[1];
    }
    for (size_t r = o->runs; r > 0; r--, a += o->a_jump) {
        const uint8_t *q[GROUPS];
        QNT_UNROLL
        for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
            q[g] = a + g * GROUP * r1;
        for (size_t p = o->run; p > 0; p -= 4, w += STEP) {
            rows_step(M, V, q, r1, r3, w, acc);
            QNT_UNROLL
            for (int g = 0; g < (M + GROUP - 1) / GROUP; g++)
                q[g] += 4;
        }
    }
    QNT_UNROLL
    for (int i = 0; i < 2 * M; i += V == 2 ? 1 : 2)
        __asm__("" : "+x"(acc[i])); /* gcc 12 would store them in the loop for what comes after it */
}
#else
QNT_INLINE void ROWS_SUMS(const int M, const int V, const struct qnt_s8_operands *o, const uint8_t *a,
                          const __m256i *bias, __m256i *acc);
#endif

/* Tiles of M rows, n of them, whose sums go to bytes of V whole vectors. */
QNT_INLINE void rows_plain(const int M, const int V, const struct qnt_s8_operands *o, const uint8_t *a, size_t n,
                           const struct qnt_plain_avx2 *p, int8_t *c, size_t ldc)
{
    __m256i acc[2 * MR];
    for (; n; n--, a += M * o->a_row, c += (size_t)M * ldc) {
        ROWS_SUMS(M, V, o, a, p->bias, acc);
        if (V == 2)
            qnt_plain_store_avx2(p, acc, c, ldc, M);
        else
            qnt_plain_store8_avx2(p, acc, c, ldc, M);
    }
}

/* Any tile of M rows with columns in V vectors. */
QNT_INLINE void rows_any(const int M, const int V, const struct qnt_s8_operands *o, const uint8_t *a,
                         const struct qnt_tile *t)
{
    const __m256i bias[2] = {qnt_tile_bias_avx2(t, 0), qnt_tile_bias_avx2(t, 1)};
    __m256i acc[2 * MR];
    ROWS_SUMS(M, V, o, a, bias, acc);
    qnt_tile_store_avx2(t, acc, M);
}

typedef void rows_plain_fn(const struct qnt_s8_operands *o, const uint8_t *a, size_t n, const struct qnt_plain_avx2 *p,
                           int8_t *c, size_t ldc);
typedef void rows_any_fn(const struct qnt_s8_operands *o, const uint8_t *a, const struct qnt_tile *t);
struct rows_set { /* by rows - 1 */
    rows_plain_fn *plain[MR];
    rows_any_fn *any[MR];
};
#define ROWS_FN(M, V)                                                                                                  \
    static void plain_##M##x##V(const struct qnt_s8_operands *o, const uint8_t *a, size_t n,                           \
                                const struct qnt_plain_avx2 *p, int8_t *c, size_t ldc)                                 \
    {                                                                                                                  \
        rows_plain(M, V, o, a, n, p, c, ldc);                                                                          \
    }                                                                                                                  \
    static void any_##M##x##V(const struct qnt_s8_operands *o, const uint8_t *a, const struct qnt_tile *t)             \
    {                                                                                                                  \
        rows_any(M, V, o, a, t);                                                                                       \
    }

/* Even shares of rows, so that no tile is left with a row or two: `first` tiles of `rows`, then others of one less. */
struct rows_shares {
    size_t first, rows, others;
};
static inline struct rows_shares rows_shares_of(size_t m)
{
    const size_t tiles = (m + MR - 1) / MR, rows = (m + tiles - 1) / tiles;
    return (struct rows_shares){m - tiles * (rows - 1), rows, tiles * rows - m};
}

/* t->m rows by the functions for up to MR of them: set[0] for columns in one vector, set[1] in two. */
static void rows_run(const struct qnt_s8_operands *o, const struct qnt_tile *t, const struct rows_set *set)
{
    const struct rows_shares s = rows_shares_of(t->m);
    const uint8_t *a = o->a;
    set += t->n > 8;
    if (qnt_tile_is_plain_avx2(t)) {
        const struct qnt_plain_avx2 p = qnt_plain_load_avx2(t);
        const size_t done = s.first * s.rows;
        set->plain[s.rows - 1](o, a, s.first, &p, t->c, t->ldc);
        if (s.others)
            set->plain[s.rows - 2](o, a + (ptrdiff_t)done * o->a_row, s.others, &p, (int8_t *)t->c + done * t->ldc,
                                   t->ldc);
        return;
    }
    struct qnt_tile part = *t;
    for (size_t i = 0, end = t->row + t->m; part.row < end; i++, part.row += part.m) {
        part.m = (uint32_t)(i < s.first ? s.rows : s.rows - 1);
        set->any[part.m - 1](o, a, &part);
        a += part.m * o->a_row;
        part.c = (char *)part.c + part.m * t->ldc * (t->e->kind == QNT_EPI_S8 ? 1 : sizeof(int32_t));
    }
}

/* The includer's `run`, of MR rows. */
#define ROWS_FNS_4(V) ROWS_FN(1, V) ROWS_FN(2, V) ROWS_FN(3, V) ROWS_FN(4, V)
#define ROWS_FNS_6(V) ROWS_FNS_4(V) ROWS_FN(5, V) ROWS_FN(6, V)
#define ROWS_4(kind, V) kind##_1x##V, kind##_2x##V, kind##_3x##V, kind##_4x##V
#define ROWS_6(kind, V) ROWS_4(kind, V), kind##_5x##V, kind##_6x##V
#define QNT_ROWS_RUN(mr)                                                                                               \
    ROWS_FNS_##mr(1) ROWS_FNS_##mr(2) static void run(const struct qnt_s8_operands *o, const struct qnt_tile *t)       \
    {                                                                                                                  \
        static const struct rows_set sets[2] = {{{ROWS_##mr(plain, 1)}, {ROWS_##mr(any, 1)}},                          \
                                                {{ROWS_##mr(plain, 2)}, {ROWS_##mr(any, 2)}}};                         \
        rows_run(o, t, sets);                                                                                          \
    }

/* n bytes, less than a vector has. */
QNT_INLINE void copy_few(const int8_t *from, int8_t *to, size_t n, uint8_t flip)
{
    for (const uint64_t flips = 0x0101010101010101u * flip; n >= 8; n -= 8, from += 8, to += 8) {
        uint64_t x;
        memcpy(&x, from, sizeof x);
        x ^= flips;
        memcpy(to, &x, sizeof x);
    }
    for (; n; n--)
        *to++ = (int8_t)(*from++ ^ flip);
}

/* Rows of taps side by side, each padded with zeros to whole steps. */
static void rows_copy(const void *const *rows, size_t tap_k, size_t k0, size_t k, size_t used, uint8_t in_xor,
                      void *panel)
{
    const uint8_t flips = in_xor ^ STORED;
    const __m256i flip = _mm256_set1_epi8((char)flips);
    const size_t pitch = qnt_rows_pitch(k), first = k ? k0 / tap_k : 0, from = k ? k0 % tap_k : 0;
    int8_t *row = panel;
    for (size_t i = 0; i < used; i++, row += pitch) {
        const void *const *tap = rows + first * used + i;
        int8_t *out = row;
        size_t off = from;
        for (size_t left = k, run; left; left -= run, off = 0, tap += used, out += run) {
            run = tap_k - off < left ? tap_k - off : left;
            const int8_t *src = (const int8_t *)*tap + off;
            size_t j = 0;
            for (; j + 32 <= run; j += 32)
                _mm256_storeu_si256(
                    (__m256i *)(void *)(out + j),
                    _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(const void *)(src + j)), flip));
            copy_few(src + j, out + j, run - j, flips);
        }
        memset(out, 0, (size_t)-k % 4);
    }
}
#endif
