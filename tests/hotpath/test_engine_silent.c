/* The silent engine: between submission and result neither the program's thread nor the worker makes a system call, an
 * allocation, a page fault or a wait. Under the default policy, where a worker without work sleeps, nothing but that is
 * called. A worker that is killed upon any system call lives. Each detector must first trip on its own bait. */
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <qnt/cpu.h>
#include "lib/engine/engine.h"
#include "tests/common/models.h"
#include "tests/common/quick.h"
#include "tests/hotpath/detect.h"

enum { DEPTH = 64, ROUNDS = 20, BAIT_PAGES = 3, KILLED_OPS = 100000, SAMPLE_PAGES = 16, RARE = 50 };
static int failures;
static qnt_ctx *ctx;
static qnt_model *model[2]; /* a layer of a few values; a network, for one operation in RARE */
static float image[TEST_MODEL_IN], out[DEPTH][TEST_MODEL_OUT];

static void expect(bool good, const char *what, struct detected d)
{
    if (good)
        return;
    failures++;
    printf(
        "engine: %s: %ld system calls (the first is number %ld, %ld to sleep), %ld allocator calls, %ld page faults, "
        "%ld waits\n",
        what, d.syscalls, d.first_syscall, d.sleeping, d.allocations, d.faults, d.waits);
}

/* With a single core they take turns, a time slice each. */
static long operations(void)
{
    qnt_machine m = {.size = sizeof m};
    if (test_emulated() || qnt_machine_get(&m) || m.usable_cores < 2)
        return 2000;
    return test_quick() ? 30000 : 1000000;
}

static qnt_engine *new_engine(uint32_t idle)
{
    const qnt_engine_config c = {.size = sizeof c, .workers = 1, .depth = DEPTH, .idle = idle};
    qnt_engine *e;
    if (!qnt_engine_create(model, 2, &c, &e))
        return e;
    printf("engine: %s\n", qnt_last_error());
    exit(EXIT_FAILURE);
}

/* Bursts of up to 8, single ones among them, DEPTH under way at most. */
static long run_ops(qnt_engine *e, long n)
{
    qnt_engine_op op[8], got[8];
    long sent = 0, back = 0, wrong = 0;
    while (back < n) {
        uint32_t burst = 1 + (uint32_t)sent % 8;
        burst = n - sent < burst ? (uint32_t)(n - sent) : burst;
        for (uint32_t i = 0; i < burst; i++)
            op[i] = (qnt_engine_op){.user = (uint64_t)(sent + i),
                                    .in = image,
                                    .out = out[(sent + i) % DEPTH],
                                    .model = (sent + i) % RARE == 0};
        if (burst && sent - back + burst <= DEPTH)
            sent += qnt_engine_submit_burst(e, 0, op, burst);
        const uint32_t more = qnt_engine_poll_burst(e, 0, got, 8);
        for (uint32_t i = 0; i < more; i++)
            wrong += got[i].user != (uint64_t)(back + i) || got[i].status;
        back += more;
    }
    return wrong;
}

/* On the worker's thread. */
static const char *worker_why;
static struct detected worker_detected;

static void worker_open(void *arg)
{
    (void)arg;
    worker_why = detect_open();
}

static void worker_arm(void *arg)
{
    (void)arg;
    detect_arm();
}

static void worker_disarm(void *arg)
{
    (void)arg;
    worker_detected = detect_disarm();
}

static void worker_close(void *arg)
{
    (void)arg;
    detect_close();
}

static char *fresh;
static void *volatile sink;

static void worker_bait(void *arg)
{
    (void)arg;
    syscall(SYS_getppid);
    for (size_t i = 0; i < BAIT_PAGES; i++)
        ((volatile char *)fresh)[i * qnt_page_size()] = 1;
    sink = malloc(1);
    free(sink);
}

static void on_worker(qnt_engine *e, void (*fn)(void *arg))
{
    if (!qnt_engine_call(e, 0, fn, NULL))
        return;
    failures++;
    printf("engine: %s\n", qnt_last_error());
}

