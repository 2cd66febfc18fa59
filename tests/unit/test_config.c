/* Structs that start with their size, one row for each of include/qnt: those of older and newer headers are accepted,
 * but for what a newer one sets. Each is given in a block of exactly its size. */
#include <stddef.h>
#include <string.h>
#include <qnt/qnt.h>
#include "tests/common/models.h"
#include "tests/common/temp.h"
#include "unit.h"

#define OK(call) ck_assert_msg((call) == QNT_OK, "%s: %s", #call, qnt_last_error())

static qnt_ctx *ctx;
static qnt_model *model, *net;
static qnt_dataset *images;
static char path[TEST_PATH], exported[TEST_PATH];

static qnt_status call_config(void *c)
{
    qnt_ctx *made = NULL;
    qnt_status status = qnt_ctx_create(c, &made);
    qnt_ctx_free(made);
    return status;
}

static qnt_status call_session_config(void *c)
{
    qnt_session *s = NULL;
    qnt_status status = qnt_session_create(model, c, &s);
    qnt_session_free(s);
    return status;
}

static qnt_status call_node_attr(void *c)
{
    const size_t dim[] = {4, 4, 3};
    qnt_model *m;
    int id;
    OK(qnt_model_new(ctx, &m));
    OK(qnt_model_add_input(m, "x", 3, dim, &id));
    qnt_status status = qnt_model_add_node(m, "maxpool", "pool", c, &id, 1, &id);
    qnt_model_free(m);
    return status;
}

static qnt_status call_import_config(void *c)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_import(ctx, path, c, &m);
    qnt_model_free(m);
    return status;
}

static qnt_status call_export_config(void *c)
{
    qnt_status status = qnt_model_export(model, exported, c);
    /* A build without ONNX says so once the struct is accepted. */
    return status == QNT_ERR_UNSUPPORTED && !QNT_HAVE_ONNX ? QNT_OK : status;
}

static qnt_status call_train_config(void *c)
{
    qnt_train *t = NULL;
    qnt_status status = qnt_train_create(net, NULL, images, c, &t);
    qnt_train_free(t);
    return status;
}

static qnt_status call_ptq_config(void *c)
{
    qnt_ptq *p = NULL;
    qnt_status status = qnt_ptq_create(model, c, &p);
    qnt_ptq_free(p);
    return status;
}

static qnt_status call_block_config(void *c)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_quantize_blocks(model, c, &m);
    qnt_model_free(m);
    return status;
}

static qnt_status call_ptq_layer(void *c)
{
    const qnt_ptq_config config = {.size = sizeof config, .layers = c, .n_layers = 1};
    return call_ptq_config((void *)(uintptr_t)&config);
}

static qnt_status call_engine_config(void *c)
{
    qnt_engine *e = NULL;
    qnt_status status = qnt_engine_create(&model, 1, c, &e);
    qnt_engine_destroy(e);
    return status;
}

static qnt_engine *engine;
static const qnt_engine_config driven = {.size = sizeof driven, .caller_driven = 1};

/* The struct is looked at first, then the path, which is none. */
static qnt_status past_path(qnt_status status)
{
    return status == QNT_ERR_ARG && strstr(qnt_last_error(), "a socket's path") ? QNT_OK : status;
}

static qnt_status call_server_config(void *c)
{
    qnt_server *s = NULL;
    if (!engine)
        OK(qnt_engine_create(&model, 1, &driven, &engine));
    return past_path(qnt_server_create(engine, c, &s));
}

static qnt_status call_client_config(void *c)
{
    qnt_client *client = NULL;
    return past_path(qnt_client_connect(ctx, "", c, &client));
}

static const qnt_config config = {.size = sizeof config};
static const qnt_session_config session_config = {.size = sizeof session_config, .max_batch = 2};
static const qnt_node_attr node_attr = {.size = sizeof node_attr, .kernel = {2, 2}};
static const qnt_engine_config engine_config = {.size = sizeof engine_config, .cores = ""};
static const qnt_server_config server_config = {.size = sizeof server_config, .path = ""};
static const qnt_client_config client_config = {.size = sizeof client_config};
static const qnt_import_config import_config = {.size = sizeof import_config};
static const qnt_export_config export_config = {.size = sizeof export_config};
static const qnt_ptq_config ptq_config = QNT_PTQ_CONFIG_INIT;
static const qnt_block_config block_config = {.size = sizeof block_config};
static const qnt_ptq_layer ptq_layer = {.size = sizeof ptq_layer, .name = "conv"};
static const qnt_train_config train_config = QNT_TRAIN_CONFIG_INIT;

