/* The table of a network's layers, and what it says as a whole. */
#include <jansson.h>
#include <string.h>
#include "tools/common/json.h"
#include "tools/qbench/model.h"

enum { COLUMNS = 13, CELL = 320, RIGHT_FIRST = 3, RIGHT_LAST = 10 };
typedef char line[COLUMNS][CELL];

static const char *shape_of(const qnt_step_work *w, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t d = 0; d < w->rank && used < size; d++)
        used += (size_t)snprintf(text + used, size - used, d ? "x%zu" : "%zu", w->dim[d]);
    return text;
}

static double per(double work, double seconds)
{
    return seconds > 0 ? work / seconds : 0;
}

/* Microseconds; as figures elsewhere: three digits, or the whole number. */
static void time_cell(char *cell, double seconds)
{
    const double us = seconds * 1e6;
    snprintf(cell, CELL, "%.*f", us >= 100 ? 0 : us >= 10 ? 1 : us >= 1 ? 2 : 3, us);
}

static void share_cell(char *cell, double share, enum qb_peak p)
{
    if (p == QB_NONE)
        snprintf(cell, CELL, "-");
    else
        snprintf(cell, CELL, "%.0f %% of %s", 100 * share, qb_peak_name(p));
}

static void cells_of(const struct qb_network *net, const struct qb_layer *l, line c)
{
    const double t = l->seconds.median;
    snprintf(c[0], CELL, "%s", l->work.name);
    snprintf(c[1], CELL, "%s", l->work.op);
    shape_of(&l->work, c[2], CELL);
    time_cell(c[3], t);
    snprintf(c[4], CELL, "%.1f %%", 100 * qb_spread(&l->seconds));
    snprintf(c[5], CELL, "%.1f %%", 100 * per(t, net->steps));
    snprintf(c[6], CELL, l->macs > 0 ? "%.4g" : "-", l->macs * 1e-6);
    snprintf(c[7], CELL, l->macs > 0 ? "%.4g" : "-", per(l->macs, t) * 1e-9);
    share_cell(c[8], per(l->by_peak, t), l->peak);
    share_cell(c[9], per(l->by_roof, t), t > 0 ? l->roof : QB_NONE);
    if (l->float_seconds > 0)
        time_cell(c[10], l->float_seconds);
    else
        snprintf(c[10], CELL, "-");
    snprintf(c[11], CELL, "%s%s%s", l->work.kernel, *l->work.kernel ? " " : "-", l->work.variant);
    snprintf(c[12], CELL, "%s", l->why);
}

static void print_rows(const struct qb_network *net)
{
    static const char *const head[COLUMNS] = {"layer",  "op",    "output", "us",     "+-",     "part",          "MMAC",
                                              "GMAC/s", "share", "roof",   "f32 us", "kernel", "why it is slow"};
    size_t width[COLUMNS];
    line c;
    for (int k = 0; k < COLUMNS; k++)
        width[k] = strlen(head[k]);
    for (size_t i = 0; i < net->layers; i++) {
        cells_of(net, &net->layer[i], c);
        for (int k = 0; k < COLUMNS - 1; k++) /* the last is as wide as it wants to be */
            width[k] = strlen(c[k]) > width[k] ? strlen(c[k]) : width[k];
    }
    for (size_t i = 0; i < net->layers + 2; i++) {
        if (i > 1)
            cells_of(net, &net->layer[i - 2], c);
        for (int k = 0; k < COLUMNS; k++) {
            const int w = (int)width[k], right = k >= RIGHT_FIRST && k <= RIGHT_LAST;
            printf("| ");
            if (i == 1) {
                for (int n = right; n < w; n++)
                    putchar('-');
                printf(right ? ": " : " ");
            } else
                printf(right ? "%*s " : "%-*s ", w, i == 0 ? head[k] : c[k]);
        }
        printf("|\n");
    }
}

