/* Data sets: the CIFAR-10 reader and its refusals, hold-out, moments, the built-in set's bytes. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include "lib/train/dataset.h"
#include "tests/common/temp.h"

enum { RECORD = 3073 };
static char folder[TEST_PATH];
static qnt_ctx *ctx;

static void setup(void)
{
    test_temp_folder(folder);
    ck_assert_int_eq(qnt_ctx_create(NULL, &ctx), QNT_OK);
}

static const char *path_of(const char *name)
{
    static char path[TEST_PATH_IN];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void teardown(void)
{
    unlink(path_of("test_batch.bin"));
    for (int i = 1; i <= 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        unlink(path_of(name));
    }
    ck_assert_int_eq(rmdir(folder), 0);
    qnt_ctx_free(ctx);
}

/* `records` records and `extra` bytes; record i has label (i + base) % 10 and bytes 7 k + i. */
static void write_batch(const char *name, size_t records, size_t extra, int base)
{
    FILE *f = fopen(path_of(name), "wb");
    ck_assert_ptr_nonnull(f);
    for (size_t i = 0; i < records; i++) {
        uint8_t r[RECORD];
        r[0] = (uint8_t)((i + (size_t)base) % 10);
        for (size_t k = 0; k < RECORD - 1; k++)
            r[1 + k] = (uint8_t)(7 * k + i);
        ck_assert_uint_eq(fwrite(r, 1, RECORD, f), RECORD);
    }
    for (size_t i = 0; i < extra; i++)
        fputc(0, f);
    fclose(f);
}

static void expect(qnt_status wanted, const char *text)
{
    qnt_dataset *d = NULL;
    ck_assert_int_eq(qnt_dataset_cifar10(ctx, folder, QNT_TEST, &d), wanted);
    ck_assert_ptr_null(d);
    ck_assert_msg(strstr(qnt_last_error(), text), "'%s' lacks '%s'", qnt_last_error(), text);
}

START_TEST(cifar_reads_any_number_of_records)
{
    qnt_dataset *d;
    for (int i = 1; i <= 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        write_batch(name, (size_t)i, 0, i);
    }
    ck_assert_int_eq(qnt_dataset_cifar10(ctx, folder, QNT_TRAIN, &d), QNT_OK);
    ck_assert_uint_eq(qnt_dataset_size(d), 15);
    ck_assert_uint_eq(qnt_dataset_classes(d), 10);
    int label;
    const uint8_t *image = qnt_dataset_image(d, 8, &label); /* record 2 of the fourth file */
    ck_assert_int_eq(label, 6);
    for (size_t p = 0; p < 1024; p++)
        for (size_t c = 0; c < 3; c++)
            ck_assert_uint_eq(image[p * 3 + c], (uint8_t)(7 * (c * 1024 + p) + 2));
    ck_assert_ptr_null(qnt_dataset_image(d, 15, &label));
    qnt_dataset_free(d);
}
END_TEST

START_TEST(cifar_refuses_damage)
{
    expect(QNT_ERR_IO, "test_batch.bin");
    write_batch("test_batch.bin", 0, 0, 0);
    expect(QNT_ERR_FORMAT, "test_batch.bin: record 0 has 0 bytes");
    write_batch("test_batch.bin", 2, 1, 0);
    expect(QNT_ERR_FORMAT, "test_batch.bin: record 2 has 1 bytes, expected 3073");
    write_batch("test_batch.bin", 2, RECORD - 1, 0);
    expect(QNT_ERR_FORMAT, "test_batch.bin: record 2 has 3072 bytes");
    write_batch("test_batch.bin", 3, 0, 0);
    FILE *f = fopen(path_of("test_batch.bin"), "r+b");
    fseek(f, 2 * RECORD, SEEK_SET);
    fputc(10, f);
    fclose(f);
    expect(QNT_ERR_FORMAT, "test_batch.bin: record 2 has label 10");
}
END_TEST

START_TEST(hold_out_parts_share_the_images)
{
    qnt_dataset *d, *tail = NULL;
    ck_assert_int_eq(qnt_dataset_builtin(ctx, QNT_TRAIN, 50, &d), QNT_OK);
    const uint8_t *image = qnt_dataset_image(d, 40, NULL);
    ck_assert_int_eq(qnt_dataset_hold_out(d, 50, &tail), QNT_ERR_ARG);
    ck_assert_int_eq(qnt_dataset_hold_out(d, 0, &tail), QNT_ERR_ARG);
    ck_assert_ptr_null(tail);
    ck_assert_int_eq(qnt_dataset_hold_out(d, 10, &tail), QNT_OK);
    ck_assert_uint_eq(qnt_dataset_size(d), 40);
    ck_assert_uint_eq(qnt_dataset_size(tail), 10);
    ck_assert_ptr_null(qnt_dataset_image(d, 40, NULL));
    qnt_dataset_free(d);
    ck_assert_ptr_eq(qnt_dataset_image(tail, 0, NULL), image);
    qnt_dataset_free(tail);
}
END_TEST

START_TEST(moments_match_a_direct_sum)
{
    qnt_dataset *d;
    float mean[4], deviation[4];
    ck_assert_int_eq(qnt_dataset_builtin(ctx, QNT_TEST, 100, &d), QNT_OK);
    qnt_dataset_moments(NULL, mean, deviation);
    qnt_dataset_moments(d, NULL, deviation);
    qnt_dataset_moments(d, mean, NULL);
    qnt_dataset_moments(d, mean, deviation);
    for (int c = 0; c < 3; c++) {
        double sum = 0.0, square = 0.0, n = 100 * 1024;
        for (size_t i = 0; i < 100; i++)
            for (size_t p = 0; p < 1024; p++) {
                double x = qnt_dataset_image(d, i, NULL)[p * 3 + (size_t)c] / 255.0;
                sum += x;
                square += x * x;
            }
        ck_assert_double_eq_tol(mean[c], sum / n, 1e-6);
        ck_assert_double_eq_tol(deviation[c], sqrt(square / n - sum / n * (sum / n)), 1e-6);
    }
    ck_assert(mean[3] == 0.0f && deviation[3] == 1.0f);
    qnt_dataset_free(d);
}
END_TEST

START_TEST(builtin_is_the_same_everywhere)
{
    static const uint64_t digest[2] = {0x7548caaa35fe7813u, 0xba583ae0cb03d5dbu};
    for (int split = 0; split < 2; split++) {
        qnt_dataset *d, *few;
        ck_assert_int_eq(qnt_dataset_builtin(ctx, (qnt_split)split, 0, &d), QNT_OK);
        ck_assert_uint_eq(qnt_dataset_size(d), split ? 2000 : 10000);
        ck_assert_uint_eq(XXH3_64bits(d->images, d->n * QNT_IMAGE_BYTES), digest[split]);
        ck_assert_int_eq(qnt_dataset_builtin(ctx, (qnt_split)split, 30, &few), QNT_OK);
        ck_assert_mem_eq(few->images, d->images, 30 * QNT_IMAGE_BYTES); /* image i does not depend on the count */
        int label;
        ck_assert_ptr_nonnull(qnt_dataset_image(d, 23, &label));
        ck_assert_int_eq(label, 3);
        qnt_dataset_free(d);
        qnt_dataset_free(few);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dataset");
    TCase *tc = tcase_create("dataset");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, cifar_reads_any_number_of_records);
    tcase_add_test(tc, cifar_refuses_damage);
    tcase_add_test(tc, hold_out_parts_share_the_images);
    tcase_add_test(tc, moments_match_a_direct_sum);
    tcase_add_test(tc, builtin_is_the_same_everywhere);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
