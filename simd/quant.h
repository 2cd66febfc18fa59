#ifndef SIMD_QUANT_H
#define SIMD_QUANT_H
#include "kernels.h"
/* Prepares one scale (finite, > 0) and zero point, and proves whether the reciprocal forms are exact: division, product
 * and sum of products are all monotone in x, so comparing the thresholds of the ~255 code boundaries decides it for
 * every float. The product is exact for powers of two and few others, the sum for all scales that networks have. */
void qnt_quant_init(struct qnt_quant *q, float scale, int32_t zero);
#endif
