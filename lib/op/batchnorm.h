#ifndef OP_BATCHNORM_H
#define OP_BATCHNORM_H
#include "op.h"

/* Channel c as y = x * scale + shift; in: x (not looked at), gamma, beta, mean, variance. QNT_ERR_RANGE when not
 * finite. */
qnt_status qnt_batchnorm_factors(const struct qnt_node *n, const struct qnt_tensor *const in[5], size_t c,
                                 double *scale, double *shift);
#endif
