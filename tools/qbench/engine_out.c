/* The table of qbench engine. */
#include <jansson.h>
#include <math.h>
#include <string.h>
#include "tools/common/json.h"
#include "tools/qbench/engine.h"
#include "tools/qbench/table.h"

enum { COLUMNS = 8 };

static const char *model_name(const struct qe *e)
{
    return e->q->file ? e->q->file : "784-128-10, 8-bit";
}

static bool met(const struct qe_row *r)
{
    return r->c->least ? r->judged >= r->c->goal : r->judged <= r->c->goal;
}

/* "<= 0.4 round trips: 0.31" */
static void goal_text(const struct qe_row *r, char *text, size_t size)
{
    static const char *const of[] = {[QE_TRIPS] = " round trips", [QE_QUOTIENT] = " of the engine's"};
    const char *what = r->c->measure == QE_FIGURE ? "" : of[r->c->measure];
    snprintf(text, size, "%s %g%s: %.2f, %s", r->c->least ? ">=" : "<=", r->c->goal, what, r->judged,
             met(r) ? "met" : "missed");
}

static void cells_of(const void *from, size_t i, qb_line c)
{
    const struct qe_row *r = (const struct qe_row *)from + i;
    memset(c, 0, sizeof(qb_line));
    snprintf(c[0], QB_CELL, "%s", r->c->name);
    snprintf(c[2], QB_CELL, "%s", r->c->unit);
    if (*r->skipped) {
        snprintf(c[6], QB_CELL, "skipped: see below");
        return;
    }
    snprintf(c[7], QB_CELL, "%u of %u", r->kept, r->kept + r->dropped);
    if (!r->kept) {
        snprintf(c[6], QB_CELL, "no window was calm");
        return;
    }
    snprintf(c[1], QB_CELL, "%.*f", r->figure.median >= 100 ? 1 : 3, r->figure.median);
    snprintf(c[3], QB_CELL, "%.1f %%", 100 * qb_spread(&r->figure));
    if (!r->c->scale) {
        snprintf(c[4], QB_CELL, "%.0f", r->over.median * 1e9);
        snprintf(c[5], QB_CELL, "%.2f", r->trips.median);
    }
    if (r->c->measure && !isnan(r->judged))
        goal_text(r, c[6], QB_CELL);
}

static void print_md(const struct qe *e, const struct qe_report *r)
{
    static const char *const head[COLUMNS] = {"row",      "figure",      "unit", "+-",
                                              "over, ns", "round trips", "goal", "windows"};
    char machine[512];
    qb_machine_text(e->q, machine, sizeof machine);
    printf("qbench engine: %s\n%s; program on CPU %u, worker on CPU %u\n\n", machine, model_name(e), e->cpu[0],
           e->cpu[1]);
    qb_print_table(head, COLUMNS, 1 << 1 | 7 << 3, r->rows, cells_of, r->row);
    if (r->samples)
        printf("\nRound trip of a cache line %.0f ns (+- %.1f %%); the kernel alone, on the worker's CPU, %.3f us "
               "(+- %.1f %%).",
               r->trip.median * 1e9, 100 * qb_spread(&r->trip), r->kernel.median * 1e6, 100 * qb_spread(&r->kernel));
    printf("\nFrom submission to result at depth 1 and of the ways below, wall time per inference at others; over: "
           "beyond the kernel, also in round trips. with data: the input is\nwritten before, the output read. a word "
           "each way: nothing but that around the kernel. process: a client of a server of the engine's, in another "
           "process; of the\nengine's: of what comes over the kernel at depth 1, of the time at others. ring: messages "
           "of a line each, through 4096 slots, which no first cache holds;\n256 slots are what an engine has by "
           "default. to and fro: the lines alone, one half read while the other is written. Medians of windows between "
           "whose ends the round\ntrip changed by less than 20 %%; +-: half the distance of their quartiles.\n");
    for (size_t i = 0; i < r->rows; i++)
        if (*r->row[i].skipped)
            printf("skipped: %s: %s\n", r->row[i].c->name, r->row[i].skipped);
}

