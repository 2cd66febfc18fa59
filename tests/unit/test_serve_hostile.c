/* Servers whose clients are other processes, which die, write anything anywhere, flood, stall and lie: others have
 * their results and the server its memory; and children of fork, which have neither server nor client. The processes
 * are forked before there are threads, and wait to be told. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "serve_child.h"

enum { KILLED = 200, KILLED_QUICK = 20, TOGETHER = 8 };

/* An honest one that is killed: it works until then. */
static int work(void)
{
    qnt_client *c;
    if (qnt_client_connect(ctx, path, NULL, &c))
        return 1;
    say('c');
    for (uint64_t i = 0;; i += SLOTS)
        if (run_ops(c, i, SLOTS))
            return 2;
}

/* Numbers near where the rings are, fields that are good, or nearly, and anything: over the whole area. */
static int scribble(void)
{
    struct raw w;
    uint64_t x = 88172645463325252u + (uint64_t)getpid();
    if (raw_connect(&w))
        return 1;
    say('c');
    for (uint64_t near = 0;; near += 3) {
        for (size_t i = 0; i < w.r.area_bytes / 8; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            const uint64_t value[] = {near + x / 8 % 8, x / 8 % MODELS, x / 8 % 2 * SLOT, 0, 0, x, x >> 50, near + 1};
            ((volatile uint64_t *)(void *)w.map)[i] = value[x % 8];
        }
        sched_yield();
    }
}

/* Fills its queue and never fetches anything; wakes all the time. */
static int flood(void)
{
    struct raw w;
    if (raw_connect(&w))
        return 1;
    struct qnt_queue_user u;
    qnt_queue_user_init(&u, w.map, w.r.depth, 1);
    say('c');
    for (bool wake;; sched_yield()) {
        const qnt_engine_op op = {.user = 1};
        for (int i = 0; i < 4 * SLOTS; i++)
            qnt_queue_submit(&u, &op, 1, &wake);
        for (int i = 0; i < 100; i++)
            send_kind(&w, QNT_WIRE_WAKE);
    }
}

/* What a client must not be able to do to the file once it is served. */
static int punch(void)
{
    struct raw w;
    if (raw_connect(&w))
        return 1;
    const int fd = w.file[0];
    const off_t bytes = (off_t)w.r.area_bytes;
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) != -1 || errno != EPERM)
        return 2;
    if (!test_emulated() && (madvise(w.map, 4096, MADV_REMOVE) != -1 || errno != EPERM))
        return 3;
    if (ftruncate(fd, 0) != -1 || errno != EPERM || ftruncate(fd, 2 * bytes) != -1 || errno != EPERM)
        return 4;
    if (pwrite(fd, "", 1, 0) != -1 || errno != EPERM)
        return 5;
    if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED || errno != EPERM)
        return 6;
    w.map[bytes - 1] = 1; /* what it has it may write */
    struct stat st;
    return fstat(w.file[1], &st) || pwrite(w.file[1], "", 1, 0) != -1 || ftruncate(w.file[1], 0) != -1 ? 7 : 0;
}

/* Before it is served it may do these: it is refused then. */
static int refused_after(void (*spoil)(struct raw *w))
{
    struct raw w;
    if (raw_offer(&w))
        return 1;
    spoil(&w);
    send_kind(&w, QNT_WIRE_MAPPED);
    if (receive(&w, QNT_WIRE_READY) == QNT_OK)
        return 2;
    say(strstr(qnt_last_error(), "has not written its pages") ? 'p' : strstr(qnt_last_error(), "sealing") ? 's' : '?');
    return 0;
}

static void write_nothing(struct raw *w)
{
    (void)w;
}

static void write_and_punch(struct raw *w)
{
    memset(w->map, 0, w->r.area_bytes);
    fallocate(w->file[0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096);
}

static void seal_itself(struct raw *w)
{
    memset(w->map, 0, w->r.area_bytes);
    fcntl(w->file[0], F_ADD_SEALS, F_SEAL_SEAL);
}

static int come_without_pages(void)
{
    return refused_after(write_nothing);
}

static int come_with_a_hole(void)
{
    return refused_after(write_and_punch);
}

static int come_sealed(void)
{
    return refused_after(seal_itself);
}

static size_t count_fds(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Mappings of clients' memory. */
static size_t count_areas(void)
{
    char line[512];
    size_t n = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, f))
        n += strstr(line, "memfd:qnt-client") != NULL;
    fclose(f);
    return n;
}

static void check_counts(const qnt_server *s, uint64_t connected, uint64_t died)
{
    qnt_server_stats stats = {.size = sizeof stats};
    OK(qnt_server_stats_get(s, &stats));
    ck_assert_msg(stats.connected == connected && stats.died == died, "%llu connected, %llu died",
                  (unsigned long long)stats.connected, (unsigned long long)stats.died);
}

static const qnt_engine_config one = {.size = sizeof one, .workers = 1};

