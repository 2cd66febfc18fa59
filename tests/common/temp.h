#ifndef TESTS_COMMON_TEMP_H
#define TESTS_COMMON_TEMP_H
/* Files and folders of a test's own, in TMPDIR (/tmp without it), with a new name at each call; it removes them. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEST_PATH = 256, TEST_PATH_IN = TEST_PATH + 64 }; /* bytes of a name, and of one in such a folder */

static inline void test_temp_made(int made, const char *path)
{
    if (!made) {
        fprintf(stderr, "%s cannot be made\n", path);
        exit(EXIT_FAILURE);
    }
}

static inline void test_temp_name(char path[TEST_PATH])
{
    const char *folder = getenv("TMPDIR");
    int n = snprintf(path, TEST_PATH, "%s/qnt-XXXXXX", folder && *folder ? folder : "/tmp");
    test_temp_made(n < TEST_PATH, path);
}

/* An empty file: its descriptor. */
static inline int test_temp_open(char path[TEST_PATH])
{
    test_temp_name(path);
    int fd = mkstemp(path);
    test_temp_made(fd >= 0, path);
    return fd;
}

static inline void test_temp_file(char path[TEST_PATH])
{
    close(test_temp_open(path));
}

static inline void test_temp_folder(char path[TEST_PATH])
{
    test_temp_name(path);
    test_temp_made(mkdtemp(path) != NULL, path);
}
#endif
