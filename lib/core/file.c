/* Files as memory. */
#include <errno.h>
#include <fcntl.h>
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
