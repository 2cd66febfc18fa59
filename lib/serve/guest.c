/* One client, from its first packet to its end. It may be anybody's program: what does not fit ends it, and nothing
 * that it does or leaves undone is waited for. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "lib/serve/server.h"

/* Seldom enough not to be a load, often enough for a client that wakes once after each of the worker's waits. */
enum { QUIET_NS = 50000, PACKETS = 1024 };
static const int before = F_SEAL_SHRINK | F_SEAL_GROW, after = F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

static struct qnt_wire_reply reply(enum qnt_wire_kind kind, qnt_status status)
{
    struct qnt_wire_reply r = {.head = qnt_wire_head(kind), .status = (uint32_t)status};
    if (status)
        snprintf(r.text, sizeof r.text, "%s", qnt_last_error());
    return r;
}

void qnt_guest_refuse(struct qnt_server *s, int socket, enum qnt_wire_kind kind, qnt_status status)
{
    const struct qnt_wire_reply r = reply(kind, status);
    qnt_wire_send(socket, &r, sizeof r, NULL, 0);
    qnt_server_count(&s->refused, 1);
}

static bool refuse(struct qnt_server *s, const struct qnt_guest *g, enum qnt_wire_kind kind, qnt_status status)
{
    qnt_guest_refuse(s, g->socket, kind, status);
    return false;
}

struct qnt_guest *qnt_guest_make(struct qnt_server *s, int socket)
{
    pid_t pid;
    qnt_status status = qnt_server_admits(s, socket, &pid);
    struct qnt_guest *g = status ? NULL : qnt_alloc(s->ctx, sizeof *g, "a client");
    if (!g) {
        qnt_guest_refuse(s, socket, QNT_WIRE_OFFER, status ? status : QNT_ERR_NOMEM);
        close(socket);
        return NULL;
    }
    g->socket = socket;
    g->file = -1;
    g->end = qnt_server_now() + (int64_t)s->config.handshake_ms * QNT_MS;
    g->process = -1;
#ifdef SYS_pidfd_open
    if (pid > 0)
        g->process = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec */
#endif
    return g;
}

static qnt_status agree(const struct qnt_server *s, struct qnt_guest *g, const struct qnt_wire_request *hello)
{
    const uint64_t bytes = hello->bytes ? hello->bytes : s->config.bytes;
    g->depth = hello->depth ? hello->depth : s->config.depth;
    if (g->depth > s->config.depth || g->depth & (g->depth - 1))
        return qnt_fail(QNT_ERR_ARG, "a depth of %u, expected a power of two up to %u", g->depth, s->config.depth);
    if (bytes > s->config.bytes)
        return qnt_fail(QNT_ERR_ARG, "%llu bytes of data, expected up to %llu", (unsigned long long)bytes,
                        (unsigned long long)s->config.bytes);
    const size_t unit = qnt_page_size() > QNT_WIRE_ALIGN ? qnt_page_size() : QNT_WIRE_ALIGN;
    g->data_offset = qnt_round_up(qnt_queue_bytes(g->depth), unit);
    g->data_bytes = qnt_round_up((size_t)bytes, unit);
    g->area_bytes = g->data_offset + g->data_bytes;
    return QNT_OK;
}

