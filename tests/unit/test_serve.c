/* Servers and clients in one process: the bytes of sessions, what is told and refused, ends of either side. */
#include <sys/stat.h>
#include <sys/wait.h>
#include "serve_util.h"
#include "tests/common/oom.h"

enum { OPS = 100 };

static const struct {
    const char *name;
    qnt_engine_config c;
} ways[] = {
    {"one worker", {.size = sizeof(qnt_engine_config), .workers = 1}},
    {"sleepy", {.size = sizeof(qnt_engine_config), .workers = 1, .spin_us = 1}},
    {"two, polling", {.size = sizeof(qnt_engine_config), .cores = "0@0,1@1", .idle = QNT_IDLE_POLL}},
    {"all on one", {.size = sizeof(qnt_engine_config), .workers = 2, .mode = QNT_ENGINE_INTRA}},
};
enum { WAYS = sizeof ways / sizeof *ways };

START_TEST(gives_the_bytes_of_sessions)
{
    qnt_engine *e = new_engine(&ways[_i].c);
    qnt_server *s = new_server(e, NULL);
    qnt_client *c[2];
    qnt_server_stats stats = {.size = sizeof stats};
    for (int i = 0; i < 2; i++) {
        OK(qnt_client_connect(ctx, path, NULL, &c[i]));
        ck_assert_uint_eq(run_ops(c[i], 0, OPS), 0);
        OK(qnt_client_check(c[i]));
    }
    ck_assert_uint_eq(run_ops(c[0], 3, OPS), 0);
    ck_assert_uint_eq(qnt_client_submit_burst(c[0], NULL, 1), 0);
    ck_assert(strstr(qnt_last_error(), "ops is NULL"));
    OK(qnt_server_ask(path, &stats));
    ck_assert(stats.clients == 2 && stats.connected == 2 && stats.done == 3 * OPS && !stats.errors && !stats.refused);
    ck_assert(stats.models == MODELS && stats.bytes >= 2 * SLOTS * SLOT);
    qnt_client_close(c[0]);
    ck_assert(comes_to(s, 1));
    ck_assert_uint_eq(run_ops(c[1], 5, OPS), 0);
    qnt_client_close(c[1]);
    ck_assert(comes_to(s, 0));
    OK(qnt_server_stats_get(s, &stats));
    printf("%s: %llu wakes\n", ways[_i].name, (unsigned long long)stats.wakes);
    ck_assert_uint_eq(stats.died, 0);
    qnt_server_destroy(s);
    ck_assert_int_ne(access(path, F_OK), 0);
    qnt_engine_destroy(e);
}
END_TEST

/* Sleeping each time: every operation needs a wake. */
START_TEST(wakes_sleepers)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    const qnt_engine_config config = {.size = sizeof config, .workers = 1, .spin_us = 1};
    qnt_engine *e = new_engine(&config);
    qnt_server *s = new_server(e, NULL);
    qnt_client *c;
    qnt_server_stats stats = {.size = sizeof stats};
    OK(qnt_client_connect(ctx, path, NULL, &c));
    for (uint32_t i = 0; i < 20; i++)
        ck_assert(!nanosleep(&moment, NULL) && !run_ops(c, i, 1));
    OK(qnt_server_stats_get(s, &stats));
    ck_assert_uint_ge(stats.wakes, 1);
    qnt_client_close(c);
    qnt_server_destroy(s);
    qnt_engine_destroy(e);
}
END_TEST

static void same_tensor(const qnt_tensor_info *a, const qnt_tensor_info *b)
{
    ck_assert_str_eq(a->name, b->name);
    ck_assert(a->type == b->type && a->bits == b->bits && a->rank == b->rank && a->scales == b->scales);
    ck_assert(a->zero_point == b->zero_point && !a->constant);
    ck_assert(!memcmp(a->dim, b->dim, sizeof a->dim));
    ck_assert(!a->scales || !memcmp(a->scale, b->scale, a->scales * sizeof *a->scale));
}

