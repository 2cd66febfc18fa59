#ifndef RUN_THREAD_H
#define RUN_THREAD_H
/* Threads of the library: they block every signal but those of their own faults, so that signals go to the
 * application's threads. */
#include <pthread.h>
#include <stdint.h>

/* As pthread_create. */
int qnt_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);
/* Has the pages of the stack that kernels keep tiles on before the first run. */
void qnt_thread_touch_stack(void);
/* Sleeping on a word, and waking up to `count` that sleep on it: of this process. */
void qnt_futex_wait(_Atomic uint32_t *word, uint32_t value);
void qnt_futex_wake(_Atomic uint32_t *word, int count);
#endif