static void print_peaks(const struct qbench *q)
{
    const char *before = "";
    printf("Peaks, measured before and after:");
    for (int p = 0; p < QB_PEAKS; p++)
        if (q->peak_rate[p].median > 0) {
            printf("%s %s %.4g %s", before, qb_peak_name((enum qb_peak)p), q->peak_rate[p].median * 1e-9,
                   p < QB_READ ? "GMAC/s" : "GB/s");
            before = ",";
        }
    printf(".\n");
}

/* A layer of codes or signs that is not faster than floats; one of floats is compared with itself. */
static bool loses(const struct qb_layer *l)
{
    const bool floats = l->work.macs ? l->work.weight_bits > 8 : l->work.type == QNT_F32;
    return !floats && l->float_seconds > 0 && l->seconds.median >= l->float_seconds;
}

/* Seconds of the steps of `net` that `other` has not. */
static double alone(const struct qb_network *net, const struct qb_network *other)
{
    double sum = 0;
    for (size_t i = 0; i < net->layers; i++) {
        size_t k = 0;
        while (k < other->layers && strcmp(net->layer[i].work.name, other->layer[k].work.name))
            k++;
        if (k == other->layers)
            sum += net->layer[i].seconds.median;
    }
    return sum;
}

static void print_comparison(const struct qb_model *m)
{
    const struct qb_network *net = &m->net[0], *twin = &m->net[1];
    size_t lost = 0;
    printf("\nLayers that are not faster than in floats:");
    for (size_t i = 0; i < net->layers; i++) {
        const struct qb_layer *l = &net->layer[i];
        if (loses(l))
            printf("%s\n- %s (%s): %.3f us, in floats %.3f us%s%s", lost++ ? ";" : "", l->work.name, l->work.op,
                   l->seconds.median * 1e6, l->float_seconds * 1e6, *l->why ? ": " : "", l->why);
    }
    printf("%s.\nLayers of this network alone (such as quantize): %.3f us; of the float network alone: %.3f us.\n",
           lost ? "" : " none", alone(net, twin) * 1e6, alone(twin, net) * 1e6);
}

static void print_md(const struct qb_model *m, const char *machine)
{
    const struct qbench *q = m->q;
    const struct qb_network *net = &m->net[0], *twin = &m->net[1];
    printf("qbench model %s: %s; batch %u\n\n", q->file, machine, q->batch);
    print_rows(net);
    printf("\nA run takes %.4g us (+- %.1f %%), without measuring inside; its steps one by one %.4g us, copying in and "
           "out %.3g us.\nIn floats %.4g us (+- %.1f %%): %.2f times as long. f32: the same layers of a network whose "
           "weights are what the codes mean and whose activations are floats (binary layers become layers of floats), "
           "run in turn with this one.\n",
           net->seconds.median * 1e6, 100 * qb_spread(&net->seconds), net->steps * 1e6, (net->begin + net->end) * 1e6,
           twin->seconds.median * 1e6, 100 * qb_spread(&twin->seconds), per(twin->seconds.median, net->seconds.median));
    printf(
        "share: of the peak of such products; roof: of that or of the memory that holds what must be moved, whichever "
        "binds; of products as the layer is defined, which winograd's kernels need fewer of. +-: half the distance of "
        "the quartiles.\n");
    print_peaks(q);
    if (q->compare)
        print_comparison(m);
}

/* Quotes in names are doubled. */
static void print_quoted(const char *text)
{
    putchar('"');
    for (; *text; text++)
        printf(*text == '"' ? "\"\"" : "%c", *text);
    putchar('"');
}

