/* What changes while an engine runs: pause, drain, stop, other models, fork, the end. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine_util.h"

enum { OPS = 64, DEPTH = 32, SWAPS = 12 };

static const qnt_engine_config inter = {.size = sizeof inter, .workers = 2, .depth = DEPTH};
static const qnt_engine_config intra = {.size = sizeof intra, .workers = 2, .depth = DEPTH, .mode = QNT_ENGINE_INTRA};
static const qnt_engine_config *const modes[] = {&inter, &intra};

static uint32_t submit_some(qnt_engine *e, uint32_t qp, uint32_t n, float (*out)[OUT])
{
    qnt_engine_op op[OPS];
    for (uint32_t i = 0; i < n; i++)
        op[i] = new_op(i % MODELS, i, out[i]);
    return qnt_engine_submit_burst(e, qp, op, n);
}

START_TEST(pauses_and_drains)
{
    static float out[OPS][OUT];
    qnt_engine *e = new_engine(modes[_i]);
    qnt_engine_op op[OPS];
    OK(qnt_engine_drain(e, 0));
    ck_assert_uint_eq(submit_some(e, 0, OPS, out), DEPTH);
    OK(qnt_engine_drain(e, 60000));
    ck_assert_uint_eq(qnt_engine_poll_burst(e, 0, op, OPS), DEPTH); /* at once */
    OK(qnt_engine_pause(e));
    OK(qnt_engine_pause(e));
    ck_assert_uint_eq(submit_some(e, 0, OPS, out), DEPTH);
    REFUSED(qnt_engine_drain(e, 1000), QNT_ERR_STATE, "paused or stopped");
    ck_assert_uint_eq(qnt_engine_poll_burst(e, 0, op, OPS), 0);
    OK(qnt_engine_resume(e));
    OK(qnt_engine_resume(e));
    OK(qnt_engine_drain(e, 60000));
    while (submit_some(e, 0, OPS, out)) /* until its results hold the queue up */
        sched_yield();
    REFUSED(qnt_engine_drain(e, 1), QNT_ERR_STATE, "operations are left after 1 ms");
    poll_all(e, 0, op, DEPTH); /* their outputs are being written again */
    for (uint32_t i = 0; i < DEPTH; i++)
        ck_assert(op[i].user == i && op[i].status == QNT_OK);
    OK(qnt_engine_check(e));
    qnt_engine_destroy(e); /* with results that nobody fetched, and operations that nobody ran */
}
END_TEST

/* Each operation comes back once, in order: done before, or with the status of one that is not. */
START_TEST(stops)
{
    static float out[OPS][OUT];
    qnt_engine *e = new_engine(modes[_i]);
    qnt_engine_op op[3 * OPS], one = new_op(0, 0, out[0]);
    qnt_engine_stats stats = {.size = sizeof stats};
    uint32_t sent = submit_some(e, 0, OPS, out), got = 0, interrupted = 0;
    if (_i) /* of two queues one is full of results, too */
        for (int i = 0; i < 1000; i++)
            sent += submit_some(e, 0, OPS, out);
    else
        OK(qnt_engine_pause(e));
    sent += submit_some(e, 0, OPS, out);
    OK(qnt_engine_stop(e));
    OK(qnt_engine_stop(e));
    ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, &one, 1), 0);
    REFUSED(qnt_engine_check(e), QNT_ERR_STATE, "stopped");
    REFUSED(qnt_engine_pause(e), QNT_ERR_STATE, "stopped");
    REFUSED(qnt_engine_resume(e), QNT_ERR_STATE, "stopped");
    REFUSED(qnt_engine_drain(e, 1), QNT_ERR_STATE, "stopped");
    REFUSED(qnt_engine_swap(e, 0, model[0]), QNT_ERR_STATE, "stopped");
    for (uint32_t more; (more = qnt_engine_poll_burst(e, 0, op + got, 5)) > 0;)
        got += more;
    ck_assert_uint_eq(got, sent);
    for (uint32_t i = 0; i < got; i++)
        if (op[i].status == QNT_ERR_INTERRUPTED)
            interrupted++;
        else
            ck_assert(!interrupted && is_right(&op[i]));
    ck_assert_uint_gt(interrupted, 0);
    OK(qnt_engine_stats_get(e, &stats));
    ck_assert_uint_eq(stats.polled, sent);
    ck_assert_uint_eq(qnt_engine_poll_burst(e, 1, op, 1), 0);
    qnt_engine_destroy(e);
}
END_TEST

