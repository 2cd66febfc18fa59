#ifndef CORE_CORE_H
#define CORE_CORE_H
/* Context, error text and memory: what every part of lib/ stands on. */
#include <stdarg.h>
#include <stdbool.h>
#include <qnt/cpu.h>
#include "simd/cpu.h"
#include "simd/kernels.h"

enum { QNT_COSTS_PATH = 1024, QNT_COSTS_REASON = 256, QNT_COSTS_MACHINE = 48 };
struct qnt_ctx {
    qnt_config config; /* allocator and log filled in: never NULL callbacks */
    qnt_isa_set found, usable;
    const char *reason[QNT_ISA_COUNT]; /* why a level is not usable; "" when it is */
    struct qnt_dsp dsp; /* const after create */
    bool own_memory;    /* the allocator is the library's */
    /* costs.h: the file of measured costs, "" where none is named; why the descriptors' are used, "" where it is not so;
     * the kind of CPU, as the file names it. */
    char costs_file[QNT_COSTS_PATH], costs_reason[QNT_COSTS_REASON], machine[QNT_COSTS_MACHINE];
};

/* Sets the thread's error text and returns `status`. Cold paths only; never allocates. */
qnt_status qnt_fail(qnt_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "context: " before the text that is there ("model.qnt: " ...). Returns status. */
qnt_status qnt_fail_in(qnt_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sends text to the context's log callback. level 1: warning, 2: note. */
void qnt_log(const qnt_ctx *ctx, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Copies a configuration that starts with its size: `known` bytes here, shorter or (if zero past them) longer at the caller.
 * A size that is none of a struct with a size_t in it is refused. src NULL: all zero. `what` names it in the error text. dst's own size becomes `known`. */
qnt_status qnt_config_copy(void *dst, size_t known, const void *src, const char *what);

/* Copies a result struct that starts with its size, `known` bytes here, to the caller's, whose size says what it has room
 * for; its size stays. what: the function's name, for the error text. */
qnt_status qnt_result_copy(void *dst, const void *src, size_t known, const char *what);

/* Zeroed memory from the context's allocator, 64-byte aligned; NULL with the error text set ("out of memory: N bytes for
 * WHAT"). bytes == 0 gives a valid pointer. */
void *qnt_alloc(const qnt_ctx *ctx, size_t bytes, const char *what);
/* count * size with overflow check. */
void *qnt_alloc_array(const qnt_ctx *ctx, size_t count, size_t size, const char *what);
/* Page-aligned and not zeroed, for memory that its users shall be the first to write: a page lies on the NUMA node of the
 * thread that did. Pages that the library's own allocator had in use before are fresh ones again. */
void *qnt_alloc_untouched(const qnt_ctx *ctx, size_t bytes, const char *what);
size_t qnt_page_size(void);
/* Grows an array to hold `need` elements (doubling); *capacity in elements. New elements are zero. On failure nothing changed. */
qnt_status qnt_grow(const qnt_ctx *ctx, void **array, size_t *capacity, size_t need, size_t size, const char *what);
char *qnt_strdup(const qnt_ctx *ctx, const char *text);
void qnt_release(const qnt_ctx *ctx, void *ptr); /* NULL allowed */

/* Maps a regular file to be read; an empty one gives NULL and 0 bytes. The text of an error does not name it. */
qnt_status qnt_map_file(const char *path, void **map, size_t *bytes);
qnt_status qnt_write_at(int fd, const void *data, size_t bytes, uint64_t offset);
/* A file of this name with what `fill` writes: under a temporary name beside it first, then renamed, so that it is whole
 * or, on failure, what was there before. A link's target is replaced, a device written to; what else is no regular file
 * is QNT_ERR_IO. The text of an error does not name it. */
typedef qnt_status qnt_file_fill(int fd, void *user);
qnt_status qnt_replace_file(const qnt_ctx *ctx, const char *path, qnt_file_fill *fill, void *user);

static inline bool qnt_mul_overflows(size_t a, size_t b, size_t *out)
{
    return __builtin_mul_overflow(a, b, out);
}
static inline size_t qnt_least(size_t a, size_t b)
{
    return a < b ? a : b;
}
static inline size_t qnt_most(size_t a, size_t b)
{
    return a > b ? a : b;
}
/* Share `part` of `parts` of n units: [*begin, *end). */
static inline void qnt_share(size_t n, uint32_t part, uint32_t parts, size_t *begin, size_t *end)
{
    *begin = n * part / parts;
    *end = n * (part + 1) / parts;
}
static inline size_t qnt_round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}
#endif
