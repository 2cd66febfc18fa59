#ifndef UNIT_OWN_CONTEXT_H
#define UNIT_OWN_CONTEXT_H
/* A context for each case, and memory from it: for tests of what works with one. */
#include "lib/core/core.h"
#include "unit.h"

static qnt_ctx *ctx;

static inline void setup(void)
{
    unit_seed();
    ck_assert_int_eq(qnt_ctx_create(NULL, &ctx), QNT_OK);
}

static inline void teardown(void)
{
    qnt_ctx_free(ctx);
}

static inline void *zeroed(size_t n, size_t size)
{
    void *p = qnt_alloc_array(ctx, n, size, "test");
    ck_assert_ptr_nonnull(p);
    return p;
}
#endif
