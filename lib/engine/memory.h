#ifndef ENGINE_MEMORY_H
#define ENGINE_MEMORY_H
/* Memory that is there, in pages as large as can be had. */
#include <qnt/engine.h>
#include "lib/core/core.h"

struct qnt_block {
    uint8_t *base; /* at least page-aligned; zeroed */
    size_t bytes;  /* of whole pages */
    qnt_engine_memory kind;
    bool locked;
};

/* Maps and writes `bytes` from the thread that calls, so on its NUMA node; kinds are tried from `first` on, and what is
 * refused is a note on the log. A child of fork does not have the block. QNT_ERR_NOMEM when not even small pages can be
 * had. */
qnt_status qnt_block_map(const qnt_ctx *ctx, size_t bytes, qnt_engine_memory first, struct qnt_block *out);
/* {0} is allowed; becomes that. */
void qnt_block_unmap(struct qnt_block *b);
/* A page with a 1 in its first byte, that in a child of fork is 0; NULL where the system does not do that. */
uint8_t *qnt_fork_mark(void);
void qnt_fork_mark_free(uint8_t *mark);
#endif
