/* Faults end the check of one variant, not the run. */
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "run.h"

/* AddressSanitizer leaves these signals to us. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0";
}

static sigjmp_buf *target;
static volatile sig_atomic_t signal_seen;
static void *volatile signal_address;

static void handler(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (!target) { /* the harness itself is at fault */
        signal(number, SIG_DFL);
        return;
    }
    signal_seen = number;
    signal_address = info->si_addr;
    siglongjmp(*target, CK_LEAVE_FAULT);
}

void ck_faults_install(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
}

static void report(struct ck *c)
{
    char where[64];
    const char *name = signal_seen == SIGSEGV  ? "SIGSEGV"
                       : signal_seen == SIGBUS ? "SIGBUS"
                       : signal_seen == SIGILL ? "SIGILL"
                                               : "SIGFPE";
    ck_slots_locate(signal_address, where, sizeof where);
    ck_fail(c, "%s: %s", name, where);
}

bool ck_guarded(struct ck *c, void (*fn)(void *), void *arg)
{
    sigjmp_buf here, *outer = target;
    int left = sigsetjmp(here, 1);
    if (!left) {
        target = &here;
        fn(arg);
        target = outer;
        return true;
    }
    if (left == CK_LEAVE_FAULT && c)
        report(c); /* may be one failure too many and come back here */
    target = outer;
    return false;
}

void ck_leave(struct ck *c)
{
    (void)c;
    siglongjmp(*target, CK_LEAVE_FAILED);
}