/* The same borders, but more memory for what is between. */
static qnt_model *larger_model(void)
{
    qnt_model *m;
    int id, in[2];
    static float w[64 * 3 * 3 * 3], w2[OUT * 6 * 6 * 64];
    for (size_t i = 0; i < sizeof w / sizeof *w; i++)
        w[i] = unit_random_float();
    for (size_t i = 0; i < sizeof w2 / sizeof *w2; i++)
        w2[i] = unit_random_float();
    const qnt_node_attr conv = {.size = sizeof conv, .pad = {1, 1, 1, 1}};
    OK(qnt_model_new(ctx, &m));
    OK(qnt_model_add_input(m, "x", 3, (size_t[]){6, 6, 3}, &in[0]));
    OK(qnt_model_add_const(m, "w", 4, (size_t[]){64, 3, 3, 3}, w, &in[1]));
    OK(qnt_model_add_node(m, "conv2d", "c", &conv, in, 2, &in[0]));
    OK(qnt_model_add_node(m, "flatten", "f", NULL, in, 1, &in[0]));
    OK(qnt_model_add_const(m, "w2", 2, (size_t[]){OUT, 6 * 6 * 64}, w2, &in[1]));
    OK(qnt_model_add_node(m, "fully_connected", "y", NULL, in, 2, &id));
    OK(qnt_model_set_output(m, id));
    return m;
}

static qnt_engine *loaded;
static atomic_bool enough;
static float larger_expected[IMAGES][OUT];

/* Keeps queue pair *arg busy; every result is that of the model before or after a swap. */
static void *keep_busy(void *arg)
{
    static float out[2][DEPTH][OUT];
    const uint32_t qp = *(const uint32_t *)arg;
    uintptr_t wrong = 0;
    uint64_t sent = 0, got = 0;
    while (!atomic_load(&enough) || got < sent) {
        qnt_engine_op op = new_op(sent % MODELS, sent, out[qp][sent % DEPTH]);
        if (!atomic_load(&enough) && sent - got < DEPTH)
            sent += qnt_engine_submit_burst(loaded, qp, &op, 1);
        if (!qnt_engine_poll_burst(loaded, qp, &op, 1)) {
            sched_yield();
            continue;
        }
        const bool swapped =
            op.model == 2 && !memcmp(op.out, larger_expected[op.user % IMAGES], sizeof *larger_expected);
        const bool other = op.model == 0 && !memcmp(op.out, expected[1][op.user % IMAGES], sizeof **expected);
        wrong += op.user != got++ || !(is_right(&op) || swapped || other);
    }
    return (void *)wrong;
}

START_TEST(swaps_models_under_load)
{
    const uint32_t qps[] = {0, 1};
    pthread_t thread[2];
    void *wrong;
    float out[OUT];
    qnt_engine_op op;
    unit_seed();
    qnt_model *large = larger_model(), *pools;
    run_session(large, larger_expected);
    qnt_engine_config c = *modes[_i];
    c.queue_pairs = 2;
    loaded = new_engine(&c);
    atomic_store(&enough, false);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, keep_busy, (void *)&qps[i]), 0);
    for (int i = 0; i < SWAPS; i++) {
        OK(qnt_engine_swap(loaded, 2, i % 2 ? model[2] : large));
        OK(qnt_engine_swap(loaded, 0, model[i % 2]));
    }
    OK(qnt_engine_swap(loaded, 2, large));
    atomic_store(&enough, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(thread[i], &wrong);
        ck_assert_msg(!wrong, "%zu results of queue pair %d are no model's", (size_t)(uintptr_t)wrong, i);
    }
    op = new_op(2, 3, out);
    ck_assert_uint_eq(qnt_engine_submit_burst(loaded, 0, &op, 1), 1);
    poll_all(loaded, 0, &op, 1);
    ck_assert_mem_eq(out, larger_expected[3], sizeof out);
    OK(test_model_pools(ctx, false, &pools));
    REFUSED(qnt_engine_swap(loaded, 0, pools), QNT_ERR_SHAPE, "output 0 is 1 x 1 x 3, expected 4");
    REFUSED(qnt_engine_swap(loaded, 3, large), QNT_ERR_ARG, "model 3, the engine has 3");
    REFUSED(qnt_engine_swap(loaded, 0, NULL), QNT_ERR_ARG, "NULL");
    qnt_model_free(pools);
    qnt_model_free(large);
    qnt_engine_destroy(loaded);
}
END_TEST

/* A worker that goes to sleep all the time, and a program that submits one operation at any moment: it is woken for
 * every one. Without the system's barrier, too. */
START_TEST(wakes_for_every_operation)
{
    const qnt_engine_config c = {.size = sizeof c, .workers = 1, .spin_us = 1};
    qnt_engine *e = new_engine(&c);
    qnt_engine_worker w = {.size = sizeof w};
    float out[OUT];
    OK(qnt_engine_pause(e));
    e->worker[0]->bare = 0;
    if (_i)
        e->user[0].barrier = false; /* the worker may go on with it */
    OK(qnt_engine_resume(e));
    unit_seed();
    const int rounds = test_emulated() ? 200 : 1500;
    for (int i = 0; i < rounds; i++) {
        qnt_engine_op op = new_op(0, (uint64_t)i, out);
        for (uint32_t k = unit_random() % 4000; k; k--)
            __asm__ volatile("");
        ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, &op, 1), 1);
        poll_all(e, 0, &op, 1);
        EACH_MUST(is_right(&op), "operation %d", i);
    }
    OK(qnt_engine_worker_get(e, 0, &w));
    printf("%s the system's barrier: %llu sleeps in %d operations\n",
           _i           ? "without"
           : e->barrier ? "with"
                        : "no",
           (unsigned long long)w.sleeps, rounds);
    qnt_engine_destroy(e);
}
END_TEST

