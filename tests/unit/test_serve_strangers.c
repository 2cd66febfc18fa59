/* Who comes to a server that is not a client, or is none of those that it lets in; and a server that is killed. */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include "serve_child.h"

enum { STALLED = 100, NOBODY = 54321, GROUP = 54322, OTHER_GROUP = 54323 };

static const qnt_engine_config one = {.size = sizeof one, .workers = 1};

/* What the server answers to these bytes; 0 bytes: nothing is sent. */
static qnt_status answer_to(const void *packet, size_t bytes)
{
    struct raw w;
    OK(qnt_wire_connect(path, &w.socket));
    if (bytes)
        OK(qnt_wire_send(w.socket, packet, bytes, NULL, 0));
    qnt_status status = receive(&w, QNT_WIRE_OFFER);
    close(w.socket);
    return status;
}

START_TEST(wrong_bytes)
{
    qnt_engine *e = new_engine(&one);
    qnt_server *s = new_server(e, NULL);
    struct qnt_wire_request r = {.head = qnt_wire_head(QNT_WIRE_HELLO)};
    struct raw w;
    qnt_server_stats stats = {.size = sizeof stats};
    static char page[4096];
    REFUSED(answer_to("x", 1), QNT_ERR_FORMAT, "a packet of 1 bytes that is none of a client");
    REFUSED(answer_to(page, sizeof page), QNT_ERR_FORMAT, "none of a client");
    REFUSED(answer_to(&r, sizeof r - 1), QNT_ERR_FORMAT, "none of a client");
    r.head.magic++;
    REFUSED(answer_to(&r, sizeof r), QNT_ERR_FORMAT, "none of a client");
    r.head = qnt_wire_head(QNT_WIRE_HELLO);
    r.head.version++;
    REFUSED(answer_to(&r, sizeof r), QNT_ERR_UNSUPPORTED, "version 2, expected 1");
    for (uint32_t kind = QNT_WIRE_OFFER; kind <= QNT_WIRE_WORKER + 1; kind++) {
        if (kind == QNT_WIRE_LEAVE || kind == QNT_WIRE_ASK)
            continue;
        r.head = qnt_wire_head((enum qnt_wire_kind)kind);
        REFUSED(answer_to(&r, sizeof r), QNT_ERR_FORMAT, "none of a client");
    }
    OK(raw_connect(&w));        /* twice the same, and then it is out */
    for (int i = 0; i < 3; i++) /* some of it is not read any more */
        send_kind(&w, QNT_WIRE_MAPPED);
    REFUSED(receive(&w, QNT_WIRE_OFFER), QNT_ERR_FORMAT, "none of a client");
    ck_assert(comes_to(s, 0));
    close(w.socket);
    OK(qnt_server_stats_get(s, &stats));
    ck_assert_msg(stats.refused == 13 && stats.connected == 1, "%llu refused", (unsigned long long)stats.refused);
    qnt_server_destroy(s);
    qnt_engine_destroy(e);
}
END_TEST

static void refused_server(qnt_engine *e, qnt_server_config c, qnt_status status, const char *text)
{
    qnt_server *s = NULL;
    c.size = sizeof c;
    REFUSED(qnt_server_create(e, &c, &s), status, text);
}

