/* Damaged .qnt files: every cut and every flip is an error with a text; random lies behind right checksums are refused
 * or give a model that can be used. QNT_SEED repeats a run, QNT_ROUNDS sets its length. Lies by name: test_qnt_lies.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qnt/session.h>
#include "lib/core/rng.h"
#include "tests/common/hostile.h"
#include "tests/common/temp.h"
#include "unit.h"

static struct hostile *const h = &hostile;

START_TEST(every_length_is_refused)
{
    qnt_model *m = NULL;
    for (size_t n = 0; n < h->good.n; n++) {
        ck_assert_msg(hostile_load(h->good.data, n, &m) == QNT_ERR_FORMAT, "%zu bytes", n);
        ck_assert_ptr_null(m);
    }
    uint8_t *longer = calloc(1, h->good.n + 128);
    memcpy(longer, h->good.data, h->good.n);
    for (size_t more = 1; more <= 128; more++)
        ck_assert_msg(hostile_load(longer, h->good.n + more, &m) == QNT_ERR_FORMAT, "%zu bytes more", more);
    free(longer);
    ck_assert_int_eq(hostile_load(h->good.data, h->good.n, &m), QNT_OK);
    qnt_model_free(m);
}
END_TEST

START_TEST(every_flip_is_refused)
{
    for (size_t i = 0; i < h->good.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            h->bad.data[i] = (uint8_t)(h->good.data[i] ^ 1u << bit);
            hostile_refused("flip of byte", i, "");
        }
        h->bad.data[i] = (uint8_t)~h->good.data[i];
        hostile_refused("inverse of byte", i, "");
        h->bad.data[i] = h->good.data[i];
    }
    ck_assert_uint_le(h->largest, h->good.n); /* no damaged size was believed */
}
END_TEST

/* One random change. */
static void mutate(struct qnt_rng *r)
{
    /* clang-format off */
    static const uint64_t numbers[] = {
        0, 1, 2, 3, 7, 8, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
        0xffffffff, 0x100000000, 0x3fffffffffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
        0x7f800000, 0x7fc00000, 0xff800000 /* Inf, NaN, -Inf */
    };
    /* clang-format on */
    uint8_t *data = h->bad.data;
    struct qnt_file_section e;
    do
        e = qnt_bytes_section(h->good, (enum qnt_file_kind)qnt_rng_between(r, 1, (int)qnt_bytes_sections(h->good)));
    while (e.bytes == 0); /* a model without constants has none of them */
    uint64_t number = numbers[qnt_rng_below(r, sizeof numbers / sizeof *numbers)];
    size_t bytes = (size_t)1 << qnt_rng_below(r, 4), at = e.offset + qnt_rng_below(r, e.bytes);
    uint32_t records = (uint32_t)(e.bytes / e.entry_bytes);
    switch (qnt_rng_below(r, 6)) {
    case 0:
        data[at] = (uint8_t)qnt_rng_next(r);
        break;
    case 1:
        data[at] = (uint8_t)(data[at] + qnt_rng_between(r, -2, 2));
        break;
    case 2: /* a record over another */
        memmove(data + e.offset + qnt_rng_below(r, records) * e.entry_bytes,
                data + e.offset + qnt_rng_below(r, records) * e.entry_bytes, e.entry_bytes);
        break;
    case 3: /* header or table */
        at = qnt_rng_below(r, sizeof(struct qnt_file_header) + sizeof e * qnt_bytes_sections(h->good));
        memcpy(data + at / bytes * bytes, &number, bytes);
        break;
    default:
        memcpy(data + at / bytes * bytes, &number, bytes);
        break; /* sections are aligned: this is inside the file */
    }
}

static size_t io_bytes(const qnt_tensor_info *t)
{
    size_t n = qnt_dtype_size(t->type);
    for (uint32_t d = 0; d < t->rank; d++)
        n *= t->dim[d];
    return n;
}

/* A model that was accepted can be saved (to path, if any: writing waits for the disk), and prepared and run, or
 * preparing it is refused with a text. */
