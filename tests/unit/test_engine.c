/* Engines: the same bytes as sessions in every mode, statuses, queues that fill, what is refused. */
#include <qnt/profile.h>
#include "engine_util.h"

enum { OPS = 300, DEPTH = 16, BATCH = 3 };

static const struct {
    const char *name;
    qnt_engine_config c;
} ways[] = {
    {"one worker", {.size = sizeof(qnt_engine_config), .workers = 1}},
    {"two, polling", {.size = sizeof(qnt_engine_config), .cores = "0@0,1@1", .idle = QNT_IDLE_POLL}},
    {"resting", {.size = sizeof(qnt_engine_config), .workers = 1, .idle = QNT_IDLE_WAIT}},
    {"one worker, three queue pairs", {.size = sizeof(qnt_engine_config), .workers = 1, .queue_pairs = 3}},
    {"sleepy", {.size = sizeof(qnt_engine_config), .workers = 1, .spin_us = 1}},
    {"all on one", {.size = sizeof(qnt_engine_config), .workers = 2, .mode = QNT_ENGINE_INTRA}},
    {"all on one, crowded",
     {.size = sizeof(qnt_engine_config), .cores = "0@0,1@0,2@0", .mode = QNT_ENGINE_INTRA, .spin_us = 1}},
    {"first in, first out",
     {.size = sizeof(qnt_engine_config), .workers = 1, .spin_us = 1, .policy = QNT_POLICY_FIFO, .priority = 1}},
    {"small pages", {.size = sizeof(qnt_engine_config), .workers = 1, .memory = QNT_ENGINE_SMALL}},
};
enum { WAYS = sizeof ways / sizeof *ways };

/* Bursts larger than a queue; models and queue pairs in turn; results in the order of each queue pair. */
static void submit_and_check(qnt_engine *e, uint32_t queue_pairs, bool drive)
{
    static float out[OPS][OUT];
    qnt_engine_op op[OPS], result[OPS];
    const double begin = now_s();
    const uint32_t n = test_emulated() ? 4 * DEPTH : OPS;
    memset(out, 0x55, sizeof out);
    for (uint32_t q = 0; q < queue_pairs; q++) {
        uint32_t sent = 0, got = 0;
        for (uint32_t i = 0; i < n; i++)
            op[i] = new_op(i * 7 % MODELS, i, out[i]);
        while (got < n) {
            sent += qnt_engine_submit_burst(e, q, op + sent, n - sent);
            const uint32_t more = qnt_engine_poll_burst(e, q, result + got, n - got);
            if (drive)
                qnt_engine_poll_once(e, q);
            else if (!more)
                sched_yield();
            got += more;
            EACH_MUST(more || now_s() - begin < PATIENCE_S, "queue pair %u: %u sent, %u came back", q, sent, got);
        }
        ck_assert_uint_eq(qnt_engine_poll_burst(e, q, result, 1), 0);
        for (uint32_t i = 0; i < n; i++)
            EACH_MUST(result[i].user == i && result[i].in == image[i % IMAGES] && is_right(&result[i]),
                      "queue pair %u, result %u: of %llu, status %d", q, i, (unsigned long long)result[i].user,
                      (int)result[i].status);
    }
}

START_TEST(gives_the_bytes_of_sessions)
{
    qnt_engine_config c = ways[_i].c;
    qnt_engine_stats stats = {.size = sizeof stats};
    qnt_engine_worker w = {.size = sizeof w};
    c.depth = DEPTH;
    qnt_engine *e = new_engine(&c);
    OK(qnt_engine_stats_get(e, &stats));
    submit_and_check(e, stats.queue_pairs, false);
    submit_and_check(e, stats.queue_pairs, false);
    OK(qnt_engine_stats_get(e, &stats));
    ck_assert_uint_ge(stats.submitted, 2 * 4 * DEPTH * stats.queue_pairs);
    ck_assert_uint_eq(stats.polled, stats.submitted);
    ck_assert_uint_eq(stats.done, stats.submitted);
    ck_assert_uint_eq(stats.errors + stats.missed, 0);
    OK(qnt_engine_worker_get(e, 0, &w));
    ck_assert(w.latency_ns[0] > 0 && w.latency_ns[0] <= w.latency_ns[3] && w.latency_ns[3] <= w.latency_ns[4]);
    ck_assert(w.busy > 0 && w.busy <= 1 && w.done > 0 && w.polls >= w.empty && w.thread);
    if (c.memory)
        ck_assert_uint_eq(w.memory, c.memory);
    printf("%s: CPU %u, pinned %u, memory %u, locked %u, %llu sleeps, median %llu ns\n", ways[_i].name, w.cpu, w.pinned,
           w.memory, w.locked, (unsigned long long)w.sleeps, (unsigned long long)w.latency_ns[0]);
    qnt_engine_destroy(e);
}
END_TEST

