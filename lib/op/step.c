#include "step.h"

const struct qnt_kernel_row qnt_no_variant = {"", "", QNT_ISA_ref, NULL, NULL};

const struct qnt_kernel_row *qnt_variant_of_tile(const struct qnt_gemm *tile)
{
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; row->op; row++)
        if (row->gemm == tile)
            return row;
    return &qnt_no_variant;
}

const struct qnt_kernel_row *qnt_variant_of(qnt_any_fn *fn)
{
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; row->op; row++)
        if (row->fn == fn)
            return row;
    return &qnt_no_variant;
}
