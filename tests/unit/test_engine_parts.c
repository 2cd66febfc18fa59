/* Parts of the engine: lists of cores, kinds of memory, NUMA nodes, buckets of latencies, what it holds when memory
 * runs out. */
#include <sys/mman.h>
#include "engine_util.h"
#include "tests/common/oom.h"

START_TEST(reads_lists_of_cores)
{
    static const struct {
        const char *text;
        uint32_t n, cpu[4];
    } good[] = {
        {"0", 1, {0}},        {"2-5", 4, {2, 3, 4, 5}}, {"7,1-2,1023", 4, {7, 1, 2, 1023}},
        {"0@3", 1, {3}},      {"0@0,1@1", 2, {0, 1}},   {"2@5,0@4,1@4", 3, {4, 4, 5}},
        {"3-3,9", 2, {3, 9}},
    };
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"", "at \"\""},
        {",", "at \",\""},
        {"1,", "at \"\""},
        {"1,,2", "at \",2\""},
        {"a", "at \"a\""},
        {"1-", "at \"1-\""},
        {"5-2", "at \"5-2\""},
        {"1 2", "at \"1 2\""},
        {"-1", "at \"-1\""},
        {"1024", "at \"1024\""},
        {"99999999999999999999", "at \"9999"},
        {"1-1024", "at \"1-1024\""},
        {"2,1-3", "CPU 2 twice"},
        {"0@", "at \"0@\""},
        {"0@1,", "at \"\""},
        {"0@1,2", "at \"2\""},
        {"0,1@2", "at \"0,1@2\""},
        {"@1", "at \"@1\""},
        {"0@1,0@2", "worker 0 twice"},
        {"0@1,2@2", "2 workers, but no worker 1"},
        {"1024@1", "at \"1024@1\""},
        {"0@1-2", "at \"0@1-2\""},
    };
    static struct qnt_cores c;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        OK(qnt_cores_parse(good[i].text, &c));
        ck_assert_uint_eq(c.n, good[i].n);
        for (uint32_t k = 0; k < c.n; k++)
            ck_assert_msg(c.cpu[k] == good[i].cpu[k], "\"%s\": worker %u on %u", good[i].text, k, c.cpu[k]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        REFUSED(qnt_cores_parse(bad[i].text, &c), QNT_ERR_ARG, bad[i].error);
}
END_TEST

/* Six cores on two nodes, two threads each; five may be used. */
static void fill_topo(struct qnt_topo *t, uint32_t usable)
{
    memset(t, 0, sizeof *t);
    for (uint32_t i = 0; i < 12; i++)
        t->cpu[t->n++] = (struct qnt_topo_cpu){
            .cpu = (uint16_t)(i / 2 + i % 2 * 6), .core = (uint16_t)(i / 2), .node = (uint16_t)(i / 6 * 4)};
    for (uint32_t i = 1; i < 6; i++)
        t->core_cpu[t->candidates++] = i;
    t->usable = usable;
    t->quota_milli = usable < t->candidates ? usable * 1000 : 0;
}

