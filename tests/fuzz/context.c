/* Bounded memory, and files without a disk. */
#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/common/qnt_bytes.h"
#include "tests/common/temp.h"
#include "tests/fuzz/fuzz.h"

static _Atomic size_t live; /* teams allocate, too */
static const size_t MOST = (size_t)1 << 28;

_Noreturn void fuzz_wrong(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("fuzz: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

static void *bounded_alloc(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    if (bytes > MOST || live > MOST - bytes)
        return NULL;
    void *ptr = aligned_alloc(alignment, bytes);
    live += ptr ? malloc_usable_size(ptr) : 0;
    return ptr;
}

static void bounded_free(void *user, void *ptr)
{
    (void)user;
    live -= malloc_usable_size(ptr);
    free(ptr);
}

qnt_ctx *fuzz_context(const char *isa)
{
    qnt_config config = {.size = sizeof config, .isa = isa, .costs = "", .alloc = bounded_alloc, .free = bounded_free};
    qnt_ctx *ctx;
    if (qnt_ctx_create(&config, &ctx))
        fuzz_wrong("no context: %s", qnt_last_error());
    return ctx;
}

size_t fuzz_live(void)
{
    return live;
}

uint8_t *fuzz_bytes(const qnt_model *model, size_t *size)
{
    char path[TEST_PATH];
    test_temp_file(path);
    const bool saved = qnt_model_save(model, path) == QNT_OK;
    struct qnt_bytes b = saved ? qnt_bytes_read(path) : (struct qnt_bytes){.data = NULL};
    unlink(path);
    if (!saved)
        return NULL;
    if (!b.data)
        fuzz_wrong("%s cannot be read", path);
    *size = b.n;
    return b.data;
}
