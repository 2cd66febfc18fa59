/* Eight threads at once, as the headers allow: on one context and one model sessions are made, run and freed; models
 * are loaded, saved and freed; each thread has its own last error. For ThreadSanitizer, too. */
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <qnt/qnt.h>
#include "tests/common/models.h"
#include "tests/common/qnt_bytes.h"
#include "tests/common/temp.h"
#include "unit.h"

enum { THREADS = 8, ROUNDS = 6, BATCH = 3, IN = BATCH * TEST_MODEL_IN, OUT = BATCH * TEST_MODEL_OUT };
static qnt_ctx *ctx;
static qnt_model *model;
static qnt_dataset *images;
static struct qnt_bytes file;
static char folder[TEST_PATH], shared_path[TEST_PATH_IN];
static float in[IN], want[OUT];
static pthread_barrier_t together;
static _Atomic size_t allocated, freed, logged;

struct worker {
    pthread_t thread;
    int number;
    char wrong[256]; /* "" when all was well: check's assertions are for the main thread */
};

/* In a worker: leaves with the text when the condition does not hold. */
#define NEED(w, condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            snprintf((w)->wrong, sizeof(w)->wrong, "%s: '%s'", #condition, qnt_last_error());                          \
            return false;                                                                                              \
        }                                                                                                              \
    } while (0)

static void *counting_alloc(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    allocated++;
    return aligned_alloc(alignment, bytes);
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    freed++;
    free(ptr);
}

static void count_log(void *user, int level, const char *text)
{
    (void)user;
    (void)level;
    logged += *text != '\0';
}

static bool sessions(struct worker *w, qnt_model *m, int round)
{
    qnt_session_config c = {.size = sizeof c, .max_batch = BATCH, .keep_tensors = round & 1};
    qnt_session *s = NULL;
    qnt_tensor_info t;
    qnt_step_info step;
    float out[OUT];
    c.threads = (w->number + round) % 3 ? 1 : 2;
    NEED(w, !qnt_session_create(m, &c, &s));
    for (int i = 0; i < 3; i++) {
        memset(out, 0x55, sizeof out);
        NEED(w, !qnt_session_run(s, in, out, BATCH));
        NEED(w, !memcmp(out, want, sizeof out));
    }
    NEED(w, !qnt_session_input(s, &t) && t.dim[0] == 6 && !qnt_session_step(s, 0, &step));
    qnt_session_free(s);
    return true;
}

static bool models(struct worker *w, int round)
{
    qnt_model *m = NULL;
    qnt_node_info node;
    qnt_tensor_info t;
    char path[TEST_PATH_IN];
    snprintf(path, sizeof path, "%s/model-%d.qnt", folder, w->number);
    NEED(w, !(round & 1 ? qnt_model_load(ctx, shared_path, &m) : qnt_model_load_memory(ctx, file.data, file.n, &m)));
    NEED(w, sessions(w, m, round));
    qnt_model_free(m);
    NEED(w, !qnt_model_save(model, path) && !qnt_model_load(ctx, path, &m));
    unlink(path);
    qnt_model_free(m);
    for (size_t i = 0; i < qnt_model_node_count(model); i++)
        NEED(w, !qnt_model_node(model, i, &node));
    for (size_t i = 0; i < qnt_model_tensor_count(model); i++)
        NEED(w, !qnt_model_tensor(model, i, &t));
    NEED(w, !test_model_float(ctx, &m)); /* built by hand */
    qnt_model_free(m);
    return true;
}

/* Fails with a text of its own. */
static bool error(struct worker *w, int round, char text[512])
{
    char path[TEST_PATH_IN];
    qnt_model *m = NULL;
    snprintf(path, sizeof path, "%s/none-%d-%d", folder, w->number, round);
    NEED(w, qnt_model_load(ctx, path, &m) == QNT_ERR_IO && !m);
    NEED(w, strstr(qnt_last_error(), path));
    snprintf(text, 512, "%s", qnt_last_error());
    return true;
}

static bool contexts(struct worker *w, int round)
{
    qnt_config c = {.size = sizeof c, .isa = round & 1 ? "ref" : NULL};
    qnt_ctx *own = NULL;
    qnt_isa_row row;
    qnt_kernel_info kernel;
    qnt_machine machine = {.size = sizeof machine};
    size_t checked;
    uint32_t cpu;
    NEED(w, !qnt_ctx_create(&c, &own));
    NEED(w, !qnt_ctx_isa(ctx, 0, &row) && !qnt_ctx_kernel(ctx, 0, &kernel));
    NEED(w, w->number || round || !qnt_ctx_selftest(ctx, &checked));
    NEED(w, !qnt_machine_get(&machine) && !qnt_machine_core(0, &cpu));
    qnt_ctx_free(own);
    return true;
}

