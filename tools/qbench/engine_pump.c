/* Windows of the engine: as many operations on their way as the depth says, by its own queue pair or by a client. */
#include <qnt/client.h>
#include <string.h>
#include "simd/ticks.h"
#include "tools/qbench/engine.h"

enum { WARM = 64, CHUNK = 32 };
typedef uint32_t burst(void *side, qnt_engine_op *ops, uint32_t n);
/* The two are constants to whoever inlines what is below. */
struct port {
    void *side;
    burst *submit, *poll;
};
#define INLINE static inline __attribute__((always_inline))

INLINE uint32_t submit_here(void *engine, qnt_engine_op *ops, uint32_t n)
{
    return qnt_engine_submit_burst(engine, 0, ops, n);
}

INLINE uint32_t poll_here(void *engine, qnt_engine_op *ops, uint32_t n)
{
    return qnt_engine_poll_burst(engine, 0, ops, n);
}

INLINE uint32_t submit_client(void *client, qnt_engine_op *ops, uint32_t n)
{
    return qnt_client_submit_burst(client, ops, n);
}

INLINE uint32_t poll_client(void *client, qnt_engine_op *ops, uint32_t n)
{
    return qnt_client_poll_burst(client, ops, n);
}

static qnt_engine_op new_op(const struct qe *e, uint32_t i)
{
    return (qnt_engine_op){.user = i, .in = e->in, .out = e->out + i * e->out_bytes};
}

/* What a program does that has new data each time, and looks at what comes of them. */
INLINE void write_input(const struct qe *e)
{
    memcpy(e->in, e->in + e->in_bytes, e->in_bytes);
}

INLINE void read_output(const struct qe *e)
{
    for (size_t at = 0; at < e->out_bytes; at += QE_LINE)
        (void)*(volatile uint8_t *)(e->out + at);
}

/* One operation at a time, each from its submission to its result. */
INLINE void pump_one(struct qe *e, struct port p, bool moves)
{
    struct qe_window *w = e->window;
    qnt_engine_op op = new_op(e, 0), back;
    for (uint64_t i = 0; w->samples < QE_SAMPLES; i++) {
        if (moves)
            write_input(e);
        const uint64_t begin = qnt_ticks();
        p.submit(p.side, &op, 1);
        while (!p.poll(p.side, &back, 1))
            ;
        if (moves)
            read_output(e);
        const uint64_t end = qnt_ticks();
        w->failed += back.status != QNT_OK;
        if (qe_sample(e, i, WARM, (double)(end - begin) - e->watch, end))
            break;
    }
}

/* Operations come back whole, and go in again. A sample is the mean of some that came one after another. */
INLINE void pump_many(struct qe *e, struct port p, uint32_t depth)
{
    struct qe_window *w = e->window;
    const uint32_t chunk = depth < CHUNK / 2 ? CHUNK : 2 * depth;
    qnt_engine_op here[QE_DEPTH];
    uint32_t n = depth; /* that are here */
    for (uint32_t i = 0; i < depth; i++)
        here[i] = new_op(e, i);
    for (uint32_t round = 0; w->samples < QE_SAMPLES; round++) {
        const uint64_t begin = qnt_ticks_near();
        uint32_t done = 0;
        while (done < chunk) {
            const uint32_t sent = p.submit(p.side, here, n);
            n -= sent;
            if (n)
                memmove(here, here + sent, n * sizeof *here);
            const uint32_t got = p.poll(p.side, here + n, depth - n);
            for (uint32_t i = n; i < n + got; i++)
                w->failed += here[i].status != QNT_OK;
            n += got;
            done += got;
        }
        const uint64_t end = qnt_ticks_near();
        if (qe_sample(e, round, WARM / CHUNK, (double)(end - begin) / done, end))
            break;
    }
    while (n < depth)
        n += p.poll(p.side, here + n, depth - n);
}

int qe_depth(struct qe *e, const struct qe_case *c)
{
    const struct port p = {e->engine, submit_here, poll_here};
    qnt_status status = qnt_engine_resume(e->engine);
    if (status)
        return opt_fail(e->q->tool, status);
    if (c->n == 1)
        pump_one(e, p, false);
    else
        pump_many(e, p, c->n);
    return opt_fail(e->q->tool, qnt_engine_pause(e->engine));
}

void qe_pump_client(struct qe *e, qnt_client *client, uint32_t depth)
{
    const struct port p = {client, submit_client, poll_client};
    if (depth == 1)
        pump_one(e, p, false);
    else
        pump_many(e, p, depth);
}

int qe_depth_moving(struct qe *e, const struct qe_case *c)
{
    (void)c;
    qnt_status status = qnt_engine_resume(e->engine);
    if (status)
        return opt_fail(e->q->tool, status);
    pump_one(e, (struct port){e->engine, submit_here, poll_here}, true);
    return opt_fail(e->q->tool, qnt_engine_pause(e->engine));
}
