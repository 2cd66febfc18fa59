/* Making and freeing servers, and the control thread. */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "lib/run/thread.h"
#include "lib/serve/server.h"

enum { CLIENTS = 64, CLIENTS_MOST = 4096, DEPTH = 256, BYTES = 4 << 20, HANDSHAKE_MS = 1000 };
enum { CONNECTING_MOST = 64, DEAF_MS = 10, AGAIN_MS = 10, LISTENER = 1, GUESTS = 2, NEVER = -1 };

int64_t qnt_server_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 * QNT_MS + t.tv_nsec;
}

static void drop(struct qnt_server *s, size_t i)
{
    if (qnt_guest_end(s, s->guest[i]))
        s->guest[i] = s->guest[--s->n_guests];
}

/* Who connects and then says nothing keeps nobody out: the one that has been at it for longest goes. */
static void make_place(struct qnt_server *s)
{
    size_t oldest = s->n_guests, connecting = 0;
    for (size_t i = 0; i < s->n_guests; i++) {
        const struct qnt_guest *g = s->guest[i];
        if (g->state != QNT_GUEST_NEW && g->state != QNT_GUEST_OFFERED)
            continue;
        connecting++;
        if (oldest == s->n_guests || g->end < s->guest[oldest]->end)
            oldest = i;
    }
    if (connecting >= CONNECTING_MOST)
        drop(s, oldest);
}

/* One at a time: those who are served are heard in between. */
static void let_in(struct qnt_server *s)
{
    const int socket = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            s->deaf_until = qnt_server_now() + DEAF_MS * QNT_MS; /* no descriptors: when some have left */
        return;
    }
    make_place(s);
    if (s->n_guests == s->most_guests) { /* of such whose end takes memory that there is not */
        close(socket);
        return;
    }
    struct qnt_guest *g = qnt_guest_make(s, socket);
    if (g)
        s->guest[s->n_guests++] = g;
}

/* When guest g has to be looked at again without being heard; NEVER. */
static int64_t due(const struct qnt_guest *g, int64_t now)
{
    if (g->state == QNT_GUEST_ENDING)
        return now + AGAIN_MS * QNT_MS;
    return g->state == QNT_GUEST_SERVED && g->end <= now ? NEVER : g->end;
}

/* Fills in what is waited for; until when, ns, or NEVER. */
static int64_t set_poll(struct qnt_server *s)
{
    const int64_t now = qnt_server_now();
    const bool deaf = s->deaf_until > now;
    int64_t end = deaf ? s->deaf_until : NEVER;
    s->poll[0] = (struct pollfd){.fd = s->stop, .events = POLLIN};
    s->poll[LISTENER] = (struct pollfd){.fd = deaf ? -1 : s->listener, .events = POLLIN};
    for (size_t i = 0; i < s->n_guests; i++) {
        const struct qnt_guest *g = s->guest[i];
        const int64_t at = due(g, now);
        const bool ending = g->state == QNT_GUEST_ENDING, quiet = g->state == QNT_GUEST_SERVED && g->end > now;
        s->poll[GUESTS + 2 * i] = (struct pollfd){.fd = ending ? -1 : g->socket, .events = quiet ? 0 : POLLIN};
        s->poll[GUESTS + 2 * i + 1] = (struct pollfd){.fd = ending ? -1 : g->process, .events = POLLIN};
        if (at != NEVER && (end == NEVER || at < end))
            end = at;
    }
    return end;
}

static void *control(void *server)
{
    struct qnt_server *s = server;
    pthread_setname_np(pthread_self(), "qnt-server");
    for (;;) {
        const int64_t end = set_poll(s), left = end - qnt_server_now(), ns = left > 0 ? left : 0;
        const struct timespec wait = {.tv_sec = ns / (1000 * QNT_MS), .tv_nsec = ns % (1000 * QNT_MS)};
        const size_t n = s->n_guests;
        if (ppoll(s->poll, GUESTS + 2 * n, end == NEVER ? NULL : &wait, NULL) < 0)
            continue; /* EINTR: no signals come here; ENOMEM passes */
        if (s->poll[0].revents)
            break;
        /* The last one takes the place of one that is dropped: it has been heard then. */
        for (size_t i = n; i-- > 0;)
            if (!qnt_guest_hear(s, s->guest[i], s->poll[GUESTS + 2 * i].revents, s->poll[GUESTS + 2 * i + 1].revents))
                drop(s, i);
        if (s->poll[LISTENER].revents)
            let_in(s);
    }
    while (s->n_guests)
        for (size_t i = s->n_guests; i-- > 0;)
            drop(s, i);
    return NULL;
}

