/* Parts of a client's data area: the first gap that is large enough. What is given out is noted in the client's own
 * memory, where the server could not mistake it for anything. */
#include "lib/serve/client.h"

enum { ALIGN = 64 };

static qnt_status place(qnt_client *c, uint64_t bytes, uint64_t *at)
{
    qnt_status status =
        qnt_grow(c->ctx, (void **)&c->part, &c->cap_parts, c->n_parts + 1, sizeof *c->part, "parts of a data area");
    if (status)
        return status;
    uint64_t from = 0, most = 0;
    size_t i = 0;
    for (;; i++) {
        const uint64_t to = i < c->n_parts ? c->part[i].at : c->data_bytes, gap = to > from ? to - from : 0;
        most = gap > most ? gap : most;
        if (gap >= bytes)
            break;
        if (i == c->n_parts)
            return qnt_fail(QNT_ERR_NOMEM, "qnt_client_alloc: %llu bytes, the largest free part has %llu",
                            (unsigned long long)bytes, (unsigned long long)most);
        from = c->part[i].at + c->part[i].bytes;
    }
    memmove(c->part + i + 1, c->part + i, (c->n_parts - i) * sizeof *c->part);
    c->part[i] = (struct qnt_part){.at = from, .bytes = bytes};
    c->n_parts++;
    *at = from;
    return QNT_OK;
}

void *qnt_client_alloc(qnt_client *c, size_t bytes)
{
    uint64_t at = 0;
    if (!c) {
        qnt_fail(QNT_ERR_ARG, "qnt_client_alloc: client is NULL");
        return NULL;
    }
    const size_t rounded = bytes < SIZE_MAX - ALIGN ? qnt_round_up(bytes ? bytes : 1, ALIGN) : SIZE_MAX;
    pthread_mutex_lock(&c->parts);
    qnt_status status = place(c, rounded, &at);
    pthread_mutex_unlock(&c->parts);
    return status ? NULL : c->data + at;
}

qnt_status qnt_client_free(qnt_client *c, void *part)
{
    if (!c)
        return qnt_fail(QNT_ERR_ARG, "qnt_client_free: client is NULL");
    if (!part)
        return QNT_OK;
    const uint64_t at = (uintptr_t)part - (uintptr_t)c->data;
    size_t i = 0;
    pthread_mutex_lock(&c->parts);
    while (i < c->n_parts && c->part[i].at != at)
        i++;
    const bool found = i < c->n_parts;
    if (found) {
        memmove(c->part + i, c->part + i + 1, (c->n_parts - i - 1) * sizeof *c->part);
        c->n_parts--;
    }
    pthread_mutex_unlock(&c->parts);
    return found ? QNT_OK : qnt_fail(QNT_ERR_ARG, "qnt_client_free: %p is no part of the data area", part);
}
