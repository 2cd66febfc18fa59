/* An example: packets from AF_XDP to verdicts, without a system call on the receive side.
 *
 * The kernel writes packets into memory that it shares with this program and their descriptors into a ring; the receive
 * thread takes them from there, reads their features, submits these to an engine and polls its results, and gives the
 * frames back through another ring. All of that is memory. To show it, the thread has itself killed by whatever system
 * call it makes (--bait makes one).
 *
 * So that it can be tried anywhere, the program has a network namespace of its own with a pair of veth devices: it
 * sends itself packets from one end. A real program would open the queue of a real device instead of make_network, and
 * what is from open_socket to receive would stay. Needs root (CAP_NET_ADMIN, CAP_BPF) and a kernel with XDP sockets;
 * where these are not it prints why, and ends with 77.
 *
 * Usage: xdp_verdict [--packets N] [--bait] */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_link.h>
#include <linux/seccomp.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <xdp/xsk.h>
#include "verdict.h"

enum { FRAMES = 2048, FRAME = 2048, BURST = 32, DEPTH = 256, PORT = 4711, SKIPPED = 77, PATIENCE_S = 10 };
#define SENDER "qnt-tx"
#define RECEIVER "qnt-rx"

struct packet {
    struct ether_header ether;
    struct iphdr ip;
    struct udphdr udp;
    struct payload payload;
} __attribute__((packed));

struct receiver {
    struct xsk_umem *memory;
    struct xsk_socket *socket;
    struct xsk_ring_prod fill;     /* frames for the kernel to write to */
    struct xsk_ring_cons used, rx; /* used: of sending, which there is none of */
    uint8_t *frame;                /* FRAMES of them */
    struct judged *judged;         /* by frame */
    qnt_engine *engine;
    uint32_t wanted;
    bool bait;
    _Atomic uint32_t seen; /* packets with a verdict */
    _Atomic bool armed;    /* from here on a system call is the end */
    struct tally tally;
};

static __attribute__((format(printf, 2, 3))) void end(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, code == SKIPPED ? "skipped: " : "xdp_verdict: ");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(code);
}

static void want(qnt_status status)
{
    if (status)
        end(1, "%s", qnt_last_error());
}

/* ---- a network of its own; it ends with the program ---- */

static void make_network(void)
{
    if (unshare(CLONE_NEWNET))
        end(SKIPPED, "a network namespace of its own: %s", strerror(errno));
    /* Without IPv6 addresses, which the kernel would announce. */
    if (system("ip link add " SENDER " type veth peer name " RECEIVER " && "
               "ip link set " SENDER " addrgenmode none && ip link set " RECEIVER " addrgenmode none && "
               "ip link set " SENDER " up && ip link set " RECEIVER " up"))
        end(SKIPPED, "a pair of veth devices: ip failed");
}

/* An XDP program of six instructions: what comes goes to the socket that the map has for the queue, or on to the
 * system.
 */
static int load_program(int map)
{
    const struct bpf_insn program[] = {
        {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1, .off = offsetof(struct xdp_md, rx_queue_index)},
        {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map},
        {.code = 0},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = XDP_PASS},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
        {.code = BPF_JMP | BPF_EXIT},
    };
    return bpf_prog_load(BPF_PROG_TYPE_XDP, "to_socket", "BSD", program, sizeof program / sizeof *program, NULL);
}

static void attach_program(struct receiver *r)
{
    const int map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "sockets", sizeof(int), sizeof(int), 1, NULL);
    const int program = map < 0 ? -1 : load_program(map);
    const int error = program < 0 ? -errno : bpf_xdp_attach((int)if_nametoindex(RECEIVER), program, 0, NULL);
    if (error)
        end(SKIPPED, "an XDP program: %s", strerror(-error));
    if (xsk_socket__update_xskmap(r->socket, map))
        end(1, "the program's map does not take the socket");
}

