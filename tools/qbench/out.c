/* The report: the machine, then the rows, then the peaks that shares are told of. */
#include <jansson.h>
#include <math.h>
#include <string.h>
#include "tools/common/json.h"
#include "tools/qbench/qbench.h"
#include "tools/qbench/table.h"

/* "512 bytes", "48 KiB" */
static const char *bytes_text(uint64_t bytes, char *text, size_t size)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    size_t i = 0;
    for (; i < 3 && bytes && bytes % 1024 == 0; i++)
        bytes /= 1024;
    snprintf(text, size, "%llu %s", (unsigned long long)bytes, units[i]);
    return text;
}

void qb_machine_text(const struct qbench *q, char *text, size_t size)
{
    const qnt_machine *m = &q->machine;
    char l1[32], l2[32], l3[32];
    snprintf(text, size,
             "libqnt %s; %s; %u of %u cores usable; L1d %s, L2 %s, L3 %s; levels %s; %u thread%s, %s caches",
             qnt_version(), *m->cpu_name ? m->cpu_name : "unknown CPU", m->usable_cores, m->cores,
             bytes_text(m->l1d_bytes, l1, sizeof l1), bytes_text(m->l2_bytes, l2, sizeof l2),
             bytes_text(m->l3_bytes, l3, sizeof l3), q->levels, q->threads, q->threads > 1 ? "s" : "",
             q->cold ? "cold" : "warm");
}

const char *qb_unit(const struct qb_row *r)
{
    return r->macs > 0 ? "GMAC/s" : "GB/s";
}

double qb_spread(const struct qb_stat *s)
{
    return s->median > 0 ? (s->q3 - s->q1) / 2 / s->median : 0;
}

static const char *percent(double share, char *text, size_t size)
{
    if (isnan(share))
        snprintf(text, size, "-");
    else
        snprintf(text, size, share < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * share);
    return text;
}

/* Three figures or the whole number. */
static const char *figure(double x, char *text, size_t size)
{
    snprintf(text, size, "%.*f", x >= 100 ? 0 : x >= 10 ? 1 : x >= 1 ? 2 : 3, x);
    return text;
}

enum { COLUMNS = 9 };

static void cells_of(const void *from, size_t i, qb_line c)
{
    const struct qb_row *r = (const struct qb_row *)from + i;
    char share[16], limit[16];
    snprintf(c[0], QB_CELL, "%s", r->name);
    snprintf(c[1], QB_CELL, "%s", r->type);
    snprintf(c[2], QB_CELL, "%s", r->kernel);
    figure(r->seconds.median * 1e6, c[3], QB_CELL);
    figure(r->rate.median * 1e-9, c[4], QB_CELL);
    snprintf(c[5], QB_CELL, "%s", qb_unit(r));
    snprintf(c[6], QB_CELL, "%.1f %%", 100 * qb_spread(&r->rate));
    percent(r->share, share, sizeof share);
    snprintf(c[7], QB_CELL, "%s%s%s", share, r->peak == QB_NONE ? "" : " of ", qb_peak_name(r->peak));
    if (r->limit != r->peak)
        snprintf(c[8], QB_CELL, "%s of %s", percent(r->limit_share, limit, sizeof limit), qb_peak_name(r->limit));
    else
        c[8][0] = '\0';
}

static void print_md(const struct qbench *q, const char *command, const char *machine)
{
    static const char *const head[COLUMNS] = {"case", "type", "kernel", "us", "rate", "unit", "+-", "share", "memory"};
    const char *before = "";
    printf("qbench %s: %s\n\n", command, machine);
    qb_print_table(head, COLUMNS, 3 << 3 | 1 << 6, q->rows, cells_of, q->row);
    printf("\nMedians of %u rounds; +-: half the distance of the quartiles. Measured in the same rounds:", q->rounds);
    for (int p = 0; p < QB_PEAKS; p++)
        if (q->peak_rate[p].median > 0) {
            printf("%s %s %.4g %s", before, qb_peak_name((enum qb_peak)p), q->peak_rate[p].median * 1e-9,
                   p < QB_READ ? "GMAC/s" : "GB/s");
            before = ",";
        }
    printf(".\nProducts are those of the definition, which winograd's kernels need fewer of: their shares may pass 100 "
           "%%.\n");
}