static bool training(struct worker *w)
{
    qnt_train_config c = QNT_TRAIN_CONFIG_INIT;
    qnt_model *start = NULL, *trained = NULL;
    qnt_train *t = NULL;
    int finished, label;
    c.batch = 10;
    c.threads = 1;
    NEED(w, !qnt_model_build(ctx, "article-cnn", 1, &start));
    NEED(w, qnt_dataset_image(images, 3, &label));
    NEED(w, !qnt_train_create(start, NULL, images, &c, &t));
    NEED(w, !qnt_train_step(t, NULL, &finished));
    NEED(w, !qnt_train_model(t, &trained));
    qnt_train_free(t);
    qnt_model_free(trained);
    qnt_model_free(start);
    return true;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    char text[512];
    bool good = !*qnt_last_error();
    if (!good)
        snprintf(w->wrong, sizeof w->wrong, "a new thread has the error '%s'", qnt_last_error());
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&together);
        good = good && sessions(w, model, round) && models(w, round) && contexts(w, round) && error(w, round, text);
        pthread_barrier_wait(&together); /* all have failed now, and nobody has another's text */
        if (good && strcmp(qnt_last_error(), text)) {
            snprintf(w->wrong, sizeof w->wrong, "the last error became '%.200s'", qnt_last_error());
            good = false;
        }
    }
    if (good && w->number < 2)
        training(w);
    return NULL;
}

static void setup(void)
{
    const qnt_config c = {.size = sizeof c, .alloc = counting_alloc, .free = counting_free, .log = count_log};
    const qnt_session_config batch = {.size = sizeof batch, .max_batch = BATCH};
    qnt_session *s;
    ck_assert_int_eq(qnt_ctx_create(&c, &ctx), QNT_OK);
    ck_assert_int_eq(test_model_quantized(ctx, 4, &model), QNT_OK);
    ck_assert_int_eq(qnt_dataset_builtin(ctx, QNT_TRAIN, 20, &images), QNT_OK);
    test_temp_folder(folder);
    snprintf(shared_path, sizeof shared_path, "%s/shared.qnt", folder);
    ck_assert_int_eq(qnt_model_save(model, shared_path), QNT_OK);
    file = qnt_bytes_read(shared_path);
    test_model_images(in, IN);
    ck_assert_int_eq(qnt_session_create(model, &batch, &s), QNT_OK);
    ck_assert_int_eq(qnt_session_run(s, in, want, BATCH), QNT_OK);
    qnt_session_free(s);
}

static void teardown(void)
{
    unlink(shared_path);
    rmdir(folder);
    free(file.data);
    qnt_dataset_free(images);
    qnt_model_free(model);
    qnt_ctx_free(ctx);
    ck_assert_uint_eq(allocated, freed);
    printf("threads: %zu allocations, %zu notes in the log\n", (size_t)allocated, (size_t)logged);
}

START_TEST(eight_threads)
{
    static struct worker worker[THREADS];
    ck_assert_int_eq(qnt_session_create(NULL, NULL, NULL), QNT_ERR_ARG); /* an error of this thread's, to be kept */
    const char *own = qnt_last_error();
    ck_assert_int_eq(pthread_barrier_init(&together, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        worker[i].number = i;
        ck_assert_int_eq(pthread_create(&worker[i].thread, NULL, work, &worker[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(worker[i].thread, NULL);
    pthread_barrier_destroy(&together);
    for (int i = 0; i < THREADS; i++)
        ck_assert_msg(!*worker[i].wrong, "thread %d: %s", i, worker[i].wrong);
    ck_assert_ptr_eq(own, qnt_last_error());
    ck_assert_str_eq(own, "qnt_session_create: model or out is NULL");
}
END_TEST

/* Sessions made before the caller lets go of the model go on, on other threads; the last one frees it. */
static qnt_session *kept[THREADS];

static void *run_and_free(void *arg)
{
    struct worker *w = arg;
    float out[OUT];
    if (qnt_session_run(kept[w->number], in, out, BATCH) || memcmp(out, want, sizeof out))
        snprintf(w->wrong, sizeof w->wrong, "other bytes");
    qnt_session_free(kept[w->number]);
    return NULL;
}

START_TEST(the_last_session_frees_the_model)
{
    static struct worker worker[THREADS];
    const qnt_session_config c = {.size = sizeof c, .max_batch = BATCH};
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(qnt_session_create(model, &c, &kept[i]), QNT_OK);
    for (int i = 0; i < THREADS; i++) {
        worker[i].number = i;
        ck_assert_int_eq(pthread_create(&worker[i].thread, NULL, run_and_free, &worker[i]), 0);
    }
    qnt_model_free(model);
    model = NULL;
    for (int i = 0; i < THREADS; i++)
        pthread_join(worker[i].thread, NULL);
    for (int i = 0; i < THREADS; i++)
        ck_assert_msg(!*worker[i].wrong, "thread %d: %s", i, worker[i].wrong);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("threads");
    TCase *tc = tcase_create("threads");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, eight_threads);
    tcase_add_test(tc, the_last_session_frees_the_model);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
