#ifndef OP_FUNCTION_H
#define OP_FUNCTION_H
/* Functions of one value. s8: a table of 256 codes made at prepare, entry by
 * entry quantize(f(dequantize(code))) with the float function's bits; the output has a scale and zero point of its own.
 */
#include "op.h"

bool qnt_is_function(const struct qnt_node *n);
qnt_status qnt_function_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
qnt_status qnt_function_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
/* The float function of a prepared step, s8 or not. */
void qnt_function_values(const struct qnt_step *s, const float *src, float *dst, size_t n);
void qnt_function_run(const struct qnt_step *s, const struct qnt_exec *x);
#endif