static void print_csv(const struct qe *e, const struct qe_report *r)
{
    char machine[512];
    qb_machine_text(e->q, machine, sizeof machine);
    printf("# qbench engine: %s; %s; program on CPU %u, worker on CPU %u; round trip %.6g ns, kernel %.6g ns\n"
           "row,figure,q1,q3,unit,over_ns,over_ns_q1,over_ns_q3,round_trips,goal,judged,kept,dropped,skipped\n",
           machine, model_name(e), e->cpu[0], e->cpu[1], r->trip.median * 1e9, r->kernel.median * 1e9);
    for (size_t i = 0; i < r->rows; i++) {
        const struct qe_row *w = &r->row[i];
        printf("\"%s\",", w->c->name);
        if (w->kept)
            printf("%.6g,%.6g,%.6g", w->figure.median, w->figure.q1, w->figure.q3);
        else
            printf(",,");
        printf(",%s,", w->c->unit);
        if (w->kept && !w->c->scale)
            printf("%.6g,%.6g,%.6g,%.6g,", w->over.median * 1e9, w->over.q1 * 1e9, w->over.q3 * 1e9, w->trips.median);
        else
            printf(",,,,");
        if (w->c->measure && !isnan(w->judged))
            printf("%s%g,%.6g,", w->c->least ? ">=" : "<=", w->c->goal, w->judged);
        else
            printf(",,");
        printf("%u,%u,\"%s\"\n", w->kept, w->dropped, w->skipped);
    }
}

static json_t *stat_json(const struct qb_stat *s, double unit)
{
    return json_pack("{sf,sf,sf}", "median", s->median * unit, "q1", s->q1 * unit, "q3", s->q3 * unit);
}

static json_t *goal_json(const struct qe_row *r)
{
    static const char *const of[] = {[QE_TRIPS] = "round_trips", [QE_FIGURE] = "figure", [QE_QUOTIENT] = "of_engine"};
    return json_pack("{ss,ss,sf,sf,sb}", "of", of[r->c->measure], "is", r->c->least ? "least" : "most", "value",
                     r->c->goal, "measured", r->judged, "met", (int)met(r));
}

static json_t *row_json(const struct qe_row *r)
{
    json_t *row = json_pack("{ss,ss,si,si}", "row", r->c->name, "unit", r->c->unit, "kept", (int)r->kept, "dropped",
                            (int)r->dropped);
    if (*r->skipped)
        json_object_set_new(row, "skipped", json_string(r->skipped));
    if (!r->kept)
        return row;
    json_object_set_new(row, "figure", stat_json(&r->figure, 1));
    if (!r->c->scale) {
        json_object_set_new(row, "over_ns", stat_json(&r->over, 1e9));
        json_object_set_new(row, "round_trips", stat_json(&r->trips, 1));
    }
    if (r->c->measure && !isnan(r->judged))
        json_object_set_new(row, "goal", goal_json(r));
    return row;
}

static int print_json(const struct qe *e, const struct qe_report *r)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < r->rows; i++)
        json_array_append_new(rows, row_json(&r->row[i]));
    json_t *all = json_pack("{ss,so,ss,si,si,si,sf,so,so,so}", "command", "engine", "machine", qb_machine_json(e->q),
                            "model", model_name(e), "program_cpu", (int)e->cpu[0], "worker_cpu", (int)e->cpu[1],
                            "rounds", (int)e->q->rounds, "seconds", (double)e->q->seconds, "round_trip_ns",
                            stat_json(&r->trip, 1e9), "kernel_ns", stat_json(&r->kernel, 1e9), "rows", rows);
    return json_out(all, JSON_REAL_PRECISION(6));
}

int qe_report(const struct qe *e, const struct qe_report *r)
{
    if (e->q->format == QB_JSON)
        return print_json(e, r);
    if (e->q->format == QB_CSV)
        print_csv(e, r);
    else
        print_md(e, r);
    return ferror(stdout) ? EXIT_FAILED : EXIT_OK;
}
