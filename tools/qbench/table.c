/* Tables of text, in Markdown. */
#include "tools/qbench/table.h"
#include <stdio.h>
#include <string.h>

void qb_print_table(const char *const *head, int columns, uint32_t right, size_t rows,
                    void (*cells)(const void *from, size_t i, qb_line line), const void *from)
{
    static const char rule[] = "----------------------------------------------------------------";
    size_t width[QB_COLUMNS];
    qb_line c;
    for (int k = 0; k < columns; k++)
        width[k] = strlen(head[k]);
    for (size_t i = 0; i < rows; i++) {
        cells(from, i, c);
        for (int k = 0; k < columns; k++)
            width[k] = strlen(c[k]) > width[k] ? strlen(c[k]) : width[k];
    }
    for (size_t i = 0; i < rows + 2; i++) {
        if (i > 1)
            cells(from, i - 2, c);
        for (int k = 0; k < columns; k++) {
            const int w = (int)width[k], to_right = right >> k & 1;
            if (i == 1)
                printf("|%.*s%s", w + (to_right ? 1 : 2), rule, to_right ? ":" : "");
            else
                printf(to_right ? "| %*s " : "| %-*s ", w, i == 0 ? head[k] : c[k]);
        }
        printf("|\n");
    }
}
