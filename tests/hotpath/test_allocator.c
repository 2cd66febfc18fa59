/* A context's allocator has all of the library's memory: while the calls below are made, nothing else calls malloc and
 * its kin on this thread. Where libc allocates for itself (threads, open files, the topology), only what is named is
 * allowed to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qnt/qnt.h>
#include "tests/common/models.h"
#include "tests/common/qnt_bytes.h"
#include "tests/common/temp.h"

extern _Thread_local long detect_allocations; /* detect_malloc.c */
static _Thread_local long own;                /* calls of the context's allocator */
static _Atomic long live;
static int failures, checks;
static void *volatile sink; /* the compiler must not leave the bait out */
static qnt_ctx *ctx;
static qnt_model *model;
static qnt_dataset *images;
static qnt_train *train;
static struct qnt_bytes file;
static char path[TEST_PATH];

/* What it does itself does not count. */
static void *own_alloc(void *user, size_t bytes, size_t alignment)
{
    long before = detect_allocations;
    (void)user;
    if (alignment & (alignment - 1) || bytes % alignment || !bytes) {
        failures++;
        printf("allocator: %zu bytes at a multiple of %zu\n", bytes, alignment);
    }
    void *ptr = aligned_alloc(alignment, bytes);
    memset(ptr, 0x5a, bytes); /* nobody may count on zeros */
    detect_allocations = before;
    own++;
    live++;
    return ptr;
}

static void own_free(void *user, void *ptr)
{
    long before = detect_allocations;
    (void)user;
    if (!ptr) {
        failures++;
        printf("allocator: NULL is freed\n");
    }
    free(ptr);
    detect_allocations = before;
    live--;
}

static const qnt_config config = {.size = sizeof config, .alloc = own_alloc, .free = own_free};

static qnt_status context(void)
{
    qnt_ctx *made;
    qnt_status status = qnt_ctx_create(&config, &made);
    if (!status)
        qnt_ctx_free(made);
    return status;
}

static qnt_status build(void)
{
    static const char *const names[] = {"article-cnn", "resnet-8", "mobilenetv1-0.25", "ds-cnn", "fc-autoencoder"};
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && !status; i++) {
        qnt_model *m = NULL;
        status = qnt_model_build(ctx, names[i], 1, &m);
        qnt_model_free(m);
    }
    return status;
}

static qnt_status by_hand(void)
{
    qnt_status (*const make[])(qnt_ctx * c, bool quantized, qnt_model **out) = {
        test_model_pools, test_model_depthwise, test_model_binary, test_model_pairs, test_model_functions};
    qnt_status status = QNT_OK;
    for (size_t i = 0; i < 2 * sizeof make / sizeof *make && !status; i++) {
        qnt_model *m = NULL;
        qnt_session *s = NULL;
        if (!(status = make[i / 2](ctx, i % 2, &m)))
            status = qnt_session_create(m, NULL, &s);
        qnt_session_free(s);
        qnt_model_free(m);
    }
    return status;
}

static qnt_status load(void)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_load_memory(ctx, file.data, file.n, &m);
    qnt_model_free(m);
    m = NULL;
    if (!status)
        status = qnt_model_load(ctx, path, &m);
    qnt_model_free(m);
    return status;
}

static qnt_status refuse(void)
{
    qnt_model *m;
    file.data[file.n - 1] ^= 1; /* the last constant, or the padding after it */
    qnt_status status = qnt_model_load_memory(ctx, file.data, file.n, &m);
    file.data[file.n - 1] ^= 1;
    return status == QNT_ERR_FORMAT && *qnt_last_error() ? QNT_OK : QNT_ERR_STATE;
}

static qnt_status save(void)
{
    return qnt_model_save(model, path);
}

static void serially(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    (void)user;
    for (size_t i = 0; i < n; i++)
        task(arg, i);
}