START_TEST(chooses_cores)
{
    static struct qnt_topo t;
    static struct qnt_cores c;
    static const struct {
        qnt_engine_config config;
        uint32_t usable, n, cpu[6];
        bool crowded;
    } rows[] = {
        {{.cores = ""}, 5, 4, {2, 3, 4, 5}, false}, /* one is the program's */
        {{.workers = 5}, 5, 5, {2, 3, 4, 5, 1}, false},  {{.workers = 6}, 5, 6, {2, 3, 4, 5, 1, UINT32_MAX}, true},
        {{.workers = 2}, 5, 2, {2, 3}, false},           {{.cores = NULL}, 1, 1, {2}, false},
        {{.cores = NULL}, 3, 2, {2, 3}, false},          {{.workers = 4}, 3, 4, {2, 3, 4, 5}, true},
        {{.cores = "11,4"}, 5, 2, {11, 4}, false},       {{.cores = "11,4", .workers = 1}, 5, 1, {11}, false},
        {{.cores = "1-5"}, 3, 5, {1, 2, 3, 4, 5}, true}, {{.cores = "0@1,1@1"}, 5, 2, {1, 1}, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fill_topo(&t, rows[i].usable);
        OK(qnt_cores_choose(&rows[i].config, &t, &c));
        ck_assert_msg(c.n == rows[i].n && c.crowded == rows[i].crowded, "row %zu: %u workers, crowded %d", i, c.n,
                      c.crowded);
        for (uint32_t k = 0; k < c.n; k++) {
            ck_assert_msg(c.cpu[k] == rows[i].cpu[k], "row %zu: worker %u on CPU %u", i, k, c.cpu[k]);
            const uint32_t node = c.cpu[k] == UINT32_MAX || c.cpu[k] % 6 < 3 ? 0 : 4;
            ck_assert_uint_eq(c.os_node[c.node[k]], node);
        }
        ck_assert_uint_le(c.nodes, 2);
    }
    OK(qnt_cores_choose(&rows[0].config, NULL, &c));
    ck_assert(c.n == 1 && c.cpu[0] == UINT32_MAX && c.nodes == 1);
}
END_TEST

/* Whatever kind it gets: there, zeroed, aligned, and its own. What a kind that was left out cannot be is not it. */
START_TEST(maps_memory)
{
    static const size_t sizes[] = {1, 100000, (2 << 20) + 1};
    struct qnt_block b;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char there[1024] = {0};
        OK(qnt_block_map(ctx, sizes[i], (qnt_engine_memory)_i, &b));
        ck_assert(b.kind >= (qnt_engine_memory)_i && b.bytes >= sizes[i] && (uintptr_t)b.base % qnt_page_size() == 0);
        ck_assert_int_eq(mincore(b.base, b.bytes, there), 0);
        for (size_t k = 0; k < b.bytes / qnt_page_size(); k++)
            EACH_MUST(there[k] & 1, "page %zu of %zu bytes is not there", k, b.bytes);
        for (size_t k = 0; k < b.bytes; k++)
            EACH_MUST(!b.base[k], "byte %zu is not zero", k);
        memset(b.base, 1, b.bytes);
        printf("from %d on, %zu bytes: kind %d, locked %d\n", _i, sizes[i], (int)b.kind, b.locked);
        qnt_block_unmap(&b);
        ck_assert_ptr_null(b.base);
        qnt_block_unmap(&b);
    }
    REFUSED(qnt_block_map(ctx, SIZE_MAX / 2, QNT_ENGINE_BEST, &b), QNT_ERR_NOMEM, "out of memory");
    REFUSED(qnt_block_map(ctx, (size_t)1 << 50, QNT_ENGINE_BEST, &b), QNT_ERR_NOMEM, "out of memory");
}
END_TEST

/* What the program's side touches at every call begins neither with a page nor among anything else. */
START_TEST(keeps_apart)
{
    enum { NEAR = 1024, BYTES = 5000 };
    const qnt_engine_config c = {.size = sizeof c, .workers = 1};
    qnt_engine *e = new_engine(&c);
    uint8_t *apart = qnt_apart_alloc(ctx, BYTES, "bytes");
    const void *const kept[] = {e, e->user, apart};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        EACH_MUST((uintptr_t)kept[i] % qnt_page_size() >= NEAR && (uintptr_t)kept[i] % 128 == 0, "%zu: at %p", i,
                  kept[i]);
    for (size_t i = 0; i < BYTES; i++)
        EACH_MUST(!apart[i], "byte %zu is not zero", i);
    memset(apart, 1, BYTES);
    qnt_apart_free(ctx, apart);
    qnt_apart_free(ctx, NULL);
    qnt_engine_destroy(e);
}
END_TEST

static qnt_status note_thread(void *arg)
{
    *(pthread_t *)arg = pthread_self();
    return QNT_OK;
}

static qnt_status fail_there(void *arg)
{
    return qnt_fail(QNT_ERR_RANGE, "no %s", (const char *)arg);
}

START_TEST(does_errands_on_nodes)
{
    static struct qnt_cores c;
    const qnt_engine_config config = {.workers = 1};
    OK(qnt_cores_choose(&config, NULL, &c));
    const qnt_engine e = {.ctx = ctx, .cores = &c};
    pthread_t on = 0;
    OK(qnt_on_node(&e, 0, note_thread, &on));
    ck_assert(pthread_equal(on, pthread_self()));
    c.nodes = 2;
    c.os_node[1] = 0;
    OK(qnt_on_node(&e, 1, note_thread, &on));
    ck_assert(!pthread_equal(on, pthread_self()));
    REFUSED(qnt_on_node(&e, 1, fail_there, "luck"), QNT_ERR_RANGE, "no luck");
}
END_TEST

