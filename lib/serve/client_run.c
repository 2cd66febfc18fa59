/* What a client's program calls in its loop. What happens seldom is in functions of its own, out of the way. */
#include <errno.h>
#include <sys/socket.h>
#include "lib/serve/client.h"

bool qnt_client_is_gone(qnt_client *c)
{
    char byte;
    const ssize_t n = recv(c->socket, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        atomic_store_explicit(&c->gone, true, memory_order_release);
    return atomic_load_explicit(&c->gone, memory_order_acquire);
}

static qnt_status usable(const qnt_client *c, const char *what)
{
    if (!c)
        return qnt_fail(QNT_ERR_ARG, "%s: client is NULL", what);
    if (!*c->alive)
        return qnt_fail(QNT_ERR_STATE, "%s: this is a child of fork, the client is the parent's", what);
    if (atomic_load_explicit(&c->gone, memory_order_acquire))
        return qnt_fail(QNT_ERR_STATE, "%s: the server is gone", what);
    return QNT_OK;
}

qnt_status qnt_client_check(qnt_client *c)
{
    if (c && *c->alive)
        qnt_client_is_gone(c);
    return usable(c, "qnt_client_check");
}

/* A packet that does not fit waits behind others, which say the same. */
static __attribute__((noinline, cold)) void wake(qnt_client *c)
{
    const struct qnt_wire_request r = {.head = qnt_wire_head(QNT_WIRE_WAKE)};
    ssize_t n;
    do
        n = send(c->socket, &r, sizeof r, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        qnt_client_is_gone(c);
}

static __attribute__((noinline, cold)) uint32_t refuse(const qnt_client *c, const char *what)
{
    if (!usable(c, what))
        qnt_fail(QNT_ERR_ARG, "%s: ops is NULL", what);
    return 0;
}

static inline uint64_t load(const _Atomic uint64_t *counter, memory_order order)
{
    return atomic_load_explicit(counter, order);
}

uint32_t qnt_client_submit_burst(qnt_client *c, const qnt_engine_op *ops, uint32_t n)
{
    bool asleep;
    if (!c || !ops || !*c->alive || atomic_load_explicit(&c->gone, memory_order_relaxed))
        return refuse(c, "qnt_client_submit_burst");
    /* Acquire: pairs with take_back. With so few under way the slots of those that have no result stay as they are,
     * and there is always room for a result. */
    const uint64_t polled = load(&c->user.polled, memory_order_acquire);
    const uint64_t room = c->depth - (load(&c->user.submitted, memory_order_relaxed) - polled);
    const uint32_t taken = qnt_queue_submit(&c->user, ops, n < room ? n : (uint32_t)room, &asleep);
    if (asleep)
        wake(c);
    return taken;
}

/* The server is gone: operations without a result, out of their slots. */
static __attribute__((noinline, cold)) uint32_t take_back(qnt_client *c, qnt_engine_op *ops, uint32_t n)
{
    struct qnt_ring_out left = {
        .ring = c->user.ops.ring, .mask = c->user.ops.mask, .head = load(&c->user.polled, memory_order_relaxed)};
    uint32_t taken = 0;
    for (; taken < n && qnt_ring_ready(&left); taken++, left.head++) {
        qnt_engine_op *op = &ops[taken];
        memcpy(op, &left.ring->slot[left.head & left.mask].message, sizeof *op);
        op->in = (const void *)((uintptr_t)op->in + (uintptr_t)c->data);
        op->out = (void *)((uintptr_t)op->out + (uintptr_t)c->data);
        op->deadline_ns = op->ticks = 0;
        op->status = QNT_ERR_INTERRUPTED;
    }
    atomic_store_explicit(&c->user.polled, left.head, memory_order_release);
    return taken;
}

/* Nothing has come. */
static __attribute__((noinline)) void wait_on(qnt_client *c)
{
    const uint64_t now = qnt_ticks_near();
    if (load(&c->user.submitted, memory_order_relaxed) == load(&c->user.polled, memory_order_relaxed)) {
        c->since = 0;
    } else if (!c->since) {
        c->since = now;
    } else if (now - c->since > c->patience) {
        c->since = now;
        qnt_client_is_gone(c);
    }
}

uint32_t qnt_client_poll_burst(qnt_client *c, qnt_engine_op *ops, uint32_t n)
{
    bool asleep;
    if (!c || !*c->alive)
        return refuse(c, "qnt_client_poll_burst");
    /* Before the results: when it is set there are no more to come. */
    const bool gone = atomic_load_explicit(&c->gone, memory_order_acquire);
    const uint32_t taken = qnt_queue_poll(&c->user, ops, n, &asleep);
    if (gone)
        return taken < n ? taken + take_back(c, ops + taken, n - taken) : taken;
    if (asleep)
        wake(c);
    if (taken)
        c->since = 0;
    else if (n)
        wait_on(c);
    return taken;
}
