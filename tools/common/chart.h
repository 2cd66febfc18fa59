#ifndef TOOLS_CHART_H
#define TOOLS_CHART_H
/* --plot: charts as SVG, for light and dark surroundings. */
#include <stdio.h>
#include "tools/common/opt.h"

enum { CHART_NAME = 64, CHART_TEXT = 256, CHART_WIDTH = 1000 /* pixels */ };
struct chart_bar {
    char group[CHART_NAME]; /* bars of one follow each other and stand under its name */
    char label[CHART_NAME]; /* before the bar */
    char kind[CHART_NAME];  /* bars of one have a colour */
    char title[CHART_TEXT]; /* told when it is pointed at */
    char value[CHART_NAME]; /* at its end */
    double share;           /* its length; 1 is 100 % */
};
struct chart {
    char title[CHART_TEXT], line[2][2 * CHART_TEXT]; /* heading, and what stands under it */
    const char *foot;
    double least; /* share at the end of the axis, unless one is greater; a multiple of a quarter */
    const struct chart_bar *bar;
    size_t bars;
};
/* An exit code, told with the path. */
int chart_write(const struct opt_tool *tool, const char *path, const struct chart *c);

/* What others draw: NULL when the file cannot be written, which is told; the background and a heading 24 pixels down,
 * with styles: back, ink and dim (texts), grid and axis (lines), line and dot; a text, escaped; the end of the file. */
FILE *chart_open(const struct opt_tool *tool, const char *path);
void chart_begin(FILE *f, int height, const char *title);
void chart_text(FILE *f, const char *text);
int chart_end(const struct opt_tool *tool, const char *path, FILE *f);
#endif
