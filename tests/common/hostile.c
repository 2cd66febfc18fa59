#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/common/models.h"
#include "tests/common/hostile.h"
#include "tests/common/temp.h"

struct hostile hostile;

static void *count_alloc(void *user, size_t bytes, size_t alignment)
{
    struct hostile *h = user;
    if (bytes > 1u << 28) /* as a small machine would; the sanitizers' allocator would abort */
        return NULL;
    h->live++;
    h->largest = bytes > h->largest ? bytes : h->largest;
    return aligned_alloc(alignment, bytes);
}

static void count_free(void *user, void *ptr)
{
    struct hostile *h = user;
    h->live--;
    free(ptr);
}

static qnt_status quantized(qnt_ctx *ctx, bool ignored, qnt_model **m)
{
    (void)ignored;
    return test_model_quantized(ctx, 3, m);
}

static void setup(qnt_status (*make)(qnt_ctx *ctx, bool quantized, qnt_model **m))
{
    struct hostile *h = &hostile;
    char path[TEST_PATH];
    qnt_config config = {.size = sizeof config, .alloc = count_alloc, .free = count_free, .user = h};
    qnt_model *m;
    memset(h, 0, sizeof *h);
    test_temp_file(path);
    ck_assert_int_eq(qnt_ctx_create(&config, &h->ctx), QNT_OK);
    ck_assert_msg(make(h->ctx, true, &m) == QNT_OK, "%s", qnt_last_error());
    ck_assert_int_eq(qnt_model_save(m, path), QNT_OK);
    qnt_model_free(m);
    h->good = qnt_bytes_read(path);
    unlink(path);
    h->bad.n = h->good.n;
    h->bad.data = malloc(h->good.n);
    ck_assert(h->good.data && h->bad.data);
    memcpy(h->bad.data, h->good.data, h->good.n);
    ck_assert_uint_eq(h->live, 1);
    h->largest = 0;
}

void hostile_setup(void)
{
    setup(quantized);
}

void hostile_setup_moves(void)
{
    setup(test_model_moves);
}

void hostile_setup_borders(void)
{
    setup(test_model_borders);
}

void hostile_teardown(void)
{
    ck_assert_uint_eq(hostile.live, 1);
    qnt_ctx_free(hostile.ctx);
    free(hostile.good.data);
    free(hostile.bad.data);
}

qnt_status hostile_load(const uint8_t *data, size_t n, qnt_model **m)
{
    uint8_t *exact = malloc(n ? n : 1);
    memcpy(exact, data, n);
    qnt_status status = qnt_model_load_memory(hostile.ctx, exact, n, m);
    free(exact);
    return status;
}

void hostile_refused(const char *what, size_t at, const char *text)
{
    qnt_model *m = NULL;
    qnt_status status = hostile_load(hostile.bad.data, hostile.bad.n, &m);
    ck_assert_msg(status == QNT_ERR_FORMAT || status == QNT_ERR_UNSUPPORTED, "%s %zu: status %d, '%s'", what, at,
                  (int)status, qnt_last_error());
    ck_assert_msg(!strncmp(qnt_last_error(), "memory: ", 8) && strlen(qnt_last_error()) > 20 &&
                      strstr(qnt_last_error(), text),
                  "%s %zu: '%s', expected '%s'", what, at, qnt_last_error(), text);
    ck_assert_ptr_null(m);
    ck_assert_uint_eq(hostile.live, 1);
}
