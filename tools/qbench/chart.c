/* --plot: bars of the shares, as SVG. One row a bar, cases set apart, a colour for each type; the rate stands at its
 * end. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tools/qbench/qbench.h"

/* Pixels. */
enum { WIDTH = 1000, LEFT = 300, RIGHT = 140, TOP = 92, BAR = 16, STEP = 20, GAP = 10, FOOT = 40 };
static const double right_end = 1.0; /* share at the end of the axis, unless one is greater */

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
            fputc(*text, f);
        }
}

/* Which of the types seen so far: its colour. */
static size_t type_of(const struct qbench *q, size_t row)
{
    size_t seen = 0;
    for (size_t i = 0; i < row; i++) {
        size_t k = 0;
        if (!strcmp(q->row[i].type, q->row[row].type))
            return type_of(q, i);
        while (k < i && strcmp(q->row[k].type, q->row[i].type))
            k++;
        seen += k == i;
    }
    return seen;
}

static double share_of(const struct qb_row *r)
{
    return isnan(r->limit_share) ? 0 : r->limit_share;
}

static bool begins_case(const struct qbench *q, size_t i)
{
    return i == 0 || strcmp(q->row[i].name, q->row[i - 1].name) != 0;
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

static void put_row(FILE *f, const struct qbench *q, size_t i, double most, int y)
{
    const struct qb_row *r = &q->row[i];
    const double rate = r->rate.median * 1e-9, width = (WIDTH - LEFT - RIGHT) * fmin(share_of(r), most) / most;
    const int base = y + BAR - 4;
    if (begins_case(q, i)) {
        fprintf(f, "<text x=\"12\" y=\"%d\" fill=\"#1f2730\">", base);
        put_text(f, r->name);
        fprintf(f, "</text>\n");
    }
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"#6b7480\">", LEFT - 8, base);
    put_text(f, strcmp(r->type, "registers") ? r->type : r->kernel);
    fprintf(f, "</text>\n<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\" fill=\"%s\"><title>", LEFT, y,
            width, BAR, colours[type_of(q, i) % COLOURS]);
    put_text(f, r->kernel);
    fprintf(f, ": %.4g us, %.1f %% of %s</title></rect>\n", r->seconds.median * 1e6, 100 * share_of(r),
            qb_peak_name(r->limit));
    fprintf(f, "<text x=\"%.1f\" y=\"%d\" fill=\"#1f2730\">%.*f %s</text>\n", LEFT + width + 6, base,
            rate >= 100 ? 0 : 1, rate, r->macs > 0 ? "GMAC/s" : "GB/s");
}

/* The machine over two lines: it is long. */
static void put_machine(FILE *f, const struct qbench *q)
{
    char text[512], *half;
    qb_machine_text(q, text, sizeof text);
    if ((half = strstr(text, "; levels")))
        *half = '\0';
    fprintf(f, "<text x=\"12\" y=\"44\" fill=\"#6b7480\">");
    put_text(f, text);
    fprintf(f, "</text>\n<text x=\"12\" y=\"60\" fill=\"#6b7480\">");
    put_text(f, half ? half + 2 : "");
    fprintf(f, "</text>\n");
}

static void put_chart(FILE *f, const struct qbench *q, const char *command)
{
    double most = right_end;
    int height = TOP + FOOT, y = TOP;
    for (size_t i = 0; i < q->rows; i++) {
        most = fmax(most, ceil(4 * share_of(&q->row[i])) / 4);
        height += STEP + (begins_case(q, i) ? GAP : 0);
    }
    fprintf(
        f,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
        "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
        "<text x=\"12\" y=\"24\" font-size=\"17\" font-weight=\"bold\" fill=\"#1f2730\">qbench %s: share of what the "
        "machine can do</text>\n",
        WIDTH, height, WIDTH, height, command);
    put_machine(f, q);
    put_axis(f, most, height - FOOT + 6);
    for (size_t i = 0; i < q->rows; i++, y += STEP) {
        y += begins_case(q, i) ? GAP : 0;
        put_row(f, q, i, most, y);
    }
    fprintf(f,
            "<text x=\"12\" y=\"%d\" fill=\"#6b7480\">Bars: share of the peak of the same operations, or of the memory "
            "that "
            "holds the data, whichever binds; medians of %u rounds.</text>\n</svg>\n",
            height - 12, q->rounds);
}

int qb_chart(const struct qbench *q, const char *command)
{
    FILE *f = fopen(q->plot, "w");
    if (!f)
        return opt_error(q->tool, EXIT_FAILED, "%s: %s", q->plot, strerror(errno));
    put_chart(f, q, command);
    int bad = ferror(f);
    if (fclose(f) || bad)
        return opt_error(q->tool, EXIT_FAILED, "%s: cannot be written: %s", q->plot, strerror(errno));
    return EXIT_OK;
}
