/* Queue pairs in memory of others: operations by offsets, what is refused, a side that writes what it likes. */
#include <pthread.h>
#include <stdatomic.h>
#include "engine_util.h"

enum { DEPTH = 32, ATTACHES = 8 };

static const qnt_engine_config inter = {.size = sizeof inter, .workers = 2, .depth = DEPTH};
static const qnt_engine_config intra = {.size = sizeof intra, .workers = 2, .depth = DEPTH, .mode = QNT_ENGINE_INTRA};
static const qnt_engine_config *const modes[] = {&inter, &intra};

/* What a program in another process does: operations by offsets. And what it should not. */
static struct qnt_queue_memory new_memory(uint32_t depth, size_t length)
{
    struct qnt_queue_memory m = {.depth = depth, .bytes = (qnt_queue_bytes(depth) + 127) / 128 * 128, .length = length};
    m.memory = aligned_alloc(128, m.bytes);
    m.data = malloc(length); /* exactly: beyond is a sanitizer's */
    qnt_queue_format(m.memory, depth);
    memset(m.data, 0, length);
    return m;
}

static void user_of(qnt_engine *e, const struct qnt_queue_memory *m, struct qnt_queue_user *u)
{
    qnt_queue_user_init(u, m->memory, m->depth, e->ticks_per_ns);
    u->base = m->data;
    u->sleeps = true;
}

static void submit_one(qnt_engine *e, struct qnt_queue *q, struct qnt_queue_user *u, qnt_engine_op *op)
{
    bool wake;
    uint32_t got = 0;
    const double begin = now_s();
    ck_assert_uint_eq(qnt_queue_submit(u, op, 1, &wake), 1);
    do {
        if (wake)
            qnt_queue_wake(e, q);
        got = qnt_queue_poll(u, op, 1, &wake);
        EACH_MUST(got || now_s() - begin < PATIENCE_S, "no result");
        if (!got)
            sched_yield();
    } while (!got);
    if (wake)
        qnt_queue_wake(e, q);
}

START_TEST(adopts_queue_pairs)
{
    enum { ROOM = sizeof image[0] + sizeof expected[0][0] };
    qnt_engine *e = new_engine(modes[_i]);
    struct qnt_queue_memory m[ATTACHES];
    struct qnt_queue *q[ATTACHES];
    _Alignas(128) struct qnt_queue_user u[ATTACHES];
    for (int i = 0; i < ATTACHES; i++) {
        m[i] = new_memory(4, ROOM);
        user_of(e, &m[i], &u[i]);
        OK(qnt_queue_attach(e, &m[i], &q[i]));
        memcpy(m[i].data, image[i], sizeof image[i]);
    }
    for (int i = 0; i < ATTACHES; i++) {
        float *out = (float *)(void *)(m[i].data + sizeof image[0]);
        qnt_engine_op op = new_op((uint32_t)i % MODELS, (uint64_t)i, out), bad = op;
        op.in = m[i].data;
        submit_one(e, q[i], &u[i], &op);
        ck_assert(is_right(&op) && op.in == m[i].data);
        bad.in = m[i].data + 4;
        bad.out = m[i].data;
        submit_one(e, q[i], &u[i], &bad); /* inside */
        ck_assert_int_eq(bad.status, QNT_OK);
        const size_t outside[] = {1, sizeof image[0], ROOM, SIZE_MAX - ROOM, SIZE_MAX / 2}; /* of the last place */
        for (size_t k = 0; k < sizeof outside / sizeof *outside; k++) {
            bad.in = (const void *)((uintptr_t)m[i].data + sizeof expected[0][0] + outside[k]);
            submit_one(e, q[i], &u[i], &bad);
            ck_assert_int_eq(bad.status, QNT_ERR_ARG);
            bad.in = m[i].data;
            bad.out = (void *)((uintptr_t)m[i].data + sizeof image[0] + outside[k]);
            submit_one(e, q[i], &u[i], &bad);
            ck_assert_int_eq(bad.status, QNT_ERR_ARG);
            bad.out = m[i].data;
        }
        bad.flags = QNT_OP_ARRAYS; /* addresses of another process */
        bad.in = bad.out = m[i].data + 64;
        submit_one(e, q[i], &u[i], &bad);
        ck_assert_int_eq(bad.status, QNT_ERR_ARG);
        const double begin = now_s();
        while (qnt_queue_done(q[i]) < 13 && now_s() - begin < PATIENCE_S)
            sched_yield(); /* it is counted behind the result */
        ck_assert_uint_eq(qnt_queue_done(q[i]), 13);
    }
    for (int i = 0; i < ATTACHES; i++) {
        OK(qnt_queue_detach(e, q[i]));
        free(m[i].memory);
        free(m[i].data);
    }
    REFUSED(qnt_queue_detach(e, q[0]), QNT_ERR_ARG, "not attached");
    qnt_engine_destroy(e);
}
END_TEST