START_TEST(is_driven_by_the_caller)
{
    const qnt_engine_config c = {.size = sizeof c, .workers = 2, .caller_driven = 1, .depth = DEPTH};
    qnt_engine *e = new_engine(&c);
    float out[OUT];
    qnt_engine_op op = new_op(0, 3, out);
    ck_assert_uint_eq(qnt_engine_submit_burst(e, 1, &op, 1), 1);
    ck_assert_uint_eq(qnt_engine_poll_once(e, 0), 0);
    ck_assert_uint_eq(qnt_engine_poll_once(e, 2), 0);
    ck_assert_uint_eq(qnt_engine_poll_burst(e, 1, &op, 1), 0);
    ck_assert_uint_eq(qnt_engine_poll_once(e, 1), 1);
    ck_assert_uint_eq(qnt_engine_poll_burst(e, 1, &op, 1), 1);
    ck_assert(is_right(&op));
    submit_and_check(e, 2, true);
    ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, &op, 1), 1);
    OK(qnt_engine_drain(e, 1000));
    OK(qnt_engine_pause(e));
    ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, &op, 1), 1);
    ck_assert_uint_eq(qnt_engine_poll_once(e, 0), 0);
    OK(qnt_engine_stop(e));
    qnt_engine_destroy(e);
    e = new_engine(NULL);
    ck_assert_uint_eq(qnt_engine_poll_once(e, 0), 0);
    qnt_engine_destroy(e);
}
END_TEST

/* Two inputs, four outputs, batches: one after another at multiples of 64 bytes, and as arrays of pointers. */
START_TEST(takes_several_inputs_and_batches)
{
    enum { SMALL = 3 * 3 * 3, PLACE = 64 / sizeof(float) };
    const size_t sizes[] = {SMALL, IN, IN, IN};
    static float in[2][BATCH * IN], want[4][BATCH * IN], got[4][BATCH * IN];
    static float in_block[2 * BATCH * IN + PLACE], out_block[4 * BATCH * IN + 4 * PLACE];
    const qnt_engine_config c = {
        .size = sizeof c, .workers = 2, .max_batch = BATCH, .mode = _i ? QNT_ENGINE_INTRA : QNT_ENGINE_INTER};
    const qnt_session_config sc = {.size = sizeof sc, .max_batch = BATCH};
    qnt_model *m;
    qnt_session *s;
    qnt_engine *e;
    OK(test_model_borders(ctx, _i, &m));
    OK(qnt_session_create(m, &sc, &s));
    OK(qnt_engine_create(&m, 1, &c, &e));
    for (size_t i = 0; i < 2 * BATCH * (size_t)IN; i++)
        in[i / (BATCH * IN)][i % (BATCH * IN)] = image[i / IN % IMAGES][i % IN];
    for (uint32_t batch = 1; batch <= BATCH; batch++) {
        const void *const ins[] = {in[0], in[1]};
        void *wants[] = {want[0], want[1], want[2], want[3]}, *outs[] = {got[0], got[1], got[2], got[3]};
        OK(qnt_session_run_io(s, ins, wants, batch));
        memset(got, 0x55, sizeof got);
        qnt_engine_op op = {.in = ins, .out = outs, .batch = batch, .flags = QNT_OP_ARRAYS};
        ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, &op, 1), 1);
        poll_all(e, 0, &op, 1);
        ck_assert_int_eq(op.status, QNT_OK);
        for (int i = 0; i < 4; i++)
            ck_assert_mem_eq(got[i], want[i], batch * sizes[i] * sizeof(float));
        const size_t second = (batch * IN + PLACE - 1) / PLACE * PLACE;
        memcpy(in_block, in[0], batch * IN * sizeof(float));
        memcpy(in_block + second, in[1], batch * IN * sizeof(float));
        op = (qnt_engine_op){.in = in_block, .out = out_block, .batch = batch};
        ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, &op, 1), 1);
        poll_all(e, 0, &op, 1);
        ck_assert_int_eq(op.status, QNT_OK);
        for (size_t i = 0, at = 0; i < 4; at += (batch * sizes[i++] + PLACE - 1) / PLACE * PLACE)
            ck_assert_mem_eq(out_block + at, want[i], batch * sizes[i] * sizeof(float));
    }
    qnt_engine_destroy(e);
    qnt_session_free(s);
    qnt_model_free(m);
}
END_TEST

