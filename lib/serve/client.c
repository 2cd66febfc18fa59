/* Connecting and leaving, and what the server has. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lib/engine/memory.h"
#include "lib/serve/client.h"

enum { TIMEOUT_MS = 2000, PATIENCE_MS = 10, NS_OF_MS = 1000000, FILES = 2 };
static const uint8_t always = 1;

static qnt_status receive_reply(int socket, enum qnt_wire_kind kind, uint32_t timeout_ms, int fds[FILES],
                                struct qnt_wire_reply *r)
{
    size_t got = 0;
    qnt_status status = qnt_wire_receive(socket, r, sizeof *r, fds, FILES, timeout_ms, &got);
    return status ? status : qnt_wire_check(r, got, kind);
}

/* The server may be anybody's: what it offers must hold what it says, and stay so. */
static qnt_status check_offer(const struct qnt_wire_reply *r, const int fds[FILES])
{
    struct stat st;
    if (r->depth < 1 || r->depth > QNT_QUEUE_MOST || r->depth & (r->depth - 1) || r->data_offset % QNT_WIRE_ALIGN ||
        r->data_offset < qnt_queue_bytes(r->depth) || r->area_bytes < r->data_offset ||
        r->area_bytes - r->data_offset < r->data_bytes || !(r->ticks_per_ns > 0))
        return qnt_fail(QNT_ERR_FORMAT, "the server offers %llu bytes for a depth of %u and data of %llu bytes at %llu",
                        (unsigned long long)r->area_bytes, r->depth, (unsigned long long)r->data_bytes,
                        (unsigned long long)r->data_offset);
    if (fds[0] < 0 || fds[1] < 0 || !qnt_wire_has_seals(fds[0], F_SEAL_SHRINK) || fstat(fds[0], &st) ||
        (uint64_t)st.st_size < r->area_bytes)
        return qnt_fail(QNT_ERR_FORMAT, "the server's memory is not a sealed file of %llu bytes",
                        (unsigned long long)r->area_bytes);
    return QNT_OK;
}

