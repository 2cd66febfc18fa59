#ifndef SERVE_CLIENT_H
#define SERVE_CLIENT_H
/* A client's inside. */
#include <pthread.h>
#include <qnt/client.h>
#include "lib/core/core.h"
#include "lib/serve/wire.h"

/* Parts that are given out, in order of place. */
struct qnt_part {
    uint64_t at, bytes;
};

struct qnt_client {
    struct qnt_queue_user user;
    /* Both sides'; not changed after connecting, but for `gone`. */
    _Alignas(128) const uint8_t *alive; /* 0 in a child of fork, which does not have the area */
    uint64_t depth;
    int socket;
    _Atomic bool gone; /* the server: once seen it stays so */
    /* The polling side's: since when nothing has come, ticks, 0: it is not waiting; how long it waits before it looks
     * for the server. */
    _Alignas(128) uint64_t since;
    uint64_t patience;
    /* The rest. */
    _Alignas(128) const qnt_ctx *ctx;
    uint8_t *area, *data;
    uint64_t area_bytes, data_bytes;
    uint32_t max_batch;
    struct qnt_wire_models models;
    uint8_t *mark;         /* what `alive` is in, if there is such a page */
    pthread_mutex_t parts; /* of the array */
    struct qnt_part *part;
    size_t n_parts, cap_parts;
};

/* client_run.c. Looks for the server at once; sets `gone`. */
bool qnt_client_is_gone(qnt_client *c);
#endif
