#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "lib/run/thread.h"

enum { STACK_TOUCHED = 32 << 10 };

int qnt_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
    /* A thread's own faults: were they blocked, the kernel would end the process past every handler and sanitizer. */
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    sigset_t all, old;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* threads inherit the mask */
    int error = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

__attribute__((noinline)) void qnt_thread_touch_stack(void)
{
    char stack[STACK_TOUCHED];
    memset(stack, 0, sizeof stack);
    __asm__ volatile(""
                     :
                     : "r"(stack)
                     : "memory"); /* all of it: clang kept only the bytes written of a volatile array */
}

void qnt_futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

void qnt_futex_wake(_Atomic uint32_t *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}
