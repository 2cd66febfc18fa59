/* Every usable variant against the reference on one fixed input. */
#include "lib/core/selftest.h"
#include <string.h>
#include "lib/core/sample.h"

enum { ROWS = 7, C = 29 };

static bool same_as_ref(struct qnt_sample *x, const struct qnt_sample_op *op, qnt_any_fn *ref, qnt_any_fn *fn)
{
    memset(x->out[0].f, 0, 2 * x->n * sizeof *x->out[0].f);
    op->run(ref, x, 0);
    op->run(fn, x, 1);
    return !memcmp(x->out[0].f, x->out[1].f, x->n * sizeof *x->out[0].f);
}

qnt_status qnt_ctx_selftest(const qnt_ctx *ctx, size_t *checked)
{
    _Alignas(64) uint8_t memory[QNT_SAMPLE_BYTES(ROWS, C)];
    struct qnt_sample x;
    const struct qnt_sample_op *op = qnt_sample_ops; /* in the order of the rows */
    size_t n = 0;
    qnt_any_fn *ref = NULL;
    if (checked)
        *checked = 0;
    if (!ctx)
        return qnt_fail(QNT_ERR_ARG, "qnt_ctx_selftest: ctx is NULL");
    qnt_sample_init(&x, memory, ROWS, C);
    for (const struct qnt_kernel_row *row = qnt_kernel_rows; row->op; row++) {
        if (!row->gemm && row->isa == QNT_ISA_ref) {
            op += ref != NULL;
            ref = row->fn;
        }
        if (!(ctx->usable >> row->isa & 1))
            continue;
        if (!(row->gemm ? qnt_selftest_tile(row->gemm) : same_as_ref(&x, op, ref, row->fn)))
            return qnt_fail(QNT_ERR_STATE, "selftest: %s %s differs from the reference", row->op, row->variant);
        n++;
    }
    if (checked)
        *checked = n;
    return QNT_OK;
}
