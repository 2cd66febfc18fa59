#ifndef GEMM_ROWS_H
#define GEMM_ROWS_H
/* 8-bit products by tiles that read the rows of A where they lie (run_rows). */
#include "gemm.h"

/* The tiles of rows [row, row + n) that lie at o->a, o->a + o->a_row ..., in even shares, and of the columns from
 * t->col on. t's other fields and o's are set, head and tail for the first and the last of these rows; o->a
 * comes back past the rows. o->ahead moves on by what was asked for, and becomes NULL when it reaches `past` (NULL: no
 * bound). */
void qnt_rows_line(const struct qnt_gemm_call *call, struct qnt_s8_operands *o, struct qnt_tile *t, size_t row,
                   size_t n, const uint8_t *past);

/* What the tiles of a panel ask for beside their products: the next one (NULL: it is the last), unless all of them are
 * so few bytes that it does not matter whether they are near. In a network they are not: other layers' have come since.
 */
const uint8_t *qnt_rows_next_panel(const struct qnt_gemm_call *call, size_t col, const void *panel, size_t bytes);

/* The panel of k (a multiple of kr) that the tiles read: the packed one, or where they have unpack the s8 panel that is
 * made of it in `room`, which is that many bytes. */
size_t qnt_rows_room(const struct qnt_gemm *g, size_t k);
const void *qnt_rows_panel(const struct qnt_gemm *g, const void *packed, size_t k, void *room);
size_t qnt_rows_panel_bytes(const struct qnt_gemm *g, size_t k);

/* qnt_gemm_run and its scratch for these tiles: rows are copied to a block, or used where they are if they can be. */
size_t qnt_rows_scratch_bytes(const struct qnt_gemm *g, size_t k, size_t taps);
void qnt_rows_run(const struct qnt_gemm_call *call, size_t m0, size_t m1, void *scratch);
#endif