static void use(qnt_model *m, const char *path)
{
    qnt_session *s = NULL;
    qnt_tensor_info t;
    if (path)
        ck_assert_msg(qnt_model_save(m, path) == QNT_OK, "%s", qnt_last_error());
    if (qnt_session_create(m, NULL, &s)) {
        ck_assert_uint_gt(strlen(qnt_last_error()), 0);
        return;
    }
    const size_t n_in = qnt_model_input_count(m), n_out = qnt_model_output_count(m);
    void **x = calloc(n_in, sizeof *x), **y = calloc(n_out, sizeof *y);
    ck_assert(x && y);
    for (size_t i = 0; i < n_in; i++) {
        ck_assert_int_eq(qnt_session_input_at(s, i, &t), QNT_OK);
        ck_assert((x[i] = calloc(1, io_bytes(&t)))); /* the session holds tensors of these sizes itself */
    }
    for (size_t i = 0; i < n_out; i++) {
        ck_assert_int_eq(qnt_session_output_at(s, i, &t), QNT_OK);
        ck_assert((y[i] = malloc(io_bytes(&t))));
    }
    ck_assert_int_eq(qnt_session_run_io(s, (const void *const *)x, y, 1), QNT_OK);
    for (size_t i = 0; i < n_in; i++)
        free(x[i]);
    for (size_t i = 0; i < n_out; i++)
        free(y[i]);
    free(x);
    free(y);
    qnt_session_free(s);
}

static uint64_t rounds_wanted(void)
{
    const char *text = getenv("QNT_ROUNDS");
    return text ? strtoull(text, NULL, 0) : 4000;
}

START_TEST(random_lies_are_harmless)
{
    uint64_t first = unit_seed_value(), rounds = rounds_wanted(), accepted = 0;
    char path[TEST_PATH];
    test_temp_file(path);
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        struct qnt_rng r = qnt_rng_key(seed, 0, 0);
        qnt_model *m = NULL;
        memcpy(h->bad.data, h->good.data, h->good.n);
        for (uint32_t i = qnt_rng_below(&r, 3) + 1; i > 0; i--)
            mutate(&r);
        qnt_bytes_rehash(h->bad);
        qnt_status status = hostile_load(h->bad.data, h->bad.n, &m);
        if (status == QNT_OK) {
            accepted++;
            use(m, accepted % 16 ? NULL : path);
            qnt_model_free(m);
        } else
            ck_assert_msg((status == QNT_ERR_FORMAT || status == QNT_ERR_UNSUPPORTED) && *qnt_last_error(),
                          "seed %llu: status %d, '%s'", (unsigned long long)seed, (int)status, qnt_last_error());
        ck_assert_msg(h->live == 1, "seed %llu: %zu blocks leaked", (unsigned long long)seed, h->live - 1);
    }
    unlink(path);
    printf("hostile: seeds %llu to %llu: %llu of the files were acceptable models\n", (unsigned long long)first,
           (unsigned long long)(first + rounds - 1), (unsigned long long)accepted);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("qnt_hostile");
    TCase *tc = tcase_create("qnt_hostile");
    tcase_add_checked_fixture(tc, hostile_setup, hostile_teardown);
    tcase_add_test(tc, every_length_is_refused);
    tcase_add_test(tc, every_flip_is_refused);
    tcase_add_test(tc, random_lies_are_harmless);
    suite_add_tcase(suite, tc);
    tc = tcase_create("moves");
    tcase_add_checked_fixture(tc, hostile_setup_moves, hostile_teardown);
    tcase_add_test(tc, every_flip_is_refused);
    tcase_add_test(tc, random_lies_are_harmless);
    suite_add_tcase(suite, tc);
    tc = tcase_create("borders");
    tcase_add_checked_fixture(tc, hostile_setup_borders, hostile_teardown);
    tcase_add_test(tc, every_length_is_refused);
    tcase_add_test(tc, every_flip_is_refused);
    tcase_add_test(tc, random_lies_are_harmless);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
