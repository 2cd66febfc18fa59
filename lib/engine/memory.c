/* The kinds of memory, best first. Huge pages save most page-table walks, and the kernel does not move them about:
 * ordinary ones it may, locked or not, which costs a fault each. A memory file's pages are shared, so fork does not
 * write-protect them; other kinds are kept from children instead. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "lib/engine/memory.h"
#include "lib/run/pages.h"

/* Newer than some C libraries. */
enum { POPULATE_WRITE = 23, COLLAPSE = 25, HUGE_SHIFT = 26, KIB = 1024, APART = 1024 };
enum { HUGE_DEFAULT = 2 << 20, WASTE_MOST = 16 << 20 };

struct kind {
    const char *name;
    qnt_engine_memory kind;
    /* NULL on success, else why not. */
    const char *(*map)(size_t bytes, const qnt_memory *m, struct qnt_block *b);
};

static size_t huge_size(const qnt_memory *m)
{
    return m->transparent_bytes ? m->transparent_bytes : HUGE_DEFAULT;
}

/* Whether rounding up to pages of this size is no waste: with 64 KiB pages a huge one is 512 MiB. */
static bool fits(size_t bytes, size_t page)
{
    const size_t rounded = qnt_round_up(bytes, page);
    return rounded <= WASTE_MOST || rounded / 2 <= bytes;
}

/* Every page, written; the kernel's own way tells of an error where a store would be a signal. */
static bool populate(const struct qnt_block *b)
{
    if (!madvise(b->base, b->bytes, POPULATE_WRITE))
        return true;
    if (errno != EINVAL) /* a kernel that does not know it */
        return false;
    const size_t page = qnt_page_size();
    for (size_t i = 0; i < b->bytes; i += page)
        ((volatile uint8_t *)b->base)[i] = 0;
    return true;
}

/* Address space of b->bytes at a multiple of `alignment`. */
static bool reserve(struct qnt_block *b, size_t alignment)
{
    uint8_t *all = mmap(NULL, b->bytes + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return false;
    const size_t before = (alignment - (uintptr_t)all % alignment) % alignment;
    b->base = all + before;
    if (before)
        munmap(all, before);
    munmap(b->base + b->bytes, alignment - before);
    return true;
}

static const char *refused(struct qnt_block *b, const char *why)
{
    const int error = errno;
    if (b->base)
        munmap(b->base, b->bytes);
    b->base = NULL;
    return why ? why : strerror(error);
}

/* The smallest size of which enough pages are free. */
static const char *map_hugetlb(size_t bytes, const qnt_memory *m, struct qnt_block *b)
{
    size_t page = 0;
    for (uint32_t i = 0; i < m->huge_sizes && !page; i++)
        if (fits(bytes, m->huge[i].bytes) &&
            m->huge[i].free >= qnt_round_up(bytes, m->huge[i].bytes) / m->huge[i].bytes)
            page = m->huge[i].bytes;
    if (!page)
        return "none are free (vm.nr_hugepages)";
    b->bytes = qnt_round_up(bytes, page);
    int fd = memfd_create("qnt-engine", MFD_CLOEXEC | MFD_HUGETLB | (unsigned)__builtin_ctzll(page) << HUGE_SHIFT);
    if (fd < 0)
        return refused(b, NULL);
    void *base = MAP_FAILED;
    if (!ftruncate(fd, (off_t)b->bytes))
        base = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); /* reserves */
    b->base = base == MAP_FAILED ? NULL : base;
    const bool good = b->base && populate(b);
    const char *why = good ? NULL : refused(b, NULL);
    close(fd);
    b->locked = good; /* never swapped */
    return why;
}

