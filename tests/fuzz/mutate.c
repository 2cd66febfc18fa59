/* Changes of the bytes; of the model: rebuild.c. */
#include <string.h>
#include "lib/core/rng.h"
#include "tests/common/qnt_bytes.h"
#include "tests/fuzz/fuzz.h"

static const uint64_t numbers[] = {
    0,
    1,
    2,
    3,
    7,
    8,
    63,
    64,
    127,
    128,
    255,
    256,
    0x7fff,
    0x8000,
    0xffff,
    0x10000,
    1 << 20,
    0x7fffffff,
    1u << 31,
    0xffffffff,
    UINT64_C(1) << 32,
    UINT64_C(1) << 40,
    0x3fffffffffffffff,
    INT64_MAX,
    UINT64_MAX,
    0x7f800000,
    0x7fc00000,
    0xff800000 /* Inf, NaN, -Inf */
};

/* A number, a record over another, or a byte more or less, in a section or (one time in four) before them. */
static void change(uint8_t *data, size_t size, struct qnt_rng *r)
{
    size_t front = sizeof(struct qnt_file_header) + QNT_FILE_LEAST_KINDS * sizeof(struct qnt_file_section);
    const uint32_t sections = size < front ? 0 : qnt_bytes_sections((struct qnt_bytes){data, size});
    const int kinds = sections < QNT_FILE_KINDS ? QNT_FILE_LEAST_KINDS : QNT_FILE_KINDS;
    struct qnt_file_section e = {.entry_bytes = 1, .offset = 0, .bytes = size};
    size_t bytes = (size_t)1 << qnt_rng_below(r, 4);
    if (size >= front && qnt_rng_below(r, 4))
        e = qnt_bytes_section((struct qnt_bytes){data, size}, (enum qnt_file_kind)qnt_rng_between(r, 1, kinds));
    else if (size >= front)
        e.bytes = front;
    if (e.offset > size || e.bytes > size - e.offset || e.bytes < 8 || !e.entry_bytes || e.entry_bytes > e.bytes)
        return;
    uint32_t records = (uint32_t)(e.bytes / e.entry_bytes);
    size_t at = e.offset + (size_t)qnt_rng_below(r, e.bytes - 7) / bytes * bytes;
    uint64_t number = numbers[qnt_rng_below(r, sizeof numbers / sizeof *numbers)];
    switch (qnt_rng_below(r, 4)) {
    case 0:
        data[at] = (uint8_t)(data[at] + qnt_rng_between(r, -2, 2));
        break;
    case 1:
        memmove(data + e.offset + (size_t)qnt_rng_below(r, records) * e.entry_bytes,
                data + e.offset + (size_t)qnt_rng_below(r, records) * e.entry_bytes, e.entry_bytes);
        break;
    default:
        memcpy(data + at, &number, bytes);
        break;
    }
}

size_t fuzz_mutate(uint8_t *data, size_t size, size_t most, uint64_t seed)
{
    struct qnt_rng r = qnt_rng_key(seed, 3, 0);
    if (qnt_rng_below(&r, 4)) {
        size_t n = fuzz_rebuild(data, size, most, seed);
        if (n)
            return n;
    }
    for (uint32_t i = 1 + qnt_rng_below(&r, 3); i > 0 && size; i--)
        change(data, size, &r);
    qnt_bytes_rehash((struct qnt_bytes){data, size});
    return size;
}
