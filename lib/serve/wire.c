/* Packets, sockets and memory files: what both sides do with the system. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "lib/serve/wire.h"

enum { MOST_FDS = 4, BACKLOG = 64, MS = 1000000, LOCK_TRIES = 100, LOCK_NS = 10 * MS };

qnt_status qnt_wire_send(int socket, const void *packet, size_t bytes, const int *fds, size_t n_fds)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(MOST_FDS * sizeof(int))] = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)packet, .iov_len = bytes};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (n_fds) {
        m.msg_control = control;
        m.msg_controllen = CMSG_SPACE(n_fds * sizeof *fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n_fds * sizeof *fds);
        memcpy(CMSG_DATA(c), fds, n_fds * sizeof *fds);
    }
    ssize_t n;
    do
        n = sendmsg(socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)bytes ? QNT_OK : qnt_fail(QNT_ERR_SYSTEM, "sending %zu bytes: %s", bytes, strerror(errno));
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / MS;
}

static bool wait_readable(int socket, uint32_t timeout_ms)
{
    const int64_t end = now_ms() + timeout_ms;
    struct pollfd p = {.fd = socket, .events = POLLIN};
    for (int64_t left = timeout_ms;; left = end - now_ms()) {
        const int n = poll(&p, 1, left > 0 ? (int)left : 0);
        if (n > 0 || (n == 0 && left <= 0) || (n < 0 && errno != EINTR))
            return n > 0;
    }
}

/* What came beyond n_fds is closed. */
static void take_fds(struct msghdr *m, int *fds, size_t n_fds)
{
    size_t taken = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (taken < n_fds)
                fds[taken++] = fd;
            else
                close(fd);
        }
    }
}

qnt_status qnt_wire_receive(int socket, void *packet, size_t bytes, int *fds, size_t n_fds, uint32_t timeout_ms,
                            size_t *got)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(MOST_FDS * sizeof(int))];
    struct iovec part = {.iov_base = packet, .iov_len = bytes};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (n_fds) { /* without this the system drops what comes */
        m.msg_control = control;
        m.msg_controllen = CMSG_SPACE(n_fds * sizeof *fds);
    }
    for (size_t i = 0; i < n_fds; i++)
        fds[i] = -1;
    ssize_t n;
    do {
        if (timeout_ms && !wait_readable(socket, timeout_ms))
            return qnt_fail(QNT_ERR_STATE, "no answer for %u ms", timeout_ms);
        n = recvmsg(socket, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        /* ECONNRESET, once: the other side has closed without having read all; what it has sent comes after that. */
    } while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return qnt_fail(QNT_ERR_STATE, "nothing came");
    if (n < 0)
        return qnt_fail(QNT_ERR_SYSTEM, "receiving: %s", strerror(errno));
    *got = (size_t)n;
    if (n_fds)
        take_fds(&m, fds, n_fds);
    return QNT_OK;
}

qnt_status qnt_wire_address(const char *path, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (!*path || strlen(path) >= sizeof out->sun_path)
        return qnt_fail(QNT_ERR_ARG, "%s: a socket's path of %zu bytes, expected 1 to %zu", path, strlen(path),
                        sizeof out->sun_path - 1);
    memcpy(out->sun_path, path, strlen(path));
    return QNT_OK;
}

qnt_status qnt_wire_check(struct qnt_wire_reply *r, size_t got, enum qnt_wire_kind kind)
{
    if (!got)
        return qnt_fail(QNT_ERR_STATE, "the server has closed the connection");
    if (got >= sizeof r->head && r->head.magic == QNT_WIRE_MAGIC && r->head.version != QNT_WIRE_VERSION)
        return qnt_fail(QNT_ERR_UNSUPPORTED, "the server speaks version %u, this library %d", r->head.version,
                        QNT_WIRE_VERSION);
    if (got != sizeof *r || !qnt_wire_is(&r->head, kind))
        return qnt_fail(QNT_ERR_FORMAT, "an answer of %zu bytes that is no server's", got);
    r->text[sizeof r->text - 1] = '\0';
    if (!r->status)
        return QNT_OK;
    return qnt_fail(r->status <= QNT_ERR_DEADLINE ? (qnt_status)r->status : QNT_ERR_STATE, "the server: %s", r->text);
}

