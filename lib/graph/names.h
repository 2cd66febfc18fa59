#ifndef GRAPH_NAMES_H
#define GRAPH_NAMES_H
/* Finding things by name in constant time: open addressing over an array of structs that begin with `char *name`. */
#include "lib/core/core.h"

struct qnt_names {
    struct qnt_names_slot *slot;
    size_t cap, used; /* cap: 0 or a power of two, at least a third free */
};
/* The array the ids point into: struct i begins at base + i * stride. */
struct qnt_named {
    const void *base;
    size_t stride;
};

/* -1 when absent. */
int qnt_names_find(const struct qnt_names *n, struct qnt_named in, const char *name);
/* Makes room for one more, so that the next add cannot fail. */
qnt_status qnt_names_reserve(const qnt_ctx *ctx, struct qnt_names *n);
/* Adds a name that is not there yet. */
void qnt_names_add(struct qnt_names *n, const char *name, int id);
void qnt_names_free(const qnt_ctx *ctx, struct qnt_names *n);
#endif
