#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/common/temp.h"
#include "tests/topo/tree.h"

char *tree_new(void)
{
    char *root = malloc(TEST_PATH);
    ck_assert_ptr_nonnull(root);
    test_temp_folder(root);
    return root;
}

void tree_add_line(const char *root, const char *line)
{
    char path[1024];
    int text = (int)strcspn(line, " ");
    ck_assert_int_lt(snprintf(path, sizeof path, "%s/%.*s", root, text, line), (int)sizeof path);
    for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(path, 0755);
        *p = '/';
    }
    FILE *f = fopen(path, "a");
    ck_assert_msg(f != NULL, "%s cannot be written", path);
    fprintf(f, "%s\n", line + text + (line[text] == ' '));
    ck_assert_int_eq(fclose(f), 0);
}

void tree_add_file(const char *root, const char *file)
{
    char line[1024];
    FILE *f = fopen(file, "r");
    ck_assert_msg(f != NULL, "%s cannot be read", file);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        tree_add_line(root, line);
    }
    fclose(f);
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *place)
{
    (void)s;
    (void)kind;
    (void)place;
    return remove(path);
}

void tree_remove(char *root)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(root);
}
