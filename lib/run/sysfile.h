#ifndef RUN_SYSFILE_H
#define RUN_SYSFILE_H
/* The kernel's small text files (sysfs, procfs, cgroups) under a root that tests may set. A file that is missing or
 * holds something else is `false`: machines differ in what they tell. */
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A CPU set holds CPUs 0 to CPU_SETSIZE - 1, as many as a thread can be pinned to by number; nodes are counted in one
 * too. */

/* The first size - 1 bytes of ROOT/PATH without the newline at the end; root NULL: this machine's "/". */
bool qnt_sysfile_text(const char *root, char *text, size_t size, const char *path, ...)
    __attribute__((format(printf, 4, 5)));
/* A number, perhaps with K, M or G behind it (powers of 1024). */
bool qnt_sysfile_number(const char *root, uint64_t *number, const char *path, ...)
    __attribute__((format(printf, 3, 4)));
/* A list such as "0-3,8". */
bool qnt_sysfile_cpus(const char *root, cpu_set_t *set, const char *path, ...) __attribute__((format(printf, 3, 4)));
/* Parses such a list; "" is the empty set. What is past CPU_SETSIZE is left out. */
bool qnt_cpus_parse(const char *text, cpu_set_t *set);
/* The smallest number in the set, -1 when it is empty. */
int qnt_cpus_first(const cpu_set_t *set);
#endif
