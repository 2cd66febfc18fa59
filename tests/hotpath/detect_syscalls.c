/* System calls of this thread, by Syscall User Dispatch (Linux 5.11, x86). While `selector` says BLOCK every system
 * call raises SIGSYS, but those from a small range: the C library's return from a signal handler, which would otherwise
 * itself be stopped. The handler learns that address from its own return address. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include "tests/hotpath/detect.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
enum { ALLOW = 0, BLOCK = 1, DISPATCH_OFF = 0, DISPATCH_ON = 1, RETURN_BYTES = 16 };

extern _Thread_local long detect_allocations; /* detect_malloc.c */
/* By thread. */
static _Thread_local volatile char selector = ALLOW;
static _Thread_local volatile long count, first, sleeping;
static _Thread_local struct rusage before;
static _Thread_local bool opened;
static char *volatile return_address;

#ifdef __x86_64__
static long carry_out(const greg_t *r)
{
    long result;
    register long r10 __asm__("r10") = r[REG_R10];
    register long r8 __asm__("r8") = r[REG_R8];
    register long r9 __asm__("r9") = r[REG_R9];
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(r[REG_RAX]), "D"(r[REG_RDI]), "S"(r[REG_RSI]), "d"(r[REG_RDX]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static void on_sigsys(int signal, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    (void)signal;
    return_address = __builtin_return_address(0);
    if (info->si_code <= 0) /* the trial by detect_open */
        return;
    selector = ALLOW;
    const long number = (long)u->uc_mcontext.gregs[REG_RAX];
    if (count++ == 0)
        first = number;
    sleeping += number == SYS_futex || number == SYS_membarrier;
    u->uc_mcontext.gregs[REG_RAX] = carry_out(u->uc_mcontext.gregs);
    selector = BLOCK;
}

const char *detect_open(void)
{
    struct sigaction act;
    memset(&act, 0, sizeof act);
    act.sa_sigaction = on_sigsys;
    act.sa_flags = SA_SIGINFO;
    if (sigaction(SIGSYS, &act, NULL) || raise(SIGSYS) || !return_address)
        return "no handler for SIGSYS";
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, DISPATCH_ON, return_address, RETURN_BYTES, &selector))
        return strerror(errno);
    opened = true;
    return NULL;
}
#else
const char *detect_open(void)
{
    return "Syscall User Dispatch is an x86 feature";
}
#endif

void detect_close(void)
{
    if (opened)
        prctl(PR_SET_SYSCALL_USER_DISPATCH, DISPATCH_OFF, 0, 0, 0);
    opened = false;
}

void detect_arm(void)
{
    count = sleeping = 0;
    first = -1;
    getrusage(RUSAGE_THREAD, &before);
    detect_allocations = 0;
    selector = opened ? BLOCK : ALLOW;
}

struct detected detect_disarm(void)
{
    struct rusage after;
    selector = ALLOW;
    long allocations = detect_allocations;
    getrusage(RUSAGE_THREAD, &after);
    return (struct detected){.syscalls = count,
                             .first_syscall = first,
                             .sleeping = sleeping,
                             .allocations = allocations,
                             .faults = after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt,
                             .waits = after.ru_nvcsw - before.ru_nvcsw};
}