/* first: bytes of the first version's struct, or less where zeros serve as well. end: of the last field. */
#define ROW(type, text, call, good, first, last)                                                                       \
    {                                                                                                                  \
#type, text, call, &good, sizeof(type), first, offsetof(type, last) + sizeof good.last                         \
    }
static const struct {
    const char *name, *text; /* of the struct, and of its errors */
    qnt_status (*call)(void *c);
    const void *good;
    size_t known, first, end;
} rows[] = {
    ROW(qnt_config, "config: ", call_config, config, sizeof(size_t), costs),
    ROW(qnt_session_config, "session config: ", call_session_config, session_config, sizeof(size_t), reserved),
    ROW(qnt_node_attr, "node 'pool': attributes: ", call_node_attr, node_attr, sizeof(size_t), rounding),
    ROW(qnt_engine_config, "engine config: ", call_engine_config, engine_config, sizeof(size_t), reserved),
    ROW(qnt_server_config, "server config: ", call_server_config, server_config, offsetof(qnt_server_config, names),
        reserved),
    ROW(qnt_client_config, "client config: ", call_client_config, client_config, sizeof(size_t), timeout_ms),
    ROW(qnt_import_config, "import config: ", call_import_config, import_config, sizeof(size_t), reserved),
    ROW(qnt_export_config, "export config: ", call_export_config, export_config, sizeof(size_t), reserved),
    ROW(qnt_ptq_config, "quantization config: ", call_ptq_config, ptq_config, sizeof(size_t), n_layers),
    ROW(qnt_block_config, "block config: ", call_block_config, block_config, sizeof(size_t), only),
    ROW(qnt_ptq_layer, "quantization layer: ", call_ptq_layer, ptq_layer, 2 * sizeof(size_t), reserved),
    ROW(qnt_train_config, "train config: ", call_train_config, train_config,
        offsetof(qnt_train_config, batchnorm_momentum), reserved),
};

static void setup(void)
{
    OK(qnt_ctx_create(NULL, &ctx));
    OK(test_model_float(ctx, &model));
    OK(qnt_model_build(ctx, "article-cnn", 1, &net));
    test_temp_file(path);
    test_temp_file(exported);
    OK(qnt_model_save(model, path));
    OK(qnt_dataset_builtin(ctx, QNT_TRAIN, 100, &images));
}

static void teardown(void)
{
    unlink(path);
    unlink(exported);
    qnt_engine_destroy(engine);
    engine = NULL;
    qnt_dataset_free(images);
    qnt_model_free(net);
    qnt_model_free(model);
    qnt_ctx_free(ctx);
}

/* The good struct cut or lengthened to `size`, which it says; byte `at` set when that is inside the new part. */
static qnt_status call(size_t row, size_t says, size_t bytes, size_t at)
{
    size_t known = rows[row].known;
    unsigned char *c = calloc(1, bytes);
    memcpy(c, rows[row].good, bytes < known ? bytes : known);
    memcpy(c, &says, sizeof says);
    if (at >= known && at < bytes)
        c[at] = 1;
    qnt_status status = rows[row].call(c);
    free(c);
    return status;
}

static void refused(size_t row, size_t size, size_t at, const char *text)
{
    qnt_status status = call(row, size, size < sizeof size ? sizeof size : size, at);
    ck_assert_msg(status == QNT_ERR_ARG && strstr(qnt_last_error(), rows[row].text) && strstr(qnt_last_error(), text),
                  "%s of %zu bytes: status %d, '%s', expected '%s%s'", rows[row].name, size, (int)status,
                  qnt_last_error(), rows[row].text, text);
}

START_TEST(sizes_of_other_versions)
{
    const size_t row = (size_t)_i, known = rows[row].known;
    char text[128];
    /* A field that is added in padding would be read from callers who never set it. */
    ck_assert_msg(rows[row].end == known, "%s: %zu bytes of padding after the last field", rows[row].name,
                  known - rows[row].end);
    for (size_t size = rows[row].first; size <= known + 64; size += sizeof size)
        ck_assert_msg(call(row, size, size, 0) == QNT_OK, "%s of %zu bytes: %s", rows[row].name, size,
                      qnt_last_error());
    for (size_t at = known; at < known + 64; at++) {
        snprintf(text, sizeof text, "byte %zu is set, but this library (%s) knows %zu bytes", at, qnt_version(), known);
        refused(row, known + 64, at, text);
    }
    for (size_t size = 0; size < known + 16; size++)
        if (size < sizeof size || size % sizeof size) {
            snprintf(text, sizeof text, "size is %zu, expected the struct's, %zu here", size, known);
            refused(row, size, 0, text);
        }
}
END_TEST

