/* Rows of bytes copied, gathered and filled; transposing. */
#include <stdio.h>
#include "ck.h"

enum { ROWS = 12 };

/* Rows forwards and backwards, one row repeated, overlapping rows. */
void check_copy_rows(struct ck *c);
void check_copy_rows(struct ck *c)
{
    CK_GRID(c, CK_S8, g)
    for (int way = 0; way < 5; way++) {
        const size_t rows = g.n < 300 ? ck_below(c, ROWS) : 2, slack = ck_below(c, 2) * ck_below(c, 40);
        ptrdiff_t lds = (ptrdiff_t)(g.n + slack), ldd = (ptrdiff_t)(g.n + ck_below(c, 2) * ck_below(c, 40));
        if (way == 3)
            lds = 0;
        if (way == 4)
            lds = (ptrdiff_t)g.n / 2;
        ck_case(c, "rows=%zu lds=%td%s ldd=%td%s", rows, lds, way & 1 ? " back" : "", ldd, way == 2 ? " back" : "");
        const size_t span = rows && g.n ? (rows - 1) * (size_t)lds + g.n : 0;
        const int8_t *src = ck_in(c, 0, CK_S8, span, g.fill, g.place);
        int8_t *dst = ck_out_2d(c, 1, CK_S8, rows, g.n, (size_t)ldd, g.place);
        if (rows && (way & 1)) {
            src += (ptrdiff_t)(rows - 1) * lds;
            lds = -lds;
        }
        if (rows && way == 2) {
            dst += (ptrdiff_t)(rows - 1) * ldd;
            ldd = -ldd;
        }
        CK_BOTH(c, copy_rows, src, lds, dst, ldd, rows, g.n);
    }
    static const size_t bytes[] = {3, 16, 48, 64, 256};
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        char label[40];
        ck_plain(c);
        ck_case(c, "bench");
        const size_t n = bytes[i];
        const int8_t *src = ck_in(c, 0, CK_S8, n * 64, CK_NOISE, CK_INSIDE);
        int8_t *dst = ck_out(c, 1, CK_S8, 2 * n * 64, CK_INSIDE);
        snprintf(label, sizeof label, "64 rows of %zu", n);
        CK_BENCH(c, label, CK_BYTES, (double)n * 64,
                 ((qnt_copy_rows_fn *)c->fn)(src, (ptrdiff_t)n, dst, (ptrdiff_t)(2 * n), 64, n));
    }
}

void check_gather_rows(struct ck *c);
void check_gather_rows(struct ck *c)
{
    size_t at[ROWS];
    CK_GRID(c, CK_S8, g)
    {
        const size_t rows = g.n < 300 ? ck_below(c, ROWS) : 2, lines = 1 + ck_below(c, 5);
        size_t span = 0;
        for (size_t r = 0; r < rows; r++) {
            at[r] = ck_below(c, lines) * g.n + ck_below(c, 2) * ck_below(c, 9);
            span = at[r] + g.n > span ? at[r] + g.n : span;
        }
        ck_case(c, "rows=%zu", rows);
        const int8_t *src = ck_in(c, 0, CK_S8, g.n ? span : 0, g.fill, g.place);
        int8_t *dst = ck_out(c, 1, CK_S8, rows * g.n, g.place);
        CK_BOTH(c, gather_rows, src, at, dst, rows, g.n);
    }
    ck_plain(c);
    ck_case(c, "bench");
    for (size_t r = 0; r < ROWS; r++)
        at[r] = r / 2 * 64;
    const int8_t *src = ck_in(c, 0, CK_S8, ROWS / 2 * 64, CK_NOISE, CK_INSIDE);
    int8_t *dst = ck_out(c, 1, CK_S8, ROWS * 64, CK_INSIDE);
    CK_BENCH(c, "12 rows of 64", CK_BYTES, ROWS * 64, ((qnt_gather_rows_fn *)c->fn)(src, at, dst, ROWS, 64));
}

