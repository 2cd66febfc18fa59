/* What a server tells of itself, here and to who asks at its socket. */
#include <unistd.h>
#include "lib/serve/server.h"

enum { ANSWER_MS = 2000 };

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static qnt_status gather(const struct qnt_server *s, qnt_server_stats *out)
{
    qnt_engine_stats e = {.size = sizeof e};
    qnt_status status = qnt_engine_stats_get(s->engine, &e);
    if (status)
        return status;
    *out = (qnt_server_stats){.size = sizeof *out,
                              .clients = (uint32_t)load(&s->clients),
                              .max_clients = s->config.max_clients,
                              .bytes = load(&s->bytes),
                              .connected = load(&s->connected),
                              .refused = load(&s->refused),
                              .died = load(&s->died),
                              .wakes = load(&s->wakes),
                              .models = (uint32_t)s->engine->n_models,
                              .workers = e.workers,
                              .done = e.done,
                              .errors = e.errors,
                              .missed = e.missed,
                              .ns = e.ns};
    return QNT_OK;
}

qnt_status qnt_server_stats_get(const qnt_server *s, qnt_server_stats *out)
{
    qnt_server_stats full;
    if (!s)
        return qnt_fail(QNT_ERR_ARG, "qnt_server_stats_get: server is NULL");
    qnt_status status = gather(s, &full);
    return status ? status : qnt_result_copy(out, &full, sizeof full, "qnt_server_stats_get");
}

void qnt_server_answer(const struct qnt_server *s, uint32_t number, struct qnt_wire_answer *out)
{
    memset(out, 0, sizeof *out);
    out->head = qnt_wire_head(number ? QNT_WIRE_WORKER : QNT_WIRE_STATS);
    if (number) {
        out->u.worker.size = sizeof out->u.worker;
        out->known = !qnt_engine_worker_get(s->engine, number - 1, &out->u.worker);
    } else {
        out->known = !gather(s, &out->u.server);
    }
}

_Static_assert(sizeof(struct qnt_wire_answer) != sizeof(struct qnt_wire_reply), "packets are told apart by size");

static qnt_status receive_answer(int socket, enum qnt_wire_kind kind, uint32_t number, struct qnt_wire_answer *a)
{
    size_t got = 0;
    union {
        struct qnt_wire_answer answer;
        struct qnt_wire_reply refusal;
    } packet;
    qnt_status status = qnt_wire_receive(socket, &packet, sizeof packet, NULL, 0, ANSWER_MS, &got);
    if (status)
        return status;
    if (got != sizeof *a || !qnt_wire_is(&packet.answer.head, kind)) {
        status = qnt_wire_check(&packet.refusal, got, QNT_WIRE_OFFER);
        return status ? status : qnt_fail(QNT_ERR_FORMAT, "an answer of %zu bytes that is no server's", got);
    }
    *a = packet.answer;
    if (!a->known && number)
        return qnt_fail(QNT_ERR_ARG, "worker %u: the server has no such one", number - 1);
    return a->known ? QNT_OK : qnt_fail(QNT_ERR_STATE, "the server does not know");
}

static qnt_status ask(const char *path, uint32_t number, struct qnt_wire_answer *out)
{
    const struct qnt_wire_request r = {.head = qnt_wire_head(QNT_WIRE_ASK), .number = number};
    int socket;
    qnt_status status = qnt_wire_connect(path, &socket);
    if (status)
        return status;
    qnt_wire_send(socket, &r, sizeof r, NULL, 0); /* refused without being asked: the answer says so */
    if ((status = receive_answer(socket, number ? QNT_WIRE_WORKER : QNT_WIRE_STATS, number, out)))
        qnt_fail_in(status, "%s", path);
    close(socket);
    return status;
}

qnt_status qnt_server_ask(const char *path, qnt_server_stats *out)
{
    struct qnt_wire_answer a;
    if (!path || !out)
        return qnt_fail(QNT_ERR_ARG, "qnt_server_ask: path or out is NULL");
    qnt_status status = ask(path, 0, &a);
    return status ? status : qnt_result_copy(out, &a.u.server, sizeof a.u.server, "qnt_server_ask");
}

qnt_status qnt_server_ask_worker(const char *path, uint32_t worker, qnt_engine_worker *out)
{
    struct qnt_wire_answer a;
    if (!path || !out || worker == UINT32_MAX)
        return qnt_fail(QNT_ERR_ARG, "qnt_server_ask_worker: path or out is NULL, or the number is none");
    qnt_status status = ask(path, worker + 1, &a);
    return status ? status : qnt_result_copy(out, &a.u.worker, sizeof a.u.worker, "qnt_server_ask_worker");
}
