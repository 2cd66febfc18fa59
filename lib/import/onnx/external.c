/* External data: opened name by name from the model's folder on, so that no link on the way leads elsewhere, also none
 * that is made meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lib/import/onnx/read.h"

enum { NAME = 256 };

/* The next name of *path into name; false when it is none that may be opened. Skips the '/' after it. */
static bool next_name(const char **path, char name[NAME])
{
    size_t n = strcspn(*path, "/");
    if (n == 0 || n >= NAME)
        return false;
    memcpy(name, *path, n);
    name[n] = '\0';
    *path += n;
    if (**path == '/' && !*++*path)
        return false; /* nothing after the last '/' */
    return strcmp(name, "..") != 0;
}

/* A descriptor, or -1 with the error text set. */
static int open_beneath(const char *folder, const char *location, qnt_status *status)
{
    char name[NAME];
    int at = open(*folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0) {
        *status = qnt_fail(QNT_ERR_IO, "the folder '%s': %s", folder, strerror(errno));
        return -1;
    }
    for (const char *path = location; *path || path == location;) {
        if (!next_name(&path, name)) {
            *status =
                qnt_fail(QNT_ERR_FORMAT, "external data in '%s', expected a path below the model's folder", location);
            close(at);
            return -1;
        }
        int kind = *path ? O_DIRECTORY : O_NONBLOCK; /* a pipe must not block */
        int next = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | kind);
        int error = errno;
        close(at);
        if (next < 0) {
            *status = qnt_fail(QNT_ERR_IO, "external data in '%s': '%s': %s", location, name,
                               error == ELOOP     ? "a symbolic link, which is not followed"
                               : error == ENOTDIR ? "no folder, or a symbolic link, which is not followed"
                                                  : strerror(error));
            return -1;
        }
        at = next;
    }
    return at;
}

static qnt_status read_all(int fd, uint8_t *dst, size_t bytes, off_t offset)
{
    while (bytes) {
        ssize_t n = pread(fd, dst, bytes, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return qnt_fail(QNT_ERR_IO, "%s", n ? strerror(errno) : "the file became shorter");
        dst += n;
        bytes -= (size_t)n;
        offset += n;
    }
    return QNT_OK;
}

static qnt_status read_part(struct onnx_memory *m, int fd, uint64_t offset, size_t bytes, const void **data)
{
    struct stat st;
    if (fstat(fd, &st))
        return qnt_fail(QNT_ERR_IO, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return qnt_fail(QNT_ERR_IO, "not a regular file");
    /* Before memory is taken: a lie about the length costs nothing. */
    if (offset > (uint64_t)st.st_size || bytes > (uint64_t)st.st_size - offset)
        return qnt_fail(QNT_ERR_FORMAT, "%zu bytes at %llu, but the file has %lld", bytes, (unsigned long long)offset,
                        (long long)st.st_size);
    uint8_t *dst = qnt_onnx_take(m, bytes, "external data");
    *data = dst;
    return dst ? read_all(fd, dst, bytes, (off_t)offset) : QNT_ERR_NOMEM;
}

qnt_status qnt_onnx_read_external(struct onnx_memory *m, const char *folder, const char *location, uint64_t offset,
                                  size_t bytes, const void **data)
{
    qnt_status status = QNT_OK;
    int fd = open_beneath(folder, location, &status);
    if (fd < 0)
        return status;
    status = read_part(m, fd, offset, bytes, data);
    close(fd);
    return status ? qnt_fail_in(status, "external data in '%s'", location) : QNT_OK;
}
