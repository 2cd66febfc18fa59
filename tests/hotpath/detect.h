#ifndef TESTS_HOTPATH_DETECT_H
#define TESTS_HOTPATH_DETECT_H
/* What the calling thread does between arm and disarm: system calls (Syscall User Dispatch: the kernel hands each one
 * to a handler here, which counts it and carries it out), calls of the C allocator (replaced in this program), page
 * faults and waits (rusage of the thread). Nothing else may run between arm and disarm. */
#include <stdbool.h>

struct detected {
    long syscalls, first_syscall; /* number of the first, -1 for none */
    long sleeping;                /* of these: futex and membarrier */
    long allocations;             /* malloc, calloc, realloc, free, aligned_alloc, posix_memalign */
    long faults, waits;           /* page faults, voluntary context switches */
};
/* NULL when system calls can be counted, else why not. Call once on each thread, before the others. */
const char *detect_open(void);
void detect_close(void);
void detect_arm(void);
struct detected detect_disarm(void);
#endif
