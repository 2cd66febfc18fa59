#ifndef QBENCH_FIT_H
#define QBENCH_FIT_H
#include <stddef.h>
#include "simd/kernels.h"

/* A product that a tile was measured on; k as lib/gemm counts it. */
struct qb_fit_point {
    size_t m, n, k;
    double seconds; /* 0: not measured */
    double weight;  /* of its error, > 0 */
};
/* The costs, in units of `unit` seconds, by which qnt_gemm_cost tells these times best: the least squares of the
 * relative errors by their weights, none of the costs below 0. What does not grow with the product is left out: it is
 * the same for all tiles. */
struct qnt_tile_cost qb_fit(const struct qnt_gemm *g, const struct qb_fit_point *p, size_t count, double unit);
#endif