START_TEST(refuses_queue_memory)
{
    qnt_engine *e = new_engine(&inter);
    struct qnt_queue *q;
    struct qnt_queue_memory m = new_memory(4, 64), bad = m;
    bad.memory = (uint8_t *)m.memory + 64;
    REFUSED(qnt_queue_attach(e, &bad, &q), QNT_ERR_ARG, "multiple of 128");
    bad = m;
    bad.depth = 3;
    REFUSED(qnt_queue_attach(e, &bad, &q), QNT_ERR_ARG, "depth 3");
    bad.depth = 1 << 17;
    REFUSED(qnt_queue_attach(e, &bad, &q), QNT_ERR_ARG, "depth 131072");
    bad = m;
    bad.bytes = qnt_queue_bytes(4) - 1;
    REFUSED(qnt_queue_attach(e, &bad, &q), QNT_ERR_ARG, "bytes of memory, expected");
    bad = m;
    bad.data = NULL;
    REFUSED(qnt_queue_attach(e, &bad, &q), QNT_ERR_ARG, "data is NULL");
    REFUSED(qnt_queue_attach(e, NULL, &q), QNT_ERR_ARG, "NULL");
    OK(qnt_engine_stop(e));
    REFUSED(qnt_queue_attach(e, &m, &q), QNT_ERR_STATE, "stopped");
    free(m.memory);
    free(m.data);
    qnt_engine_destroy(e);
}
END_TEST

/* Another side that fills its whole memory with whatever comes, all the time: nothing outside its data is touched, and
 * a queue pair beside it gives what it must. */
static atomic_bool enough;
static struct qnt_queue_memory hostile;
static struct qnt_queue *_Atomic hostile_queue;

static void *scribble(void *arg)
{
    uint64_t x = 88172645463325252u;
    (void)arg;
    while (!atomic_load(&enough)) {
        const uint64_t near = qnt_queue_done(atomic_load(&hostile_queue));
        for (size_t i = 0; i < hostile.bytes / 8; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            /* Numbers near where the rings are; fields that are good, or nearly; anything. */
            const uint64_t value[] = {near + x / 8 % 8, x / 8 % MODELS, x / 8 % 2 * sizeof image[0], 0, 0, x,
                                      x >> 50,          near + 1};
            atomic_store_explicit((_Atomic uint64_t *)hostile.memory + i, value[x % 8], memory_order_relaxed);
        }
        for (size_t i = 0; i < hostile.length; i += 64)
            ((volatile uint8_t *)hostile.data)[i] = (uint8_t)x;
    }
    return NULL;
}

START_TEST(survives_a_hostile_side)
{
#if UNIT_TSAN
    printf("skipped: a hostile side: it is a data race\n");
    return;
#endif
    static float out[DEPTH][OUT];
    qnt_engine_config c = inter;
    c.idle = QNT_IDLE_POLL; /* nobody wakes it for the hostile side, which runs at the same time */
    c.workers = 1;
    c.queue_pairs = 2;
    qnt_engine *e = new_engine(&c);
    qnt_engine_op op[DEPTH];
    struct qnt_queue *q;
    pthread_t thread;
    hostile = new_memory(8, 1024);
    atomic_store(&enough, false);
    OK(qnt_queue_attach(e, &hostile, &q));
    atomic_store(&hostile_queue, q);
    ck_assert_int_eq(pthread_create(&thread, NULL, scribble, NULL), 0);
    const double begin = now_s();
    const uint64_t wanted = test_quick() ? 30 : 300;
    for (uint32_t i = 0; qnt_queue_done(q) < wanted && now_s() - begin < PATIENCE_S / 60; i++) {
        for (uint32_t k = 0; k < DEPTH; k++)
            op[k] = new_op(k % MODELS, k, out[k]);
        ck_assert_uint_eq(qnt_engine_submit_burst(e, i % 2, op, DEPTH), DEPTH);
        poll_all(e, i % 2, op, DEPTH);
        for (uint32_t k = 0; k < DEPTH; k++)
            ck_assert(op[k].user == k && is_right(&op[k]));
    }
    printf("a hostile side got %llu operations run\n", (unsigned long long)qnt_queue_done(q));
    if (!qnt_queue_done(q))
        printf("skipped: what a hostile side submits: it and the worker never ran at the same time\n");
    struct qnt_queue *second;
    for (int i = 0; i < 3; i++) { /* taken twice, and given up, while it scribbles */
        OK(qnt_queue_attach(e, &hostile, &second));
        OK(qnt_queue_detach(e, second));
    }
    atomic_store(&enough, true);
    pthread_join(thread, NULL);
    OK(qnt_queue_detach(e, q));
    qnt_engine_destroy(e);
    free(hostile.memory);
    free(hostile.data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_attach");
    TCase *tc = tcase_create("others");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, adopts_queue_pairs, 0, 2);
    tcase_add_test(tc, refuses_queue_memory);
    tcase_add_test(tc, survives_a_hostile_side);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
