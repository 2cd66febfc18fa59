#include "step.h"

const char *qnt_variant_of_tile(const struct qnt_gemm *tile)
{
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; row->op; row++)
        if (row->gemm == tile)
            return row->variant;
    return "";
}

const char *qnt_variant_of(qnt_any_fn *fn)
{
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; row->op; row++)
        if (row->fn == fn)
            return row->variant;
    return "";
}