START_TEST(refuses_what_does_not_fit)
{
    qnt_engine *e = new_engine(&one);
    const qnt_server_config limits = {.depth = 4, .bytes = 4096, .max_clients = 2};
    char long_path[200] = "";
    qnt_client *c[3];
    qnt_server_stats stats = {.size = sizeof stats};
    qnt_engine_worker w = {.size = sizeof w};
    memset(long_path, 'x', sizeof long_path - 1);
    refused_server(e, (qnt_server_config){0}, QNT_ERR_ARG, "path is NULL");
    refused_server(e, (qnt_server_config){.path = ""}, QNT_ERR_ARG, "0 bytes");
    refused_server(e, (qnt_server_config){.path = long_path}, QNT_ERR_ARG, "199 bytes, expected 1 to 107");
    refused_server(e, (qnt_server_config){.path = path, .depth = 3}, QNT_ERR_ARG, "depth is 3");
    refused_server(e, (qnt_server_config){.path = path, .max_clients = 5000}, QNT_ERR_ARG, "max_clients is 5000");
    refused_server(e, (qnt_server_config){.path = path, .bytes = UINT64_MAX}, QNT_ERR_ARG, "bytes is");
    refused_server(e, (qnt_server_config){.path = path, .n_uids = 1}, QNT_ERR_ARG, "uids or gids is NULL");
    refused_server(e, (qnt_server_config){.path = path, .names = (const char *[MODELS]){NULL}}, QNT_ERR_ARG,
                   "model 0 has no name");
    refused_server(e, (qnt_server_config){.path = "/"}, QNT_ERR_IO, "something else than a socket");
    qnt_server *s = new_server(e, &limits);
    refused_server(e, (qnt_server_config){.path = path}, QNT_ERR_STATE, "somebody listens there already");
    REFUSED(qnt_client_connect(ctx, path, &(qnt_client_config){.size = sizeof(qnt_client_config), .depth = 8}, c),
            QNT_ERR_ARG, "a depth of 8, expected a power of two up to 4");
    REFUSED(qnt_client_connect(ctx, path, &(qnt_client_config){.size = sizeof(qnt_client_config), .depth = 3}, c),
            QNT_ERR_ARG, "a depth of 3");
    REFUSED(qnt_client_connect(ctx, path, &(qnt_client_config){.size = sizeof(qnt_client_config), .bytes = 4097}, c),
            QNT_ERR_ARG, "4097 bytes of data, expected up to 4096");
    OK(qnt_client_connect(ctx, path, NULL, &c[0]));
    OK(qnt_client_connect(ctx, path, NULL, &c[1]));
    REFUSED(qnt_client_connect(ctx, path, NULL, &c[2]), QNT_ERR_STATE, "there are 2 clients, as many as it takes");
    OK(qnt_server_ask(path, &stats));
    ck_assert(stats.refused == 4 && stats.clients == 2);
    OK(qnt_server_ask_worker(path, 0, &w));
    ck_assert(w.size == sizeof w && w.thread);
    REFUSED(qnt_server_ask_worker(path, 1, &w), QNT_ERR_ARG, "worker 1");
    qnt_client_close(c[0]);
    ck_assert(comes_to(s, 1));
    OK(qnt_client_connect(ctx, path, NULL, &c[2]));
    qnt_client_close(c[1]);
    qnt_client_close(c[2]);
    qnt_server_destroy(s);
    REFUSED(qnt_server_ask(path, &stats), QNT_ERR_IO, "No such file");
    qnt_engine_destroy(e);
}
END_TEST

/* More than wait at a time, and each for ever: others come in, whether those have time left or not. */
START_TEST(some_say_nothing)
{
    const qnt_server_config config = {
        .depth = SLOTS, .bytes = SLOTS * SLOT, .max_clients = 1, .handshake_ms = _i ? 3600000 : 50};
    qnt_engine *e = new_engine(&one);
    qnt_server *s = new_server(e, &config);
    int idle[STALLED];
    qnt_client *c;
    char byte;
    for (int i = 0; i < STALLED; i++)
        for (const double begin = now_s(); qnt_wire_connect(path, &idle[i]); sched_yield())
            EACH_MUST(now_s() - begin < PATIENCE_S, "%s", qnt_last_error()); /* the backlog is full at times */
    qnt_status status;
    for (const double begin = now_s();
         (status = qnt_client_connect(ctx, path, NULL, &c)) == QNT_ERR_STATE && now_s() - begin < PATIENCE_S;)
        sched_yield();
    OK(status);
    ck_assert_uint_eq(run_ops(c, 0, 50), 0);
    qnt_client_close(c);
    if (_i)
        qnt_server_destroy(s);
    for (int i = 0; i < STALLED; i++) {
        struct pollfd p = {.fd = idle[i], .events = POLLIN};
        ck_assert_int_eq(poll(&p, 1, PATIENCE_S * 1000), 1);
        ck_assert_int_eq((int)recv(idle[i], &byte, 1, MSG_DONTWAIT), 0);
        close(idle[i]);
    }
    if (!_i)
        qnt_server_destroy(s);
    qnt_engine_destroy(e);
}
END_TEST

/* As another user. */
static int come_as_nobody(void)
{
    const gid_t more[] = {OTHER_GROUP};
    qnt_client *c;
    if (setgroups(1, more) || setresgid(GROUP, GROUP, GROUP) || setresuid(NOBODY, NOBODY, NOBODY))
        return 1;
    qnt_status status = qnt_client_connect(ctx, path, NULL, &c);
    if (!status)
        return run_ops(c, 0, 10) ? 2 : 100;
    return strstr(qnt_last_error(), "user 54321 with group 54322 is not let in") ? 10 + (int)status : 20 + (int)status;
}

