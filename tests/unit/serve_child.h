#ifndef UNIT_SERVE_CHILD_H
#define UNIT_SERVE_CHILD_H
/* Processes of a test, forked before there are threads, which wait to be told; and the handshake by hand. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "serve_util.h"

struct child {
    pid_t pid;
    int go, said; /* the parent's ends */
};

static int go, said; /* a child's ends */

static inline void say(char c)
{
    if (write(said, &c, 1) != 1)
        _exit(90);
}

static inline void await_go(void)
{
    char c;
    if (read(go, &c, 1) != 1)
        _exit(91);
}

static inline struct child spawn(int (*run)(void))
{
    int down[2], up[2];
    ck_assert(!pipe(down) && !pipe(up));
    fflush(stdout);
    struct child c = {.pid = fork(), .go = down[1], .said = up[0]};
    ck_assert_int_ge(c.pid, 0);
    if (!c.pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(down[1]);
        close(up[0]);
        go = down[0];
        said = up[1];
        await_go();
        _exit(run());
    }
    close(down[0]);
    close(up[1]);
    return c;
}

static inline void tell(const struct child *c)
{
    ck_assert_int_eq((int)write(c->go, "", 1), 1);
}

/* What it says next; 0: it has ended. */
static inline char hear(const struct child *c)
{
    char word = 0;
    return read(c->said, &word, 1) == 1 ? word : 0;
}

static inline int ended(struct child *c)
{
    int status = 0;
    ck_assert_int_eq(waitpid(c->pid, &status, 0), c->pid);
    close(c->go);
    close(c->said);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline void end(struct child *c)
{
    kill(c->pid, SIGKILL);
    ck_assert_int_eq(ended(c), -SIGKILL);
}

/* The handshake by hand. */
struct raw {
    int socket, file[2];
    struct qnt_wire_reply r;
    uint8_t *map;
};

static inline void send_kind(const struct raw *w, enum qnt_wire_kind kind)
{
    const struct qnt_wire_request r = {.head = qnt_wire_head(kind)};
    qnt_wire_send(w->socket, &r, sizeof r, NULL, 0);
}

static inline qnt_status receive(struct raw *w, enum qnt_wire_kind kind)
{
    size_t got = 0;
    int more[2];
    qnt_status status = qnt_wire_receive(w->socket, &w->r, sizeof w->r, more, 2, PATIENCE_S * 1000, &got);
    if (more[0] >= 0)
        memcpy(w->file, more, sizeof more);
    return status ? status : qnt_wire_check(&w->r, got, kind);
}

static inline qnt_status raw_offer(struct raw *w)
{
    qnt_status status = qnt_wire_connect(path, &w->socket);
    if (status)
        return status;
    send_kind(w, QNT_WIRE_HELLO);
    if ((status = receive(w, QNT_WIRE_OFFER)))
        return status;
    w->map = mmap(NULL, w->r.area_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, w->file[0], 0);
    return w->map == MAP_FAILED ? QNT_ERR_SYSTEM : QNT_OK;
}

static inline qnt_status raw_connect(struct raw *w)
{
    qnt_status status = raw_offer(w);
    if (status)
        return status;
    memset(w->map, 0, w->r.area_bytes);
    const struct qnt_wire_reply offer = w->r;
    send_kind(w, QNT_WIRE_MAPPED);
    status = receive(w, QNT_WIRE_READY);
    w->r = offer;
    return status;
}
#endif
