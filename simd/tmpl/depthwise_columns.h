#ifndef TMPL_DEPTHWISE_COLUMNS_H
#define TMPL_DEPTHWISE_COLUMNS_H
/* What the kernels that take windows column by column ask of a run. */
#include <stdbool.h>
#include "kernels.h"

/* Whether the taps are `side` equal lines of as many, col bytes apart. */
static inline bool col_lines(const struct qnt_depthwise *d, size_t side, size_t *col)
{
    const int8_t *const *t = d->tap;
    *col = (size_t)((uintptr_t)t[1] - (uintptr_t)t[0]);
    for (size_t k = 0; k < side * side; k += side)
        for (size_t x = 1; x < side; x++)
            if ((uintptr_t)t[k + x] - (uintptr_t)t[k] != x * *col)
                return false;
    return true;
}
#endif
