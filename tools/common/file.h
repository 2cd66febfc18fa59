#ifndef TOOLS_FILE_H
#define TOOLS_FILE_H
/* Files as a whole. */
#include "tools/common/opt.h"

/* Reads a regular file; *bytes is the caller's to free, and has a zero behind its `size`. An exit code, told. */
int file_read(const struct opt_tool *tool, const char *path, unsigned char **bytes, size_t *size);
#endif
