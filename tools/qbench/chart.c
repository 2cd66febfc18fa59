/* --plot: each row a bar of its share, with its rate; cases are set apart, types have colours. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tools/common/chart.h"
#include "tools/qbench/qbench.h"

static void make_bar(const struct qb_row *r, struct chart_bar *b)
{
    const double rate = r->rate.median * 1e-9;
    b->share = isnan(r->limit_share) ? 0 : r->limit_share;
    snprintf(b->group, sizeof b->group, "%s", r->name);
    snprintf(b->label, sizeof b->label, "%s", strcmp(r->type, "registers") ? r->type : r->kernel);
    snprintf(b->kind, sizeof b->kind, "%s", r->type);
    snprintf(b->title, sizeof b->title, "%s: %.4g us, %.1f %% of %s", r->kernel, r->seconds.median * 1e6,
             100 * b->share, qb_peak_name(r->limit));
    snprintf(b->value, sizeof b->value, "%.*f %s", rate >= 100 ? 0 : 1, rate, r->macs > 0 ? "GMAC/s" : "GB/s");
}

/* The machine over two lines: it is long. */
static void put_machine(const struct qbench *q, struct chart *c)
{
    qb_machine_text(q, c->line[0], sizeof c->line[0]);
    char *half = strstr(c->line[0], "; levels");
    if (!half)
        return;
    *half = '\0';
    snprintf(c->line[1], sizeof c->line[1], "%s", half + 2);
}

int qb_chart(const struct qbench *q, const char *command)
{
    char foot[CHART_TEXT];
    struct chart_bar *bar = calloc(q->rows + 1, sizeof *bar);
    struct chart c = {.foot = foot, .least = 1, .bar = bar, .bars = q->rows};
    if (!bar)
        return opt_error(q->tool, EXIT_RESOURCE, "out of memory: a chart of %zu rows", q->rows);
    snprintf(c.title, sizeof c.title, "qbench %s: share of what the machine can do", command);
    snprintf(foot, sizeof foot,
             "Bars: share of the peak of the same operations, or of the memory that holds the data, whichever binds; "
             "medians of %u rounds.",
             q->rounds);
    put_machine(q, &c);
    for (size_t i = 0; i < q->rows; i++)
        make_bar(&q->row[i], &bar[i]);
    const int code = chart_write(q->tool, q->plot, &c);
    free(bar);
    return code;
}
