#ifndef RUN_PAGES_H
#define RUN_PAGES_H
/* Huge pages and limits of memory. */
#include <qnt/cpu.h>

/* root: see sysfile.h; limits and the page size are always this process's. Cannot fail: what is not told stays zero. */
void qnt_pages_read(const char *root, qnt_memory *out);
#endif