static qnt_status session(void)
{
    static float in[TEST_MODEL_IN], out[TEST_MODEL_OUT];
    qnt_session_config c = {.size = sizeof c};
    qnt_session *s = NULL;
    qnt_status status = QNT_OK;
    for (int hook = 0; hook < 2 && !status; hook++) {
        c.threads = hook ? 3 : 1;
        c.parallel_for = hook ? serially : NULL;
        if (!(status = qnt_session_create(model, &c, &s)))
            status = qnt_session_run(s, in, out, 1);
        qnt_session_free(s);
        s = NULL;
    }
    return status;
}

static qnt_status selftest(void)
{
    return qnt_ctx_selftest(ctx, NULL);
}

static qnt_status data_set(void)
{
    qnt_dataset *d = NULL, *tail = NULL;
    qnt_status status = qnt_dataset_builtin(ctx, QNT_TEST, 20, &d);
    if (!status)
        status = qnt_dataset_hold_out(d, 5, &tail);
    qnt_dataset_free(tail);
    qnt_dataset_free(d);
    return status;
}

static qnt_status training(void)
{
    qnt_train_config c = QNT_TRAIN_CONFIG_INIT;
    qnt_model *start = NULL, *trained = NULL;
    int finished;
    c.batch = 10;
    c.threads = 1;
    c.weight_bits = 4;
    qnt_status status = qnt_model_build(ctx, "article-cnn", 1, &start);
    if (!status && !(status = qnt_train_create(start, NULL, images, &c, &train)) &&
        !(status = qnt_train_step(train, NULL, &finished)))
        status = qnt_train_model(train, &trained);
    qnt_model_free(start);
    qnt_model_free(trained);
    return status; /* the trainer goes on below */
}

static qnt_status checkpoint(void)
{
    qnt_status status = qnt_train_checkpoint(train, path);
    if (!status)
        status = qnt_train_restore(train, path);
    qnt_train_free(train);
    return status;
}

static qnt_status team(void)
{
    const qnt_session_config c = {.size = sizeof c, .threads = 2};
    qnt_session *s = NULL;
    qnt_status status = qnt_session_create(model, &c, &s);
    qnt_session_free(s);
    return status;
}

/* libc: what it allocates for itself there, "" for nothing. */
static const struct {
    const char *name;
    qnt_status (*call)(void);
    const char *libc;
} rows[] = {
    {"context", context, ""},
    {"built-in models", build, ""},
    {"models by hand, and their sessions", by_hand, ""},
    {"save", save, ""},
    {"load", load, ""},
    {"refuse", refuse, ""},
    {"sessions", session, ""},
    {"self-test", selftest, ""},
    {"data set", data_set, ""},
    {"training", training, ""},
    {"checkpoint", checkpoint, "buffers of open files"},
    {"session of a team", team, "a thread; hwloc its topology"},
};

int main(void)
{
    test_temp_file(path);
    if (qnt_ctx_create(&config, &ctx) || test_model_quantized(ctx, 3, &model) || qnt_model_save(model, path) ||
        qnt_dataset_builtin(ctx, QNT_TRAIN, 20, &images)) {
        printf("allocator: %s\n", qnt_last_error());
        return EXIT_FAILURE;
    }
    file = qnt_bytes_read(path);
    long start = detect_allocations;
    sink = malloc(1);
    free(sink);
    if (detect_allocations - start < 2) {
        failures++;
        printf("allocator: two calls are not noticed\n");
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        long before = detect_allocations, own_before = own;
        qnt_status status = rows[i].call();
        long others = detect_allocations - before, calls = own - own_before;
        checks++;
        if (status || (others && !*rows[i].libc) || (!calls && rows[i].call != selftest)) {
            failures++;
            printf("allocator: %s: status %d, %ld calls of the context's allocator, %ld of malloc and its kin\n",
                   rows[i].name, (int)status, calls, others);
        }
        if (others)
            printf("allocator: %s: %ld calls from libc (%s)\n", rows[i].name, others, rows[i].libc);
    }
    free(file.data);
    unlink(path);
    qnt_dataset_free(images);
    qnt_model_free(model);
    qnt_ctx_free(ctx);
    if (live) {
        failures++;
        printf("allocator: %ld blocks are left\n", (long)live);
    }
    printf("%d passed, %d failed, 0 skipped\n", checks - (failures < checks ? failures : checks), failures);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