START_TEST(tells_what_the_models_are)
{
    static const char *const names[] = {"eight", "two", "float"};
    const qnt_engine_config config = {.size = sizeof config, .workers = 1, .max_batch = 3, .quantized_io = 1};
    qnt_model *m[2] = {model[0], model[1]};
    qnt_engine *e;
    qnt_client *c;
    qnt_client_info info = {.size = sizeof info};
    qnt_tensor_info got, want;
    uint32_t i = 0;
    OK(qnt_engine_create(m, 2, &config, &e));
    const qnt_server_config sc = {.names = names};
    qnt_server *s = new_server(e, &sc);
    OK(qnt_client_connect(ctx, path, NULL, &c));
    OK(qnt_client_get(c, &info));
    ck_assert(info.models == 2 && info.max_batch == 3 && info.depth == 256 && info.bytes == 4 << 20 && info.data);
    for (uint32_t k = 0; k < 2; k++) {
        ck_assert_str_eq(qnt_client_model_name(c, k), names[k]);
        OK(qnt_client_find_model(c, names[k], &i));
        ck_assert_uint_eq(i, k);
        ck_assert(qnt_client_input_count(c, k) == 1 && qnt_client_output_count(c, k) == 1);
        OK(qnt_client_input(c, k, 0, &got));
        OK(qnt_engine_input(e, k, 0, &want));
        same_tensor(&got, &want);
        ck_assert(got.type == QNT_S8 && got.scales == 1);
        OK(qnt_client_output(c, k, 0, &got));
        OK(qnt_engine_output(e, k, 0, &want));
        same_tensor(&got, &want);
    }
    REFUSED(qnt_client_find_model(c, "three", &i), QNT_ERR_ARG, "no model 'three'");
    REFUSED(qnt_client_input(c, 2, 0, &got), QNT_ERR_ARG, "model 2, the server has 2");
    REFUSED(qnt_client_output(c, 0, 1, &got), QNT_ERR_ARG, "number 1, the model has 1");
    ck_assert(!qnt_client_model_name(c, 2) && !qnt_client_input_count(c, 2) && !qnt_client_output_count(NULL, 0));
    qnt_client_close(c);
    qnt_server_destroy(s);
    qnt_engine_destroy(e);
}
END_TEST

START_TEST(divides_the_data_area)
{
    enum { BYTES = 64 * 64 };
    qnt_engine *e = new_engine(&ways[0].c);
    const qnt_server_config sc = {.bytes = BYTES};
    qnt_server *s = new_server(e, &sc);
    qnt_client *c;
    uint8_t *part[64];
    OK(qnt_client_connect(ctx, path, NULL, &c));
    for (int i = 0; i < 64; i++) {
        part[i] = qnt_client_alloc(c, i % 65);
        ck_assert(part[i] == data_of(c) + i * 64);
    }
    ck_assert(!qnt_client_alloc(c, 0) && strstr(qnt_last_error(), "the largest free part has 0"));
    OK(qnt_client_free(c, part[7]));
    OK(qnt_client_free(c, part[9]));
    ck_assert(!qnt_client_alloc(c, 65) && strstr(qnt_last_error(), "the largest free part has 64"));
    OK(qnt_client_free(c, part[8]));
    ck_assert(qnt_client_alloc(c, 192) == part[7]);
    REFUSED(qnt_client_free(c, part[8]), QNT_ERR_ARG, "no part");
    REFUSED(qnt_client_free(c, &c), QNT_ERR_ARG, "no part");
    OK(qnt_client_free(c, NULL));
    OK(qnt_client_free(c, part[63]));
    ck_assert(qnt_client_alloc(c, 64) == part[63]);
    ck_assert(!qnt_client_alloc(c, SIZE_MAX) && !qnt_client_alloc(c, SIZE_MAX - 64) && !qnt_client_alloc(c, BYTES));
    qnt_client_close(c);
    qnt_server_destroy(s);
    qnt_engine_destroy(e);
}
END_TEST

/* Outside, at odd places, arrays of addresses, past a deadline: the others go on. */
START_TEST(says_what_is_wrong_with_an_operation)
{
    qnt_engine *e = new_engine(&ways[0].c);
    qnt_server *s = new_server(e, NULL);
    qnt_client *c;
    OK(qnt_client_connect(ctx, path, NULL, &c));
    qnt_client_info info = {.size = sizeof info};
    OK(qnt_client_get(c, &info));
    const qnt_engine_op good = slot_op(info.data, 0, 1);
    qnt_engine_op bad[10], got;
    for (size_t i = 0; i < 10; i++)
        bad[i] = good;
    bad[0].in = image[0];
    bad[1].out = expected;
    bad[2].in = (uint8_t *)info.data - 64;
    bad[3].in = (uint8_t *)info.data + info.bytes - sizeof image[0] + 4;
    bad[4].out = (uint8_t *)info.data + info.bytes;
    bad[5].in = (const uint8_t *)good.in + 2;
    bad[6].out = (uint8_t *)good.out + 1;
    bad[7].flags = QNT_OP_ARRAYS;
    bad[8].model = MODELS;
    bad[9].batch = 2;
    for (size_t i = 0; i < 10; i++) {
        ck_assert_uint_eq(qnt_client_submit_burst(c, &bad[i], 1), 1);
        for (const double begin = now_s(); !qnt_client_poll_burst(c, &got, 1); sched_yield())
            EACH_MUST(now_s() - begin < PATIENCE_S, "no result");
        ck_assert_msg(got.status == QNT_ERR_ARG, "operation %zu: status %d", i, (int)got.status);
        ck_assert(got.in == bad[i].in && got.out == bad[i].out && got.user == 1);
        ck_assert_uint_eq(run_ops(c, i, 1), 0);
    }
    OK(qnt_engine_pause(e));
    bad[0] = good;
    bad[0].deadline_ns = 1;
    ck_assert_uint_eq(qnt_client_submit_burst(c, bad, 1), 1);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    OK(qnt_engine_resume(e));
    for (const double begin = now_s(); !qnt_client_poll_burst(c, &got, 1); sched_yield())
        EACH_MUST(now_s() - begin < PATIENCE_S, "no result");
    ck_assert_int_eq(got.status, QNT_ERR_DEADLINE);
    qnt_client_close(c);
    qnt_server_destroy(s);
    qnt_engine_destroy(e);
}
END_TEST