static qnt_status open_socket(const char *path, int *out)
{
    *out = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return *out < 0 ? qnt_fail(QNT_ERR_SYSTEM, "%s: a socket: %s", path, strerror(errno)) : QNT_OK;
}

qnt_status qnt_wire_connect(const char *path, int *out)
{
    struct sockaddr_un address;
    qnt_status status = qnt_wire_address(path, &address);
    if (status || (status = open_socket(path, out)))
        return status;
    if (!connect(*out, (void *)&address, sizeof address))
        return QNT_OK;
    /* Not waiting: the server's backlog is full. */
    status = errno == EAGAIN ? qnt_fail(QNT_ERR_STATE, "%s: too many clients are waiting to be let in", path)
                             : qnt_fail(QNT_ERR_IO, "%s: %s", path, strerror(errno));
    close(*out);
    *out = -1;
    return status;
}

/* The folder, held against others that replace sockets in it; -1: it cannot be, and they are taken not to be there. */
static int hold_folder(const char *path)
{
    char folder[sizeof((struct sockaddr_un *)0)->sun_path];
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) : 0;
    memcpy(folder, path, n);
    memcpy(folder + n, slash ? (n ? "" : "/") : ".", n ? 1 : 2);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB); i++)
        nanosleep(&(struct timespec){.tv_nsec = LOCK_NS}, NULL);
    return fd;
}

/* QNT_OK: nobody listens at the path, and there is no socket there any more. */
static qnt_status clear_path(const char *path, const struct sockaddr_un *address)
{
    struct stat st;
    int probe;
    if (lstat(path, &st))
        return errno == ENOENT ? QNT_OK : qnt_fail(QNT_ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return qnt_fail(QNT_ERR_IO, "%s: there is something else than a socket", path);
    qnt_status status = open_socket(path, &probe);
    if (status)
        return status;
    const int error = connect(probe, (const void *)address, sizeof *address) ? errno : 0;
    close(probe);
    if (error != ECONNREFUSED) /* EAGAIN: a server that is busy; others: not ours to judge */
        return qnt_fail(QNT_ERR_STATE, "%s: somebody listens there already", path);
    return unlink(path)
               ? qnt_fail(QNT_ERR_IO, "%s: removing a socket that nobody listens at: %s", path, strerror(errno))
               : QNT_OK;
}

static qnt_status bind_and_listen(int fd, const struct sockaddr_un *address, bool everybody)
{
    const char *path = address->sun_path;
    if (bind(fd, (const void *)address, sizeof *address))
        return qnt_fail(QNT_ERR_IO, "%s: %s", path, strerror(errno));
    if (!chmod(path, everybody ? 0666 : 0600) && !listen(fd, BACKLOG))
        return QNT_OK;
    qnt_fail(QNT_ERR_IO, "%s: %s", path, strerror(errno));
    unlink(path);
    return QNT_ERR_IO;
}

qnt_status qnt_wire_listen(const char *path, bool everybody, int *out)
{
    struct sockaddr_un address;
    qnt_status status = qnt_wire_address(path, &address);
    if (status || (status = open_socket(path, out)))
        return status;
    const int folder = hold_folder(path);
    status = clear_path(path, &address);
    if (!status)
        status = bind_and_listen(*out, &address, everybody);
    if (folder >= 0)
        close(folder);
    if (status) {
        close(*out);
        *out = -1;
    }
    return status;
}

bool qnt_wire_has_seals(int fd, int seals)
{
    const int has = fcntl(fd, F_GET_SEALS);
    return has >= 0 && (has & seals) == seals;
}
