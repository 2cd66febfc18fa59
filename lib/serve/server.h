#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H
/* A server's inside. All of it is the control thread's, but for the counters, which others read. */
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include "lib/engine/engine.h"
#include "lib/serve/wire.h"

/* How far a client has come. ENDING: its queue pair could not be given up for lack of memory, which is tried again. */
enum qnt_guest_state { QNT_GUEST_NEW, QNT_GUEST_OFFERED, QNT_GUEST_SERVED, QNT_GUEST_ENDING };

struct qnt_guest {
    enum qnt_guest_state state;
    int socket, process, file; /* process: a pidfd; -1: the system has none. file: the area's, until it is sealed */
    int64_t end;               /* ns: when connecting has to be done; SERVED: before then the socket is not looked at */
    uint8_t *area;
    size_t area_bytes, data_offset, data_bytes;
    uint32_t depth;
    struct qnt_queue *queue; /* QNT_GUEST_SERVED and ENDING */
};

struct qnt_server {
    const qnt_ctx *ctx;
    qnt_engine *engine;
    qnt_server_config config;   /* without arrays and texts but `path`, uids and gids, which are copies */
    int listener, stop, models; /* stop: an eventfd; models: see qnt_wire_models_write */
    size_t models_bytes;
    struct stat file; /* the socket's */
    pthread_t thread;
    bool started;
    struct qnt_guest **guest;
    size_t n_guests, most_guests;
    uint32_t served;
    struct pollfd *poll;
    int64_t deaf_until; /* ns: after descriptors ran out, nobody is let in before */
    _Atomic uint64_t clients, bytes, connected, refused, died, wakes;
};

enum { QNT_MS = 1000000 };
int64_t qnt_server_now(void);
static inline void qnt_server_count(_Atomic uint64_t *counter, int64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + (uint64_t)n,
                          memory_order_relaxed);
}

/* access.c. Whether the other end of the socket is somebody who is let in; *pid: who it is, 0 when that is not known.
 */
qnt_status qnt_server_admits(const struct qnt_server *s, int socket, pid_t *pid);

/* guest.c. A connection that has been taken; NULL: there is no memory for it, and the socket is closed. */
struct qnt_guest *qnt_guest_make(struct qnt_server *s, int socket);
/* What poll said of its socket and its process; false: it is to be ended. */
bool qnt_guest_hear(struct qnt_server *s, struct qnt_guest *g, short said, short process);
/* Gives up its queue pair, its memory and its socket, and frees it; false: it is still there, try again. */
bool qnt_guest_end(struct qnt_server *s, struct qnt_guest *g);
/* Answers why there will be nothing, whatever was asked. */
void qnt_guest_refuse(struct qnt_server *s, int socket, enum qnt_wire_kind kind, qnt_status status);

/* stats.c */
void qnt_server_answer(const struct qnt_server *s, uint32_t number, struct qnt_wire_answer *out);
#endif
