#ifndef TESTS_KERNELS_MUTANTS_H
#define TESTS_KERNELS_MUTANTS_H
#include "ck.h"

/* Kernels whose arithmetic is wrong in a way that is easy to get wrong. Ends with op == NULL. */
struct mutant {
    const char *op, *what;
    qnt_any_fn *fn;
};
extern const struct mutant mutants[], train_mutants[];

#define QNT_OP(op) ck_checker check_##op;
#define QNT_K(op, isa)
#define QNT_GEMM(op) ck_checker check_##op;
#define QNT_GK(op, tile, isa)
#include "simd/kernels.def"
#undef QNT_OP
#undef QNT_K
#undef QNT_GEMM
#undef QNT_GK
#endif