static void print_csv(const struct qbench *q, const char *command, const char *machine)
{
    printf("# qbench %s: %s\ncase,type,kernel,us,us_q1,us_q3,rate,rate_q1,rate_q3,unit,macs,bytes,peak,share,limit,"
           "limit_share\n",
           command, machine);
    for (size_t i = 0; i < q->rows; i++) {
        const struct qb_row *r = &q->row[i];
        printf("\"%s\",\"%s\",\"%s\",%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%s,%.0f,%.0f,%s,", r->name, r->type, r->kernel,
               r->seconds.median * 1e6, r->seconds.q1 * 1e6, r->seconds.q3 * 1e6, r->rate.median * 1e-9,
               r->rate.q1 * 1e-9, r->rate.q3 * 1e-9, qb_unit(r), r->macs, r->bytes, qb_peak_name(r->peak));
        if (r->peak == QB_NONE)
            printf(",,\n");
        else
            printf("%.4f,%s,%.4f\n", r->share, qb_peak_name(r->limit), r->limit_share);
    }
}

static json_t *stat_json(const struct qb_stat *s, double unit)
{
    return json_pack("{sf,sf,sf}", "median", s->median * unit, "q1", s->q1 * unit, "q3", s->q3 * unit);
}

json_t *qb_machine_json(const struct qbench *q)
{
    const qnt_machine *m = &q->machine;
    json_t *cpus = json_array();
    for (uint32_t i = 0; i < q->cpus.count && i < q->threads; i++)
        json_array_append_new(cpus, json_integer(q->cpus.cpu[i]));
    return json_pack("{ss,ss,si,si,sI,sI,sI,ss,si,so}", "version", qnt_version(), "cpu", m->cpu_name, "cores",
                     (int)m->cores, "usable_cores", (int)m->usable_cores, "l1d_bytes", (json_int_t)m->l1d_bytes,
                     "l2_bytes", (json_int_t)m->l2_bytes, "l3_bytes", (json_int_t)m->l3_bytes, "levels", q->levels,
                     "threads", (int)q->threads, "cpus", cpus);
}

static json_t *row_json(const struct qb_row *r)
{
    json_t *row = json_pack("{ss,ss,ss,so,ss,so,sI,sI}", "case", r->name, "type", r->type, "kernel", r->kernel, "us",
                            stat_json(&r->seconds, 1e6), "unit", qb_unit(r), "rate", stat_json(&r->rate, 1e-9), "macs",
                            (json_int_t)r->macs, "bytes", (json_int_t)r->bytes);
    if (row && r->peak != QB_NONE) {
        json_object_set_new(row, "peak", json_string(qb_peak_name(r->peak)));
        json_object_set_new(row, "share", json_real(r->share));
        json_object_set_new(row, "limit", json_string(qb_peak_name(r->limit)));
        json_object_set_new(row, "limit_share", json_real(r->limit_share));
    }
    return row;
}

json_t *qb_peaks_json(const struct qbench *q)
{
    json_t *peaks = json_array();
    for (int p = 0; p < QB_PEAKS; p++)
        if (q->peak_rate[p].median > 0)
            json_array_append_new(peaks, json_pack("{ss,ss,so}", "peak", qb_peak_name((enum qb_peak)p), "unit",
                                                   p < QB_READ ? "GMAC/s" : "GB/s", "rate",
                                                   stat_json(&q->peak_rate[p], 1e-9)));
    return peaks;
}

static int print_json(const struct qbench *q, const char *command)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < q->rows; i++)
        json_array_append_new(rows, row_json(&q->row[i]));
    json_t *all = json_pack("{ss,so,ss,si,sf,so,so}", "command", command, "machine", qb_machine_json(q), "caches",
                            q->cold ? "cold" : "warm", "rounds", (int)q->rounds, "seconds", (double)q->seconds, "rows",
                            rows, "peaks", qb_peaks_json(q));
    return json_out(all, JSON_REAL_PRECISION(6));
}

int qb_report(const struct qbench *q, const char *command)
{
    char machine[512];
    qb_machine_text(q, machine, sizeof machine);
    if (q->format == QB_JSON)
        return print_json(q, command);
    if (q->format == QB_CSV)
        print_csv(q, command, machine);
    else
        print_md(q, command, machine);
    return ferror(stdout) ? EXIT_FAILED : EXIT_OK;
}