static const char *map_collapsed(size_t bytes, const qnt_memory *m, struct qnt_block *b)
{
    const size_t huge = huge_size(m);
    if (!fits(bytes, huge))
        return "a huge page is far more than it takes";
    b->bytes = qnt_round_up(bytes, huge);
    int fd = memfd_create("qnt-engine", MFD_CLOEXEC);
    if (fd < 0 || !reserve(b, huge)) {
        if (fd >= 0)
            close(fd);
        return refused(b, NULL);
    }
    bool good = !ftruncate(fd, (off_t)b->bytes) &&
                mmap(b->base, b->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED;
    if (good)
        madvise(b->base, b->bytes, MADV_HUGEPAGE);
    good = good && populate(b) && !madvise(b->base, b->bytes, COLLAPSE);
    const char *why = good ? NULL : refused(b, NULL);
    close(fd);
    return why;
}

/* KiB of transparent huge pages in the mapping that holds `base`. */
static size_t huge_kib(const uint8_t *base)
{
    char line[256];
    size_t kib = 0, n;
    bool inside = false;
    FILE *f = fopen("/proc/self/smaps", "re");
    while (f && fgets(line, sizeof line, f)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = (uintptr_t)base >= from && (uintptr_t)base < to;
        else if (inside && sscanf(line, "AnonHugePages: %zu kB", &n) == 1)
            kib = n;
    }
    if (f)
        fclose(f);
    return kib;
}

static const char *map_transparent(size_t bytes, const qnt_memory *m, struct qnt_block *b)
{
    const size_t huge = huge_size(m);
    if (!fits(bytes, huge))
        return "a huge page is far more than it takes";
    b->bytes = qnt_round_up(bytes, huge);
    if (!reserve(b, huge) || mprotect(b->base, b->bytes, PROT_READ | PROT_WRITE) ||
        madvise(b->base, b->bytes, MADV_HUGEPAGE) || !populate(b))
        return refused(b, NULL);
    madvise(b->base, b->bytes, COLLAPSE); /* where the system's mode is "never" */
    return huge_kib(b->base) >= b->bytes / KIB ? NULL : refused(b, "the system gave small ones");
}

static const char *map_small(size_t bytes, const qnt_memory *m, struct qnt_block *b)
{
    (void)m;
    b->bytes = qnt_round_up(bytes, qnt_page_size());
    void *base = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    b->base = base == MAP_FAILED ? NULL : base;
    return b->base && populate(b) ? NULL : refused(b, NULL);
}

static const struct kind kinds[] = {
    {"huge pages set aside", QNT_ENGINE_HUGETLB, map_hugetlb},
    {"a memory file of huge pages", QNT_ENGINE_COLLAPSED, map_collapsed},
    {"transparent huge pages", QNT_ENGINE_TRANSPARENT, map_transparent},
    {"ordinary pages", QNT_ENGINE_SMALL, map_small},
};

qnt_status qnt_block_map(const qnt_ctx *ctx, size_t bytes, qnt_engine_memory first, struct qnt_block *out)
{
    qnt_memory m = {.size = sizeof m};
    const char *why = NULL;
    qnt_pages_read(NULL, &m);
    *out = (struct qnt_block){.base = NULL};
    if (bytes > SIZE_MAX / 4)
        return qnt_fail(QNT_ERR_NOMEM, "out of memory: %zu bytes for a worker", bytes);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !out->base; i++) {
        if (kinds[i].kind < first)
            continue;
        out->kind = kinds[i].kind;
        if ((why = kinds[i].map(bytes, &m, out)))
            qnt_log(ctx, 2, "engine: %zu bytes of %s: %s", bytes, kinds[i].name, why);
    }
    if (!out->base)
        return qnt_fail(QNT_ERR_NOMEM, "out of memory: %zu bytes for a worker: %s", bytes,
                        why ? why : "no kind allowed");
    if (!out->locked && !(out->locked = !mlock(out->base, out->bytes)))
        qnt_log(ctx, out->kind == QNT_ENGINE_SMALL ? 1 : 2, "engine: %zu bytes cannot be locked: %s (RLIMIT_MEMLOCK)",
                out->bytes, strerror(errno));
    madvise(out->base, out->bytes, MADV_DONTFORK);
    return QNT_OK;
}

void qnt_block_unmap(struct qnt_block *b)
{
    if (b->base)
        munmap(b->base, b->bytes);
    *b = (struct qnt_block){.base = NULL};
}

void *qnt_apart_alloc(const qnt_ctx *ctx, size_t bytes, const char *what)
{
    uint8_t *pages = qnt_alloc_untouched(ctx, APART + bytes, what);
    return pages ? memset(pages + APART, 0, bytes) : NULL;
}

void qnt_apart_free(const qnt_ctx *ctx, void *apart)
{
    qnt_release(ctx, apart ? (uint8_t *)apart - APART : NULL);
}

uint8_t *qnt_fork_mark(void)
{
    uint8_t *mark = mmap(NULL, qnt_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mark == MAP_FAILED)
        return NULL;
    if (madvise(mark, qnt_page_size(), MADV_WIPEONFORK)) {
        munmap(mark, qnt_page_size());
        return NULL;
    }
    *mark = 1;
    return mark;
}

void qnt_fork_mark_free(uint8_t *mark)
{
    if (mark)
        munmap(mark, qnt_page_size());
}