static qnt_status read_config(const qnt_server_config *config, qnt_server_config *c)
{
    qnt_status status = qnt_config_copy(c, sizeof *c, config, "server config");
    if (status)
        return status;
    if (!c->path)
        return qnt_fail(QNT_ERR_ARG, "server config: path is NULL");
    if (c->max_clients > CLIENTS_MOST)
        return qnt_fail(QNT_ERR_ARG, "server config: max_clients is %u, expected up to %d", c->max_clients,
                        CLIENTS_MOST);
    if (c->depth > QNT_QUEUE_MOST || c->depth & (c->depth - 1))
        return qnt_fail(QNT_ERR_ARG, "server config: depth is %u, expected a power of two up to %d", c->depth,
                        QNT_QUEUE_MOST);
    if (c->bytes > SIZE_MAX / 4)
        return qnt_fail(QNT_ERR_ARG, "server config: bytes is %llu", (unsigned long long)c->bytes);
    if ((c->n_uids && !c->uids) || (c->n_gids && !c->gids) || c->reserved)
        return qnt_fail(QNT_ERR_ARG, "server config: uids or gids is NULL, or reserved is not 0");
    c->max_clients = c->max_clients ? c->max_clients : CLIENTS;
    c->depth = c->depth ? c->depth : DEPTH;
    c->bytes = c->bytes ? c->bytes : BYTES;
    c->handshake_ms = c->handshake_ms ? c->handshake_ms : HANDSHAKE_MS;
    return QNT_OK;
}

static uint32_t *copy_ids(const qnt_ctx *ctx, const uint32_t *ids, uint32_t n)
{
    uint32_t *copy = qnt_alloc_array(ctx, n, sizeof *copy, "an access list");
    if (copy && n)
        memcpy(copy, ids, n * sizeof *copy);
    return copy;
}

static qnt_status copy_config(struct qnt_server *s, const qnt_server_config *c)
{
    s->config = *c;
    s->config.path = qnt_strdup(s->ctx, c->path);
    s->config.uids = copy_ids(s->ctx, c->uids, c->n_uids);
    s->config.gids = copy_ids(s->ctx, c->gids, c->n_gids);
    s->config.names = NULL;
    s->most_guests = s->config.max_clients + CONNECTING_MOST;
    s->guest = qnt_alloc_array(s->ctx, s->most_guests, sizeof *s->guest, "a server's clients");
    s->poll = qnt_alloc_array(s->ctx, GUESTS + 2 * s->most_guests, sizeof *s->poll, "what a server waits for");
    return s->config.path && s->config.uids && s->config.gids && s->guest && s->poll ? QNT_OK : QNT_ERR_NOMEM;
}

static qnt_status start(struct qnt_server *s, const qnt_server_config *c)
{
    for (uint32_t i = 0; c->names && i < s->engine->n_models; i++)
        if (!c->names[i] || !*c->names[i])
            return qnt_fail(QNT_ERR_ARG, "server config: model %u has no name", i);
    qnt_status status = copy_config(s, c);
    if (status || (status = qnt_wire_models_write(s->engine, c->names, &s->models, &s->models_bytes)))
        return status;
    if ((s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        return qnt_fail(QNT_ERR_SYSTEM, "a server's descriptor: %s", strerror(errno));
    if ((status = qnt_wire_listen(c->path, c->n_uids || c->n_gids, &s->listener)))
        return status;
    if (stat(c->path, &s->file))
        return qnt_fail(QNT_ERR_IO, "%s: %s", c->path, strerror(errno));
    const int error = qnt_thread_start(&s->thread, control, s);
    if (error)
        return qnt_fail(QNT_ERR_SYSTEM, "starting a server's thread: %s", strerror(error));
    s->started = true;
    return QNT_OK;
}

qnt_status qnt_server_create(qnt_engine *engine, const qnt_server_config *config, qnt_server **out)
{
    qnt_server_config c;
    if (!engine || !config || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_server_create: engine, config or out is NULL");
    qnt_status status = read_config(config, &c);
    if (status || (status = qnt_engine_usable(engine, "qnt_server_create")))
        return status;
    qnt_server *s = qnt_alloc(engine->ctx, sizeof *s, "a server");
    if (!s)
        return QNT_ERR_NOMEM;
    s->ctx = engine->ctx;
    s->engine = engine;
    s->listener = s->stop = s->models = -1;
    if ((status = start(s, &c))) {
        qnt_server_destroy(s);
        return status;
    }
    *out = s;
    return QNT_OK;
}

/* The socket, unless another one is there by now. */
static void remove_socket(const struct qnt_server *s)
{
    struct stat st;
    if (s->listener >= 0 && !stat(s->config.path, &st) && st.st_ino == s->file.st_ino && st.st_dev == s->file.st_dev)
        unlink(s->config.path);
}

void qnt_server_destroy(qnt_server *s)
{
    if (!s)
        return;
    if (*s->engine->alive) {
        const uint64_t one = 1;
        remove_socket(s);
        if (s->started && write(s->stop, &one, sizeof one) == (ssize_t)sizeof one)
            pthread_join(s->thread, NULL);
    }
    const int fds[] = {s->listener, s->stop, s->models};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    qnt_release(s->ctx, (void *)(uintptr_t)s->config.path);
    qnt_release(s->ctx, (void *)(uintptr_t)s->config.uids);
    qnt_release(s->ctx, (void *)(uintptr_t)s->config.gids);
    qnt_release(s->ctx, s->guest);
    qnt_release(s->ctx, s->poll);
    qnt_release(s->ctx, s);
}
