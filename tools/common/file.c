#include "file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int file_read(const struct opt_tool *tool, const char *path, unsigned char **bytes, size_t *size)
{
    struct stat st;
    int code = EXIT_FAILED;
    FILE *file = fopen(path, "rb");
    *bytes = NULL;
    *size = 0;
    if (!file || fstat(fileno(file), &st))
        opt_error(tool, code, "%s: cannot be read: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        opt_error(tool, code, "%s: is not a regular file", path);
    else if (!(*bytes = malloc((size_t)st.st_size + 1)))
        code = opt_error(tool, EXIT_RESOURCE, "%s: out of memory: %zu bytes", path, (size_t)st.st_size);
    else if ((*size = fread(*bytes, 1, (size_t)st.st_size, file)) != (size_t)st.st_size)
        opt_error(tool, code, "%s: cannot be read to its end: %zu of %zu bytes", path, *size, (size_t)st.st_size);
    else
        code = EXIT_OK;
    if (file)
        fclose(file);
    if (code != EXIT_OK) {
        free(*bytes);
        *bytes = NULL;
    } else
        (*bytes)[*size] = '\0';
    return code;
}