START_TEST(says_what_is_wrong_with_an_operation)
{
    const qnt_engine_config c = {.size = sizeof c, .workers = 1, .max_batch = BATCH};
    qnt_engine *e = new_engine(&c);
    float out[OUT] = {7};
    const void *no_ins[] = {NULL}, *ins[] = {image[0]};
    void *no_outs[] = {NULL}, *outs[] = {out};
    const qnt_engine_op bad[] = {
        {.in = image, .out = out, .model = MODELS},
        {.in = image, .out = out, .model = UINT32_MAX},
        {.in = image, .out = out, .batch = BATCH + 1},
        {.in = image, .out = out, .batch = UINT32_MAX},
        {.out = out},
        {.in = image},
        {.in = image, .out = out, .flags = 2},
        {.in = image, .out = out, .flags = UINT32_MAX},
        {.flags = QNT_OP_ARRAYS},
        {.in = no_ins, .out = outs, .flags = QNT_OP_ARRAYS},
        {.in = ins, .out = no_outs, .flags = QNT_OP_ARRAYS},
    };
    enum { BAD = sizeof bad / sizeof *bad };
    qnt_engine_op got[BAD];
    qnt_engine_stats stats = {.size = sizeof stats};
    ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, bad, BAD), BAD);
    poll_all(e, 0, got, BAD);
    for (size_t i = 0; i < BAD; i++)
        ck_assert_msg(got[i].status == QNT_ERR_ARG, "operation %zu: status %d", i, (int)got[i].status);
    ck_assert(out[0] == 7);
    OK(qnt_engine_stats_get(e, &stats));
    ck_assert_uint_eq(stats.errors, BAD);
    ck_assert_uint_eq(stats.done, BAD);
    ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, bad, 0), 0);
    ck_assert_uint_eq(qnt_engine_poll_burst(e, 0, got, 0), 0);
    ck_assert_uint_eq(qnt_engine_submit_burst(e, 1, bad, 1), 0);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "queue pair 1, the engine has 1"));
    ck_assert_uint_eq(qnt_engine_poll_burst(e, 1, got, 1), 0);
    ck_assert_uint_eq(qnt_engine_submit_burst(NULL, 0, bad, 1), 0);
    qnt_engine_destroy(e);
}
END_TEST

