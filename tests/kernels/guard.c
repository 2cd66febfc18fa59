/* Buffers between guard pages, and the comparison of everything in and around them.
 *
 *   | guard page | ... pattern | buffer | pattern ... | guard page |
 *
 * The window is the buffer with up to MARGIN bytes of pattern on either side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "run.h"

enum { MARGIN = 256 };
enum use { UNUSED, INPUT, OUTPUT, SCRATCH };
struct slot {
    uint8_t *pages;         /* between the guards */
    size_t size;            /* multiple of the page size */
    uint8_t *before, *kept; /* copies of the window */
    enum use use;
    enum ck_type type;
    uint8_t *data;            /* the buffer */
    size_t rows, row, stride; /* bytes */
    uint8_t *window;
    size_t window_bytes;
};
static struct slot slots[CK_SLOTS];

static const size_t element[] = {[CK_S8] = 1, [CK_U8] = 1, [CK_S32] = 4, [CK_F32] = 4};

static void release(struct slot *s, size_t page)
{
    if (s->pages)
        munmap(s->pages - page, s->size + 2 * page);
    free(s->before);
    free(s->kept);
    memset(s, 0, sizeof *s);
}

static void reserve(struct ck *c, struct slot *s, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (bytes + 2 * MARGIN + page - 1) / page * page;
    if (s->size >= size)
        return;
    release(s, page);
    uint8_t *map = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + page, size, PROT_READ | PROT_WRITE))
        ck_die(c, "no memory for a buffer of %zu bytes", bytes);
    s->pages = map + page;
    s->size = size;
    s->before = malloc(size);
    s->kept = malloc(size);
    if (!s->before || !s->kept)
        ck_die(c, "no memory for copies of %zu bytes", bytes);
}

static void *place(struct ck *c, unsigned index, enum ck_type type, size_t rows, size_t cols, size_t ld,
                   enum ck_place place, enum use use)
{
    struct slot *s = &slots[index];
    size_t size = element[type], bytes = rows && cols ? ((rows - 1) * ld + cols) * size : 0;
    reserve(c, s, bytes);
    if (place == CK_END)
        s->data = s->pages + s->size - bytes;
    else if (place == CK_START)
        s->data = s->pages;
    else
        s->data = s->pages + 64 + (1 + ck_below(c, 63)) * size % 64;
    s->use = use;
    s->type = type;
    s->rows = bytes ? rows : 0;
    s->row = cols * size;
    s->stride = ld * size;
    uint8_t *first = s->data - s->pages > MARGIN ? s->data - MARGIN : s->pages;
    uint8_t *end = s->data + bytes + MARGIN < s->pages + s->size ? s->data + bytes + MARGIN : s->pages + s->size;
    s->window = first;
    s->window_bytes = (size_t)(end - first);
    uint8_t salt = (uint8_t)ck_rand(c);
    for (size_t i = 0; i < s->window_bytes; i++)
        first[i] = (uint8_t)(i * 151 + salt);
    return s->data;
}

void *ck_in_2d(struct ck *c, unsigned slot, enum ck_type type, size_t rows, size_t cols, size_t ld, enum ck_fill fill,
               enum ck_place where)
{
    uint8_t *p = place(c, slot, type, rows, cols, ld, where, INPUT);
    for (size_t r = 0; r < slots[slot].rows; r++)
        ck_fill(c, p + r * ld * element[type], type, cols, fill);
    return p;
}

void *ck_out_2d(struct ck *c, unsigned slot, enum ck_type type, size_t rows, size_t cols, size_t ld,
                enum ck_place where)
{
    return place(c, slot, type, rows, cols, ld, where, OUTPUT);
}

void *ck_in(struct ck *c, unsigned slot, enum ck_type type, size_t n, enum ck_fill fill, enum ck_place where)
{
    return ck_in_2d(c, slot, type, 1, n, n, fill, where);
}

void *ck_out(struct ck *c, unsigned slot, enum ck_type type, size_t n, enum ck_place where)
{
    return place(c, slot, type, 1, n, n, where, OUTPUT);
}

