/* The chart of qbench engine: a lane for each way that latencies are drawn of, all over one logarithmic axis. */
#include <math.h>
#include "tools/common/chart.h"
#include "tools/qbench/engine.h"

/* Pixels. */
enum { LEFT = 190, RIGHT = 30, TOP = 96, LANE = 96, RISE = 76, FOOT = 64 };
static const char *const colours[] = {"#3b6fb6", "#e07b39", "#4c9f70", "#b0486b"};
enum { COLOURS = sizeof colours / sizeof *colours };

struct axis {
    double first, last; /* in buckets */
    int bottom;
};

static bool drawn(const struct qe_row *r)
{
    return r->count && r->counted;
}

static double x_of(const struct axis *a, double bucket)
{
    return LEFT + (CHART_WIDTH - LEFT - RIGHT) * (bucket - a->first) / (a->last - a->first);
}

static double bucket_of(double ns)
{
    return QE_SPLIT * log2(fmax(ns, 1));
}

/* Below which this part of the operations lie. */
static double quantile_ns(const struct qe_row *r, double part)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < QE_BUCKETS; i++)
        if ((double)(seen += r->count[i]) >= part * (double)r->counted)
            return qe_bucket_ns((double)i + 0.5);
    return qe_bucket_ns(QE_BUCKETS);
}

/* Powers of ten around nearly all that is drawn: what is slower stands in the last bucket. */
static struct axis axis_of(const struct qe_report *r)
{
    struct axis a = {.first = bucket_of(r->kernel.median * 1e9), .last = 0, .bottom = TOP};
    for (size_t i = 0; i < r->rows; i++) {
        if (!drawn(&r->row[i]))
            continue;
        a.first = fmin(a.first, bucket_of(quantile_ns(&r->row[i], 0.001)));
        a.last = fmax(a.last, bucket_of(quantile_ns(&r->row[i], 0.999)));
        a.bottom += LANE;
    }
    a.first = bucket_of(pow(10, floor(log10(qe_bucket_ns(a.first)))));
    a.last = fmin(bucket_of(pow(10, ceil(log10(qe_bucket_ns(a.last)) - 1e-9))), QE_BUCKETS);
    a.first = fmin(a.first, QE_BUCKETS - 1);
    a.last = fmax(a.last, a.first + 1);
    return a;
}

static const char *time_text(double ns, char *text, size_t size)
{
    if (ns < 1000)
        snprintf(text, size, "%.3g ns", ns);
    else if (ns < 1e6)
        snprintf(text, size, "%.3g us", ns * 1e-3);
    else
        snprintf(text, size, "%.3g ms", ns * 1e-6);
    return text;
}

static void put_axis(FILE *f, const struct axis *a)
{
    char text[32];
    const double last = qe_bucket_ns(a->last);
    for (double ten = pow(10, round(log10(qe_bucket_ns(a->first)))); ten <= last * 1.001; ten *= 10) {
        for (int k = 1; k < 10 && ten * k <= last * 1.001; k++) {
            const double x = x_of(a, bucket_of(ten * k));
            fprintf(f, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" class=\"%s\"/>\n", x, k == 1 ? TOP - 8 : TOP,
                    x, a->bottom, k == 1 ? "axis" : "grid");
        }
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" class=\"dim\">%s</text>\n",
                x_of(a, bucket_of(ten)), a->bottom + 18, time_text(ten, text, sizeof text));
    }
}

/* The outline of the lane's counts, from its first to its last bucket; the highest is RISE. */
static void put_shape(FILE *f, const struct axis *a, const struct qe_row *r, const char *colour, int base)
{
    const size_t first = (size_t)a->first, last = (size_t)a->last;
    uint32_t most = 1;
    for (size_t i = 0; i < QE_BUCKETS; i++)
        most = r->count[i] > most ? r->count[i] : most;
    fprintf(f, "<path fill=\"%s\" fill-opacity=\"0.8\" d=\"M%.1f %d", colour, x_of(a, a->first), base);
    for (size_t i = first; i < last; i++) {
        double count = r->count[i];
        for (size_t k = last; k < QE_BUCKETS && i + 1 == last; k++)
            count += r->count[k];
        fprintf(f, "V%.1f", base - RISE * fmin(count / most, 1));
        fprintf(f, "H%.1f", x_of(a, fmin((double)i + 1, a->last)));
    }
    fprintf(f, "V%dZ\"/>\n", base);
}

static void put_lane(FILE *f, const struct axis *a, const struct qe_row *r, size_t lane)
{
    static const struct {
        const char *name;
        double part;
    } told[] = {{"median", 0.5}, {"99 %", 0.99}, {"99.9 %", 0.999}};
    const int base = TOP + (int)(lane + 1) * LANE - 8;
    char text[32];
    put_shape(f, a, r, colours[lane % COLOURS], base);
    fprintf(f, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" class=\"axis\"/>\n", LEFT, base, CHART_WIDTH - RIGHT,
            base);
    fprintf(f, "<text x=\"12\" y=\"%d\" font-weight=\"bold\" class=\"ink\">", base - 54);
    chart_text(f, r->c->name);
    fprintf(f, "</text>\n");
    for (int i = 0; i < 3; i++)
        fprintf(f, "<text x=\"12\" y=\"%d\" class=\"dim\">%s %s</text>\n", base - 36 + 16 * i, told[i].name,
                time_text(quantile_ns(r, told[i].part), text, sizeof text));
}

static void put_kernel(FILE *f, const struct axis *a, const struct qe_report *r)
{
    char text[32];
    const double x = x_of(a, bucket_of(r->kernel.median * 1e9));
    fprintf(f, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" class=\"line\" stroke-dasharray=\"4 3\"/>\n", x,
            TOP - 8, x, a->bottom);
    fprintf(f, "<text x=\"%.1f\" y=\"%d\" class=\"dim\">the kernel alone: %s</text>\n", x + 4, TOP - 12,
            time_text(r->kernel.median * 1e9, text, sizeof text));
}

int qe_plot(const struct qe *e, const struct qe_report *r)
{
    char machine[512];
    const struct axis a = axis_of(r);
    size_t lane = 0;
    FILE *f = chart_open(e->q->tool, e->q->plot);
    if (!f)
        return EXIT_FAILED;
    chart_begin(f, a.bottom + FOOT, "qbench engine: from request to result");
    snprintf(machine, sizeof machine,
             "libqnt %s; %s; program on CPU %u, worker on CPU %u; round trip of a line %.0f ns", qnt_version(),
             *e->q->machine.cpu_name ? e->q->machine.cpu_name : "unknown CPU", e->cpu[0], e->cpu[1],
             r->trip.median * 1e9);
    fprintf(f, "<text x=\"12\" y=\"46\" class=\"dim\">");
    chart_text(f, machine);
    fprintf(f, "</text>\n");
    put_axis(f, &a);
    for (size_t i = 0; i < r->rows; i++)
        if (drawn(&r->row[i]))
            put_lane(f, &a, &r->row[i], lane++);
    put_kernel(f, &a, r);
    fprintf(f,
            "<text x=\"12\" y=\"%d\" class=\"dim\">Requests one at a time, each an inference on the worker's CPU. "
            "Height: requests in a sixteenth of an octave; the slowest stand at the end.</text>\n",
            a.bottom + FOOT - 14);
    return chart_end(e->q->tool, e->q->plot, f);
}
