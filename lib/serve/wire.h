#ifndef SERVE_WIRE_H
#define SERVE_WIRE_H
/* What a server and a client of one machine say to each other, in packets over a SOCK_SEQPACKET socket.
 *
 * HELLO: the client says what it wants. OFFER: the server grants it, with two memory files (SCM_RIGHTS), the area and
 * what the models are; or refuses, with a text. MAPPED: the client has mapped the area and written every page of it.
 * READY: the server has sealed the area and checked it, and a worker has the queue pair; or refuses.
 *
 * From then on the client says WAKE: the worker is asleep (qnt_queue_must_wake); and LEAVE: it closes. Who closes
 * without that has died.
 *
 * ASK: instead of all that, one question, which has its answer. Whoever closes the socket is gone.
 *
 * The area is a memory file that can neither shrink nor grow: an access to it is never a SIGBUS. A client could still
 * punch holes in it, which would cost the server page faults, and the other side its bytes; F_SEAL_FUTURE_WRITE forbids
 * that, and new writable mappings with it, so the client has to have its mapping before. Pages are written first by the
 * client, not by the server: so they are charged to the client's control group, also when processes that the client
 * left behind go on holding them. The area: queue pair (queue.h), then data at `data_offset`. */
#include <qnt/server.h>
#include "lib/core/core.h"
#include "lib/engine/queue.h"

enum { QNT_WIRE_VERSION = 1, QNT_WIRE_TEXT = 200, QNT_WIRE_ALIGN = 4096 };
#define QNT_WIRE_MAGIC UINT64_C(0x31565245534e5451) /* "QTNSERV1" */

enum qnt_wire_kind {
    QNT_WIRE_HELLO = 1,
    QNT_WIRE_OFFER,
    QNT_WIRE_MAPPED,
    QNT_WIRE_READY,
    QNT_WIRE_WAKE,
    QNT_WIRE_LEAVE,
    QNT_WIRE_ASK,
    QNT_WIRE_STATS,
    QNT_WIRE_WORKER
};

struct qnt_wire_head {
    uint64_t magic;
    uint32_t version, kind;
};

/* HELLO; also MAPPED, WAKE, LEAVE, and ASK, in which `number` counts alone. */
struct qnt_wire_request {
    struct qnt_wire_head head;
    uint64_t bytes;  /* of data; 0: as the server likes */
    uint32_t depth;  /* 0: likewise */
    uint32_t number; /* ASK: 0: of the server; n: of worker n - 1 */
};

/* OFFER and READY. */
struct qnt_wire_reply {
    struct qnt_wire_head head;
    uint32_t status; /* qnt_status; with any but QNT_OK the text counts alone, and the socket is closed */
    uint32_t depth, max_batch;
    uint32_t sleeps; /* workers may be asleep */
    uint64_t area_bytes, data_offset, data_bytes, models_bytes;
    double ticks_per_ns;
    char text[QNT_WIRE_TEXT]; /* ends with a 0 */
};

/* STATS and WORKER: a number that there is not is `known` = 0. */
struct qnt_wire_answer {
    struct qnt_wire_head head;
    uint64_t known;
    union {
        qnt_server_stats server;
        qnt_engine_worker worker;
    } u;
};

static inline struct qnt_wire_head qnt_wire_head(enum qnt_wire_kind kind)
{
    return (struct qnt_wire_head){.magic = QNT_WIRE_MAGIC, .version = QNT_WIRE_VERSION, .kind = kind};
}
static inline bool qnt_wire_is(const struct qnt_wire_head *h, enum qnt_wire_kind kind)
{
    return h->magic == QNT_WIRE_MAGIC && h->version == QNT_WIRE_VERSION && h->kind == kind;
}

/* Sends a packet, with n_fds descriptors, without waiting. */
qnt_status qnt_wire_send(int socket, const void *packet, size_t bytes, const int *fds, size_t n_fds);
/* One packet of up to `bytes`, and up to n_fds descriptors (-1: fewer came), close-on-exec; waits for up to timeout_ms.
 * What is longer is cut. *got: its bytes, 0: the other side has closed. QNT_ERR_STATE: nothing came. */
qnt_status qnt_wire_receive(int socket, void *packet, size_t bytes, int *fds, size_t n_fds, uint32_t timeout_ms,
                            size_t *got);

/* Whether what came, `got` bytes, is a reply of this kind that grants what was asked; the text says what else it is. */
qnt_status qnt_wire_check(struct qnt_wire_reply *r, size_t got, enum qnt_wire_kind kind);

/* The socket's address; QNT_ERR_ARG for a path that is too long or empty. */
struct sockaddr_un;
qnt_status qnt_wire_address(const char *path, struct sockaddr_un *out);
/* Connects to `path`. The texts name it. */
qnt_status qnt_wire_connect(const char *path, int *out);
/* Listens at `path`, for everybody or the file's owner alone; a socket that nobody listens at any more is replaced.
 * QNT_ERR_STATE: somebody does. */
qnt_status qnt_wire_listen(const char *path, bool everybody, int *out);

/* models.c. What models an engine has: written once, into a memory file that nobody can change any more; read by each
 * client. */
struct qnt_wire_models {
    void *map;
    size_t bytes;
    uint32_t n;
};
qnt_status qnt_wire_models_write(const qnt_engine *e, const char *const *names, int *fd, size_t *bytes);
/* Maps and checks it: a file that is not what it should be is QNT_ERR_FORMAT. */
qnt_status qnt_wire_models_map(int fd, size_t bytes, struct qnt_wire_models *out);
void qnt_wire_models_unmap(struct qnt_wire_models *m);
/* Of model i < n; the pointers are into the map. QNT_ERR_ARG past the last input or output. */
const char *qnt_wire_model_name(const struct qnt_wire_models *m, uint32_t i);
uint32_t qnt_wire_model_count(const struct qnt_wire_models *m, uint32_t i, bool inputs);
void qnt_wire_model_tensor(const struct qnt_wire_models *m, uint32_t i, bool inputs, size_t k, qnt_tensor_info *out);

/* Whether it is a memory file that has these seals (F_SEAL_*). */
bool qnt_wire_has_seals(int fd, int seals);
#endif