START_TEST(several_inputs_and_batches)
{
    enum { BATCH = 3, SMALL = 3 * 3 * 3 };
    const size_t sizes[] = {SMALL, IN, IN, IN};
    const qnt_engine_config config = {.size = sizeof config, .workers = 1, .max_batch = BATCH};
    const qnt_session_config sc = {.size = sizeof sc, .max_batch = BATCH};
    static float want[4][BATCH * IN];
    qnt_model *m;
    qnt_session *session;
    qnt_engine *e;
    qnt_client *c;
    OK(test_model_borders(ctx, true, &m));
    OK(qnt_session_create(m, &sc, &session));
    OK(qnt_engine_create(&m, 1, &config, &e));
    qnt_server *s = new_server(e, &(qnt_server_config){.bytes = 1 << 16});
    OK(qnt_client_connect(ctx, path, NULL, &c));
    const size_t second = (BATCH * sizeof image[0] + 63) / 64 * 64;
    uint8_t *in = qnt_client_alloc(c, second + BATCH * sizeof image[0]), *out = qnt_client_alloc(c, 4 * second);
    memcpy(in, image[0], BATCH * sizeof image[0]);
    memcpy(in + second, image[3], BATCH * sizeof image[0]);
    const void *const ins[] = {in, in + second};
    void *wants[] = {want[0], want[1], want[2], want[3]};
    OK(qnt_session_run_io(session, ins, wants, BATCH));
    qnt_engine_op op = {.in = in, .out = out, .batch = BATCH};
    ck_assert_uint_eq(qnt_client_submit_burst(c, &op, 1), 1);
    for (const double begin = now_s(); !qnt_client_poll_burst(c, &op, 1); sched_yield())
        EACH_MUST(now_s() - begin < PATIENCE_S, "no result");
    OK(op.status);
    for (size_t i = 0, at = 0; i < 4; at += (BATCH * sizes[i++] * sizeof(float) + 63) / 64 * 64)
        ck_assert_mem_eq(out + at, want[i], BATCH * sizes[i] * sizeof(float));
    qnt_client_close(c);
    qnt_server_destroy(s);
    qnt_engine_destroy(e);
    qnt_session_free(session);
    qnt_model_free(m);
}
END_TEST

/* Results that nobody has fetched count as under way. */
static void fill_up(const qnt_engine *e, qnt_client *c)
{
    qnt_engine_op op = slot_op(data_of(c), 0, 0);
    qnt_engine_stats stats = {.size = sizeof stats};
    OK(qnt_engine_stats_get(e, &stats));
    const uint64_t all = stats.done + SLOTS;
    for (uint32_t i = 0; i < SLOTS; i++)
        ck_assert_uint_eq(qnt_client_submit_burst(c, &op, 1), 1);
    for (const double begin = now_s(); stats.done < all && now_s() - begin < PATIENCE_S; sched_yield())
        OK(qnt_engine_stats_get(e, &stats));
    ck_assert_uint_eq(qnt_client_submit_burst(c, &op, 1), 0);
    for (uint32_t i = 0; i < SLOTS; i++)
        ck_assert_uint_eq(qnt_client_poll_burst(c, &op, 1), 1);
}

