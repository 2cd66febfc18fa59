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
/* Zeroed memory, aligned to 128, that the program's side has for itself: pages of its own, and not where they begin. A
 * core that reads something to its end, as a worker does weights, fetches on past it, also the first lines of the page
 * behind, and so takes them away from the core that writes them. NULL with the text set. */
void *qnt_apart_alloc(const qnt_ctx *ctx, size_t bytes, const char *what);
void qnt_apart_free(const qnt_ctx *ctx, void *apart); /* NULL is allowed */
/* A page with a 1 in its first byte, that in a child of fork is 0; NULL where the system does not do that. */
uint8_t *qnt_fork_mark(void);
void qnt_fork_mark_free(uint8_t *mark);
#endif
