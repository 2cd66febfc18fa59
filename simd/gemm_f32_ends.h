#ifndef SIMD_GEMM_F32_ENDS_H
#define SIMD_GEMM_F32_ENDS_H
/* Rows of f32 tiles that are windows on a line of an image (width) and lack elements: those at the begin of the line
 * the first ones of each run, those at its end the last ones. */
#include <stdbool.h>
#include "kernels.h"

/* Of a tile of m rows: what the first row lacks and the second one, what the last one lacks and the one before, and the
 * steps that all rows have; where qnt_f32_has_ends. */
struct qnt_f32_ends {
    size_t head[2], tail[2], all;
};

/* What to ask for beside the products. */
struct qnt_f32_wanted {
    const char *line, *end;
};

QNT_INLINE ptrdiff_t qnt_f32_more(ptrdiff_t n)
{
    return n > 0 ? n : 0;
}

/* Floats that the last row's runs go past the line. */
QNT_INLINE ptrdiff_t qnt_f32_past(const struct qnt_f32_operands *o, ptrdiff_t m)
{
    return o->at + (m - 1) * o->a_row + (ptrdiff_t)o->run - (ptrdiff_t)o->width;
}

/* No more than the first two and the last two rows lack elements, the first and the last one not the same ones. */
QNT_INLINE bool qnt_f32_has_ends(const struct qnt_f32_operands *o, ptrdiff_t m, ptrdiff_t past)
{
    const ptrdiff_t most = 2 * o->a_row;
    return qnt_f32_more(-o->at) + qnt_f32_more(past) <= (ptrdiff_t)o->run &&
           (m <= 2 || (-o->at <= most && past <= most));
}

QNT_INLINE struct qnt_f32_ends qnt_f32_ends(const struct qnt_f32_operands *o, ptrdiff_t m)
{
    const ptrdiff_t head = qnt_f32_more(-o->at), tail = qnt_f32_more(qnt_f32_past(o, m));
    return (struct qnt_f32_ends){{(size_t)head, (size_t)qnt_f32_more(head - o->a_row)},
                                 {(size_t)tail, (size_t)qnt_f32_more(tail - o->a_row)},
                                 o->run - (size_t)(head + tail)};
}
#endif
