#ifndef SIMD_GEMM_F32_ENDS_H
#define SIMD_GEMM_F32_ENDS_H
/* Rows of f32 tiles that are windows on a line of an image (width) and lack elements: those at the begin of the line
 * the first ones of each run, those at its end the last ones. */
#include <stdbool.h>
#include "kernels.h"

QNT_INLINE size_t qnt_f32_part(ptrdiff_t n, size_t run)
{
    return n <= 0 ? 0 : (size_t)n < run ? (size_t)n : run;
}

QNT_INLINE size_t qnt_f32_head(const struct qnt_f32_operands *o, ptrdiff_t i)
{
    return qnt_f32_part(-(o->at + i * o->a_row), o->run);
}

QNT_INLINE size_t qnt_f32_tail(const struct qnt_f32_operands *o, ptrdiff_t i)
{
    return qnt_f32_part(o->at + i * o->a_row + (ptrdiff_t)o->run - (ptrdiff_t)o->width, o->run);
}

/* Each stretch of rows that lack the same by `plain`, without width. */
__attribute__((noinline)) static void qnt_f32_apart(const struct qnt_f32_operands *o, const struct qnt_tile *t,
                                                    qnt_gemm_f32_fn *plain)
{
    const ptrdiff_t m = t->m;
    for (ptrdiff_t i = 0, n; i < m; i += n) {
        const size_t head = qnt_f32_head(o, i), tail = qnt_f32_tail(o, i);
        for (n = 1; i + n < m && qnt_f32_head(o, i + n) == head && qnt_f32_tail(o, i + n) == tail;)
            n++;
        struct qnt_f32_operands part = *o;
        struct qnt_tile rows = *t;
        part.at += i * o->a_row + (ptrdiff_t)head;
        part.w += (ptrdiff_t)head * o->w_k;
        part.run -= head + tail;
        part.width = 0;
        if (part.run == 0)
            part.runs = 0;
        if (part.runs == 0)
            part.at = 0;
        rows.c = (float *)t->c + i * (ptrdiff_t)t->ldc;
        rows.row += (uint32_t)i;
        rows.m = (uint32_t)n;
        plain(&part, &rows);
    }
}

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