static void new_pages(void)
{
    fresh = mmap(NULL, BAIT_PAGES * qnt_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(fresh, BAIT_PAGES * qnt_page_size(), MADV_NOHUGEPAGE);
}

/* Of rounds, one must be free of faults and waits, which the kernel may cause at any time; all of calls. */
static void is_silent(qnt_engine *e, const char *name, long all, bool may_sleep)
{
    const long n = all / ROUNDS;
    bool quiet = false, worker_quiet = false;
    struct detected d = {0};
    run_ops(e, n / 10);
    on_worker(e, worker_open);
    if (worker_why)
        printf("skipped: counting system calls of a worker: %s\n", worker_why);
    new_pages();
    on_worker(e, worker_arm);
    on_worker(e, worker_bait);
    on_worker(e, worker_disarm);
    d = worker_detected;
    /* It may have slept first, while this thread had no CPU. */
    const bool noticed = d.syscalls > d.sleeping && (d.sleeping || d.first_syscall == SYS_getppid);
    expect((worker_why || noticed) && d.allocations >= 2 && d.faults >= BAIT_PAGES,
           "a worker's system call, faults and allocations are not noticed", d);
    munmap(fresh, BAIT_PAGES * qnt_page_size());
    for (int round = 0; round < ROUNDS; round++) {
        on_worker(e, worker_arm);
        detect_arm();
        const long wrong = run_ops(e, n);
        d = detect_disarm();
        on_worker(e, worker_disarm);
        const struct detected w = worker_detected;
        expect(!wrong && d.syscalls == (may_sleep ? d.sleeping : 0) && !d.allocations, name, d);
        expect(w.syscalls == (may_sleep ? w.sleeping : 0) && !w.allocations, "its worker", w);
        quiet = quiet || (!d.faults && !d.waits);
        worker_quiet = worker_quiet || (!w.faults && (may_sleep || !w.waits));
    }
    expect(quiet, name, d);
    expect(worker_quiet, "its worker", worker_detected);
    on_worker(e, worker_close);
}

static void kill_upon_calls(void *arg)
{
    struct sock_filter kill_all = {.code = BPF_RET | BPF_K, .k = SECCOMP_RET_KILL_PROCESS};
    const struct sock_fprog program = {.len = 1, .filter = &kill_all};
    *(int *)arg =
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? errno : 0;
}

/* How a process ends whose worker is killed, and all with it, upon a system call; bait: it makes one. */
static int sacrifice(bool bait)
{
    int status = 0;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        int error = 0;
        qnt_engine *e = new_engine(QNT_IDLE_POLL);
        if (qnt_engine_call(e, 0, kill_upon_calls, &error) || error)
            _exit(2);
        if (bait)
            qnt_engine_call(e, 0, worker_bait, NULL);
        _exit(run_ops(e, operations() < KILLED_OPS ? operations() : KILLED_OPS) ? 3 : 0);
    }
    waitpid(child, &status, 0);
    return status;
}

static void worker_survives(void)
{
    new_pages();
    const int bait = sacrifice(true), status = sacrifice(false);
    munmap(fresh, BAIT_PAGES * qnt_page_size());
    if (WIFEXITED(bait) && (WEXITSTATUS(bait) == 2 || test_emulated())) {
        printf("skipped: a worker that is killed upon system calls: no seccomp filters here\n");
    } else if (!WIFSIGNALED(bait) || WTERMSIG(bait) != SIGSYS || !WIFEXITED(status) || WEXITSTATUS(status)) {
        failures++;
        printf("engine: killed upon system calls: status %x, with one %x\n", (unsigned)status, (unsigned)bait);
    }
}

/* Minor faults of a thread with their addresses, by perf. */
struct faults {
    int fd;
    struct perf_event_mmap_page *page;
};

