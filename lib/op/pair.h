#ifndef OP_PAIR_H
#define OP_PAIR_H
/* What add, sub, mul, div, min, max and prelu share: two operands of one type, one of them may be a constant, shapes
 * broadcast as ONNX does (aligned at the last dimension; a dimension of 1 serves all). s8: each side has its own scale
 * and zero point, the result a preset one. add, sub and mul are ONNX Runtime's QLinearAdd and QLinearMul
 * (simd/kernels.h); the others what DequantizeLinear, the op in float32 and QuantizeLinear give: y = clamp(rne(op((a -
 * za) * sa, (b - zb) * sb) / sy) + zy), each step rounded once. */
#include "op.h"

/* add, sub or mul */
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

/* s8 by way of floats (pair_codes.c). */
struct qnt_pair_codes {
    struct qnt_quant a, b, y;
    qnt_dequantize_s8_f32_fn *dequantize;
    qnt_quantize_f32_s8_fn *quantize;
    qnt_mul_f32_fn *run;
};
/* Scales and zero points of a step whose operands and result are s8. */
qnt_status qnt_pair_codes_set(const struct qnt_step *s, struct qnt_pair_codes *c);
void qnt_pair_codes_row(const struct qnt_pair_codes *c, const int8_t *a, const int8_t *b, int8_t *dst, size_t n,
                        const struct qnt_pair *pair, float lo, float hi);

/* Integers as they are: which types, and n of them. */
bool qnt_pair_takes(qnt_dtype type);
void qnt_pair_integers_row(const struct qnt_op_def *op, qnt_dtype type, const void *a, const void *b, void *dst,
                           size_t n, const struct qnt_pair *pair);
#endif
