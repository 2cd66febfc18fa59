/* The silent hot path: on the caller's thread qnt_session_run, and qnt_session_profile too, make no system call, no
 * allocation, no page fault and no wait. Each detector must first trip on its own bait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <qnt/profile.h>
#include "tests/common/models.h"
#include "tests/common/quick.h"
#include "tests/hotpath/detect.h"

enum { MAX_BATCH = 7, RUNS = 200, EMULATED_RUNS = 40, ROUNDS = 20, LEAST = 5, MAX_STEPS = 64, BAIT_PAGES = 3 };
static int failures, sessions;

static void expect(bool good, const char *what, struct detected d)
{
    if (good)
        return;
    failures++;
    printf("hotpath: %s: %ld system calls (the first is number %ld), %ld allocator calls, %ld page faults, %ld waits\n",
           what, d.syscalls, d.first_syscall, d.allocations, d.faults, d.waits);
}

static void *volatile sink; /* the compiler must not leave the allocations out */

static void baits(bool syscalls)
{
    detect_arm();
    struct detected d = detect_disarm();
    expect(!d.syscalls && !d.allocations && !d.waits, "nothing is not nothing", d);
    detect_arm();
    long pid = syscall(SYS_getppid);
    sink = (void *)(intptr_t)syscall(SYS_getpid);
    d = detect_disarm();
    expect(!syscalls || (d.syscalls == 2 && d.first_syscall == SYS_getppid && pid == getppid()),
           "two system calls are not two", d);
    detect_arm();
    sink = malloc(10);
    sink = realloc(sink, 20);
    free(sink);
    sink = calloc(1, 10);
    free(sink);
    sink = aligned_alloc(64, 64);
    free(sink);
    d = detect_disarm();
    expect(d.allocations >= 7, "seven allocator calls are fewer", d); /* realloc may count as more */
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *fresh = mmap(NULL, BAIT_PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(fresh, BAIT_PAGES * page, MADV_NOHUGEPAGE);
    detect_arm();
    for (size_t i = 0; i < BAIT_PAGES; i++)
        ((volatile char *)fresh)[i * page] = 1;
    d = detect_disarm();
    expect(d.faults >= BAIT_PAGES, "fresh pages without faults", d);
    munmap(fresh, BAIT_PAGES * page);
    struct timespec moment = {0, 1000000};
    detect_arm();
    nanosleep(&moment, NULL);
    d = detect_disarm();
    expect(d.waits >= 1, "sleeping without waiting", d);
}

static int runs(void)
{
    return test_emulated() ? EMULATED_RUNS : RUNS;
}

static qnt_status measured_run(qnt_session *s, const void *in, void *out, size_t batch)
{
    uint64_t ticks[MAX_STEPS];
    return qnt_session_profile(s, in, out, batch, ticks, qnt_session_step_count(s) + 2);
}

/* System calls and allocations: never, from the first run on. Faults and waits: the kernel may cause some at any time
 * (it moves and samples pages), so of ROUNDS one must be free of them, which a cause in the run would not allow, and
 * after it no more than LEAST are run in all. */
static void session_is_silent(const char *name, qnt_model *m, uint32_t batch, bool quantized_io)
{
    static float in[MAX_BATCH * TEST_MODEL_IN], out[MAX_BATCH * 6 * 6 * 4]; /* the largest output */
    char what[96];
    qnt_session_config c = {.size = sizeof c, .max_batch = batch, .quantized_io = quantized_io};
    qnt_session *s;
    struct detected d = {0};
    bool quiet = false;
    snprintf(what, sizeof what, "%s, batch %u", name, batch);
    if (qnt_session_create(m, &c, &s)) {
        failures++;
        printf("hotpath: %s: %s\n", what, qnt_last_error());
        return;
    }
    test_model_images(in, MAX_BATCH * TEST_MODEL_IN);
    memset(out, 0, sizeof out);
    for (int round = 0; round < LEAST || (round < ROUNDS && !quiet); round++) {
        qnt_status status = QNT_OK;
        detect_arm();
        for (int i = 0; i < runs() && !status; i++)
            status = (i & 7 ? qnt_session_run : measured_run)(s, in, out, batch);
        d = detect_disarm();
        expect(!status && !d.syscalls && !d.allocations, what, d);
        quiet = quiet || (!d.faults && !d.waits);
    }
    expect(quiet, what, d);
    sessions++;
    qnt_session_free(s);
}

int main(void)
{
    static const char *const name[] = {
        "float", "8 bits",           "2 bits", "other ops",         "other ops, quantized",
        "moves", "moves, quantized", "values", "values, quantized", "recurrent",
        "blocks"};
    enum { MODELS = sizeof name / sizeof *name };
    qnt_model *m[MODELS] = {NULL};
    qnt_ctx *ctx;
    if (qnt_ctx_create(NULL, &ctx) || test_model_float(ctx, &m[0]) || test_model_quantized(ctx, 8, &m[1]) ||
        test_model_quantized(ctx, 2, &m[2]) || test_model_pools(ctx, false, &m[3]) ||
        test_model_pools(ctx, true, &m[4]) || test_model_moves(ctx, false, &m[5]) ||
        test_model_moves(ctx, true, &m[6]) || test_model_values(ctx, false, &m[7]) ||
        test_model_values(ctx, true, &m[8]) || test_model_recurrent(ctx, false, &m[9]) ||
        test_model_blocks(ctx, false, &m[10])) {
        printf("hotpath: %s\n", qnt_last_error());
        return EXIT_FAILURE;
    }
    const char *why_not = detect_open();
    if (why_not)
        printf("skipped: counting system calls: %s\n", why_not);
    baits(!why_not);
    for (uint32_t batch = 1; batch <= MAX_BATCH; batch += MAX_BATCH - 1)
        for (int i = 0; i < MODELS; i++) {
            session_is_silent(name[i], m[i], batch, false);
            if (strstr(name[i], "bits"))
                session_is_silent("bytes in and out", m[i], batch, true);
        }
    detect_close();
    for (int i = 0; i < MODELS; i++)
        qnt_model_free(m[i]);
    qnt_ctx_free(ctx);
    if (!failures)
        printf("hotpath: %d sessions, %d runs each and more: silent\n", sessions, LEAST * runs());
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
