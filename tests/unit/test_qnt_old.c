/* Files that earlier versions of the library wrote, format 1.1: they load, and give the bytes that they gave then. */
#include <stdio.h>
#include <stdlib.h>
#include <qnt/session.h>
#include "tests/common/qnt_bytes.h"
#include "unit.h"

enum { BATCH = 3 };
static const char *const names[] = {"float", "bits-3", "depthwise", "signs", "moves", "pairs"};

static size_t count(const qnt_tensor_info *t)
{
    size_t n = 1;
    for (uint32_t d = 0; d < t->rank; d++)
        n *= t->dim[d];
    return n;
}

static struct qnt_bytes old_file(const char *name, const char *suffix)
{
    char path[512];
    snprintf(path, sizeof path, OLD_DIR "/%s.%s", name, suffix);
    struct qnt_bytes b = qnt_bytes_read(path);
    ck_assert_msg(b.data != NULL, "%s cannot be read", path);
    return b;
}

/* What the images were that the results are of. */
static float *images(size_t n)
{
    uint32_t r = 7;
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        r = r * 1664525u + 1013904223u;
        x[i] = (float)(int)(r >> 16) / 16384.0f - 2.0f;
    }
    return x;
}

START_TEST(old_files_give_the_same_bytes)
{
    const qnt_session_config config = {.size = sizeof config, .max_batch = BATCH};
    qnt_ctx *ctx;
    qnt_model *m;
    qnt_session *s;
    qnt_tensor_info in, out;
    struct qnt_bytes file = old_file(names[_i], "minor1"), want = old_file(names[_i], "out");
    ck_assert_int_eq(qnt_ctx_create(NULL, &ctx), QNT_OK);
    ck_assert_msg(qnt_model_load_memory(ctx, file.data, file.n, &m) == QNT_OK, "%s", qnt_last_error());
    ck_assert(qnt_model_input_count(m) == 1 && qnt_model_output_count(m) == 1);
    ck_assert_msg(qnt_session_create(m, &config, &s) == QNT_OK, "%s", qnt_last_error());
    ck_assert_int_eq(qnt_session_input(s, &in), QNT_OK);
    ck_assert_int_eq(qnt_session_output(s, &out), QNT_OK);
    ck_assert_uint_eq(want.n, BATCH * count(&out) * sizeof(float));
    float *x = images(BATCH * count(&in)), *y = malloc(want.n);
    ck_assert_int_eq(qnt_session_run(s, x, y, BATCH), QNT_OK);
    ck_assert_mem_eq(y, want.data, want.n);
    free(x);
    free(y);
    free(file.data);
    free(want.data);
    qnt_session_free(s);
    qnt_model_free(m);
    qnt_ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("qnt_old");
    TCase *tc = tcase_create("qnt_old");
    tcase_add_loop_test(tc, old_files_give_the_same_bytes, 0, sizeof names / sizeof *names);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
