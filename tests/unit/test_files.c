/* Where a file is to be that has another kind of thing already: links lead on, devices take what is written, the rest
 * is refused; all stay what they are, also to those who may replace them. */
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <qnt/model.h>
#include "own_context.h"
#include "tests/common/models.h"
#include "tests/common/temp.h"

enum { MODEL, LINK, PIPE, NULLS, FULL, PLACES };
static char folder[TEST_PATH], place[PLACES][TEST_PATH_IN];
static qnt_model *model;

static void made(void)
{
    static const char *const name[PLACES] = {"model.qnt", "link", "pipe", "null", "full"};
    setup();
    test_temp_folder(folder);
    for (int i = 0; i < PLACES; i++)
        snprintf(place[i], sizeof place[i], "%s/%s", folder, name[i]);
    ck_assert_int_eq(test_model_float(ctx, &model), QNT_OK);
}

static void gone(void)
{
    for (int i = 0; i < PLACES; i++)
        unlink(place[i]);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing else stays */
    qnt_model_free(model);
    teardown();
}

static mode_t kind(int i)
{
    struct stat st;
    ck_assert_int_eq(lstat(place[i], &st), 0);
    return st.st_mode & S_IFMT;
}

static void refused(int i, const char *text)
{
    ck_assert_int_eq(qnt_model_save(model, place[i]), QNT_ERR_IO);
    ck_assert_msg(strstr(qnt_last_error(), text), "%s", qnt_last_error());
}

START_TEST(links)
{
    qnt_model *loaded;
    ck_assert_int_eq(symlink("model.qnt", place[LINK]), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(qnt_model_save(model, place[i ? LINK : MODEL]), QNT_OK);
        ck_assert(kind(LINK) == S_IFLNK && kind(MODEL) == S_IFREG);
        ck_assert_int_eq(chmod(place[MODEL], 0640), 0);
    }
    struct stat st;
    ck_assert_int_eq(qnt_model_save(model, place[MODEL]), QNT_OK);
    ck_assert(!stat(place[MODEL], &st) && (st.st_mode & 07777) == 0640); /* who may read it stays, too */
    ck_assert_int_eq(qnt_model_load(ctx, place[LINK], &loaded), QNT_OK);
    qnt_model_free(loaded);
}
END_TEST

START_TEST(pipes)
{
    ck_assert_int_eq(mkfifo(place[PIPE], 0600), 0);
    refused(PIPE, "pipe: not a regular file");
    ck_assert(kind(PIPE) == S_IFIFO);
}
END_TEST

START_TEST(devices)
{
    if (mknod(place[NULLS], S_IFCHR | 0600, makedev(1, 3)) || mknod(place[FULL], S_IFCHR | 0600, makedev(1, 7))) {
        printf("skipped: devices: none may be made\n");
        return;
    }
    ck_assert_msg(qnt_model_save(model, place[NULLS]) == QNT_OK, "%s", qnt_last_error());
    refused(FULL, "full: writing ");
    ck_assert(kind(NULLS) == S_IFCHR && kind(FULL) == S_IFCHR);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("files");
    TCase *tc = tcase_create("files");
    tcase_add_checked_fixture(tc, made, gone);
    tcase_add_test(tc, links);
    tcase_add_test(tc, pipes);
    tcase_add_test(tc, devices);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
