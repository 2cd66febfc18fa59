#ifndef OP_REQUANT_H
#define OP_REQUANT_H
/* From exact sums to s8 codes: the one place where factors and bounds are computed. */
#include "op.h"

/* factor[c] = (sx * sw[c]) / sy, in float32 and in this order; one for all channels repeats. QNT_ERR_RANGE naming the
 * node when it is not finite. */
qnt_status qnt_requant_factors(const struct qnt_step *s, size_t channels, float *factor);
/* QNT_ERR_TYPE where the bias states scales that are not those of the sums. */
qnt_status qnt_requant_check_bias(const struct qnt_step *s, size_t channels);
/* A table that takes codes of x to codes of y: quantize(dequantize(code)), as ONNX's QLinearConcat; by code as a byte.
 */
void qnt_requant_table(const struct qnt_tensor *x, const struct qnt_tensor *y, int8_t table[256]);
/* Output zero point, and the step's real clamp bounds as codes of the output. */
void qnt_requant_bounds(const struct qnt_step *s, struct qnt_requant *rq);
/* The code of a real bound: rne(bound / scale) + zero, saturated. */
int8_t qnt_bound_code(float bound, const struct qnt_tensor *t);
#endif
