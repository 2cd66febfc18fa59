#ifndef TESTS_COMMON_QNT_BYTES_H
#define TESTS_COMMON_QNT_BYTES_H
/* A .qnt file as bytes to be damaged. */
#include <stddef.h>
#include <stdint.h>
#include "lib/graph/qnt_format.h"

struct qnt_bytes {
    uint8_t *data; /* from malloc */
    size_t n;
};
/* data NULL when it cannot be read. */
struct qnt_bytes qnt_bytes_read(const char *path);
/* Makes every checksum right again for what the bytes now say; sections and constants that do not lie inside the file
 * keep theirs. So a mutation reaches the checks behind the checksums. */
void qnt_bytes_rehash(struct qnt_bytes b);
/* How many sections there are, and the entry of a kind in the table; the file must be whole. */
uint32_t qnt_bytes_sections(struct qnt_bytes b);
struct qnt_file_section qnt_bytes_section(struct qnt_bytes b, enum qnt_file_kind kind);
#endif