START_TEST(access_lists)
{
    static const uint32_t nobody[] = {1, NOBODY}, group[] = {GROUP}, other[] = {2, OTHER_GROUP}, wrong[] = {7, 8};
    static const struct {
        qnt_server_config c;
        int code;
    } rows[] = {
        {{.n_uids = 0}, 20 + QNT_ERR_IO}, /* the file is the owner's */
        {{.uids = wrong, .n_uids = 2, .gids = wrong, .n_gids = 2}, 10 + QNT_ERR_SYSTEM},
        {{.uids = nobody, .n_uids = 2}, 100},
        {{.gids = group, .n_gids = 1}, 100},
        {{.gids = other, .n_gids = 2}, 100},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    if (geteuid() != 0 || test_emulated()) {
        printf("skipped: access lists: %s\n",
               geteuid() ? "only root can be others" : "the emulator has no SO_PEERGROUPS");
        return;
    }
    struct child child[ROWS];
    for (int i = 0; i < ROWS; i++)
        child[i] = spawn(come_as_nobody);
    qnt_engine *e = new_engine(&one);
    for (int i = 0; i < ROWS; i++) {
        qnt_server_config c = rows[i].c;
        c.depth = SLOTS;
        c.bytes = SLOTS * SLOT;
        qnt_server *s = new_server(e, &c);
        tell(&child[i]);
        const int code = ended(&child[i]);
        ck_assert_msg(code == rows[i].code, "row %d: %d, expected %d", i, code, rows[i].code);
        qnt_server_destroy(s);
    }
    qnt_engine_destroy(e);
}
END_TEST

static int serve_until_killed(void)
{
    qnt_engine *e = new_engine(&one);
    new_server(e, NULL);
    say('s');
    return pause();
}

/* In the middle of its work: what has no result comes back, memory stays. */
START_TEST(servers_are_killed)
{
    struct child server = spawn(serve_until_killed);
    qnt_client *c;
    qnt_engine_op op;
    uint32_t sent = 0, got = 0, given_back = 0;
    tell(&server);
    ck_assert_int_eq(hear(&server), 's');
    OK(qnt_client_connect(ctx, path, NULL, &c));
    ck_assert_uint_eq(run_ops(c, 0, 20), 0);
    uint8_t *data = data_of(c);
    for (; sent < SLOTS / 2; sent++) {
        op = slot_op(data, 0, sent);
        ck_assert_uint_eq(qnt_client_submit_burst(c, &op, 1), 1);
    }
    if (_i) /* the worker sleeps: waking it tells the client, which then takes no more */
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    end(&server);
    for (uint32_t took = 1; took && sent < SLOTS; sent += took) {
        op = slot_op(data, 0, sent);
        took = qnt_client_submit_burst(c, &op, 1);
    }
    ck_assert_uint_gt(sent, SLOTS / 2);
    for (const double begin = now_s(); got < sent; sched_yield()) {
        EACH_MUST(now_s() - begin < PATIENCE_S, "%u of %u came back", got, sent);
        if (!qnt_client_poll_burst(c, &op, 1))
            continue;
        ck_assert(op.user == got && (is_right(&op) || op.status == QNT_ERR_INTERRUPTED));
        given_back += op.status == QNT_ERR_INTERRUPTED;
        got++;
    }
    ck_assert_uint_ge(given_back, sent - SLOTS / 2);
    REFUSED(qnt_client_check(c), QNT_ERR_STATE, "the server is gone");
    memset(data, 1, SLOTS * SLOT);
    qnt_client_close(c);
    REFUSED(qnt_client_connect(ctx, path, NULL, &c), QNT_ERR_IO, "Connection refused");
    qnt_engine *e = new_engine(&one);
    qnt_server *s = new_server(e, NULL); /* at the same path */
    qnt_server_destroy(s);
    qnt_engine_destroy(e);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serve_strangers");
    TCase *tc = tcase_create("strangers");
    tcase_add_checked_fixture(tc, setup_serving, teardown);
    tcase_add_test(tc, wrong_bytes);
    tcase_add_test(tc, refuses_what_does_not_fit);
    tcase_add_loop_test(tc, some_say_nothing, 0, 2);
    tcase_add_test(tc, access_lists);
    tcase_add_loop_test(tc, servers_are_killed, 0, 2);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
