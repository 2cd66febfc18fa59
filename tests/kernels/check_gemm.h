#ifndef TESTS_KERNELS_CHECK_GEMM_H
#define TESTS_KERNELS_CHECK_GEMM_H
#include "ck.h"

/* The part of the tiles' check that is for those with run_rows. */
void ck_gemm_rows(struct ck *c);
/* For those with winograd. */
void ck_winograd(struct ck *c);
#endif
