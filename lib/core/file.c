/* Files as memory, and files that are there whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lib/core/core.h"

qnt_status qnt_map_file(const char *path, void **map, size_t *bytes)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not block */
    if (fd < 0)
        return qnt_fail(QNT_ERR_IO, "%s", strerror(errno));
    qnt_status status = QNT_OK;
    void *at = NULL;
    if (fstat(fd, &st))
        status = qnt_fail(QNT_ERR_IO, "%s", strerror(errno));
    else if (!S_ISREG(st.st_mode))
        status = qnt_fail(QNT_ERR_IO, "not a regular file");
    else if (st.st_size && /* nothing to map in an empty one */
             (at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
        status = qnt_fail(errno == ENOMEM ? QNT_ERR_NOMEM : QNT_ERR_IO, "mapping %lld bytes: %s", (long long)st.st_size,
                          strerror(errno));
    close(fd);
    if (!status) {
        *map = at;
        *bytes = (size_t)st.st_size;
    }
    return status;
}

qnt_status qnt_write_at(int fd, const void *data, size_t bytes, uint64_t offset)
{
    const uint8_t *from = data;
    while (bytes) {
        ssize_t n = pwrite(fd, from, bytes, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return qnt_fail(QNT_ERR_IO, "writing %zu bytes at %llu: %s", bytes, (unsigned long long)offset,
                            n ? strerror(errno) : "no progress");
        from += n;
        bytes -= (size_t)n;
        offset += (uint64_t)n;
    }
    return QNT_OK;
}

/* A new file beside `path`, under a name nobody uses. name: room for the path and 32 bytes. */
static int open_temporary(const char *path, char *name, size_t room)
{
    int fd = -1;
    for (int i = 0; i < 1000 && fd < 0; i++) {
        snprintf(name, room, "%s.%ld.%d.tmp", path, (long)getpid(), i);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    return fd;
}

/* Makes the rename last. Some file systems cannot: the file is whole either way. */
static void sync_folder(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = '\0';
    int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

/* mode: that the file has; 0: a new one. */
static qnt_status replace(const char *path, mode_t mode, char *name, size_t room, qnt_file_fill *fill, void *user)
{
    int fd = open_temporary(path, name, room);
    if (fd < 0)
        return qnt_fail(QNT_ERR_IO, "%s", strerror(errno));
    qnt_status status = mode && fchmod(fd, mode) ? qnt_fail(QNT_ERR_IO, "%s", strerror(errno)) : fill(fd, user);
    if (!status && fsync(fd))
        status = qnt_fail(QNT_ERR_IO, "%s", strerror(errno));
    if (close(fd) && !status)
        status = qnt_fail(QNT_ERR_IO, "%s", strerror(errno));
    if (!status && rename(name, path))
        status = qnt_fail(QNT_ERR_IO, "%s", strerror(errno));
    if (status)
        unlink(name);
    else
        sync_folder(name);
    return status;
}

static qnt_status write_device(const char *path, qnt_file_fill *fill, void *user)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return qnt_fail(QNT_ERR_IO, "%s", strerror(errno));
    qnt_status status = fill(fd, user);
    if (close(fd) && !status)
        status = qnt_fail(QNT_ERR_IO, "%s", strerror(errno));
    return status;
}

/* A rename would put a file in the place of a device, a pipe or a link: /dev/null, if the user may. */
qnt_status qnt_replace_file(const qnt_ctx *ctx, const char *path, qnt_file_fill *fill, void *user)
{
    char target[PATH_MAX]; /* that links lead to */
    struct stat st = {.st_mode = 0};
    if (!stat(path, &st) && !S_ISREG(st.st_mode))
        return S_ISCHR(st.st_mode) ? write_device(path, fill, user)
                                   : qnt_fail(QNT_ERR_IO, S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
    if (realpath(path, target))
        path = target;
    const size_t room = strlen(path) + 32;
    char *name = qnt_alloc(ctx, room, "a file name");
    if (!name)
        return QNT_ERR_NOMEM;
    const qnt_status status = replace(path, st.st_mode & 07777, name, room, fill, user);
    qnt_release(ctx, name);
    return status;
}