START_TEST(counts_latencies)
{
    static uint64_t ns[QNT_BUCKETS + 1], before[QNT_BUCKETS], after[QNT_BUCKETS];
    const qnt_engine_config c = {.size = sizeof c, .workers = 1, .caller_driven = 1};
    qnt_engine_worker w = {.size = sizeof w};
    qnt_engine *e = new_engine(&c);
    size_t n = 0;
    e->ticks_per_ns = 1;
    OK(qnt_engine_latencies(e, 0, NULL, NULL, 0, &n));
    ck_assert_uint_eq(n, QNT_BUCKETS);
    OK(qnt_engine_latencies(e, 0, ns, before, n, &n));
    for (size_t i = 1; i < n; i++) {
        EACH_MUST(ns[i] > ns[i - 1], "bucket %zu does not rise", i);
        EACH_MUST(i < 17 || (ns[i] - ns[i - 1]) * 16 <= ns[i], "bucket %zu is wide", i);
    }
    for (size_t i = 0; i < n; i++) {
        qnt_counts_latency(&e->worker[0]->counts, ns[i]);
        qnt_counts_latency(&e->worker[0]->counts, i + 1 < n ? ns[i + 1] - 1 : UINT64_MAX);
    }
    OK(qnt_engine_latencies(e, 0, ns, after, n, &n));
    for (size_t i = 0; i < n; i++)
        EACH_MUST(after[i] == before[i] + 2, "bucket %zu: %llu", i, (unsigned long long)after[i]);
    REFUSED(qnt_engine_latencies(e, 1, NULL, NULL, 0, &n), QNT_ERR_ARG, "worker 1, the engine has 1");
    REFUSED(qnt_engine_latencies(e, 0, NULL, NULL, 1, &n), QNT_ERR_ARG, "NULL");
    qnt_engine_destroy(e);
    e = new_engine(&c);
    e->ticks_per_ns = 1;
    for (uint64_t i = 1; i <= 1000; i++)
        qnt_counts_latency(&e->worker[0]->counts, i * 100);
    OK(qnt_engine_worker_get(e, 0, &w));
    static const double want[] = {50000, 90000, 99000, 99900};
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq_tol((double)w.latency_ns[i], want[i], 0.06 * want[i]);
    ck_assert_uint_eq(w.latency_ns[4], 100000);
    qnt_engine_destroy(e);
}
END_TEST

static qnt_ctx *poor;
static qnt_model *poor_model[2];

/* Two values that may not be negative. */
static qnt_model *small_model(void)
{
    qnt_model *m;
    int id;
    OK(qnt_model_new(poor, &m));
    OK(qnt_model_add_input(m, "x", 1, (size_t[]){2}, &id));
    OK(qnt_model_add_node(m, "relu", "y", NULL, &id, 1, &id));
    OK(qnt_model_set_output(m, id));
    return m;
}

static qnt_status make_and_free(void)
{
    const qnt_engine_config c = {.size = sizeof c, .workers = 1, .caller_driven = 1};
    qnt_engine *e = NULL;
    qnt_status status = qnt_engine_create(poor_model, 1, &c, &e);
    if (!status)
        status = qnt_engine_swap(e, 0, poor_model[1]);
    if (!status) {
        struct qnt_queue *q;
        static _Alignas(128) uint8_t memory[1024], data[64];
        const struct qnt_queue_memory m = {
            .memory = memory, .bytes = sizeof memory, .depth = 1, .data = data, .length = 64};
        qnt_queue_format(memory, 1);
        if (!(status = qnt_queue_attach(e, &m, &q)))
            status = qnt_queue_detach(e, q);
    }
    qnt_engine_destroy(e);
    return status;
}

START_TEST(survives_failing_allocations)
{
    OK(qnt_ctx_create(&oom_config, &poor));
    poor_model[0] = small_model();
    poor_model[1] = small_model();
    oom_sweep("an engine", make_and_free);
    qnt_model_free(poor_model[0]);
    qnt_model_free(poor_model[1]);
    qnt_ctx_free(poor);
    ck_assert_uint_eq(oom_live(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_parts");
    TCase *tc = tcase_create("parts");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, reads_lists_of_cores);
    tcase_add_test(tc, chooses_cores);
    tcase_add_loop_test(tc, maps_memory, QNT_ENGINE_BEST, QNT_ENGINE_SMALL + 1);
    tcase_add_test(tc, keeps_apart);
    tcase_add_test(tc, does_errands_on_nodes);
    tcase_add_test(tc, counts_latencies);
    tcase_add_test(tc, survives_failing_allocations);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