/* An operation that comes when the worker has looked for the last time and is about to sleep, from a program that saw
 * it awake: the call of the barrier, which this program's stands before the C library's, is that moment. */
static struct qnt_ring_in *late;
static struct qnt_message late_op;

/* Passes on as many arguments as any call has; of those that there are not, whatever lies in their places. */
__attribute__((no_sanitize("address"))) long syscall(long number, ...)
{
    static long (*real)(long number, ...);
    long arg[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        arg[i] = va_arg(args, long);
    va_end(args);
    if (!real) {
        void *symbol = dlsym(RTLD_NEXT, "syscall");
        memcpy(&real, &symbol, sizeof real);
    }
    if (number == SYS_membarrier && late) {
        *qnt_ring_next(late) = late_op;
        qnt_ring_send(late);
        late = NULL;
    }
    return real(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

START_TEST(looks_once_more_before_it_sleeps)
{
    const qnt_engine_config c = {.size = sizeof c, .workers = 1, .spin_us = 1000};
    qnt_engine *e = new_engine(&c);
    float out[OUT];
    qnt_engine_op op = new_op(0, 1, out);
    if (!e->barrier) {
        printf("skipped: the last look before a sleep: the system has no membarrier\n");
        qnt_engine_destroy(e);
        return;
    }
    OK(qnt_engine_pause(e));
    memcpy(&late_op, &op, sizeof op);
    late = &e->user[0].ops;
    OK(qnt_engine_resume(e));
    poll_all(e, 0, &op, 1);
    ck_assert(is_right(&op));
    qnt_engine_destroy(e);
}
END_TEST

/* A child has no workers: it is told so, and may free its copy; the parent's goes on. */
START_TEST(knows_a_child_of_fork)
{
    static float out[OPS][OUT];
    qnt_engine *e = new_engine(modes[_i]);
    qnt_engine_op op = new_op(0, 1, out[0]), got[OPS];
    int status = 0;
    if (!e->mark || test_emulated()) {
        printf("skipped: children of fork: no MADV_WIPEONFORK%s\n", test_emulated() ? " from the emulator" : "");
        qnt_engine_destroy(e);
        return;
    }
    ck_assert_uint_eq(submit_some(e, 0, DEPTH, out), DEPTH);
    pid_t child = fork();
    if (child == 0) {
        qnt_engine_stats s = {.size = sizeof s};
        int bad = qnt_engine_submit_burst(e, 0, &op, 1) != 0 || !strstr(qnt_last_error(), "child of fork");
        bad |= (qnt_engine_poll_burst(e, 0, &op, 1) != 0 || !strstr(qnt_last_error(), "child of fork")) << 1;
        bad |= (qnt_engine_check(e) != QNT_ERR_STATE || qnt_engine_pause(e) != QNT_ERR_STATE ||
                qnt_engine_stop(e) != QNT_ERR_STATE || qnt_engine_drain(e, 1) != QNT_ERR_STATE)
               << 2;
        bad |= (qnt_engine_stats_get(e, &s) != QNT_ERR_STATE) << 3;
        qnt_engine_destroy(e);
        _exit(bad);
    }
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "the child ended with %x", (unsigned)status);
    poll_all(e, 0, got, DEPTH);
    for (uint32_t i = 0; i < DEPTH; i++)
        ck_assert(is_right(&got[i]));
    qnt_engine_destroy(e);
}
END_TEST

/* Between two operations its thread does what it is asked to. */

static void note_thread(void *arg)
{
    *(uint32_t *)arg = (uint32_t)gettid();
}

START_TEST(calls_on_a_worker)
{
    qnt_engine *e = new_engine(&inter);
    qnt_engine_worker w = {.size = sizeof w};
    uint32_t id = 0;
    for (uint32_t i = 0; i < 2; i++) {
        OK(qnt_engine_call(e, i, note_thread, &id));
        OK(qnt_engine_worker_get(e, i, &w));
        ck_assert_uint_eq(id, w.thread);
    }
    REFUSED(qnt_engine_call(e, 2, note_thread, &id), QNT_ERR_STATE, "worker 2");
    REFUSED(qnt_engine_worker_get(e, 2, &w), QNT_ERR_ARG, "worker 2, the engine has 2");
    qnt_engine_destroy(e);
}
END_TEST

int main(void)
{
    syscall(SYS_gettid); /* so that threads only read what it finds */
    Suite *suite = suite_create("engine_control");
    TCase *tc = tcase_create("control");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, pauses_and_drains, 0, 2);
    tcase_add_loop_test(tc, stops, 0, 2);
    tcase_add_loop_test(tc, swaps_models_under_load, 0, 2);
    tcase_add_loop_test(tc, wakes_for_every_operation, 0, 2);
    tcase_add_test(tc, looks_once_more_before_it_sleeps);
    tcase_add_loop_test(tc, knows_a_child_of_fork, 0, 2);
    tcase_add_test(tc, calls_on_a_worker);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
