/* An example: inference inside a DPDK application's poll loop.
 *
 * The engine is caller-driven: it has no threads. The lcore that polls its port submits features to the engine, does
 * the worker's part itself with qnt_engine_poll_once and takes the results, burst by burst, all in the same loop. An
 * application with several lcores gives each of them a worker and a queue pair of its own.
 *
 * So that it can be tried anywhere, the port is a ring (net_ring): what the loop sends on it comes back. It needs
 * neither huge pages nor devices nor rights. Arguments go to EAL; without any it is started as that takes. A real
 * application would have its devices there, and no packets to make.
 *
 * Where EAL or the port is not to be had it prints why, and ends with 77. */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include "verdict.h"

enum { PACKETS = 10000, BURST = 32, DEPTH = 64, POOL = 1023, CACHE = 64, RING = 512, SKIPPED = 77 };

struct lcore {
    uint16_t port;
    struct rte_mempool *pool;
    qnt_engine *engine;
    struct judged *judged; /* DEPTH of them */
    uint32_t free[DEPTH], n_free;
    struct rte_mbuf *packet[DEPTH]; /* by place in judged */
    uint32_t sent, done;
    struct tally tally;
};

static int skip(const char *what)
{
    fprintf(stderr, "skipped: %s: %s\n", what, rte_strerror(rte_errno));
    return SKIPPED;
}

static int fail(const char *text)
{
    fprintf(stderr, "dpdk_lcore: %s\n", text);
    return 1;
}

/* What comes in is what went out. */
static bool open_port(struct lcore *l)
{
    const struct rte_eth_conf conf = {0};
    return (l->pool = rte_pktmbuf_pool_create("packets", POOL, CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY)) &&
           !rte_eth_dev_get_port_by_name("net_ring0", &l->port) && !rte_eth_dev_configure(l->port, 1, 1, &conf) &&
           !rte_eth_rx_queue_setup(l->port, 0, RING, SOCKET_ID_ANY, NULL, l->pool) &&
           !rte_eth_tx_queue_setup(l->port, 0, RING, SOCKET_ID_ANY, NULL) && !rte_eth_dev_start(l->port);
}

/* Some packets more, which a real application would get from others. */
static void send_some(struct lcore *l)
{
    struct rte_mbuf *m[BURST];
    uint16_t n = 0;
    for (; n < BURST && l->sent + n < PACKETS; n++) {
        struct payload *p;
        if (!(m[n] = rte_pktmbuf_alloc(l->pool)))
            break;
        struct rte_ether_hdr *head = (void *)rte_pktmbuf_append(m[n], sizeof *head + sizeof *p);
        *head = (struct rte_ether_hdr){.ether_type = RTE_BE16(0x88b5)}; /* for experiments */
        struct payload made;
        make_payload(l->sent + n, &made);
        memcpy(head + 1, &made, sizeof made);
    }
    const uint16_t sent = rte_eth_tx_burst(l->port, 0, m, n);
    for (uint16_t i = sent; i < n; i++)
        rte_pktmbuf_free(m[i]);
    l->sent += sent;
}

static struct payload payload_of(const struct rte_mbuf *m)
{
    struct payload p;
    memcpy(&p, rte_pktmbuf_mtod_offset(m, const uint8_t *, sizeof(struct rte_ether_hdr)), sizeof p);
    return p;
}

/* Up to as many packets as have a place: each becomes an operation. */
static void receive(struct lcore *l)
{
    struct rte_mbuf *m[BURST];
    qnt_engine_op ops[BURST];
    const uint16_t most = l->n_free < BURST ? (uint16_t)l->n_free : BURST;
    const uint16_t n = rte_eth_rx_burst(l->port, 0, m, most);
    for (uint16_t i = 0; i < n; i++) {
        const uint32_t place = l->free[--l->n_free];
        const struct payload p = payload_of(m[i]);
        l->packet[place] = m[i];
        read_features(p.content, sizeof p.content, l->judged[place].in);
        ops[i] = (qnt_engine_op){.user = place, .in = l->judged[place].in, .out = l->judged[place].out};
    }
    qnt_engine_submit_burst(l->engine, 0, ops, n); /* there are as many places as the queue is deep: it takes all */
}

static void judge(struct lcore *l)
{
    qnt_engine_op results[BURST];
    const uint32_t n = qnt_engine_poll_burst(l->engine, 0, results, BURST);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t place = (uint32_t)results[i].user;
        const struct payload p = payload_of(l->packet[place]);
        if (results[i].status == QNT_OK)
            count_verdict(&l->tally, &p, l->judged[place].out);
        rte_pktmbuf_free(l->packet[place]); /* a real application sends on what passes */
        l->free[l->n_free++] = place;
    }
    l->done += n;
}

static void poll_loop(struct lcore *l)
{
    while (l->done < PACKETS) {
        send_some(l);
        receive(l);
        qnt_engine_poll_once(l->engine, 0);
        judge(l);
    }
}

static int run(void)
{
    const qnt_engine_config config = {.size = sizeof config, .workers = 1, .depth = DEPTH, .caller_driven = 1};
    static struct lcore l;
    qnt_ctx *ctx;
    qnt_model *model;
    if (!open_port(&l))
        return skip("a port that is a ring");
    if (!(l.judged = rte_zmalloc("judged", DEPTH * sizeof *l.judged, LINE)))
        return fail("out of memory");
    for (; l.n_free < DEPTH; l.n_free++)
        l.free[l.n_free] = l.n_free;
    if (qnt_ctx_create(NULL, &ctx) || make_model(ctx, &model) || qnt_engine_create(&model, 1, &config, &l.engine))
        return fail(qnt_last_error());
    poll_loop(&l);
    tell(&l.tally);
    printf("lcore %u did all of it\n", rte_lcore_id());
    qnt_engine_destroy(l.engine);
    qnt_model_free(model);
    qnt_ctx_free(ctx);
    rte_free(l.judged);
    rte_eth_dev_stop(l.port);
    return l.tally.wrong != 0 || l.tally.passed + l.tally.dropped != PACKETS;
}

int main(int argc, char **argv)
{
    char lcore[32];
    char *own[] = {argv[0],  "--no-huge", "--no-pci",    "--no-shconf", "--no-telemetry", "-m", "64",
                   "--vdev", "net_ring0", "--log-level", "error",       "--lcores",       lcore};
    snprintf(lcore, sizeof lcore, "0@%d", sched_getcpu());
    const int started = argc > 1 ? rte_eal_init(argc, argv) : rte_eal_init((int)(sizeof own / sizeof *own), own);
    if (started < 0)
        return skip("EAL");
    const int code = run();
    rte_eal_cleanup();
    return code;
}
