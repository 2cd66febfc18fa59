/* conformance [--kind KIND] [--only TEXT] [--rewrite] [--verbose] [FOLDER...]: runs the ONNX models below the folders
 * (without any: KIND's in the folder that QNT_CONFORMANCE names) on the inputs that lie beside them and compares the
 * outputs. A case is a folder with test_data_set_*, and its model model.onnx in it or ../../models/NAME.onnx. Its kind
 * is the folder around it that is named as one, or KIND. Prints per family of operations how many passed, failed or
 * were refused (by the library, with a reason); fails when a value is wrong or there is no case. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "tests/conformance/conformance.h"

/* Integer networks give integers, or these times a scale. */
static const struct kind {
    const char *name;
    struct tolerance tolerance;
    bool networks; /* whole ones, not operations */
    bool ort_x86;  /* of the import: what computed the outputs */
} kinds[] = {
    {"onnx-node", {1e-3, 1e-7}, false, false}, {"onnx-synth", {1e-3, 1e-7}, false, false},
    {"onnx-qdq", {1e-5, 1e-9}, true, true},    {"onnx-qop", {1e-5, 1e-9}, true, false},
    {"onnx-fp32", {1e-4, 1e-6}, true, false},  {"article-cnn", {1e-4, 1e-5}, true, false},
};
enum { KINDS = sizeof kinds / sizeof *kinds, FAMILIES = 128, DEPTH = 5, PATH = 4096, SKIP = 77 };

struct family {
    char name[64];
    unsigned long n[OUTCOMES];
};
struct report {
    qnt_ctx *ctx;
    const char *only;
    bool rewrite, verbose;
    struct family family[FAMILIES];
    size_t families;
    unsigned long n[OUTCOMES];
};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    return NULL;
}

static struct family *find_family(struct report *r, const char *name)
{
    size_t i = 0;
    while (i < r->families && strcmp(r->family[i].name, name) != 0)
        i++;
    if (i == r->families && i < FAMILIES)
        snprintf(r->family[r->families++].name, sizeof r->family->name, "%s", name);
    return &r->family[i < FAMILIES ? i : FAMILIES - 1];
}

static bool exists(const char *path)
{
    struct stat st;
    return !stat(path, &st);
}

static void run(struct report *r, const struct kind *kind, const char *name, const char *model, const char *folder)
{
    static const char *const outcome_name[OUTCOMES] = {"passed", "FAILED", "refused"};
    char family[64], text[TEXT] = "";
    const struct one_case c = {.name = name,
                               .model = model,
                               .folder = folder,
                               .tolerance = kind->tolerance,
                               .rewrite = r->rewrite,
                               .ort_x86 = kind->ort_x86,
                               .network = kind->networks ? kind->name : NULL};
    if (r->only && !strstr(name, r->only))
        return;
    enum outcome outcome = case_run(r->ctx, &c, family, text);
    find_family(r, family)->n[outcome]++;
    r->n[outcome]++;
    if (r->verbose || outcome == FAILED)
        printf("%s %s/%s%s%s\n", outcome_name[outcome], kind->name, name, *text ? ": " : "", text);
    fflush(stdout);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int is_set(const struct dirent *e)
{
    return !strncmp(e->d_name, "test_data_set_", 14);
}

static bool has_sets(const char *folder)
{
    struct dirent **sets = NULL;
    int n = scandir(folder, &sets, is_set, NULL);
    for (int i = 0; i < n; i++)
        free(sets[i]);
    free(sets);
    return n > 0;
}

/* Runs the cases in and below a folder. */
static void scan(struct report *r, const struct kind *kind, const char *folder, int depth)
{
    char path[PATH];
    struct dirent **entries = NULL;
    const char *slash = strrchr(folder, '/'), *name = slash ? slash + 1 : folder;
    kind = find_kind(name) ? find_kind(name) : kind;
    if (has_sets(folder)) {
        snprintf(path, sizeof path, "%s/model.onnx", folder);
        if (!exists(path))
            snprintf(path, sizeof path, "%s/../../models/%s.onnx", folder, name);
        run(r, kind, name, path, folder);
        return;
    }
    snprintf(path, sizeof path, "%s/article_cnn_fp32.onnx", folder);
    if (exists(path)) {
        run(r, kind, name, path, folder);
        return;
    }
    int n = scandir(folder, &entries, visible, by_name);
    for (int i = 0; i < n; i++) {
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (depth < DEPTH && !stat(path, &st) && S_ISDIR(st.st_mode))
            scan(r, kind, path, depth + 1);
        free(entries[i]);
    }
    free(entries);
}

static int by_family(const void *a, const void *b)
{
    return strcmp(((const struct family *)a)->name, ((const struct family *)b)->name);
}

static int end(struct report *r)
{
    qsort(r->family, r->families, sizeof *r->family, by_family);
    printf("%-28s %7s %7s %7s\n", "family", "passed", "failed", "refused");
    for (size_t i = 0; i < r->families; i++)
        printf("%-28s %7lu %7lu %7lu\n", r->family[i].name, r->family[i].n[PASSED], r->family[i].n[FAILED],
               r->family[i].n[REFUSED]);
    if (r->n[PASSED] + r->n[FAILED] + r->n[REFUSED] == 0) {
        printf("no case was found\n");
        return EXIT_FAILURE;
    }
    if (r->n[REFUSED])
        printf("%lu skipped: cases that were refused with a reason\n", r->n[REFUSED]);
    printf("%lu passed, %lu failed, %lu skipped\n", r->n[PASSED], r->n[FAILED], r->n[REFUSED]);
    return r->n[FAILED] ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int usage(void)
{
    fprintf(stderr, "usage: conformance [--kind KIND] [--only TEXT] [--verbose] [FOLDER...]\nkinds:");
    for (size_t i = 0; i < KINDS; i++)
        fprintf(stderr, " %s", kinds[i].name);
    fprintf(stderr, "\n");
    return 2;
}

int main(int argc, char **argv)
{
    static struct report r;
    const char *root = getenv("QNT_CONFORMANCE"), *kind = NULL;
    char path[PATH];
    int i = 1;
    for (; i < argc && !strncmp(argv[i], "--", 2); i++)
        if (!strcmp(argv[i], "--verbose"))
            r.verbose = true;
        else if (!strcmp(argv[i], "--rewrite"))
            r.rewrite = true;
        else if (!strcmp(argv[i], "--kind") && i + 1 < argc && find_kind(argv[i + 1]))
            kind = argv[++i];
        else if (!strcmp(argv[i], "--only") && i + 1 < argc)
            r.only = argv[++i];
        else
            return usage();
    snprintf(path, sizeof path, "%s%s%s", root ? root : "", kind ? "/" : "", kind ? kind : "");
    if (i == argc && !(root && exists(path))) {
        printf("skipped: %s: no such folder in QNT_CONFORMANCE=%s\n", kind ? kind : "ONNX models", root ? root : "");
        return SKIP;
    }
    if (qnt_ctx_create(NULL, &r.ctx)) {
        fprintf(stderr, "%s\n", qnt_last_error());
        return EXIT_FAILURE;
    }
    const struct kind *otherwise = kind ? find_kind(kind) : &kinds[0];
    if (i == argc)
        scan(&r, otherwise, path, 0);
    for (; i < argc; i++) {
        size_t n = strlen(argv[i]);
        if (n > 1 && argv[i][n - 1] == '/')
            argv[i][n - 1] = '\0';
        scan(&r, otherwise, argv[i], 0);
    }
    qnt_ctx_free(r.ctx);
    return end(&r);
}
