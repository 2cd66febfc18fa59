/* --plot: a row a layer; of what is told of it the bar is the layer alone, the line all up to it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tools/common/chart.h"
#include "qquant.h"

/* Pixels. */
enum {
    NAMES = 250,
    RIGHT = 16,
    TOP = 104,
    STEP = 22,
    BAR = 12,
    FOOT = 40,
    COLUMN = 56,
    GAP = 24,
    LONGEST = 32 /* of a name */
};

/* One figure of the layers. */
struct panel {
    const char *title;
    double (*of)(const struct likeness *l, double base);
    double base;        /* what `of` is given */
    double lo, hi;      /* of the axis */
    double step;        /* of its marks */
    int digits;         /* behind the point, of the values */
    double left, width; /* of the bars */
};

static double sqnr_of(const struct likeness *l, double base)
{
    (void)base;
    return l->sqnr;
}

static double drop_of(const struct likeness *l, double base)
{
    return 100 * (base - l->accuracy);
}

/* Ends of the axis and its marks: 1, 2 or 5 times a power of ten apart. */
static void scale(struct panel *p, const struct layer_row *row, size_t n)
{
    double lo = 0, hi = 0;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 2; k++) {
            const double v = p->of(k ? &row[i].up_to : &row[i].alone, p->base);
            lo = isfinite(v) ? fmin(lo, v) : lo;
            hi = isfinite(v) ? fmax(hi, v) : hi;
        }
    hi = hi > lo ? hi : lo + 1;
    const double rough = (hi - lo) / 4, ten = pow(10, floor(log10(rough)));
    p->step = rough <= ten ? ten : rough <= 2 * ten ? 2 * ten : rough <= 5 * ten ? 5 * ten : 10 * ten;
    p->lo = p->step * floor(lo / p->step);
    p->hi = p->step * ceil(hi / p->step);
}

static double at(const struct panel *p, double v)
{
    return p->left + p->width * (fmin(fmax(v, p->lo), p->hi) - p->lo) / (p->hi - p->lo);
}

static void put_axis(FILE *f, const struct panel *p, int bottom)
{
    fprintf(f, "<text x=\"%.1f\" y=\"%d\" class=\"ink\">", p->left, TOP - 34);
    chart_text(f, p->title);
    fprintf(f, "</text>\n");
    for (int i = 0; p->lo + i * p->step <= p->hi + p->step / 2; i++) {
        const double v = p->lo + i * p->step, x = at(p, v);
        fprintf(f, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" class=\"%s\"/>\n", x, TOP - 6, x, bottom,
                fabs(v) < p->step / 2 ? "axis" : "grid");
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" class=\"dim\">%.6g</text>\n", x, TOP - 12,
                fabs(v) < p->step / 2 ? 0.0 : v);
    }
    for (int k = 0; k < 2; k++)
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"end\" class=\"dim\">%s</text>\n",
                p->left + p->width + COLUMN * (k + 1) + 4, TOP - 12, k ? "up to it" : "alone");
}

static void put_value(FILE *f, const struct panel *p, double v, int column, int base)
{
    fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"end\" class=\"ink\">",
            p->left + p->width + COLUMN * (column + 1) + 4, base);
    if (isfinite(v))
        fprintf(f, "%.*f", p->digits, v);
    else
        fprintf(f, v > 0 ? "exact" : "none");
    fprintf(f, "</text>\n");
}

static void put_bars(FILE *f, const struct panel *p, const struct layer_row *row, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int y = TOP + STEP * (int)i;
        const double alone = p->of(&row[i].alone, p->base), zero = at(p, 0), x = at(p, alone);
        fprintf(f, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\" fill=\"#3f7fc9\"/>\n",
                fmin(zero, x), y + (STEP - BAR) / 2, fabs(x - zero), BAR);
        put_value(f, p, alone, 0, y + STEP / 2 + 4);
        put_value(f, p, p->of(&row[i].up_to, p->base), 1, y + STEP / 2 + 4);
    }
    fprintf(f, "<polyline stroke-width=\"2\" class=\"line\" points=\"");
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%.1f,%d ", at(p, p->of(&row[i].up_to, p->base)), TOP + STEP * (int)i + STEP / 2);
    fprintf(f, "\"/>\n");
    for (size_t i = 0; i < n; i++)
        fprintf(f, "<circle cx=\"%.1f\" cy=\"%d\" r=\"3\" class=\"dot\"/>\n", at(p, p->of(&row[i].up_to, p->base)),
                TOP + STEP * (int)i + STEP / 2);
}