static void open_socket(struct receiver *r)
{
    const struct xsk_umem_config memory = {.fill_size = FRAMES, .comp_size = 64, .frame_size = FRAME};
    const struct xsk_socket_config config = {.rx_size = FRAMES, .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD};
    uint32_t at;
    r->frame =
        mmap(NULL, (size_t)FRAMES * FRAME, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    r->judged = aligned_alloc(LINE, FRAMES * sizeof *r->judged);
    if (r->frame == MAP_FAILED || !r->judged)
        end(1, "out of memory");
    memset(r->judged, 0, FRAMES * sizeof *r->judged);
    int error = xsk_umem__create(&r->memory, r->frame, (size_t)FRAMES * FRAME, &r->fill, &r->used, &memory);
    if (!error)
        error = xsk_socket__create(&r->socket, RECEIVER, 0, r->memory, &r->rx, NULL, &config);
    if (error)
        end(SKIPPED, "an XDP socket: %s", strerror(-error));
    if (xsk_ring_prod__reserve(&r->fill, FRAMES, &at) != FRAMES)
        end(1, "the ring for frames is too small");
    for (uint32_t i = 0; i < FRAMES; i++)
        *xsk_ring_prod__fill_addr(&r->fill, at + i) = (uint64_t)i * FRAME;
    xsk_ring_prod__submit(&r->fill, FRAMES);
}

/* ---- the receive side ---- */

static void give_back(struct receiver *r, uint64_t frame)
{
    uint32_t at;
    while (!xsk_ring_prod__reserve(&r->fill, 1, &at)) /* it has room for all */
        ;
    *xsk_ring_prod__fill_addr(&r->fill, at) = frame * FRAME;
    xsk_ring_prod__submit(&r->fill, 1);
}

static const struct packet *packet_of(const struct receiver *r, uint64_t address, uint32_t bytes)
{
    const struct packet *p = (const void *)(r->frame + address);
    const bool ours = bytes >= sizeof *p && p->ether.ether_type == htons(ETHERTYPE_IP) &&
                      p->ip.protocol == IPPROTO_UDP && p->udp.dest == htons(PORT);
    return ours ? p : NULL;
}

/* Features of what has come, up to n packets; the operations, and in *n how many. */
static void take(struct receiver *r, qnt_engine_op *ops, uint32_t *n)
{
    uint32_t at, ready = 0;
    const uint32_t came = xsk_ring_cons__peek(&r->rx, *n, &at);
    for (uint32_t i = 0; i < came; i++) {
        const struct xdp_desc *d = xsk_ring_cons__rx_desc(&r->rx, at + i);
        const uint64_t frame = d->addr / FRAME;
        const struct packet *p = packet_of(r, d->addr, d->len);
        if (!p) {
            r->tally.others++;
            give_back(r, frame);
            continue;
        }
        struct judged *j = &r->judged[frame];
        read_features(p->payload.content, sizeof p->payload.content, j->in);
        ops[ready++] = (qnt_engine_op){.user = d->addr, .in = j->in, .out = j->out};
    }
    xsk_ring_cons__release(&r->rx, came);
    *n = ready;
}

static void judge(struct receiver *r, const qnt_engine_op *op)
{
    const uint64_t frame = op->user / FRAME;
    const struct packet *p = (const void *)(r->frame + op->user);
    struct payload copy;
    memcpy(&copy, &p->payload, sizeof copy);
    if (op->status == QNT_OK)
        count_verdict(&r->tally, &copy, r->judged[frame].out);
    give_back(r, frame);
    atomic_fetch_add_explicit(&r->seen, 1, memory_order_release);
}

/* From here on any system call of this thread ends the process. */
static bool forbid_system_calls(void)
{
    struct sock_filter kill = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    const struct sock_fprog program = {1, &kill};
    return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void *receive(void *arg)
{
    struct receiver *r = arg;
    qnt_engine_op ops[BURST], results[BURST];
    uint32_t flying = 0;
    if (!forbid_system_calls())
        end(SKIPPED, "seccomp, which shows that there are no system calls: %s", strerror(errno));
    atomic_store(&r->armed, true);
    if (r->bait)
        getppid();
    while (atomic_load_explicit(&r->seen, memory_order_relaxed) < r->wanted) {
        uint32_t n = DEPTH - flying < BURST ? DEPTH - flying : BURST;
        take(r, ops, &n);
        flying +=
            qnt_engine_submit_burst(r->engine, 0, ops, n); /* there is room: no more than DEPTH are on their way */
        const uint32_t got = qnt_engine_poll_burst(r->engine, 0, results, BURST);
        for (uint32_t i = 0; i < got; i++)
            judge(r, &results[i]);
        flying -= got;
    }
    while (atomic_load_explicit(&r->armed, memory_order_relaxed)) /* it cannot even end: it does with the process */
        ;
    return NULL;
}

/* ---- the other end, which is an ordinary program ---- */

static void fill_packet(uint32_t number, struct packet *p)
{
    memset(p, 0, sizeof *p);
    memset(p->ether.ether_dhost, 0xff, ETH_ALEN);
    p->ether.ether_type = htons(ETHERTYPE_IP);
    p->ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
    p->ip.tot_len = htons(sizeof *p - sizeof p->ether);
    p->udp.dest = htons(PORT);
    p->udp.len = htons(sizeof p->udp + sizeof p->payload);
    struct payload payload;
    make_payload(number, &payload);
    memcpy(&p->payload, &payload, sizeof payload);
}

/* No more on their way than there are frames. */
static void wait_for(const struct receiver *r, uint32_t seen)
{
    const time_t begun = time(NULL);
    while (atomic_load_explicit(&r->seen, memory_order_acquire) < seen) {
        if (time(NULL) - begun > PATIENCE_S)
            end(1, "%u packets were sent, and %u came", seen, atomic_load(&r->seen));
        sched_yield();
    }
}

static void send_packets(const struct receiver *r)
{
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(SENDER), .sll_halen = ETH_ALEN};
    const int fd = socket(AF_PACKET, SOCK_RAW, 0);
    if (fd < 0)
        end(SKIPPED, "a packet socket: %s", strerror(errno));
    for (uint32_t i = 0; i < r->wanted; i++) {
        struct packet p;
        fill_packet(i, &p);
        if (sendto(fd, &p, sizeof p, 0, (struct sockaddr *)&to, sizeof to) != sizeof p)
            end(1, "sending: %s", strerror(errno));
        if (i % (FRAMES / 4) == 0)
            wait_for(r, i);
    }
    wait_for(r, r->wanted);
    close(fd);
}

static void read_arguments(int argc, char **argv, struct receiver *r)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--bait"))
            r->bait = true;
        else if (!strcmp(argv[i], "--packets") && i + 1 < argc && atoi(argv[i + 1]) > 0)
            r->wanted = (uint32_t)atoi(argv[++i]);
        else
            end(2, "usage: xdp_verdict [--packets N] [--bait]");
}

int main(int argc, char **argv)
{
    static struct receiver r = {.wanted = 10000};
    const qnt_engine_config config = {
        .size = sizeof config, .workers = 1, .depth = DEPTH, .idle = QNT_IDLE_POLL}; /* nobody has to be waked */
    pthread_t thread;
    qnt_ctx *ctx;
    qnt_model *model;
    read_arguments(argc, argv, &r);
    want(qnt_ctx_create(NULL, &ctx));
    want(make_model(ctx, &model));
    make_network();
    open_socket(&r);
    attach_program(&r);
    want(qnt_engine_create(&model, 1, &config, &r.engine));
    if (pthread_create(&thread, NULL, receive, &r))
        end(1, "no thread");
    while (!atomic_load(&r.armed))
        sched_yield();
    send_packets(&r);
    tell(&r.tally);
    printf("the receive thread made no system call\n");
    fflush(stdout);
    _exit(r.tally.wrong || r.tally.passed + r.tally.dropped != r.wanted); /* with the thread that cannot end */
}