/* The server's mapping, not touched before the file is sealed: also it keeps the client from sealing writes. */
static qnt_status make_area(struct qnt_guest *g)
{
    g->file = memfd_create("qnt-client", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (g->file < 0 || ftruncate(g->file, (off_t)g->area_bytes))
        return qnt_fail(QNT_ERR_SYSTEM, "a memory file of %zu bytes: %s", g->area_bytes, strerror(errno));
    void *map = mmap(NULL, g->area_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, g->file, 0);
    if (map == MAP_FAILED)
        return qnt_fail(QNT_ERR_NOMEM, "mapping %zu bytes: %s", g->area_bytes, strerror(errno));
    g->area = map;
    madvise(map, g->area_bytes, MADV_DONTFORK);
    if (fcntl(g->file, F_ADD_SEALS, before))
        return qnt_fail(QNT_ERR_SYSTEM, "sealing a memory file: %s", strerror(errno));
    return QNT_OK;
}

static bool offer(struct qnt_server *s, struct qnt_guest *g, const struct qnt_wire_request *hello)
{
    if (s->served >= s->config.max_clients)
        return refuse(s, g, QNT_WIRE_OFFER,
                      qnt_fail(QNT_ERR_STATE, "there are %u clients, as many as it takes", s->served));
    qnt_status status = agree(s, g, hello);
    if (status || (status = make_area(g)))
        return refuse(s, g, QNT_WIRE_OFFER, status);
    const qnt_engine *e = s->engine;
    struct qnt_wire_reply r = reply(QNT_WIRE_OFFER, QNT_OK);
    r.depth = g->depth;
    r.max_batch = e->config.max_batch;
    r.sleeps = e->config.idle == QNT_IDLE_SLEEP && !e->config.caller_driven;
    r.area_bytes = g->area_bytes;
    r.data_offset = g->data_offset;
    r.data_bytes = g->data_bytes;
    r.models_bytes = s->models_bytes;
    r.ticks_per_ns = e->ticks_per_ns;
    g->state = QNT_GUEST_OFFERED;
    return !qnt_wire_send(g->socket, &r, sizeof r, (const int[]){g->file, s->models}, 2);
}

/* Nobody can punch holes into the file from here on, and there are none. */
static qnt_status seal(const struct qnt_guest *g)
{
    if (fcntl(g->file, F_ADD_SEALS, after) || !qnt_wire_has_seals(g->file, before | after))
        return qnt_fail(QNT_ERR_SYSTEM, "sealing a memory file: %s", strerror(errno));
    const off_t hole = lseek(g->file, 0, SEEK_HOLE);
    if (hole < (off_t)g->area_bytes)
        return qnt_fail(QNT_ERR_STATE, "the client has not written its pages from byte %lld on", (long long)hole);
    return QNT_OK;
}

/* The pages are there: this thread has the faults that the worker would have. */
static void have_pages(const struct qnt_server *s, const struct qnt_guest *g)
{
    const size_t page = qnt_page_size();
    if (mlock(g->area, g->area_bytes))
        qnt_log(s->ctx, 2, "server: a client's %zu bytes cannot be locked: %s (RLIMIT_MEMLOCK)", g->area_bytes,
                strerror(errno));
    for (size_t i = 0; i < g->area_bytes; i += page)
        (void)((volatile uint8_t *)g->area)[i];
}

static bool serve(struct qnt_server *s, struct qnt_guest *g)
{
    const struct qnt_queue_memory m = {.memory = g->area,
                                       .bytes = g->data_offset,
                                       .depth = g->depth,
                                       .data = g->area + g->data_offset,
                                       .length = g->data_bytes};
    if (s->served >= s->config.max_clients)
        return refuse(s, g, QNT_WIRE_READY,
                      qnt_fail(QNT_ERR_STATE, "there are %u clients, as many as it takes", s->served));
    qnt_status status = seal(g);
    if (status)
        return refuse(s, g, QNT_WIRE_READY, status);
    close(g->file);
    g->file = -1;
    have_pages(s, g);
    if ((status = qnt_queue_attach(s->engine, &m, &g->queue)))
        return refuse(s, g, QNT_WIRE_READY, status);
    g->state = QNT_GUEST_SERVED;
    g->end = 0;
    s->served++;
    qnt_server_count(&s->clients, 1);
    qnt_server_count(&s->connected, 1);
    qnt_server_count(&s->bytes, (int64_t)g->area_bytes);
    const struct qnt_wire_reply r = reply(QNT_WIRE_READY, QNT_OK);
    return !qnt_wire_send(g->socket, &r, sizeof r, NULL, 0);
}

/* A packet when nothing of the kind is due: of a client that speaks, or is, something else. */
static bool misplaced(struct qnt_server *s, const struct qnt_guest *g, const struct qnt_wire_head *h, size_t got)
{
    if (got >= sizeof *h && h->magic == QNT_WIRE_MAGIC && h->version != QNT_WIRE_VERSION)
        return refuse(s, g, QNT_WIRE_OFFER,
                      qnt_fail(QNT_ERR_UNSUPPORTED, "version %u, expected %d", h->version, QNT_WIRE_VERSION));
    return refuse(s, g, QNT_WIRE_OFFER,
                  qnt_fail(QNT_ERR_FORMAT, "a packet of %zu bytes that is none of a client", got));
}

static bool receive(struct qnt_server *s, struct qnt_guest *g)
{
    struct qnt_wire_request r;
    size_t got = 0;
    if (qnt_wire_receive(g->socket, &r, sizeof r, NULL, 0, 0, &got) || !got) {
        qnt_server_count(&s->died, g->state == QNT_GUEST_SERVED);
        return false;
    }
    const bool whole = got == sizeof r;
    if (whole && qnt_wire_is(&r.head, QNT_WIRE_LEAVE))
        return false;
    if (whole && g->state == QNT_GUEST_SERVED && qnt_wire_is(&r.head, QNT_WIRE_WAKE)) {
        qnt_queue_wake(s->engine, g->queue);
        qnt_server_count(&s->wakes, 1);
        g->end = qnt_server_now() + QUIET_NS;
        return true;
    }
    if (whole && g->state == QNT_GUEST_NEW && qnt_wire_is(&r.head, QNT_WIRE_HELLO))
        return offer(s, g, &r);
    if (whole && g->state == QNT_GUEST_OFFERED && qnt_wire_is(&r.head, QNT_WIRE_MAPPED))
        return serve(s, g);
    if (whole && g->state == QNT_GUEST_NEW && qnt_wire_is(&r.head, QNT_WIRE_ASK)) {
        struct qnt_wire_answer a;
        qnt_server_answer(s, r.number, &a);
        qnt_wire_send(g->socket, &a, sizeof a, NULL, 0);
        return false;
    }
    return misplaced(s, g, &r.head, got);
}

/* Whether it has said that it leaves, in what is still there to be read: no more than fits into a socket. */
static bool has_left(const struct qnt_guest *g)
{
    struct qnt_wire_request r;
    size_t got = 0;
    bool left = false;
    for (int i = 0; i < PACKETS && !left; i++) {
        if (qnt_wire_receive(g->socket, &r, sizeof r, NULL, 0, 0, &got) || !got)
            break;
        left = got == sizeof r && qnt_wire_is(&r.head, QNT_WIRE_LEAVE);
    }
    return left;
}

bool qnt_guest_hear(struct qnt_server *s, struct qnt_guest *g, short said, short process)
{
    if (g->state == QNT_GUEST_ENDING)
        return false;
    if (process || said & (POLLHUP | POLLERR | POLLNVAL)) {
        qnt_server_count(&s->died, g->state == QNT_GUEST_SERVED && !has_left(g));
        return false;
    }
    if (said & POLLIN)
        return receive(s, g);
    return g->state == QNT_GUEST_SERVED || qnt_server_now() < g->end;
}

bool qnt_guest_end(struct qnt_server *s, struct qnt_guest *g)
{
    if (g->queue) {
        if (g->state == QNT_GUEST_SERVED)
            s->served--;
        g->state = QNT_GUEST_ENDING;
        if (qnt_queue_detach(s->engine, g->queue))
            return false;
    }
    if (g->area)
        munmap(g->area, g->area_bytes);
    if (g->queue) {
        qnt_server_count(&s->bytes, -(int64_t)g->area_bytes);
        qnt_server_count(&s->clients, -1);
    }
    if (g->file >= 0)
        close(g->file);
    if (g->process >= 0)
        close(g->process);
    close(g->socket);
    qnt_release(s->ctx, g);
    return true;
}
