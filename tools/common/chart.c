/* One row a bar, groups set apart, a colour for each kind; the value stands at its end. */
#include "chart.h"
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Pixels. */
enum { LEFT = 300, RIGHT = 140, TOP = 92, BAR = 16, STEP = 20, GAP = 10, FOOT = 40 };

static const char *const colours[] = {"#3b6fb6", "#e07b39", "#4c9f70", "#b0486b", "#8a6fc0", "#5f7f8f", "#c4a135"};
enum { COLOURS = sizeof colours / sizeof *colours };

void chart_text(FILE *f, const char *text)
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
        double x = LEFT + (CHART_WIDTH - LEFT - RIGHT) * p / (100 * most);
        fprintf(f, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" class=\"%s\"/>\n", x, TOP - 6, x, bottom,
                p % 100 ? "grid" : "axis");
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" class=\"dim\">%d %%</text>\n", x, TOP - 12, p);
    }
}

static void put_bar(FILE *f, const struct chart *c, size_t i, double most, int y)
{
    const struct chart_bar *b = &c->bar[i];
    const double width = (CHART_WIDTH - LEFT - RIGHT) * fmin(b->share, most) / most;
    const int base = y + BAR - 4;
    if (begins_group(c, i)) {
        fprintf(f, "<text x=\"12\" y=\"%d\" class=\"ink\">", base);
        chart_text(f, b->group);
        fprintf(f, "</text>\n");
    }
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" class=\"dim\">", LEFT - 8, base);
    chart_text(f, b->label);
    fprintf(f, "</text>\n<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\" fill=\"%s\"><title>", LEFT, y,
            width, BAR, colours[kind_of(c, i) % COLOURS]);
    chart_text(f, b->title);
    fprintf(f, "</title></rect>\n<text x=\"%.1f\" y=\"%d\" class=\"ink\">", LEFT + width + 6, base);
    chart_text(f, b->value);
    fprintf(f, "</text>\n");
}

void chart_begin(FILE *f, int height, const char *title)
{
    static const char style[] =
        ".back{fill:#fff}.ink{fill:#1f2730}.dim{fill:#5b6470}.grid{stroke:#e3e6ea}.axis{stroke:#9aa3ad}"
        ".line{stroke:#b3261e;fill:none}.dot{fill:#b3261e}"
        "@media(prefers-color-scheme:dark){.back{fill:#15191e}.ink{fill:#e8ebee}.dim{fill:#a3adb8}.grid{stroke:#2c333b}"
        ".axis{stroke:#66707b}.line{stroke:#ff9d8f}.dot{fill:#ff9d8f}}";
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n<style>%s</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" class=\"back\"/>\n"
            "<text x=\"12\" y=\"24\" font-size=\"17\" font-weight=\"bold\" class=\"ink\">",
            CHART_WIDTH, height, CHART_WIDTH, height, style);
    chart_text(f, title);
    fprintf(f, "</text>\n");
}

static void put_head(FILE *f, const struct chart *c, int height)
{
    chart_begin(f, height, c->title);
    for (int i = 0; i < 2; i++) {
        fprintf(f, "<text x=\"12\" y=\"%d\" class=\"dim\">", 44 + 16 * i);
        chart_text(f, c->line[i]);
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
    fprintf(f, "<text x=\"12\" y=\"%d\" class=\"dim\">", height - 12);
    chart_text(f, c->foot);
    fprintf(f, "</text>\n");
}

FILE *chart_open(const struct opt_tool *tool, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        opt_error(tool, EXIT_FAILED, "%s: %s", path, strerror(errno));
    return f;
}

int chart_end(const struct opt_tool *tool, const char *path, FILE *f)
{
    fprintf(f, "</svg>\n");
    int bad = ferror(f);
    if (fclose(f) || bad)
        return opt_error(tool, EXIT_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    return EXIT_OK;
}

int chart_write(const struct opt_tool *tool, const char *path, const struct chart *c)
{
    FILE *f = chart_open(tool, path);
    if (!f)
        return EXIT_FAILED;
    put_chart(f, c);
    return chart_end(tool, path, f);
}