void check_fill_rows(struct ck *c);
void check_fill_rows(struct ck *c)
{
    CK_GRID(c, CK_S8, g)
    for (int same = 0; same < 2; same++) {
        const size_t rows = g.n < 300 ? ck_below(c, ROWS) : 2, ldd = g.n + ck_below(c, 2) * ck_below(c, 40);
        uint32_t value = (uint32_t)ck_rand(c);
        if (same || g.n % 4)
            value = (value & 255) * 0x01010101u;
        ck_case(c, "rows=%zu ldd=%zu value=%08x", rows, ldd, value);
        int8_t *dst = ck_out_2d(c, 0, CK_S8, rows, g.n, ldd, g.place);
        CK_BOTH(c, fill_rows, dst, ldd, rows, g.n, value);
    }
    ck_plain(c);
    ck_case(c, "bench");
    int8_t *dst = ck_out(c, 0, CK_S8, 64 * 256, CK_INSIDE);
    CK_BENCH(c, "64 rows of 48", CK_BYTES, 64 * 48, ((qnt_fill_rows_fn *)c->fn)(dst, 256, 64, 48, 0x01010101));
}

/* All pairs of these: around the blocks of 4, 8, 16, 32 and 64 rows and columns, with and without room between. */
static const size_t extents[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  12, 13, 15, 16,  17,
                                 19, 20, 31, 32, 33, 40, 47, 48, 50, 63, 64, 65, 79, 130, 257};
enum { EXTENTS = sizeof extents / sizeof *extents };

#define CHECK_TRANSPOSE(op, type, kind)                                                                                \
    static void case_##op(struct ck *c, size_t rows, size_t cols, enum ck_place place, bool room)                      \
    {                                                                                                                  \
        const size_t lds = cols + room * ck_below(c, 20), ldd = rows + room * ck_below(c, 20);                         \
        ck_case(c, "rows=%zu cols=%zu lds=%zu ldd=%zu place=%s", rows, cols, lds, ldd, ck_place_name(place));          \
        const type *src = ck_in_2d(c, 0, kind, rows, cols, lds, kind == CK_F32 ? CK_BITS : CK_NOISE, place);           \
        type *dst = ck_out_2d(c, 1, kind, cols, rows, ldd, place);                                                     \
        CK_BOTH(c, op, src, lds, dst, ldd, rows, cols);                                                                \
    }                                                                                                                  \
    void check_##op(struct ck *c);                                                                                     \
    void check_##op(struct ck *c)                                                                                      \
    {                                                                                                                  \
        static const size_t bench[][2] = {{256, 256}, {1024, 64}, {1024, 3}, {4, 24}, {8, 1024}, {1024, 8}};           \
        ck_plain(c);                                                                                                   \
        for (size_t i = 0; i < (size_t)EXTENTS * EXTENTS; i++)                                                         \
            for (int place = 0; place < CK_PLACES; place++)                                                            \
                if (!c->quick || (i + (size_t)place) % 3 == 0)                                                         \
                    case_##op(c, extents[i / EXTENTS], extents[i % EXTENTS], (enum ck_place)place, ck_below(c, 2));    \
        for (size_t i = 0; i < sizeof bench / sizeof *bench; i++) {                                                    \
            const size_t rows = bench[i][0], cols = bench[i][1];                                                       \
            char label[40];                                                                                            \
            ck_case(c, "bench");                                                                                       \
            const type *src = ck_in(c, 0, kind, rows * cols, CK_NOISE, CK_INSIDE);                                     \
            type *dst = ck_out(c, 1, kind, rows * cols, CK_INSIDE);                                                    \
            snprintf(label, sizeof label, "%zu x %zu", rows, cols);                                                    \
            CK_BENCH(c, label, CK_BYTES, (double)(rows * cols * sizeof *src),                                          \
                     ((qnt_##op##_fn *)c->fn)(src, cols, dst, rows, rows, cols));                                      \
        }                                                                                                              \
    }
CHECK_TRANSPOSE(transpose_s8, int8_t, CK_S8)
CHECK_TRANSPOSE(transpose_f32, float, CK_F32)
