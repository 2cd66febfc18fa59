/* FNV-1a into a table with linear probing. */
#include <string.h>
#include "lib/graph/names.h"

struct qnt_names_slot {
    uint32_t hash;
    int id_plus_1; /* 0: empty */
};

static uint32_t hash_of(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

int qnt_names_find(const struct qnt_names *n, struct qnt_named in, const char *name)
{
    if (!n->cap)
        return -1;
    uint32_t hash = hash_of(name);
    for (size_t i = hash & (n->cap - 1); n->slot[i].id_plus_1; i = (i + 1) & (n->cap - 1)) {
        int id = n->slot[i].id_plus_1 - 1;
        const char *there;
        if (n->slot[i].hash != hash)
            continue;
        memcpy(&there, (const char *)in.base + (size_t)id * in.stride, sizeof there);
        if (!strcmp(there, name))
            return id;
    }
    return -1;
}

static void put(struct qnt_names_slot *slot, size_t cap, struct qnt_names_slot s)
{
    size_t i = s.hash & (cap - 1);
    while (slot[i].id_plus_1)
        i = (i + 1) & (cap - 1);
    slot[i] = s;
}

qnt_status qnt_names_reserve(const qnt_ctx *ctx, struct qnt_names *n)
{
    if ((n->used + 1) * 3 <= n->cap * 2)
        return QNT_OK;
    size_t cap = n->cap ? n->cap * 2 : 16;
    struct qnt_names_slot *slot = qnt_alloc_array(ctx, cap, sizeof *slot, "names");
    if (!slot)
        return QNT_ERR_NOMEM;
    for (size_t i = 0; i < n->cap; i++)
        if (n->slot[i].id_plus_1)
            put(slot, cap, n->slot[i]);
    qnt_release(ctx, n->slot);
    n->slot = slot;
    n->cap = cap;
    return QNT_OK;
}

void qnt_names_add(struct qnt_names *n, const char *name, int id)
{
    put(n->slot, n->cap, (struct qnt_names_slot){hash_of(name), id + 1});
    n->used++;
}

void qnt_names_free(const qnt_ctx *ctx, struct qnt_names *n)
{
    qnt_release(ctx, n->slot);
    *n = (struct qnt_names){0};
}