void *ck_inout(struct ck *c, unsigned slot, enum ck_type type, size_t n, enum ck_fill fill, enum ck_place where)
{
    void *p = place(c, slot, type, 1, n, n, where, OUTPUT);
    ck_fill(c, p, type, n, fill);
    return p;
}

void *ck_scratch(struct ck *c, unsigned slot, enum ck_type type, size_t n, enum ck_place where)
{
    return place(c, slot, type, 1, n, n, where, SCRATCH);
}

void ck_seal(struct ck *c, unsigned slot)
{
    (void)c;
    slots[slot].use = INPUT;
}

void ck_slots_forget(struct ck *c)
{
    (void)c;
    for (size_t i = 0; i < CK_SLOTS; i++)
        slots[i].use = UNUSED;
}

void ck_slots_free(void)
{
    for (size_t i = 0; i < CK_SLOTS; i++)
        release(&slots[i], (size_t)sysconf(_SC_PAGESIZE));
}

void ck_slots_save(struct ck *c)
{
    (void)c;
    for (size_t i = 0; i < CK_SLOTS; i++)
        if (slots[i].use != UNUSED)
            memcpy(slots[i].before, slots[i].window, slots[i].window_bytes);
}

/* The first of n bytes that differ, or n. */
static size_t differs(const uint8_t *a, const uint8_t *b, size_t n)
{
    size_t i = 0;
    if (!memcmp(a, b, n))
        return n;
    while (a[i] == b[i])
        i++;
    return i;
}

void ck_slots_check_inputs(struct ck *c)
{
    for (size_t i = 0; i < CK_SLOTS; i++) {
        struct slot *s = &slots[i];
        if (s->use != INPUT)
            continue;
        size_t at = differs(s->window, s->before, s->window_bytes);
        if (at < s->window_bytes)
            ck_fail(c, "wrote to input, slot %zu at byte %td", i, s->window + at - s->data);
    }
}

/* Bytes of the window outside the rows: margins and what lies between rows. */
static void check_outside(struct ck *c, size_t index)
{
    struct slot *s = &slots[index];
    uint8_t *from = s->window, *end = s->window + s->window_bytes;
    for (size_t r = 0; r <= s->rows; r++) {
        uint8_t *to = r < s->rows ? s->data + r * s->stride : end;
        size_t n = (size_t)(to - from), at = differs(from, s->before + (from - s->window), n);
        if (at < n) {
            ck_fail(c, "wrote outside the output, slot %zu at byte %td (row %zu)", index, from + at - s->data, r);
            return;
        }
        from = to + s->row;
    }
}

void ck_slots_keep_outputs(struct ck *c)
{
    for (size_t i = 0; i < CK_SLOTS; i++) {
        struct slot *s = &slots[i];
        if (s->use != OUTPUT && s->use != SCRATCH)
            continue;
        check_outside(c, i);
        memcpy(s->kept, s->window, s->window_bytes);
        memcpy(s->window, s->before, s->window_bytes);
    }
}

void ck_slots_compare(struct ck *c, bool with_kept)
{
    char what[48];
    for (size_t i = 0; i < CK_SLOTS; i++) {
        struct slot *s = &slots[i];
        if (s->use != OUTPUT && s->use != SCRATCH)
            continue;
        check_outside(c, i);
        for (size_t r = 0; with_kept && s->use == OUTPUT && r < s->rows; r++) {
            const uint8_t *got = s->data + r * s->stride;
            if (!memcmp(s->kept + (got - s->window), got, s->row))
                continue;
            snprintf(what, sizeof what, "slot %zu, row %zu", i, r);
            ck_same(c, s->type, what, s->kept + (got - s->window), got, s->row / element[s->type]);
            break;
        }
    }
}

void ck_slots_locate(const void *address, char *text, size_t size)
{
    uintptr_t at = (uintptr_t)address;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    snprintf(text, size, "address %p", address);
    for (size_t i = 0; i < CK_SLOTS; i++) {
        uintptr_t first = (uintptr_t)slots[i].pages;
        if (first && at >= first - page && at < first + slots[i].size + page)
            snprintf(text, size, "slot %zu at byte %td", i, (ptrdiff_t)(at - (uintptr_t)slots[i].data));
    }
}
