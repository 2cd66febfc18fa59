/* Every allocation of the library fails in turn: the call reports it, nothing leaks, nothing crashes, what existed
 * before stays whole. Alone (the n-th) and for good (the n-th and all after it). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qnt/qnt.h>
#include "lib/graph/graph.h"
#include "tests/common/models.h"
#include "tests/common/qnt_bytes.h"
#include "unit.h"

static struct {
    size_t live, calls, first, last; /* calls first..last fail; 0: none */
} heap;
static qnt_ctx *ctx;
static qnt_model *model[2]; /* float, 3 bits */
static qnt_dataset *images;
static struct qnt_bytes file[2];
static char path[] = "/tmp/qnt-oom-XXXXXX";

static void *failing_alloc(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    heap.calls++;
    if (heap.calls >= heap.first && heap.calls <= heap.last)
        return NULL;
    heap.live++;
    return aligned_alloc(alignment, bytes);
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    heap.live--;
    free(ptr);
}

static const qnt_config config = {.size = sizeof config, .alloc = failing_alloc, .free = counting_free};

static void setup(void)
{
    memset(&heap, 0, sizeof heap);
    strcpy(path + strlen(path) - 6, "XXXXXX");
    close(mkstemp(path));
    ck_assert_int_eq(qnt_ctx_create(&config, &ctx), QNT_OK);
    ck_assert_int_eq(test_model_float(ctx, &model[0]), QNT_OK);
    ck_assert_int_eq(test_model_quantized(ctx, 3, &model[1]), QNT_OK);
    ck_assert_int_eq(qnt_dataset_builtin(ctx, QNT_TRAIN, 20, &images), QNT_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(qnt_model_save(model[i], path), QNT_OK);
        file[i] = qnt_bytes_read(path);
    }
}

static void teardown(void)
{
    for (int i = 0; i < 2; i++) {
        qnt_model_free(model[i]);
        free(file[i].data);
    }
    qnt_dataset_free(images);
    qnt_ctx_free(ctx);
    unlink(path);
    ck_assert_uint_eq(heap.live, 0);
}

static qnt_status context(void)
{
    qnt_ctx *made = NULL;
    qnt_status status = qnt_ctx_create(&config, &made);
    qnt_ctx_free(made);
    return status;
}

static qnt_status build(void)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_build(ctx, "article-cnn", 1, &m);
    qnt_model_free(m);
    return status;
}

static qnt_status by_hand(void)
{
    qnt_model *m = NULL;
    qnt_status status = test_model_quantized(ctx, 4, &m);
    qnt_model_free(m);
    return status;
}

static qnt_status load(int i)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_load_memory(ctx, file[i].data, file[i].n, &m);
    qnt_model_free(m);
    return status;
}

static qnt_status load_float(void)
{
    return load(0);
}

static qnt_status load_packed(void)
{
    return load(1);
}

static qnt_status load_mapped(void)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_load(ctx, path, &m);
    qnt_model_free(m);
    return status;
}

static qnt_status save(void)
{
    return qnt_model_save(model[1], path);
}

static qnt_status clone(void)
{
    qnt_model *m = NULL;
    qnt_status status = qnt_model_clone(model[1], &m);
    qnt_model_free(m);
    return status;
}

static qnt_status session(int i, uint32_t threads, uint32_t batch)
{
    qnt_session_config c = {.size = sizeof c, .max_batch = batch, .threads = threads};
    qnt_session *s = NULL;
    qnt_status status = qnt_session_create(model[i], &c, &s);
    qnt_session_free(s);
    return status;
}

static qnt_status session_float(void)
{
    return session(0, 1, 7);
}

static qnt_status session_quantized(void)
{
    return session(1, 1, 7);
}

static qnt_status session_of_a_team(void)
{
    return session(1, 2, 3);
}

static qnt_status data_set(void)
{
    qnt_dataset *d = NULL;
    qnt_status status = qnt_dataset_builtin(ctx, QNT_TEST, 20, &d);
    qnt_dataset_free(d);
    return status;
}

static const struct {
    const char *name;
    qnt_status (*call)(void);
} call_table[] = {
    {"context", context},
    {"build", build},
    {"build by hand", by_hand},
    {"load from memory, float", load_float},
    {"load from memory, 3 bits", load_packed},
    {"load by mapping", load_mapped},
    {"save", save},
    {"clone", clone},
    {"session, float", session_float},
    {"session, 3 bits", session_quantized},
    {"session, two threads", session_of_a_team},
    {"data set", data_set},
};

START_TEST(every_failing_allocation_is_reported)
{
    const char *name = call_table[_i].name;
    size_t before = heap.live, allocations = 0;
    ck_assert_msg(call_table[_i].call() == QNT_OK, "%s: %s", name, qnt_last_error());
    ck_assert_msg(heap.live == before, "%s leaks", name);
    for (int alone = 0; alone < 2; alone++)
        for (size_t n = 1;; n++) {
            heap.calls = 0;
            heap.first = n;
            heap.last = alone ? n : SIZE_MAX;
            qnt_status status = call_table[_i].call();
            bool reached = heap.calls >= n;
            heap.last = 0;
            ck_assert_msg(heap.live == before, "%s: allocation %zu fails: %zu blocks leak", name, n,
                          heap.live - before);
            if (!reached) {
                ck_assert_int_eq(status, QNT_OK);
                allocations = n - 1;
                break;
            }
            ck_assert_msg(status == QNT_ERR_NOMEM, "%s: allocation %zu fails: status %d, '%s'", name, n, (int)status,
                          qnt_last_error());
            ck_assert_msg(strstr(qnt_last_error(), "out of memory"), "%s: '%s'", name, qnt_last_error());
        }
    printf("oom: %s: each of %zu allocations\n", name, allocations);
    ck_assert_uint_gt(allocations, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom");
    TCase *tc = tcase_create("oom");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, every_failing_allocation_is_reported, 0, sizeof call_table / sizeof *call_table);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
