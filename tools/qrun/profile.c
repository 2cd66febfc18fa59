/* --profile: what each step takes, measured inside of runs of the first batch of images. */
#include <stdlib.h>
#include <qnt/profile.h>
#include "tools/common/json.h"
#include "tools/common/chart.h"
#include "qrun.h"

enum { RUNS = 100, WARM = 3 };

/* Parts are the steps, and what comes before (the begin: copying the input) and behind (copying the output). */
struct profile {
    const struct run *r;
    const struct eval_config *config;
    qnt_session *session;
    struct feed feed;
    size_t parts, runs, images; /* images: of a run */
    uint64_t *ticks;            /* [runs][parts] */
    double *us, *sample;        /* us: by part, its median; sample: [2][runs] to find it */
    int *label;                 /* not used: of a fill */
    double whole;               /* median of the runs */
};

static int allocate(struct profile *p)
{
    p->parts = qnt_session_step_count(p->session) + 2;
    p->runs = p->r->a->repeat ? p->r->a->repeat : RUNS;
    p->ticks = calloc(p->runs, p->parts * sizeof *p->ticks);
    p->us = calloc(p->parts, sizeof *p->us);
    p->sample = calloc(p->runs, 2 * sizeof *p->sample);
    p->label = calloc(p->config->batch, sizeof *p->label);
    if (p->ticks && p->us && p->sample && p->label)
        return EXIT_OK;
    return opt_error(p->r->tool, EXIT_RESOURCE, "out of memory: times of %zu runs", p->runs);
}

static qnt_status measure(struct profile *p, const struct source *s)
{
    p->images = s->count < p->config->batch && (s->data || s->files) ? s->count : p->config->batch;
    qnt_status status = feed_fill(&p->feed, 0, p->images, p->label);
    for (size_t i = 0; i < WARM + p->runs && !status; i++)
        status = qnt_session_profile_io(p->session, (const void *const *)p->feed.in_data, p->feed.out_data, p->images,
                                        p->ticks + (i < WARM ? 0 : i - WARM) * p->parts, p->parts);
    return status;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *value, size_t n)
{
    qsort(value, n, sizeof *value, by_value);
    return value[n / 2];
}

/* Medians of the parts and of their sums. */
static qnt_status take_medians(struct profile *p)
{
    double rate = 1, *sample = p->sample, *sum = p->sample + p->runs;
    const qnt_status status = qnt_ticks_per_second(&rate);
    for (size_t k = 0; k < p->parts && !status; k++) {
        for (size_t i = 0; i < p->runs; i++) {
            sample[i] = (double)p->ticks[i * p->parts + k] * 1e6 / rate;
            sum[i] += sample[i];
        }
        p->us[k] = median_of(sample, p->runs);
    }
    if (!status)
        p->whole = median_of(sum, p->runs);
    return status;
}

static double per(double work, double time)
{
    return time > 0 ? work / time : 0;
}

static qnt_step_work work_of(const struct profile *p, size_t i)
{
    qnt_step_work w = {.size = sizeof w};
    if (qnt_session_step_work(p->session, i, &w))
        w = (qnt_step_work){.name = "", .op = "", .kernel = "", .variant = "", .isa = ""};
    return w;
}

static void print_text(const struct profile *p)
{
    double steps = 0;
    uint64_t macs = 0;
    printf("%s: %zu runs of %zu image%s, %u thread%s\n", p->r->path, p->runs, p->images, p->images == 1 ? "" : "s",
           p->config->threads, p->config->threads == 1 ? "" : "s");
    printf("%-24s %-18s %-28s %10s %7s %12s %8s\n", "layer", "op", "kernel", "us", "share", "MACs/image", "GMAC/s");
    for (size_t i = 0; i + 2 < p->parts; i++) {
        const qnt_step_work w = work_of(p, i);
        char kernel[128];
        const double us = p->us[1 + i];
        steps += us;
        macs += w.macs;
        snprintf(kernel, sizeof kernel, "%s%s%s", *w.variant ? w.kernel : "-", *w.variant ? " " : "", w.variant);
        printf("%-24s %-18s %-28s %10.3f %5.1f %% %12llu", w.name, w.op, kernel, us, 100 * per(us, p->whole),
               (unsigned long long)w.macs);
        if (w.macs && us > 0)
            printf(" %8.2f\n", (double)w.macs * (double)p->images / us * 1e-3);
        else
            printf(" %8s\n", "-");
    }
    printf("steps %.3f us, begin %.3f us, end %.3f us; a run %.3f us, %llu MACs an image; medians\n", steps, p->us[0],
           p->us[p->parts - 1], p->whole, (unsigned long long)macs);
}

