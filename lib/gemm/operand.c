/* Plain matrices as operands. */
#include "gemm.h"

static void plain_rows(const struct qnt_operand *o, size_t m0, size_t used, const void **ptr)
{
    const char *row = (const char *)o->base + m0 * o->stride * o->elem;
    for (size_t i = 0; i < used; i++)
        ptr[i] = row + i * o->stride * o->elem;
}

static void plain_lines(const struct qnt_operand *o, size_t m0, size_t k0, size_t k, const void **ptr)
{
    const char *line = (const char *)o->base + (k0 * o->stride + m0) * o->elem;
    for (size_t j = 0; j < k; j++)
        ptr[j] = line + j * o->stride * o->elem;
}

struct qnt_operand qnt_operand_rows(const void *a, size_t lda, size_t k, size_t elem)
{
    return (struct qnt_operand){.rows = plain_rows, .taps = 1, .tap_k = k, .base = a, .stride = lda, .elem = elem};
}

struct qnt_operand qnt_operand_cols(const void *at, size_t ldat, size_t elem)
{
    return (struct qnt_operand){.lines = plain_lines, .taps = 1, .base = at, .stride = ldat, .elem = elem};
}
