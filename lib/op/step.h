#ifndef OP_STEP_H
#define OP_STEP_H
/* Small helpers of prepare and run: where tensors lie, and the names of the kernels bound. */
#include "op.h"

static inline const void *qnt_step_in(const struct qnt_step *s, const struct qnt_exec *x)
{
    return s->outside ? x->outside : x->arena + s->in_offset[0];
}

static inline void *qnt_step_out(const struct qnt_step *s, const struct qnt_exec *x)
{
    return x->arena + s->out_offset;
}

/* The row of a variant in this build; qnt_no_variant, whose texts are "", when it is not in the list. */
const struct qnt_kernel_row *qnt_variant_of_tile(const struct qnt_gemm *tile);
const struct qnt_kernel_row *qnt_variant_of(qnt_any_fn *fn);
extern const struct qnt_kernel_row qnt_no_variant;
#define QNT_VARIANT_OF(fn) qnt_variant_of((qnt_any_fn *)(fn))
#endif
