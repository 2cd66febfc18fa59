#ifndef SIMD_QUANT_H
#define SIMD_QUANT_H
#include "kernels.h"
/* Prepares one scale (finite, > 0) and zero point, and proves whether the reciprocal form is exact: division and
 * reciprocal are both monotone in x, so comparing the thresholds of the ~255 code boundaries decides it for every float. */
void qnt_quant_init(struct qnt_quant *q, float scale, int32_t zero);
#endif
