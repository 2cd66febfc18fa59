#ifndef OP_POOL_H
#define OP_POOL_H
/* What the pools share: windows clipped at the image's border, run line by line. */
#include "op.h"

qnt_status qnt_maxpool_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
qnt_status qnt_avgpool_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
void qnt_pool_run(const struct qnt_step *s, const struct qnt_exec *x);
#endif
