#include "file.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Errno, or 0: of what is there already, else of its folder. */
static int cannot_be_written(const char *path)
{
    struct stat st;
    char folder[PATH_MAX];
    if (!*path || snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder)
        return *path ? ENAMETOOLONG : ENOENT;
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    if (!stat(path, &st))
        return S_ISDIR(st.st_mode) ? EISDIR : access(path, W_OK) ? errno : 0;
    return access(slash ? folder : ".", W_OK | X_OK) ? errno : 0;
}

/* Devices may be as many outputs as one likes. */
static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    if (stat(a, &x))
        return !strcmp(a, b);
    return S_ISREG(x.st_mode) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int file_outputs(const struct opt_tool *tool, const char *const *output, size_t n, char *const *read, size_t n_read)
{
    for (size_t i = 0; i < n; i++) {
        const int error = output[i] ? cannot_be_written(output[i]) : 0;
        if (error)
            return opt_error(tool, EXIT_FAILED, "%s: cannot be written: %s", output[i], strerror(error));
        for (size_t k = 0; k < n_read && output[i]; k++)
            if (same_file(output[i], read[k]))
                return opt_error(tool, EXIT_FAILED, "%s: cannot be written: it is read", output[i]);
        for (size_t k = 0; k < i && output[i]; k++)
            if (output[k] && same_file(output[i], output[k]))
                return opt_error(tool, EXIT_FAILED, "%s: is to be two outputs", output[i]);
    }
    return EXIT_OK;
}

int file_append(const struct opt_tool *tool, const char *path, struct file_list *to)
{
    char **grown = realloc(to->path, (to->n + 1) * sizeof *grown);
    if (grown)
        to->path = grown;
    if (!grown || !(grown[to->n] = strdup(path)))
        return opt_error(tool, EXIT_RESOURCE, "%s: out of memory: %zu names of files", path, to->n + 1);
    to->n++;
    return EXIT_OK;
}

void file_list_free(struct file_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->path[i]);
    free(list->path);
    *list = (struct file_list){0};
}

int file_lines(const struct opt_tool *tool, const char *path, struct file_list *to)
{
    unsigned char *text;
    size_t size;
    char *at;
    int code = file_read(tool, path, &text, &size);
    if (code != EXIT_OK)
        return code;
    if (memchr(text, '\0', size))
        code = opt_error(tool, EXIT_FAILED, "%s: expected lines of text, found a zero byte", path);
    for (at = strtok((char *)text, "\r\n"); at && code == EXIT_OK; at = strtok(NULL, "\r\n"))
        code = file_append(tool, at, to);
    free(text);
    return code;
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int file_folder(const struct opt_tool *tool, const char *path, struct file_list *to)
{
    struct dirent **entry = NULL;
    struct stat st;
    int code = EXIT_OK;
    const int n = scandir(path, &entry, is_shown, by_bytes);
    if (n < 0)
        return opt_error(tool, EXIT_FAILED, "%s: cannot be read as a folder: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        char *full = NULL;
        if (code == EXIT_OK && asprintf(&full, "%s/%s", path, entry[i]->d_name) < 0)
            code = opt_error(tool, EXIT_RESOURCE, "%s: out of memory: its files' names", path);
        else if (code == EXIT_OK && !stat(full, &st) && S_ISREG(st.st_mode))
            code = file_append(tool, full, to);
        free(full);
        free(entry[i]);
    }
    free(entry);
    return code;
}
