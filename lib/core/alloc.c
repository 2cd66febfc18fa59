/* Memory from the context's allocator: zeroed, 64-byte aligned, overflow checked. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "lib/core/core.h"

enum { ALIGNMENT = 64, LARGE = 8 << 20 };

/* *size: what was asked for, rounded up to the alignment. */
static void *take(const qnt_ctx *ctx, size_t bytes, size_t alignment, const char *what, size_t *size)
{
    void *ptr = NULL;
    *size = bytes ? bytes : 1;
    if (*size <= SIZE_MAX - alignment) {
        *size = qnt_round_up(*size, alignment);
        ptr = ctx->config.alloc(ctx->config.user, *size, alignment);
    }
    if (!ptr)
        qnt_fail(QNT_ERR_NOMEM, "out of memory: %zu bytes for %s", bytes, what);
    return ptr;
}

size_t qnt_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Weights of this size are streamed: on small pages that waits for page tables, and prefetching ends with each page.
 * The kernel takes whole huge pages within the range, where it has some. */
static void want_huge_pages(void *ptr, size_t size)
{
    const size_t page = qnt_page_size();
    const uintptr_t begin = qnt_round_up((uintptr_t)ptr, page), end = ((uintptr_t)ptr + size) / page * page;
    madvise((void *)begin, end - begin, MADV_HUGEPAGE); /* refused where there are none */
}

void *qnt_alloc(const qnt_ctx *ctx, size_t bytes, const char *what)
{
    size_t size;
    void *ptr = take(ctx, bytes, ALIGNMENT, what, &size);
    if (ptr && ctx->own_memory && size >= LARGE)
        want_huge_pages(ptr, size);
    return ptr ? memset(ptr, 0, size) : NULL;
}

void *qnt_alloc_untouched(const qnt_ctx *ctx, size_t bytes, const char *what)
{
    size_t size;
    void *ptr = take(ctx, bytes, qnt_page_size(), what, &size);
    if (ptr && ctx->own_memory)
        madvise(ptr, size, MADV_DONTNEED); /* refused for locked pages: then they stay where they are */
    return ptr;
}

void *qnt_alloc_array(const qnt_ctx *ctx, size_t count, size_t size, const char *what)
{
    size_t bytes;
    if (qnt_mul_overflows(count, size, &bytes)) {
        qnt_fail(QNT_ERR_NOMEM, "out of memory: %zu times %zu bytes for %s", count, size, what);
        return NULL;
    }
    return qnt_alloc(ctx, bytes, what);
}

qnt_status qnt_grow(const qnt_ctx *ctx, void **array, size_t *capacity, size_t need, size_t size, const char *what)
{
    if (need <= *capacity)
        return QNT_OK;
    size_t count = *capacity < 8 ? 8 : *capacity;
    while (count < need)
        count = count > SIZE_MAX / 2 ? need : count * 2;
    void *bigger = qnt_alloc_array(ctx, count, size, what);
    if (!bigger)
        return QNT_ERR_NOMEM;
    if (*array)
        memcpy(bigger, *array, *capacity * size);
    qnt_release(ctx, *array);
    *array = bigger;
    *capacity = count;
    return QNT_OK;
}

char *qnt_strdup(const qnt_ctx *ctx, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = qnt_alloc(ctx, bytes, "a name");
    return copy ? memcpy(copy, text, bytes) : NULL;
}

void qnt_release(const qnt_ctx *ctx, void *ptr)
{
    if (ptr)
        ctx->config.free(ctx->config.user, ptr);
}