static qnt_status get_machine(void *out)
{
    return qnt_machine_get(out);
}

static qnt_status get_memory(void *out)
{
    return qnt_memory_get(out);
}

static qnt_status get_costs(void *out)
{
    return qnt_ctx_costs(ctx, out);
}

static qnt_session *session;
static qnt_ptq *ptq;
static qnt_server *server;
static qnt_client *client;

static qnt_status get_step_work(void *out)
{
    return qnt_session_step_work(session, 0, out);
}

static qnt_status get_ptq_layer(void *out)
{
    return qnt_ptq_layer_at(ptq, 0, out);
}

static qnt_status get_stats(void *out)
{
    qnt_status status = qnt_engine_stats_get(engine, out);
    const size_t end = offsetof(qnt_engine_stats, ns) + sizeof(uint64_t); /* which goes on */
    size_t size;
    memcpy(&size, out, sizeof size);
    if (!status && size >= end)
        memset((char *)out + offsetof(qnt_engine_stats, ns), 0, sizeof(uint64_t));
    return status;
}

static qnt_status get_worker(void *out)
{
    return qnt_engine_worker_get(engine, 0, out);
}

static qnt_status get_server(void *out)
{
    qnt_status status = qnt_server_stats_get(server, out);
    const size_t end = offsetof(qnt_server_stats, ns) + sizeof(uint64_t); /* which goes on */
    size_t size;
    memcpy(&size, out, sizeof size);
    if (!status && size >= end)
        memset((char *)out + offsetof(qnt_server_stats, ns), 0, sizeof(uint64_t));
    return status;
}

static qnt_status get_client(void *out)
{
    return qnt_client_get(client, out);
}

#define RESULT(type, call)                                                                                             \
    {                                                                                                                  \
        sizeof(type), call                                                                                             \
    }
static const struct {
    size_t known;
    qnt_status (*get)(void *out);
} results[] = {
    RESULT(qnt_machine, get_machine),      RESULT(qnt_memory, get_memory),       RESULT(qnt_costs_info, get_costs),
    RESULT(qnt_step_work, get_step_work),  RESULT(qnt_ptq_layer, get_ptq_layer), RESULT(qnt_engine_stats, get_stats),
    RESULT(qnt_engine_worker, get_worker), RESULT(qnt_server_stats, get_server), RESULT(qnt_client_info, get_client),
};

/* These are filled, not read. */
START_TEST(results_fill_what_is_there)
{
    union {
        size_t size;
        qnt_machine machine;
        qnt_memory memory;
        qnt_costs_info costs;
        qnt_step_work work;
        qnt_ptq_layer layer;
        qnt_engine_stats stats;
        qnt_engine_worker worker;
        qnt_server_stats server;
        qnt_client_info client;
    } full = {.size = results[_i].known};
    qnt_status (*get)(void *) = results[_i].get;
    const size_t known = full.size;
    char socket[TEST_PATH];
    const qnt_server_config sc = {.size = sizeof sc, .path = socket, .bytes = 1};
    OK(qnt_session_create(model, NULL, &session));
    OK(qnt_ptq_create(model, NULL, &ptq));
    OK(qnt_engine_create(&model, 1, &driven, &engine));
    test_temp_file(socket);
    unlink(socket);
    OK(qnt_server_create(engine, &sc, &server));
    OK(qnt_client_connect(ctx, socket, NULL, &client));
    OK(get(&full));
    for (size_t size = sizeof size; size <= known + 64; size += sizeof size) {
        unsigned char *m = malloc(size);
        memset(m, 0x55, size);
        memcpy(m, &size, sizeof size);
        OK(get(m));
        size_t same = size < known ? size : known;
        ck_assert_mem_eq(m, &size, sizeof size);
        ck_assert_mem_eq(m + sizeof size, (char *)&full + sizeof size, same - sizeof size);
        for (size_t i = same; i < size; i++)
            ck_assert_msg(m[i] == 0, "byte %zu of %zu is not zero", i, size);
        free(m);
    }
    full.size = sizeof full.size - 1;
    ck_assert_int_eq(get(&full), QNT_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(qnt_last_error(), "size is 7"));
    qnt_ptq_free(ptq);
    qnt_client_close(client);
    qnt_server_destroy(server);
    qnt_session_free(session);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tc = tcase_create("config");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, sizes_of_other_versions, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tc, results_fill_what_is_there, 0, sizeof results / sizeof *results);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
