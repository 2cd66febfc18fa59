#ifndef TESTS_COMMON_OOM_H
#define TESTS_COMMON_OOM_H
/* Contexts whose allocations fail on demand. */
#include <stddef.h>
#include <qnt/cpu.h>

extern const qnt_config oom_config;
/* Blocks of all contexts with this configuration that are not freed. */
size_t oom_live(void);
/* Calls `call`, which must free what it makes, with its 1st, 2nd, ... allocation failing, alone and with all that
 * follow, until it needs no more: each time it must return QNT_ERR_NOMEM with a text and leave nothing behind. */
void oom_sweep(const char *name, qnt_status (*call)(void));
#endif
