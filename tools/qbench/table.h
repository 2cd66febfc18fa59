#ifndef QBENCH_TABLE_H
#define QBENCH_TABLE_H
/* Tables of text, in Markdown. */
#include <stddef.h>
#include <stdint.h>

enum { QB_CELL = 64, QB_COLUMNS = 9 };
typedef char qb_line[QB_COLUMNS][QB_CELL];

/* Columns as wide as their widest cell. right: a bit for each column whose cells stand to the right. cells: writes the
 * cells of row i. */
void qb_print_table(const char *const *head, int columns, uint32_t right, size_t rows,
                    void (*cells)(const void *from, size_t i, qb_line line), const void *from);
#endif