/* The server goes while operations wait: they come back, in order, once. */
START_TEST(servers_go)
{
    qnt_engine *e = new_engine(&ways[0].c);
    qnt_server *s = new_server(e, NULL);
    qnt_client *c, *idle;
    qnt_engine_op op[2 * SLOTS];
    OK(qnt_client_connect(ctx, path, NULL, &c));
    OK(qnt_client_connect(ctx, path, NULL, &idle));
    ck_assert_uint_eq(run_ops(c, 0, SLOTS + 3), 0);
    fill_up(e, c);
    OK(qnt_engine_pause(e));
    for (uint64_t i = 0; i < 2 * SLOTS; i++)
        op[i] = slot_op(data_of(c), 0, i);
    ck_assert_uint_eq(qnt_client_submit_burst(c, op, 2 * SLOTS), SLOTS);
    ck_assert_uint_eq(qnt_client_submit_burst(c, op, 1), 0);
    qnt_server_destroy(s);
    for (uint32_t got = 0; got < SLOTS; sched_yield()) {
        const uint32_t n = qnt_client_poll_burst(c, op, 5);
        for (uint32_t i = 0; i < n; i++, got++)
            ck_assert(op[i].user == got && op[i].status == QNT_ERR_INTERRUPTED &&
                      op[i].in == data_of(c) + got % SLOTS * SLOT);
    }
    ck_assert_uint_eq(qnt_client_poll_burst(c, op, 5), 0);
    ck_assert_uint_eq(qnt_client_submit_burst(c, op, 1), 0);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "the server is gone"));
    REFUSED(qnt_client_check(c), QNT_ERR_STATE, "the server is gone");
    REFUSED(qnt_client_check(idle), QNT_ERR_STATE, "the server is gone");
    qnt_client_close(c);
    qnt_client_close(idle);
    REFUSED(qnt_client_connect(ctx, path, NULL, &c), QNT_ERR_IO, "No such file");
    OK(qnt_engine_resume(e));
    s = new_server(e, NULL);
    OK(qnt_client_connect(ctx, path, NULL, &c));
    OK(qnt_engine_stop(e));
    REFUSED(qnt_client_connect(ctx, path, NULL, &idle), QNT_ERR_STATE, "the engine is stopped");
    qnt_server_destroy(s);
    qnt_client_close(c);
    REFUSED(qnt_server_create(e, &(qnt_server_config){.size = sizeof(qnt_server_config), .path = path}, &s),
            QNT_ERR_STATE, "the engine is stopped");
    qnt_engine_destroy(e);
}
END_TEST

/* What a server that was killed leaves behind: a socket that nobody listens at. */
START_TEST(replaces_what_is_stale)
{
    qnt_engine *e = new_engine(&ways[0].c);
    struct stat st;
    int left;
    OK(qnt_wire_listen(path, true, &left));
    ck_assert(!stat(path, &st) && (st.st_mode & 0777) == 0666);
    close(left);
    qnt_server *s = new_server(e, NULL);
    ck_assert(!stat(path, &st) && (st.st_mode & 0777) == 0600);
    unlink(path); /* and another server's there is not removed */
    OK(qnt_wire_listen(path, true, &left));
    qnt_server_destroy(s);
    ck_assert_int_eq(access(path, F_OK), 0);
    close(left);
    unlink(path);
    qnt_engine_destroy(e);
}
END_TEST

static qnt_ctx *poor;
static qnt_engine *poor_engine;

static qnt_status make_server(void)
{
    const qnt_server_config c = {.size = sizeof c, .path = path};
    qnt_server *s = NULL;
    qnt_status status = qnt_server_create(poor_engine, &c, &s);
    qnt_server_destroy(s);
    return status;
}

static qnt_status make_client(void)
{
    qnt_client *c = NULL;
    qnt_status status = qnt_client_connect(poor, path, NULL, &c);
    if (!status && !qnt_client_alloc(c, 1))
        status = QNT_ERR_NOMEM;
    qnt_client_close(c);
    return status;
}

START_TEST(survives_failing_allocations)
{
    const qnt_engine_config c = {.size = sizeof c, .workers = 1, .caller_driven = 1};
    qnt_model *m;
    qnt_engine *e = new_engine(&c);
    OK(qnt_ctx_create(&oom_config, &poor));
    OK(test_model_quantized(poor, 3, &m));
    OK(qnt_engine_create(&m, 1, &c, &poor_engine));
    oom_sweep("a server", make_server);
    qnt_engine_destroy(poor_engine);
    qnt_server *s = new_server(e, NULL);
    oom_sweep("a client", make_client);
    qnt_server_destroy(s);
    qnt_engine_destroy(e);
    qnt_model_free(m);
    qnt_ctx_free(poor);
    ck_assert_uint_eq(oom_live(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serve");
    TCase *tc = tcase_create("serve");
    tcase_add_checked_fixture(tc, setup_serving, teardown);
    tcase_add_loop_test(tc, gives_the_bytes_of_sessions, 0, WAYS);
    tcase_add_test(tc, wakes_sleepers);
    tcase_add_test(tc, tells_what_the_models_are);
    tcase_add_test(tc, divides_the_data_area);
    tcase_add_test(tc, says_what_is_wrong_with_an_operation);
    tcase_add_test(tc, several_inputs_and_batches);
    tcase_add_test(tc, servers_go);
    tcase_add_test(tc, replaces_what_is_stale);
    tcase_add_test(tc, survives_failing_allocations);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