/* Where a long name is left out in the middle, no character of several bytes is cut. */
static void put_name(FILE *f, const char *name, int base)
{
    char shown[4 * LONGEST + 8];
    const size_t n = strlen(name);
    size_t head = LONGEST / 2, tail = LONGEST / 2 - 1;
    if (n <= LONGEST) {
        memcpy(shown, name, n + 1);
    } else {
        while (head && ((unsigned char)name[head] & 0xc0) == 0x80)
            head--;
        while (tail && ((unsigned char)name[n - tail] & 0xc0) == 0x80)
            tail--;
        snprintf(shown, sizeof shown, "%.*s\xe2\x80\xa6%s", (int)head, name, name + n - tail);
    }
    fprintf(f, "<text x=\"12\" y=\"%d\" class=\"ink\"><title>", base);
    chart_text(f, name);
    fprintf(f, "</title>");
    chart_text(f, shown);
    fprintf(f, "</text>\n");
}

static void put_legend(FILE *f, int y)
{
    fprintf(f,
            "<rect x=\"12\" y=\"%d\" width=\"24\" height=\"%d\" rx=\"2\" fill=\"#3f7fc9\"/>"
            "<text x=\"42\" y=\"%d\" class=\"dim\">the layer alone in codes</text>\n"
            "<line x1=\"212\" y1=\"%d\" x2=\"236\" y2=\"%d\" stroke-width=\"2\" class=\"line\"/>"
            "<circle cx=\"224\" cy=\"%d\" r=\"3\" class=\"dot\"/>"
            "<text x=\"242\" y=\"%d\" class=\"dim\">all layers up to it in codes</text>\n",
            y - 10, BAR, y, y - 4, y - 4, y - 4, y);
}

int plot_layers(const struct run *r, const struct layer_row *row, size_t n, double accuracy)
{
    struct panel panel[2] = {{.title = "SQNR of the outputs, dB (more is better)", .of = sqnr_of, .digits = 1},
                             {.title = "top-1 accuracy lost, points", .of = drop_of, .base = accuracy, .digits = 2}};
    const int panels = r->test ? 2 : 1, height = TOP + STEP * (int)n + FOOT;
    const double room = (double)(CHART_WIDTH - NAMES - RIGHT - GAP * (panels - 1)) / panels;
    char text[CHART_TEXT];
    FILE *f = chart_open(r->tool, r->s->plot);
    if (!f)
        return EXIT_FAILED;
    const char *name = strrchr(r->s->model, '/') ? strrchr(r->s->model, '/') + 1 : r->s->model;
    snprintf(text, sizeof text, "%.60s: what quantizing its layers does", name);
    chart_begin(f, height, text);
    put_legend(f, 46);
    for (size_t i = 0; i < n; i++)
        put_name(f, row[i].name, TOP + STEP * (int)i + STEP / 2 + 4);
    for (int k = 0; k < panels; k++) {
        panel[k].left = NAMES + k * (room + GAP);
        panel[k].width = room - 2 * COLUMN - 4;
        scale(&panel[k], row, n);
        put_axis(f, &panel[k], TOP + STEP * (int)n + 4);
        put_bars(f, &panel[k], row, n);
    }
    fprintf(f, "<text x=\"12\" y=\"%d\" class=\"dim\">%zu calibration inputs", height - 12, r->n);
    if (r->test)
        fprintf(f, "; accuracy of %zu test images, in floats %.2f %%", qnt_dataset_size(r->test), accuracy * 100);
    fprintf(f, "</text>\n");
    return chart_end(r->tool, r->s->plot, f);
}
