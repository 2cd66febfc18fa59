#ifndef SIMD_GEMM_F32_EDGE_H
#define SIMD_GEMM_F32_EDGE_H
/* Fewer columns than the tile has, for instruction sets without masked stores: a full tile in a buffer. */
#include <string.h>
#include "kernels.h"

enum { QNT_EDGE_FLOATS = 128, QNT_EDGE_COLUMNS = 32 };

/* `full` computes t->m rows of nr columns, whatever t->n is; the tile has at most 32 columns and 128 floats. */
QNT_INLINE void qnt_f32_edge(const struct qnt_f32_operands *o, const struct qnt_tile *t, size_t nr,
                             qnt_gemm_f32_fn *full)
{
    float c[QNT_EDGE_FLOATS] = {0}, bias[QNT_EDGE_COLUMNS] = {0};
    struct qnt_epilogue e = *t->e;
    struct qnt_tile whole = *t;
    const size_t bytes = t->n * sizeof *c;
    if (e.bias_f32) {
        memcpy(bias, e.bias_f32 + t->col, bytes);
        e.bias_f32 = bias;
    }
    whole.e = &e;
    whole.c = c;
    whole.ldc = nr;
    whole.col = 0;
    for (uint32_t i = 0; !t->first && i < t->m; i++)
        memcpy(c + i * nr, (const float *)t->c + i * t->ldc, bytes);
    full(o, &whole);
    for (uint32_t i = 0; i < t->m; i++)
        memcpy((float *)t->c + i * t->ldc, c + i * nr, bytes);
}
#endif