static json_t *layer_json(const struct profile *p, size_t i)
{
    const qnt_step_work w = work_of(p, i);
    const double us = p->us[1 + i];
    return json_pack("{ss,ss,ss,ss,ss,sf,sf,sI,sf}", "name", w.name, "op", w.op, "kernel", w.kernel, "variant",
                     w.variant, "isa", w.isa, "us", us, "share", per(us, p->whole), "macs", (json_int_t)w.macs,
                     "gmacs_per_second", per((double)w.macs * (double)p->images, us) * 1e-3);
}

static int print_json(const struct profile *p)
{
    json_t *layers = json_array();
    for (size_t i = 0; i + 2 < p->parts; i++)
        json_array_append_new(layers, layer_json(p, i));
    json_t *all = json_pack("{ss,sI,sI,si,sf,sf,sf,so}", "model", p->r->path, "runs", (json_int_t)p->runs, "images",
                            (json_int_t)p->images, "threads", (int)p->config->threads, "run_us", p->whole, "begin_us",
                            p->us[0], "end_us", p->us[p->parts - 1], "layers", layers);
    return json_out(all, 0);
}

static int plot(const struct profile *p)
{
    const size_t n = p->parts - 2;
    struct chart_bar *bar = calloc(n + 1, sizeof *bar);
    struct chart c = {.foot = "Bars: share of a run; medians.", .least = 0.25, .bar = bar, .bars = n};
    if (!bar)
        return opt_error(p->r->tool, EXIT_RESOURCE, "out of memory: a chart of %zu layers", n);
    snprintf(c.title, sizeof c.title, "%s: what its layers take", p->r->path);
    snprintf(c.line[0], sizeof c.line[0], "%.4g us a run of %zu image%s on %u thread%s", p->whole, p->images,
             p->images == 1 ? "" : "s", p->config->threads, p->config->threads == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++) {
        const qnt_step_work w = work_of(p, i);
        const double us = p->us[1 + i];
        bar[i].share = per(us, p->whole);
        snprintf(bar[i].group, sizeof bar[i].group, "%s", w.name);
        snprintf(bar[i].label, sizeof bar[i].label, "%s", w.op);
        snprintf(bar[i].kind, sizeof bar[i].kind, "%s", w.op);
        snprintf(bar[i].title, sizeof bar[i].title, "%s %s: %.1f %% of the run", w.kernel, w.variant,
                 100 * bar[i].share);
        snprintf(bar[i].value, sizeof bar[i].value, w.macs ? "%.3g us, %.3g GMAC/s" : "%.3g us", us,
                 per((double)w.macs * (double)p->images, us) * 1e-3);
    }
    const int code = chart_write(p->r->tool, p->r->a->plot, &c);
    free(bar);
    return code;
}

int profile_run(const struct run *r, const struct eval_config *c, const struct source *s)
{
    struct profile p = {.r = r, .config = c};
    cpu_set_t old;
    int code = opt_fail(r->tool, eval_session(r->model, c, &p.session));
    if (code == EXIT_OK)
        code = feed_create(r->tool, p.session, s, c->batch, &p.feed);
    if (code == EXIT_OK)
        code = allocate(&p);
    if (code == EXIT_OK) {
        env_pin(r->tool, &c->cpus, &old);
        code = opt_fail(r->tool, measure(&p, s));
        env_unpin(&old);
    }
    if (code == EXIT_OK)
        code = opt_fail(r->tool, take_medians(&p));
    if (code == EXIT_OK && r->a->plot)
        code = plot(&p);
    if (code == EXIT_OK && r->a->json)
        code = print_json(&p);
    else if (code == EXIT_OK)
        print_text(&p);
    free(p.label);
    free(p.sample);
    free(p.us);
    free(p.ticks);
    feed_free(&p.feed);
    qnt_session_free(p.session);
    return code;
}