static const char *faults_open(struct faults *f, pid_t thread)
{
    struct perf_event_attr a = {.type = PERF_TYPE_SOFTWARE,
                                .size = sizeof a,
                                .config = PERF_COUNT_SW_PAGE_FAULTS,
                                .sample_period = 1,
                                .sample_type = PERF_SAMPLE_ADDR};
    f->fd = (int)syscall(SYS_perf_event_open, &a, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (f->fd < 0)
        return strerror(errno);
    f->page = mmap(NULL, (1 + SAMPLE_PAGES) * qnt_page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
    return f->page == MAP_FAILED ? strerror(errno) : NULL;
}

/* How many were in these bytes, of those since the last call; all of them in *all. */
static long faults_in(struct faults *f, const void *base, size_t bytes, long *all)
{
    const uint8_t *data = (const uint8_t *)f->page + qnt_page_size();
    const uint64_t size = SAMPLE_PAGES * qnt_page_size(), head = __atomic_load_n(&f->page->data_head, __ATOMIC_ACQUIRE);
    long hits = 0;
    for (uint64_t at = f->page->data_tail; at < head;) {
        struct perf_event_header h;
        uint64_t address;
        memcpy(&h, data + at % size, sizeof h); /* records are of whole eight bytes: none of these two is cut */
        memcpy(&address, data + (at + sizeof h) % size, sizeof address);
        if (h.type == PERF_RECORD_SAMPLE) {
            (*all)++;
            hits += address - (uintptr_t)base < bytes;
        }
        at += h.size;
    }
    __atomic_store_n(&f->page->data_tail, head, __ATOMIC_RELEASE);
    return hits;
}

/* While the system moves pages together the worker's memory is not moved under it. */
static void stays_while_compacting(qnt_engine *e)
{
    const struct qnt_block *home = &e->worker[0]->home;
    const int fd = open("/proc/sys/vm/compact_memory", O_WRONLY | O_CLOEXEC);
    struct faults f;
    long all = 0, hits;
    if (fd < 0 || home->kind == QNT_ENGINE_SMALL) {
        printf("skipped: memory that stays while the system compacts: %s\n",
               fd < 0 ? strerror(errno) : "no huge pages");
        if (fd >= 0)
            close(fd);
        return;
    }
    const char *why = faults_open(&f, (pid_t)e->worker[0]->thread_id);
    if (why) {
        printf("skipped: memory that stays while the system compacts: faults cannot be told by address: %s\n", why);
        close(fd);
        return;
    }
    new_pages();
    on_worker(e, worker_bait);
    hits = faults_in(&f, fresh, BAIT_PAGES * qnt_page_size(), &all);
    if (hits < BAIT_PAGES) {
        failures++;
        printf("engine: %ld of %d faults are told by address\n", hits, BAIT_PAGES);
    }
    all = hits = 0;
    for (int i = 0; i < 5; i++) {
        if (write(fd, "1", 1) != 1)
            printf("skipped: compacting: %s\n", strerror(errno));
        run_ops(e, operations() / 100);
        hits += faults_in(&f, home->base, home->bytes, &all);
    }
    printf("engine: while the system compacted %ld faults of the worker, %ld of them in its memory\n", all, hits);
    if (hits) {
        failures++;
        printf("engine: its memory, of kind %d, moved\n", (int)home->kind);
    }
    munmap(fresh, BAIT_PAGES * qnt_page_size());
    munmap(f.page, (1 + SAMPLE_PAGES) * qnt_page_size());
    close(f.fd);
    close(fd);
}

/* CPU time of a worker that has had nothing to do for a while: a share that does not depend on who else runs. */
static void idles(qnt_engine *e)
{
    struct timespec a, b, begin, end;
    clockid_t clock;
    const struct timespec settle = {.tv_nsec = 50000000}, watch = {.tv_nsec = 200000000};
    pthread_getcpuclockid(e->worker[0]->thread, &clock);
    nanosleep(&settle, NULL);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    clock_gettime(clock, &a);
    nanosleep(&watch, NULL);
    clock_gettime(clock, &b);
    clock_gettime(CLOCK_MONOTONIC, &end);
    const double used = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9;
    const double passed = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
    printf("engine: an idle worker used %.3f %% of a CPU\n", 100 * used / passed);
    if (used > 0.01 * passed) {
        failures++;
        printf("engine: an idle worker is not idle\n");
    }
}

static qnt_status tiny_model(qnt_model **made)
{
    static const float w[TEST_MODEL_OUT * 8] = {0.5f, -1, 2};
    int in[2], id;
    qnt_status status = qnt_model_new(ctx, made);
    if (status || (status = qnt_model_add_input(*made, "x", 1, (size_t[]){8}, &in[0])) ||
        (status = qnt_model_add_const(*made, "w", 2, (size_t[]){TEST_MODEL_OUT, 8}, w, &in[1])) ||
        (status = qnt_model_add_node(*made, "fully_connected", "y", NULL, in, 2, &id)))
        return status;
    return qnt_model_set_output(*made, id);
}

int main(void)
{
    if (qnt_ctx_create(NULL, &ctx) || tiny_model(&model[0]) || test_model_quantized(ctx, 8, &model[1])) {
        printf("engine: %s\n", qnt_last_error());
        return EXIT_FAILURE;
    }
    test_model_images(image, TEST_MODEL_IN);
    worker_survives();
    const char *why_not = detect_open();
    if (why_not)
        printf("skipped: counting system calls: %s\n", why_not);
    qnt_engine *e = new_engine(QNT_IDLE_POLL);
    is_silent(e, "polling", operations(), false);
    stays_while_compacting(e);
    qnt_engine_destroy(e);
    e = new_engine(QNT_IDLE_SLEEP);
    is_silent(e, "the default policy", operations() / 10, true);
    idles(e);
    qnt_engine_destroy(e);
    detect_close();
    qnt_model_free(model[0]);
    qnt_model_free(model[1]);
    qnt_ctx_free(ctx);
    if (!failures)
        printf("engine: %ld operations polling, a tenth as many under the default policy: silent\n", operations());
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