/* Every page is there before the server looks: see wire.h. */
static qnt_status map_area(qnt_client *c, int fd, const struct qnt_wire_reply *r)
{
    void *map = mmap(NULL, (size_t)r->area_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return qnt_fail(QNT_ERR_NOMEM, "out of memory: mapping %llu bytes: %s", (unsigned long long)r->area_bytes,
                        strerror(errno));
    c->area = map;
    c->area_bytes = r->area_bytes;
    c->data = c->area + r->data_offset;
    c->data_bytes = r->data_bytes;
    madvise(c->area, (size_t)c->area_bytes, MADV_DONTFORK);
    const size_t page = qnt_page_size();
    for (size_t i = 0; i < c->area_bytes; i += page)
        ((volatile uint8_t *)c->area)[i] = 0;
    qnt_queue_format(c->area, r->depth);
    qnt_queue_user_init(&c->user, c->area, r->depth, r->ticks_per_ns);
    c->user.base = c->data;
    c->user.sleeps = r->sleeps != 0;
    c->depth = r->depth;
    c->max_batch = r->max_batch;
    c->patience = (uint64_t)(r->ticks_per_ns * NS_OF_MS * PATIENCE_MS);
    return QNT_OK;
}

static qnt_status take_offer(qnt_client *c, const struct qnt_wire_reply *r, const int fds[FILES])
{
    const struct qnt_wire_request mapped = {.head = qnt_wire_head(QNT_WIRE_MAPPED)};
    qnt_status status = check_offer(r, fds);
    if (status || (status = map_area(c, fds[0], r)) ||
        (status = qnt_wire_models_map(fds[1], (size_t)r->models_bytes, &c->models)))
        return status;
    return qnt_wire_send(c->socket, &mapped, sizeof mapped, NULL, 0);
}

static void close_all(const int fds[FILES])
{
    for (int i = 0; i < FILES; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static qnt_status shake_hands(qnt_client *c, const qnt_client_config *config)
{
    const struct qnt_wire_request hello = {
        .head = qnt_wire_head(QNT_WIRE_HELLO), .bytes = config->bytes, .depth = config->depth};
    const uint32_t timeout = config->timeout_ms ? config->timeout_ms : TIMEOUT_MS;
    struct qnt_wire_reply r;
    int fds[FILES] = {-1, -1};
    /* Refused without being asked: the reply says more than that the socket is closed. */
    qnt_wire_send(c->socket, &hello, sizeof hello, NULL, 0);
    qnt_status status = receive_reply(c->socket, QNT_WIRE_OFFER, timeout, fds, &r);
    if (!status)
        status = take_offer(c, &r, fds);
    close_all(fds);
    if (status)
        return status;
    status = receive_reply(c->socket, QNT_WIRE_READY, timeout, fds, &r);
    close_all(fds);
    return status;
}

qnt_status qnt_client_connect(qnt_ctx *ctx, const char *path, const qnt_client_config *config, qnt_client **out)
{
    qnt_client_config full;
    if (!ctx || !path || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_client_connect: ctx, path or out is NULL");
    qnt_status status = qnt_config_copy(&full, sizeof full, config, "client config");
    if (status)
        return status;
    qnt_client *c = qnt_apart_alloc(ctx, sizeof *c, "a client");
    if (!c)
        return QNT_ERR_NOMEM;
    c->ctx = ctx;
    c->socket = -1;
    pthread_mutex_init(&c->parts, NULL);
    c->mark = qnt_fork_mark();
    c->alive = c->mark ? c->mark : &always;
    status = qnt_wire_connect(path, &c->socket);
    if (!status && (status = shake_hands(c, &full)))
        qnt_fail_in(status, "%s", path);
    if (status) {
        qnt_client_close(c);
        return status;
    }
    *out = c;
    return QNT_OK;
}

void qnt_client_close(qnt_client *c)
{
    if (!c)
        return;
    if (c->socket >= 0 && *c->alive) {
        const struct qnt_wire_request leave = {.head = qnt_wire_head(QNT_WIRE_LEAVE)};
        send(c->socket, &leave, sizeof leave, MSG_DONTWAIT | MSG_NOSIGNAL);
        shutdown(c->socket, SHUT_RDWR); /* children may have it open */
    }
    if (c->socket >= 0)
        close(c->socket);
    if (c->area && *c->alive)
        munmap(c->area, (size_t)c->area_bytes);
    qnt_wire_models_unmap(&c->models);
    qnt_fork_mark_free(c->mark);
    pthread_mutex_destroy(&c->parts);
    qnt_release(c->ctx, c->part);
    qnt_apart_free(c->ctx, c);
}

qnt_status qnt_client_get(const qnt_client *c, qnt_client_info *out)
{
    if (!c)
        return qnt_fail(QNT_ERR_ARG, "qnt_client_get: client is NULL");
    const qnt_client_info full = {.size = sizeof full,
                                  .data = c->data,
                                  .bytes = c->data_bytes,
                                  .depth = (uint32_t)c->depth,
                                  .max_batch = c->max_batch,
                                  .models = c->models.n};
    return qnt_result_copy(out, &full, sizeof full, "qnt_client_get");
}

static qnt_status check_model(const qnt_client *c, uint32_t model, const char *what)
{
    if (!c)
        return qnt_fail(QNT_ERR_ARG, "%s: client is NULL", what);
    return model < c->models.n ? QNT_OK
                               : qnt_fail(QNT_ERR_ARG, "%s: model %u, the server has %u", what, model, c->models.n);
}

const char *qnt_client_model_name(const qnt_client *c, uint32_t model)
{
    return check_model(c, model, "qnt_client_model_name") ? NULL : qnt_wire_model_name(&c->models, model);
}

qnt_status qnt_client_find_model(const qnt_client *c, const char *name, uint32_t *out)
{
    if (!c || !name || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_client_find_model: a pointer is NULL");
    for (uint32_t i = 0; i < c->models.n; i++)
        if (!strcmp(qnt_wire_model_name(&c->models, i), name)) {
            *out = i;
            return QNT_OK;
        }
    return qnt_fail(QNT_ERR_ARG, "qnt_client_find_model: the server has no model '%s'", name);
}

size_t qnt_client_input_count(const qnt_client *c, uint32_t model)
{
    return check_model(c, model, "qnt_client_input_count") ? 0 : qnt_wire_model_count(&c->models, model, true);
}

size_t qnt_client_output_count(const qnt_client *c, uint32_t model)
{
    return check_model(c, model, "qnt_client_output_count") ? 0 : qnt_wire_model_count(&c->models, model, false);
}

static qnt_status tell_tensor(const qnt_client *c, uint32_t model, bool input, size_t i, qnt_tensor_info *out)
{
    const char *what = input ? "qnt_client_input" : "qnt_client_output";
    qnt_status status = check_model(c, model, what);
    if (status)
        return status;
    if (!out || i >= qnt_wire_model_count(&c->models, model, input))
        return qnt_fail(QNT_ERR_ARG, "%s: number %zu, the model has %u", what, i,
                        qnt_wire_model_count(&c->models, model, input));
    qnt_wire_model_tensor(&c->models, model, input, i, out);
    return QNT_OK;
}

qnt_status qnt_client_input(const qnt_client *c, uint32_t model, size_t i, qnt_tensor_info *out)
{
    return tell_tensor(c, model, true, i, out);
}

qnt_status qnt_client_output(const qnt_client *c, uint32_t model, size_t i, qnt_tensor_info *out)
{
    return tell_tensor(c, model, false, i, out);
}
