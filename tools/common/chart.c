/* One row a bar, groups set apart, a colour for each kind; the value stands at its end. */
#include "chart.h"
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Pixels. */
enum { WIDTH = 1000, LEFT = 300, RIGHT = 140, TOP = 92, BAR = 16, STEP = 20, GAP = 10, FOOT = 40 };

static const char *const colours[] = {"#3b6fb6", "#e07b39", "#4c9f70", "#b0486b", "#8a6fc0", "#5f7f8f", "#c4a135"};
enum { COLOURS = sizeof colours / sizeof *colours };

static void put_text(FILE *f, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '&':
            fputs("&amp;", f);
            break;
        default:
            fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
        }
}

/* Which of the kinds seen so far: its colour. */
static size_t kind_of(const struct chart *c, size_t bar)
{
    size_t seen = 0;
    for (size_t i = 0; i < bar; i++) {
        size_t k = 0;
        if (!strcmp(c->bar[i].kind, c->bar[bar].kind))
            return kind_of(c, i);
        while (k < i && strcmp(c->bar[k].kind, c->bar[i].kind))
            k++;
        seen += k == i;
    }
    return seen;
}

static bool begins_group(const struct chart *c, size_t i)
{
    return i == 0 || strcmp(c->bar[i].group, c->bar[i - 1].group) != 0;
}

static void put_axis(FILE *f, double most, int bottom)
{
    for (int p = 0; p <= (int)(100 * most + 0.5); p += 25) {
        double x = LEFT + (WIDTH - LEFT - RIGHT) * p / (100 * most);
        fprintf(f, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"%s\"/>\n", x, TOP - 6, x, bottom,
                p % 100 ? "#e3e6ea" : "#9aa3ad");
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#6b7480\">%d %%</text>\n", x, TOP - 12, p);
    }
}

static void put_bar(FILE *f, const struct chart *c, size_t i, double most, int y)
{
    const struct chart_bar *b = &c->bar[i];
    const double width = (WIDTH - LEFT - RIGHT) * fmin(b->share, most) / most;
    const int base = y + BAR - 4;
    if (begins_group(c, i)) {
        fprintf(f, "<text x=\"12\" y=\"%d\" fill=\"#1f2730\">", base);
        put_text(f, b->group);
        fprintf(f, "</text>\n");
    }
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"#6b7480\">", LEFT - 8, base);
    put_text(f, b->label);
    fprintf(f, "</text>\n<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\" fill=\"%s\"><title>", LEFT, y,
            width, BAR, colours[kind_of(c, i) % COLOURS]);
    put_text(f, b->title);
    fprintf(f, "</title></rect>\n<text x=\"%.1f\" y=\"%d\" fill=\"#1f2730\">", LEFT + width + 6, base);
    put_text(f, b->value);
    fprintf(f, "</text>\n");
}

static void put_head(FILE *f, const struct chart *c, int height)
{
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
            "<text x=\"12\" y=\"24\" font-size=\"17\" font-weight=\"bold\" fill=\"#1f2730\">",
            WIDTH, height, WIDTH, height);
    put_text(f, c->title);
    fprintf(f, "</text>\n");
    for (int i = 0; i < 2; i++) {
        fprintf(f, "<text x=\"12\" y=\"%d\" fill=\"#6b7480\">", 44 + 16 * i);
        put_text(f, c->line[i]);
        fprintf(f, "</text>\n");
    }
}

static void put_chart(FILE *f, const struct chart *c)
{
    double most = c->least;
    int height = TOP + FOOT, y = TOP;
    for (size_t i = 0; i < c->bars; i++) {
        most = fmax(most, ceil(4 * c->bar[i].share) / 4);
        height += STEP + (begins_group(c, i) ? GAP : 0);
    }
    put_head(f, c, height);
    put_axis(f, most, height - FOOT + 6);
    for (size_t i = 0; i < c->bars; i++, y += STEP) {
        y += begins_group(c, i) ? GAP : 0;
        put_bar(f, c, i, most, y);
    }
    fprintf(f, "<text x=\"12\" y=\"%d\" fill=\"#6b7480\">", height - 12);
    put_text(f, c->foot);
    fprintf(f, "</text>\n</svg>\n");
}

int chart_write(const struct opt_tool *tool, const char *path, const struct chart *c)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return opt_error(tool, EXIT_FAILED, "%s: %s", path, strerror(errno));
    put_chart(f, c);
    int bad = ferror(f);
    if (fclose(f) || bad)
        return opt_error(tool, EXIT_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    return EXIT_OK;
}
