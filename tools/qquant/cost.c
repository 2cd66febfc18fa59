/* What runs of models take on this machine: of rounds of profiled runs of one image on one pinned thread the least of
 * the medians, since what else the machine does lasts for some of them; the models' rounds in turn, so that it meets
 * them alike. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <qnt/profile.h>
#include "search.h"

enum { WARM = 3, ROUNDS = 5, LEAST = 3, MOST = 41 }; /* runs: of a round */
static const double long_us = 0.3e6;                 /* of one model's runs in a round, as far as LEAST allows */

struct clocked {
    qnt_session *session;
    struct source source;
    struct feed feed;
    size_t parts;
    uint64_t *ticks; /* [MOST][parts] */
    size_t *node;    /* by step: of r->ptq; as many as there are: none of them */
};

/* Steps have the names of nodes. */
static void find_nodes(const struct run *r, struct clocked *c)
{
    const size_t nodes = qnt_ptq_layer_count(r->ptq);
    for (size_t k = 0; k + 2 < c->parts; k++)
        c->node[k] = nodes;
    for (size_t n = 0; n < nodes; n++) {
        qnt_ptq_layer l = {.size = sizeof l};
        qnt_step_info step;
        const int found = !qnt_ptq_layer_at(r->ptq, n, &l);
        for (size_t k = 0; k + 2 < c->parts && found; k++)
            if (c->node[k] == nodes && !qnt_session_step(c->session, k, &step) && !strcmp(l.name, step.name))
                c->node[k] = n;
    }
}

static int create(const struct run *r, qnt_model *model, struct clocked *c)
{
    int code = opt_fail(r->tool, qnt_session_create(model, NULL, &c->session));
    source_noise(&c->source, model);
    if (code == EXIT_OK)
        code = feed_create(r->tool, c->session, &c->source, 1, &c->feed);
    if (code != EXIT_OK)
        return code;
    for (size_t k = 0; k < r->n_in; k++)
        memcpy(c->feed.in_data[k], r->in[k].data, r->in[k].bytes);
    c->parts = qnt_session_step_count(c->session) + 2;
    c->ticks = calloc(MOST, c->parts * sizeof *c->ticks);
    c->node = calloc(c->parts, sizeof *c->node);
    if (!c->ticks || !c->node)
        return opt_error(r->tool, EXIT_RESOURCE, "out of memory: times of %d runs", MOST);
    find_nodes(r, c);
    return EXIT_OK;
}

static qnt_status run_once(const struct clocked *c, size_t i)
{
    return qnt_session_profile_io(c->session, (const void *const *)c->feed.in_data, c->feed.out_data, 1,
                                  c->ticks + i * c->parts, c->parts);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *value, size_t n)
{
    qsort(value, n, sizeof *value, by_value);
    return value[n / 2];
}

static double us_of(const struct clocked *c, size_t run, size_t part, double rate)
{
    return (double)c->ticks[run * c->parts + part] * 1e6 / rate;
}

static double whole_us(const struct clocked *c, size_t run, double rate)
{
    double us = 0;
    for (size_t k = 0; k < c->parts; k++)
        us += us_of(c, run, k, rate);
    return us;
}

static void take(const struct run *r, const struct clocked *c, size_t runs, double rate, struct cost *cost)
{
    double sample[MOST];
    for (size_t i = 0; i < runs; i++)
        sample[i] = whole_us(c, i, rate);
    cost->run = fmin(cost->run, median(sample, runs));
    for (size_t k = 0; k + 2 < c->parts && cost->node; k++) {
        if (c->node[k] == qnt_ptq_layer_count(r->ptq))
            continue;
        for (size_t i = 0; i < runs; i++)
            sample[i] = us_of(c, i, 1 + k, rate);
        cost->node[c->node[k]] = fmin(cost->node[c->node[k]], median(sample, runs));
    }
}

/* How many runs a round has, by the longest model; they are warm then. */
static qnt_status warm_up(const struct clocked *c, size_t n, double rate, size_t *runs)
{
    double longest = 0;
    qnt_status status = QNT_OK;
    for (size_t w = 0; w < WARM; w++)
        for (size_t k = 0; k < n && !status; k++)
            if (!(status = run_once(&c[k], 0)) && w)
                longest = fmax(longest, whole_us(&c[k], 0, rate));
    *runs = longest * MOST <= long_us ? MOST : longest * LEAST >= long_us ? LEAST : (size_t)(long_us / longest);
    return status;
}

static int measure(const struct run *r, struct clocked *c, size_t n, struct cost *cost)
{
    double rate = 1;
    size_t runs = LEAST;
    qnt_status status = qnt_ticks_per_second(&rate);
    if (!status)
        status = warm_up(c, n, rate, &runs);
    for (size_t k = 0; k < n; k++) {
        cost[k].run = INFINITY;
        for (size_t i = 0; i < qnt_ptq_layer_count(r->ptq) && cost[k].node; i++)
            cost[k].node[i] = INFINITY;
    }
    for (int round = 0; round < ROUNDS && !status; round++) {
        for (size_t k = 0; k < n && !status; k++) {
            for (size_t i = 0; i < WARM && !status; i++) /* the caches are its own again */
                status = run_once(&c[k], 0);
            for (size_t i = 0; i < runs && !status; i++)
                status = run_once(&c[k], i);
            if (!status)
                take(r, &c[k], runs, rate, &cost[k]);
        }
    }
    return opt_fail(r->tool, status);
}

int cost_measure(const struct run *r, qnt_model *const *model, size_t n, struct cost *cost)
{
    struct clocked *c = calloc(n, sizeof *c);
    cpu_set_t old;
    int code = c ? EXIT_OK : opt_error(r->tool, EXIT_RESOURCE, "out of memory: %zu sessions", n);
    for (size_t k = 0; k < n && code == EXIT_OK; k++)
        code = create(r, model[k], &c[k]);
    if (code == EXIT_OK) {
        env_pin(r->tool, &r->cpus, &old);
        code = measure(r, c, n, cost);
        env_unpin(&old);
    }
    for (size_t k = 0; k < n && c; k++) {
        feed_free(&c[k].feed);
        qnt_session_free(c[k].session);
        free(c[k].ticks);
        free(c[k].node);
    }
    free(c);
    return code;
}
