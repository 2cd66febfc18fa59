#ifndef QBENCH_PRODUCT_H
#define QBENCH_PRODUCT_H
#include "tools/qbench/qbench.h"

/* C[m][n] = A[m][k] * W[n][k], codes times codes. */
struct qb_product {
    size_t m, n, k;
    uint32_t bits; /* of W: 8, 4, 2; 1: binary on both sides, k a multiple of 8 */
    bool in_u8;    /* A holds u8 codes; 8-bit results are u8, too */
    bool out_8bit; /* requantized, else the s32 sums */
};
/* Fills in all of the case but name and type. An exit code. */
int qb_product_case(struct qbench *q, const struct qb_product *s, struct qb_case *c);
#endif
