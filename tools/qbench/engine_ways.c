/* Ways to a thread and back that block in the kernel: what a program has without an engine. The mate waits for a
 * request, runs the model and answers. */
#include <errno.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "simd/ticks.h"
#include "tools/qbench/engine.h"

enum { WARM = 4, PROGRAM = 0, MATE = 1 };

/* Ends: of the program, of the mate. tell and await are one end's; a way that has data for its messages takes them
 * along, others leave them in the memory that both see. */
struct way {
    struct qe *e;
    int fd[2];
    _Atomic uint32_t word[2]; /* futexes: what each waits for */
    _Atomic bool ends, broken;
};
struct qe_way {
    int (*open)(struct way *w); /* 0, or an errno */
    bool (*tell)(struct way *w, int end);
    bool (*await)(struct way *w, int end);
};

static int open_words(struct way *w)
{
    (void)w;
    return 0;
}

static bool tell_word(struct way *w, int end)
{
    _Atomic uint32_t *word = &w->word[!end];
    atomic_store_explicit(word, 1, memory_order_release);
    return syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) >= 0;
}

static bool await_word(struct way *w, int end)
{
    _Atomic uint32_t *word = &w->word[end];
    while (!atomic_exchange_explicit(word, 0, memory_order_acquire))
        if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) && errno != EAGAIN && errno != EINTR)
            return false;
    return true;
}

static int open_counters(struct way *w)
{
    for (int i = 0; i < 2; i++)
        if ((w->fd[i] = eventfd(0, EFD_CLOEXEC)) < 0)
            return errno;
    return 0;
}

static bool tell_counter(struct way *w, int end)
{
    const uint64_t one = 1;
    return write(w->fd[!end], &one, sizeof one) == sizeof one;
}

static bool await_counter(struct way *w, int end)
{
    uint64_t n;
    return read(w->fd[end], &n, sizeof n) == sizeof n;
}

static int open_pair(struct way *w)
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w->fd) ? errno : 0;
}

/* Two ends of a connection to this machine itself. */
static int connect_loopback(struct way *w, int listener)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    const int on = 1;
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&a, &size) ||
        (w->fd[PROGRAM] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0 ||
        connect(w->fd[PROGRAM], (struct sockaddr *)&a, sizeof a) ||
        (w->fd[MATE] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
        return errno;
    for (int i = 0; i < 2; i++)
        if (setsockopt(w->fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on))
            return errno;
    return 0;
}

static int open_tcp(struct way *w)
{
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int error = connect_loopback(w, listener);
    if (listener >= 0)
        close(listener);
    return error;
}

static bool tell_stream(struct way *w, int end)
{
    const uint8_t *at = end == PROGRAM ? w->e->in + w->e->in_bytes : w->e->out;
    size_t left = end == PROGRAM ? w->e->in_bytes : w->e->out_bytes;
    while (left) {
        const ssize_t n = send(w->fd[end], at, left, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n;
        left -= (size_t)n;
    }
    return true;
}

static bool await_stream(struct way *w, int end)
{
    const size_t bytes = end == PROGRAM ? w->e->out_bytes : w->e->in_bytes;
    uint8_t *to = end == PROGRAM ? w->e->out + w->e->out_bytes : w->e->in; /* each end has its own */
    for (size_t got = 0; got < bytes;) {
        const ssize_t n = recv(w->fd[end], to + got, bytes - got, 0);
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

const struct qe_way qe_futex = {open_words, tell_word, await_word};
const struct qe_way qe_eventfd = {open_counters, tell_counter, await_counter};
const struct qe_way qe_socket = {open_pair, tell_stream, await_stream};
const struct qe_way qe_tcp = {open_tcp, tell_stream, await_stream};

struct served {
    struct way *w;
    const struct qe_way *by;
};

static void serve(void *arg)
{
    struct served *s = arg;
    for (;;) {
        if (!s->by->await(s->w, MATE) || atomic_load(&s->w->ends))
            break;
        qe_infer(s->w->e);
        if (!s->by->tell(s->w, MATE))
            break;
    }
    if (!atomic_load(&s->w->ends))
        atomic_store(&s->w->broken, true);
}

static bool ask(struct served *s)
{
    return s->by->tell(s->w, PROGRAM) && s->by->await(s->w, PROGRAM);
}

static void time_asking(struct served *s)
{
    struct qe *e = s->w->e;
    struct qe_window *w = e->window;
    for (uint32_t i = 0; w->samples < QE_SAMPLES && !atomic_load(&s->w->broken); i++) {
        const uint64_t begin = qnt_ticks();
        w->failed += !ask(s);
        const uint64_t end = qnt_ticks();
        if (qe_sample(e, i, WARM, (double)(end - begin) - e->watch, end))
            break;
    }
}

int qe_way(struct qe *e, const struct qe_case *c)
{
    struct way w = {.e = e, .fd = {-1, -1}};
    struct served s = {&w, c->arg};
    const int error = s.by->open(&w);
    if (!error) {
        qe_mate_begin(e, serve, &s);
        time_asking(&s);
        atomic_store(&w.ends, true);
        s.by->tell(&w, PROGRAM);
        qe_mate_end(e);
    }
    for (int i = 0; i < 2; i++)
        if (w.fd[i] >= 0)
            close(w.fd[i]);
    if (error || w.broken)
        return opt_error(e->q->tool, EXIT_RESOURCE, "engine: %s: %s", c->name, strerror(error ? error : EIO));
    return EXIT_OK;
}