static void print_csv(const struct qb_model *m, const char *machine)
{
    char shape[64];
    printf("# qbench model %s: %s; batch %u\nlayer,op,output,us,us_q1,us_q3,part,macs,bytes,peak,peak_share,roof,"
           "roof_share,kernel,variant,isa,f32_us,why\n",
           m->q->file, machine, m->q->batch);
    for (size_t i = 0; i < m->net[0].layers; i++) {
        const struct qb_layer *l = &m->net[0].layer[i];
        const double t = l->seconds.median;
        print_quoted(l->work.name);
        printf(",%s,%s,%.6g,%.6g,%.6g,%.4f,%.0f,%.0f,%s,%.4f,%s,%.4f,%s,%s,%s,%.6g,\"%s\"\n", l->work.op,
               shape_of(&l->work, shape, sizeof shape), t * 1e6, l->seconds.q1 * 1e6, l->seconds.q3 * 1e6,
               per(t, m->net[0].steps), l->macs, l->bytes, qb_peak_name(l->peak), per(l->by_peak, t),
               qb_peak_name(l->roof), per(l->by_roof, t), l->work.kernel, l->work.variant, l->work.isa,
               l->float_seconds * 1e6, l->why);
    }
}

static json_t *layer_json(const struct qb_model *m, const struct qb_layer *l)
{
    char shape[64];
    const double t = l->seconds.median;
    json_t *row = json_pack("{ss,ss,ss,sf,sf,sf,sf,sI,sI,ss,ss,ss,ss}", "layer", l->work.name, "op", l->work.op,
                            "output", shape_of(&l->work, shape, sizeof shape), "us", t * 1e6, "us_q1",
                            l->seconds.q1 * 1e6, "us_q3", l->seconds.q3 * 1e6, "part", per(t, m->net[0].steps), "macs",
                            (json_int_t)l->macs, "bytes", (json_int_t)l->bytes, "kernel", l->work.kernel, "variant",
                            l->work.variant, "isa", l->work.isa, "why", l->why);
    if (row && l->peak != QB_NONE)
        json_object_update_new(row, json_pack("{ss,sf,sI}", "peak", qb_peak_name(l->peak), "peak_share",
                                              per(l->by_peak, t), "padded_macs", (json_int_t)l->padded));
    if (row && t > 0)
        json_object_update_new(row,
                               json_pack("{ss,sf}", "roof", qb_peak_name(l->roof), "roof_share", per(l->by_roof, t)));
    if (row && l->float_seconds > 0)
        json_object_set_new(row, "f32_us", json_real(l->float_seconds * 1e6));
    return row;
}

static json_t *network_json(const struct qb_network *net)
{
    return json_pack("{sf,sf,sf,sf,sf,sf}", "us", net->seconds.median * 1e6, "us_q1", net->seconds.q1 * 1e6, "us_q3",
                     net->seconds.q3 * 1e6, "steps_us", net->steps * 1e6, "in_us", net->begin * 1e6, "out_us",
                     net->end * 1e6);
}

static int print_json(const struct qb_model *m)
{
    json_t *layers = json_array(), *slower = json_array();
    for (size_t i = 0; i < m->net[0].layers; i++) {
        json_array_append_new(layers, layer_json(m, &m->net[0].layer[i]));
        if (loses(&m->net[0].layer[i]))
            json_array_append_new(slower, json_string(m->net[0].layer[i].work.name));
    }
    json_t *all = json_pack("{ss,ss,so,ss,si,si,si,so,so,so,so,so}", "command", "model", "file", m->q->file, "machine",
                            qb_machine_json(m->q), "caches", m->q->cold ? "cold" : "warm", "batch", (int)m->q->batch,
                            "threads", (int)m->q->threads, "rounds", (int)m->q->rounds, "run", network_json(&m->net[0]),
                            "f32_run", network_json(&m->net[1]), "layers", layers, "not_faster_than_f32", slower,
                            "peaks", qb_peaks_json(m->q));
    return json_out(all, JSON_REAL_PRECISION(6));
}

int qb_model_report(const struct qb_model *m)
{
    char machine[512];
    qb_machine_text(m->q, machine, sizeof machine);
    if (m->q->format == QB_JSON)
        return print_json(m);
    if (m->q->format == QB_CSV)
        print_csv(m, machine);
    else
        print_md(m, machine);
    return ferror(stdout) ? EXIT_FAILED : EXIT_OK;
}
