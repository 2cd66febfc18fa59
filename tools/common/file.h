#ifndef TOOLS_FILE_H
#define TOOLS_FILE_H
/* Files as a whole, and lists of them. */
#include "tools/common/opt.h"

/* Reads a regular file; *bytes is the caller's to free, and has a zero behind its `size`. An exit code, told. */
int file_read(const struct opt_tool *tool, const char *path, unsigned char **bytes, size_t *size);

/* Whether the outputs, of which those left out are NULL, can be written and are files apart, also from the n_read paths
 * that are read: before the work is done. An exit code, told. */
int file_outputs(const struct opt_tool *tool, const char *const *output, size_t n, char *const *read, size_t n_read);

struct file_list {
    size_t n;
    char **path;
};
/* All append to a list; an exit code, told. The lines of a text but empty ones; the regular files of a folder, in the
 * order of their bytes, without those whose names begin with a dot; one path. */
int file_lines(const struct opt_tool *tool, const char *path, struct file_list *to);
int file_folder(const struct opt_tool *tool, const char *path, struct file_list *to);
int file_append(const struct opt_tool *tool, const char *path, struct file_list *to);
void file_list_free(struct file_list *list);
#endif