START_TEST(clients_are_killed)
{
    static struct child child[KILLED];
    const int n = test_quick() ? KILLED_QUICK : KILLED;
    for (int i = 0; i < n; i++)
        child[i] = spawn(work);
    qnt_engine *e = new_engine(&one);
    qnt_server *s = new_server(e, NULL);
    qnt_client *c;
    OK(qnt_client_connect(ctx, path, NULL, &c));
    const size_t fds = count_fds(), areas = count_areas();
    double begin = 0;
    unit_seed();
    for (int i = 0; i < n; i += TOGETHER) {
        for (int k = i; k < i + TOGETHER && k < n; k++)
            tell(&child[k]);
        for (int k = i; k < i + TOGETHER && k < n; k++)
            ck_assert_int_eq(hear(&child[k]), 'c');
        for (int k = i; k < i + TOGETHER && k < n; k++) {
            ck_assert_uint_eq(run_ops(c, (uint64_t)k, 2), 0);
            nanosleep(&(struct timespec){.tv_nsec = unit_random() % 200000}, NULL);
            begin = now_s();
            end(&child[k]);
        }
    }
    ck_assert(comes_to(s, 1));
    printf("%d clients killed; the last one's memory was back after %.1f ms\n", n, (now_s() - begin) * 1e3);
    ck_assert_uint_eq(run_ops(c, 0, 100), 0);
    ck_assert_uint_eq(count_fds() + 2 * (size_t)n, fds); /* and this process's pipes */
    ck_assert_uint_eq(count_areas(), areas);
    check_counts(s, (uint64_t)n + 1, (uint64_t)n);
    qnt_client_close(c);
    qnt_server_destroy(s);
    qnt_engine_destroy(e);
}
END_TEST

/* Beside some that misbehave others are served; all end, and nothing is left of them. */
START_TEST(clients_misbehave)
{
    int (*const run[])(void) = {scribble, scribble, flood};
    enum { BAD = sizeof run / sizeof *run };
    struct child child[BAD];
    for (int i = 0; i < BAD; i++)
        child[i] = spawn(run[i]);
    qnt_engine *e = new_engine(&one);
    qnt_server *s = new_server(e, NULL);
    qnt_client *c;
    OK(qnt_client_connect(ctx, path, NULL, &c));
    for (int i = 0; i < BAD; i++) {
        tell(&child[i]);
        ck_assert_int_eq(hear(&child[i]), 'c');
    }
    for (uint32_t i = 0; i < (test_quick() ? 2 : 20); i++)
        ck_assert_uint_eq(run_ops(c, i, 10), 0);
    for (int i = 0; i < BAD; i++)
        end(&child[i]);
    ck_assert(comes_to(s, 1));
    ck_assert_uint_eq(run_ops(c, 0, 50), 0);
    ck_assert_uint_eq(count_areas(), 2); /* the server's and the client's */
    check_counts(s, BAD + 1, BAD);
    qnt_client_close(c);
    qnt_server_destroy(s);
    qnt_engine_destroy(e);
}
END_TEST

START_TEST(files_are_sealed)
{
    int (*const run[])(void) = {punch, come_without_pages, come_with_a_hole, come_sealed};
    const char said_then[] = {0, 'p', 'p', 's'};
    enum { RUNS = sizeof run / sizeof *run };
    struct child child[RUNS];
    if (test_emulated())
        printf("skipped: MADV_REMOVE on a client's memory: the emulator ignores it\n");
    for (int i = 0; i < RUNS; i++)
        child[i] = spawn(run[i]);
    qnt_engine *e = new_engine(&one);
    qnt_server *s = new_server(e, NULL);
    for (int i = 0; i < RUNS; i++) {
        tell(&child[i]);
        const char word = hear(&child[i]);
        ck_assert_msg(word == said_then[i], "process %d said %d", i, word);
        ck_assert_int_eq(ended(&child[i]), 0);
    }
    for (const double begin = now_s(); count_areas(); sched_yield()) /* also of those that were refused */
        EACH_MUST(now_s() - begin < PATIENCE_S, "%zu areas are left", count_areas());
    ck_assert(comes_to(s, 0));
    check_counts(s, 1, 1);
    qnt_server_destroy(s);
    qnt_engine_destroy(e);
}
END_TEST

START_TEST(knows_a_child_of_fork)
{
    qnt_engine *e = new_engine(&one);
    qnt_server *s = new_server(e, NULL);
    qnt_client *c;
    int status = 0;
    OK(qnt_client_connect(ctx, path, NULL, &c));
    pid_t child = fork();
    if (child == 0) {
        qnt_engine_op op = {.user = 0};
        int bad = qnt_client_submit_burst(c, &op, 1) != 0 || !strstr(qnt_last_error(), "child of fork");
        bad |= (qnt_client_poll_burst(c, &op, 1) != 0 || qnt_client_check(c) != QNT_ERR_STATE) << 1;
        qnt_client_close(c);
        qnt_server_destroy(s);
        bad |= (access(path, F_OK) != 0) << 2;
        _exit(bad);
    }
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (test_emulated())
        printf("skipped: children of fork: the emulator ignores MADV_WIPEONFORK\n");
    else
        ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "the child's status is %x", status);
    if (!test_emulated())
        ck_assert_uint_eq(run_ops(c, 0, SLOTS), 0);
    qnt_client_close(c);
    qnt_server_destroy(s);
    qnt_engine_destroy(e);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serve_hostile");
    TCase *tc = tcase_create("hostile");
    tcase_add_checked_fixture(tc, setup_serving, teardown);
    tcase_add_test(tc, clients_are_killed);
    tcase_add_test(tc, clients_misbehave);
    tcase_add_test(tc, files_are_sealed);
    tcase_add_test(tc, knows_a_child_of_fork);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