/* A queue takes its depth, and again as many once the worker has results that nobody fetched. */
START_TEST(queues_fill_and_empty)
{
    enum { SLOTS = 4 };
    const qnt_engine_config c = {.size = sizeof c, .workers = 1, .depth = SLOTS, .spin_us = _i ? 1 : 0};
    qnt_engine *e = new_engine(&c);
    float out[4 * SLOTS][OUT];
    qnt_engine_op op[4 * SLOTS], got[4 * SLOTS];
    uint32_t sent = 0;
    for (uint32_t i = 0; i < 4 * SLOTS; i++)
        op[i] = new_op(i % MODELS, i, out[i]);
    OK(qnt_engine_pause(e));
    ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, op, 4 * SLOTS), SLOTS);
    ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, op + SLOTS, 1), 0);
    ck_assert_uint_eq(qnt_engine_poll_burst(e, 0, got, 1), 0);
    OK(qnt_engine_resume(e));
    const double begin = now_s();
    for (sent = SLOTS; sent < 2 * SLOTS && now_s() - begin < PATIENCE_S; sched_yield())
        sent += qnt_engine_submit_burst(e, 0, op + sent, 4 * SLOTS - sent);
    ck_assert_uint_eq(sent, 2 * SLOTS);
    if (_i) /* until it sleeps upon results that nobody fetches */
        for (qnt_engine_worker w = {.size = sizeof w}; !w.sleeps && now_s() - begin < PATIENCE_S; sched_yield())
            OK(qnt_engine_worker_get(e, 0, &w));
    ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, op + sent, 1), 0);
    poll_all(e, 0, got, 2 * SLOTS);
    for (uint32_t i = 0; i < 2 * SLOTS; i++)
        ck_assert(got[i].user == i && is_right(&got[i]));
    qnt_engine_destroy(e);
}
END_TEST

START_TEST(deadlines_pass)
{
    const struct timespec moment = {.tv_nsec = 3000000};
    const qnt_engine_config c = {.size = sizeof c, .workers = 1};
    qnt_engine *e = new_engine(&c);
    qnt_engine_stats stats = {.size = sizeof stats};
    float out[4][OUT] = {{7}, {7}};
    qnt_engine_op op[4], got[4];
    for (uint32_t i = 0; i < 4; i++)
        op[i] = new_op(0, i, out[i]);
    op[0].deadline_ns = 1000000;
    op[1].deadline_ns = 1;
    op[2].deadline_ns = UINT64_C(3600) * 1000000000;
    op[3].deadline_ns = UINT64_MAX;
    OK(qnt_engine_pause(e));
    ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, op, 4), 4);
    nanosleep(&moment, NULL);
    OK(qnt_engine_resume(e));
    poll_all(e, 0, got, 4);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_int_eq(got[i].status, i < 2 ? QNT_ERR_DEADLINE : QNT_OK);
        ck_assert(i < 2 ? out[i][0] == 7 : is_right(&got[i]));
        ck_assert_uint_eq(got[i].deadline_ns, 0);
        ck_assert_uint_gt(got[i].ticks, 0);
    }
    OK(qnt_engine_stats_get(e, &stats));
    ck_assert_uint_eq(stats.missed, 2);
    ck_assert_uint_eq(stats.errors, 2);
    qnt_engine_destroy(e);
}
END_TEST

