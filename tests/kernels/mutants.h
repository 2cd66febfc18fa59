#ifndef TESTS_KERNELS_MUTANTS_H
#define TESTS_KERNELS_MUTANTS_H
#include "ck.h"

/* Kernels whose arithmetic is wrong in a way that is easy to get wrong. Ends with op == NULL. */
struct mutant {
    const char *op, *what;
    qnt_any_fn *fn;
};
extern const struct mutant mutants[], binary_mutants[], block_mutants[], channel_mutants[], copy_mutants[],
    layer_mutants[], train_mutants[];

/* expect.c. True: a kernel that leaves upper vector halves in use can be seen here. */
bool expect_begin(void);
/* Runs the checker on broken->fn or ->gemm. words: NULL: it must pass; else what its report must contain, "a|b" for
 * either, "" for anything. */
void expect(const struct ck *broken, ck_checker *check, const char *what, const char *words);
void expect_skip(void); /* counts one that leaves upper halves in use */
int expect_end(void);   /* prints the counts; the exit status */

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
