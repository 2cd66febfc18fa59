#ifndef OP_POOL_H
#define OP_POOL_H
/* What the pools share: windows clipped at the image's border, run line by line. */
#include "op.h"

enum qnt_pool_kind { QNT_POOL_MAX, QNT_POOL_AVERAGE };

qnt_status qnt_pool_prepare(const qnt_ctx *ctx, struct qnt_step *s, enum qnt_pool_kind kind);
void qnt_pool_run(const struct qnt_step *s, const struct qnt_exec *x);
#endif