START_TEST(refuses_configurations)
{
    static const struct {
        qnt_engine_config c;
        const char *text;
    } bad[] = {
        {{.depth = 3}, "depth is 3, expected a power of two"},
        {{.depth = 1 << 17}, "depth is 131072, expected up to 65536"},
        {{.queue_pairs = 5000}, "queue_pairs is 5000"},
        {{.idle = 3}, "idle is 3"},
        {{.mode = 2}, "mode is 2"},
        {{.memory = 5}, "memory is 5"},
        {{.policy = 2}, "policy is 2"},
        {{.priority = 3}, "priority is set, but the policy is not FIFO"},
        {{.policy = 1, .priority = 100}, "priority is 100"},
        {{.spin_us = 1000001}, "spin_us is 1000001"},
        {{.caller_driven = 2}, "caller_driven is 2"},
        {{.quantized_io = 2}, "quantized_io is 2"},
        {{.small_weights = 2}, "small_weights is 2"},
        {{.caller_driven = 1, .mode = QNT_ENGINE_INTRA}, "caller_driven and the mode INTRA"},
        {{.workers = 5000}, "workers: 5000"},
        {{.cores = "0", .workers = 2}, "cores \"0\" are 1, workers 2"},
        {{.cores = "0-"}, "at \"0-\", expected a list"},
    };
    qnt_engine *e = NULL;
    qnt_tensor_info info;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        qnt_engine_config c = bad[i].c;
        c.size = sizeof c;
        REFUSED(qnt_engine_create(model, MODELS, &c, &e), QNT_ERR_ARG, bad[i].text);
    }
    REFUSED(qnt_engine_create(model, 0, NULL, &e), QNT_ERR_ARG, "no models");
    REFUSED(qnt_engine_create(NULL, 1, NULL, &e), QNT_ERR_ARG, "NULL");
    REFUSED(qnt_engine_create((qnt_model *[]){model[0], NULL}, 2, NULL, &e), QNT_ERR_ARG, "model 1 is NULL");
    qnt_engine_config q = {.size = sizeof q, .quantized_io = 1, .workers = 1};
    REFUSED(qnt_engine_create(&model[2], 1, &q, &e), QNT_ERR_TYPE, "");
    ck_assert_ptr_null(e);
    OK(qnt_engine_create(model, 2, &q, &e));
    OK(qnt_engine_input(e, 1, 0, &info));
    ck_assert(info.type == QNT_S8 && info.rank == 3 && info.dim[2] == 3 && info.scales == 1);
    REFUSED(qnt_engine_input(e, 2, 0, &info), QNT_ERR_ARG, "model 2, the engine has 2");
    REFUSED(qnt_engine_output(e, 0, 1, &info), QNT_ERR_ARG, "");
    OK(qnt_engine_output(e, 0, 0, &info));
    ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, NULL, 1), 0);
    ck_assert(strstr(qnt_last_error(), "ops is NULL"));
    qnt_engine_destroy(e);
    qnt_engine_destroy(NULL);
}
END_TEST

/* What cannot be had is told and runs all the same. */
static char told[4096];

static void note_log(void *user, int level, const char *text)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    (void)user;
    (void)level;
    pthread_mutex_lock(&lock);
    strncat(told, text, sizeof told - strlen(told) - 2);
    strcat(told, "\n");
    pthread_mutex_unlock(&lock);
}

START_TEST(tells_what_cannot_be_had)
{
    const qnt_config config = {.size = sizeof config, .log = note_log};
    const qnt_engine_config c = {.size = sizeof c, .cores = "1023", .idle = QNT_IDLE_WAIT, .memory = QNT_ENGINE_SMALL};
    qnt_engine_worker w = {.size = sizeof w};
    qnt_ctx *talking;
    qnt_model *m;
    qnt_engine *e;
    float out[OUT];
    OK(qnt_ctx_create(&config, &talking));
    OK(test_model_quantized(talking, 8, &m));
    OK(qnt_engine_create(&m, 1, &c, &e));
    qnt_engine_op op = new_op(0, 1, out);
    ck_assert_uint_eq(qnt_engine_submit_burst(e, 0, &op, 1), 1);
    poll_all(e, 0, &op, 1);
    ck_assert(is_right(&op));
    OK(qnt_engine_worker_get(e, 0, &w));
    ck_assert(w.cpu == 1023 && !w.pinned && w.memory == QNT_ENGINE_SMALL);
    ck_assert_msg(strstr(told, "worker 0 is not pinned: pinning to CPU 1023"), "told: %s", told);
    ck_assert(w.idle == QNT_IDLE_WAIT || strstr(told, "WAITPKG"));
    ck_assert(w.locked || strstr(told, "cannot be locked"));
    qnt_engine_destroy(e);
    qnt_model_free(m);
    qnt_ctx_free(talking);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *tc = tcase_create("results");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, gives_the_bytes_of_sessions, 0, WAYS);
    tcase_add_test(tc, is_driven_by_the_caller);
    tcase_add_loop_test(tc, takes_several_inputs_and_batches, 0, 2);
    suite_add_tcase(suite, tc);
    tc = tcase_create("statuses");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, says_what_is_wrong_with_an_operation);
    tcase_add_loop_test(tc, queues_fill_and_empty, 0, 2);
    tcase_add_test(tc, deadlines_pass);
    tcase_add_test(tc, refuses_configurations);
    tcase_add_test(tc, tells_what_cannot_be_had);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
