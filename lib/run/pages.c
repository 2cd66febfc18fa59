/* Huge pages by sysfs: /sys/kernel/mm/hugepages/hugepages-2048kB/..., and the mode of transparent ones. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "lib/core/core.h"
#include "lib/run/pages.h"
#include "lib/run/sysfile.h"

#define MM_DIR "/sys/kernel/mm"
enum { KIB = 1024 };

static int by_size(const void *a, const void *b)
{
    const qnt_huge_page *x = a, *y = b;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static void read_huge(const char *root, qnt_memory *out)
{
    char path[512];
    int n = snprintf(path, sizeof path, "%s" MM_DIR "/hugepages", root ? root : "");
    DIR *dir = n > 0 && (size_t)n < sizeof path ? opendir(path) : NULL;
    if (!dir)
        return;
    const uint32_t room = sizeof out->huge / sizeof *out->huge;
    for (struct dirent *e; out->huge_sizes < room && (e = readdir(dir));) {
        qnt_huge_page h;
        uint64_t kib;
        if (sscanf(e->d_name, "hugepages-%" SCNu64 "kB", &kib) != 1 ||
            !qnt_sysfile_number(root, &h.total, MM_DIR "/hugepages/%s/nr_hugepages", e->d_name) ||
            !qnt_sysfile_number(root, &h.free, MM_DIR "/hugepages/%s/free_hugepages", e->d_name))
            continue;
        h.bytes = kib * KIB;
        out->huge[out->huge_sizes++] = h;
    }
    closedir(dir);
    qsort(out->huge, out->huge_sizes, sizeof *out->huge, by_size);
}

/* "always [madvise] never" */
static void read_transparent(const char *root, qnt_memory *out)
{
    char text[64];
    if (!qnt_sysfile_text(root, text, sizeof text, MM_DIR "/transparent_hugepage/enabled"))
        return;
    const char *open = strchr(text, '[');
    if (open)
        snprintf(out->transparent, sizeof out->transparent, "%.*s", (int)strcspn(open + 1, "]"), open + 1);
    qnt_sysfile_number(root, &out->transparent_bytes, MM_DIR "/transparent_hugepage/hpage_pmd_size");
}

void qnt_pages_read(const char *root, qnt_memory *out)
{
    struct rlimit limit;
    memset(out, 0, sizeof *out);
    out->page_bytes = qnt_page_size();
    if (!getrlimit(RLIMIT_MEMLOCK, &limit))
        out->memlock_bytes = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
    read_huge(root, out);
    read_transparent(root, out);
}

qnt_status qnt_memory_get(qnt_memory *out)
{
    qnt_memory full;
    qnt_pages_read(NULL, &full);
    return qnt_result_copy(out, &full, sizeof full, "qnt_memory_get");
}
