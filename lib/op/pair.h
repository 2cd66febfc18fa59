#ifndef OP_PAIR_H
#define OP_PAIR_H
/* What add, sub and mul share: two operands of one type, the second an activation or a constant, shapes broadcast as
 * ONNX does (aligned at the last dimension; a dimension of 1 serves all). s8: each side has its own scale and zero
 * point, the result a preset one. */
#include "op.h"

bool qnt_is_pair(const struct qnt_node *n);
qnt_status qnt_pair_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
qnt_status qnt_pair_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
void qnt_pair_run(const struct qnt_step *s, const struct qnt_exec *x);

/* The dimensions of a result, batch first, as few as its operands allow: neighbours that both walk alike are one. */
struct qnt_pair_shape {
    uint32_t rank;
    size_t dim[QNT_MAX_RANK + 1], step[2][QNT_MAX_RANK + 1]; /* step: elements of an operand, 0 for one that repeats */
};
struct qnt_pair_shape qnt_pair_shape(const struct qnt_step *s, size_t batch);
/* Where an operand's row begins, a row being the last dimension of the result. */
size_t qnt_pair_at(const struct qnt_pair_shape *p, int operand, size_t row);
#endif
