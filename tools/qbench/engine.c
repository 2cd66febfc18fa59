/* qbench engine: windows in turn, each between two measurements of a line's round trip and of the kernel; windows
 * between which these changed are taken again, and in the end left out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "simd/ticks.h"
#include "tools/qbench/engine.h"

enum { RETAKES = 4, WATCHES = 64, SPIN_US = 1000000 };
/* Slots: more than a first cache holds, whose lines come at twice the rate; as an engine has by default. */
enum { LARGE = 4096, SMALL = 256 };
static const double calm = 1.2; /* quotient of the round trips before and after */

#define DEPTH(text, depth, goal_)                                                                                      \
    {                                                                                                                  \
        .name = text, .run = qe_depth, .n = depth, .unit = "us", .measure = QE_TRIPS, .goal = goal_                    \
    }
#define PROCESS(text, depth, to)                                                                                       \
    {                                                                                                                  \
        .name = text, .run = qe_process, .n = depth, .unit = "us", .measure = QE_QUOTIENT, .goal = 1.1, .beside = to   \
    }
#define RING(text, slots_, batch, measure_, goal_)                                                                     \
    {                                                                                                                  \
        .name = text, .run = qe_ring, .slots = slots_, .n = batch, .unit = "M/s", .scale = 1e-6, .measure = measure_,  \
        .least = true, .goal = goal_                                                                                   \
    }
#define WAY(text, way, drawn_)                                                                                         \
    {                                                                                                                  \
        .name = text, .run = qe_way, .unit = "us", .drawn = drawn_, .arg = (void *)&way                                \
    }
static const struct qe_case cases[] = {
    {.name = "engine depth 1", .run = qe_depth, .n = 1, .unit = "us", .measure = QE_TRIPS, .goal = 1.0, .drawn = true},
    {.name = "engine depth 1 with data", .run = qe_depth_moving, .n = 1, .unit = "us"},
    DEPTH("engine depth 2", 2, 0.4),
    DEPTH("engine depth 4", 4, 0.4),
    DEPTH("engine depth 8", 8, 0.4),
    DEPTH("engine depth 32", 32, 0.4),
    PROCESS("process depth 1", 1, "engine depth 1"),
    PROCESS("process depth 2", 2, "engine depth 2"),
    PROCESS("process depth 8", 8, "engine depth 8"),
    PROCESS("process depth 32", 32, "engine depth 32"),
    {.name = "a word each way", .run = qe_bare, .unit = "us"},
    WAY("futex", qe_futex, true),
    WAY("eventfd", qe_eventfd, true),
    WAY("Unix socket", qe_socket, true),
    WAY("TCP loopback", qe_tcp, false),
    {.name = "ONNX Runtime", .run = qe_ort, .unit = "us"},
    RING("ring 1 at a time", LARGE, 1, QE_FIGURE, 150),
    RING("ring 4 at a time", LARGE, 4, QE_NOTHING, 0),
    RING("ring 16 at a time", LARGE, 16, QE_NOTHING, 0),
    RING("ring 64 at a time", LARGE, 64, QE_FIGURE, 350),
    {.name = "4096 lines to and fro", .run = qe_exchange, .slots = LARGE, .unit = "M/s", .scale = 1e-6},
    RING("256 slots, 1 at a time", SMALL, 1, QE_NOTHING, 0),
    RING("256 slots, 64 at a time", SMALL, 64, QE_NOTHING, 0),
    {.name = "256 lines to and fro", .run = qe_exchange, .slots = SMALL, .unit = "M/s", .scale = 1e-6},
    {.name = "idle worker",
     .run = qe_idle,
     .unit = "% CPU",
     .scale = 100,
     .measure = QE_FIGURE,
     .goal = 1,
     .once = true},
};
enum { CASES = sizeof cases / sizeof *cases };

double qe_median(double *value, size_t n)
{
    return qb_stat_of(value, n).median;
}

/* ---- set up, and down ---- */

static int choose_cpus(struct qe *e)
{
    const struct env_cpus *given = &e->q->cpus;
    if (e->q->threads > 1)
        return opt_usage(e->q->tool,
                         "engine: one program and one worker are measured; --cpus says where, not --threads");
    if (e->q->cold)
        return opt_usage(e->q->tool, "engine: --cold: caches are as the engine finds them");
    if (given->count < 2 || given->cpu[0] == given->cpu[1])
        return opt_error(e->q->tool, EXIT_UNSUPPORTED,
                         "engine: program and worker take two CPUs, and there is one to be used");
    e->cpu[0] = given->cpu[0];
    e->cpu[1] = given->cpu[1];
    return EXIT_OK;
}

static int start_engine(struct qe *e)
{
    char cores[16];
    snprintf(cores, sizeof cores, "%u", e->cpu[1]);
    /* The default policy, but that the worker looks on while the program's part of a window begins. */
    const qnt_engine_config config = {
        .size = sizeof config, .cores = cores, .workers = 1, .depth = 2 * QE_DEPTH, .spin_us = SPIN_US};
    qnt_status status = qnt_engine_create(&e->model, 1, &config, &e->engine);
    if (!status)
        status = qnt_engine_pause(e->engine);
    return opt_fail(e->q->tool, status);
}

static void learn_watch(struct qe *e)
{
    double sample[WATCHES];
    for (int i = 0; i < WATCHES; i++) {
        const uint64_t begin = qnt_ticks();
        sample[i] = (double)(qnt_ticks() - begin);
    }
    e->watch = qe_median(sample, WATCHES);
    e->ticks_per_second = e->engine->ticks_per_ns * 1e9;
    e->slice = (uint64_t)((double)e->q->seconds / e->q->rounds * e->ticks_per_second);
}

static int open_engine(struct qe *e)
{
    struct qbench *q = e->q;
    int code = choose_cpus(e);
    if (code)
        return code;
    qnt_status status =
        q->file ? model_open(q->ctx, q->file, &q->import, &e->model) : qe_model_build(q->ctx, &e->model);
    if (status || (status = qnt_session_create(e->model, NULL, &e->session)))
        return opt_fail(q->tool, status);
    if ((code = qe_memory_create(e)) || (code = qe_mate_create(e)) || (code = start_engine(e)))
        return code;
    learn_watch(e);
    return EXIT_OK;
}

static void close_engine(struct qe *e)
{
    qe_ort_close(e);
    qe_mate_free(e);
    qnt_engine_destroy(e->engine);
    qnt_session_free(e->session);
    qnt_model_free(e->model);
    qe_memory_free(e);
}

/* ---- windows ---- */

static void count_latency(const struct qe *e, struct qe_row *row)
{
    for (uint32_t i = 0; i < e->window->samples; i++) {
        const double ns = e->window->ticks[i] / e->ticks_per_second * 1e9;
        const double at = floor(QE_SPLIT * log2(fmax(ns, 1)));
        row->count[(size_t)fmin(at, QE_BUCKETS - 1)]++;
        row->counted++;
    }
}

/* One try; *kept: the machine was the same before and after. */
static int take_window(struct qe *e, struct qe_report *r, struct qe_row *row, bool *kept)
{
    const struct qe_case *c = row->c;
    double trip[2], kernel[2];
    *kept = false;
    e->window->samples = e->window->failed = 0;
    trip[0] = qe_trip(e);
    kernel[0] = qe_kernel(e);
    const int code = c->run(e, c);
    kernel[1] = qe_kernel(e);
    trip[1] = qe_trip(e);
    if (!code && e->window->failed)
        return opt_error(e->q->tool, EXIT_FAILED, "engine: %s: %u operations failed", c->name, e->window->failed);
    if (code || (!c->once && fmax(trip[0], trip[1]) > calm * fmin(trip[0], trip[1])))
        return code;
    *kept = true;
    const double t = (trip[0] + trip[1]) / 2, k = (kernel[0] + kernel[1]) / 2;
    if (row->count)
        count_latency(e, row); /* before the median sorts them */
    if (!c->scale) {
        const double seconds = qe_median(e->window->ticks, e->window->samples) / e->ticks_per_second;
        row->figures[row->kept] = seconds * 1e6;
        row->overs[row->kept] = seconds - k;
        row->tripss[row->kept] = (seconds - k) / t;
    } else {
        row->figures[row->kept] = e->window->rate * c->scale;
    }
    row->kept++;
    r->trips[r->samples] = t;
    r->kernels[r->samples++] = k;
    return EXIT_OK;
}

static int measure(struct qe *e, struct qe_report *r)
{
    for (uint32_t round = 0; round < e->q->rounds; round++)
        for (size_t i = 0; i < r->rows; i++) {
            struct qe_row *row = &r->row[i];
            bool kept = *row->skipped || (row->c->once && round);
            for (int t = 0; t < RETAKES && !kept; t++) {
                const int code = take_window(e, r, row, &kept);
                if (code)
                    return code;
                row->dropped += !kept;
            }
        }
    return EXIT_OK;
}

/* ---- the report ---- */

static const struct qe_row *row_named(const struct qe_report *r, const char *name)
{
    for (size_t i = 0; i < r->rows; i++)
        if (!strcmp(r->row[i].c->name, name))
            return &r->row[i];
    return NULL;
}

/* Of one operation at a time what comes on top of the kernel, of several all of the time. */
static double quotient(const struct qe_report *r, const struct qe_row *row)
{
    const struct qe_row *other = row_named(r, row->c->beside);
    if (!other || !other->kept)
        return NAN;
    return row->c->n == 1 ? row->over.median / other->over.median : row->figure.median / other->figure.median;
}

static void sum_up(struct qe_report *r)
{
    for (size_t i = 0; i < r->rows; i++) {
        struct qe_row *row = &r->row[i];
        row->judged = NAN;
        if (!row->kept)
            continue;
        row->figure = qb_stat_of(row->figures, row->kept);
        if (!row->c->scale) {
            row->over = qb_stat_of(row->overs, row->kept);
            row->trips = qb_stat_of(row->tripss, row->kept);
        }
    }
    for (size_t i = 0; i < r->rows; i++) {
        struct qe_row *row = &r->row[i];
        if (row->kept && row->c->measure)
            row->judged = row->c->measure == QE_TRIPS    ? row->trips.median
                          : row->c->measure == QE_FIGURE ? row->figure.median
                                                         : quotient(r, row);
    }
    if (r->samples) {
        r->trip = qb_stat_of(r->trips, r->samples);
        r->kernel = qb_stat_of(r->kernels, r->samples);
    }
}

static int choose_rows(struct qe *e, struct qe_report *r)
{
    struct qbench *q = e->q;
    const size_t windows = (size_t)q->rounds * CASES;
    if (!(r->row = qb_alloc(q, CASES * sizeof *r->row)) || !(r->trips = qb_alloc(q, windows * sizeof(double))) ||
        !(r->kernels = qb_alloc(q, windows * sizeof(double))))
        return EXIT_RESOURCE;
    for (size_t i = 0; i < CASES; i++) {
        if (!qb_wanted(q, cases[i].name))
            continue;
        struct qe_row *row = &r->row[r->rows++];
        row->c = &cases[i];
        row->figures = qb_alloc(q, 3 * (size_t)q->rounds * sizeof(double));
        row->count = cases[i].drawn ? qb_alloc(q, QE_BUCKETS * sizeof *row->count) : NULL;
        if (!row->figures || (cases[i].drawn && !row->count))
            return EXIT_RESOURCE;
        row->overs = row->figures + q->rounds;
        row->tripss = row->overs + q->rounds;
        if (cases[i].run == qe_ort) {
            if (!e->ort)
                snprintf(row->skipped, sizeof row->skipped, "--ort names no library");
            else
                qe_ort_open(e, row->skipped, sizeof row->skipped);
        }
    }
    return r->rows ? EXIT_OK : opt_usage(q->tool, "--sizes: no row of engine has '%s' in its name", q->sizes);
}

int qb_engine(struct qbench *q)
{
    struct qe e = {.q = q, .ort = q->ort};
    struct qe_report r = {0};
    q->reported = q->drawn = true;
    int code = open_engine(&e);
    if (!code && !(code = choose_rows(&e, &r)) && !(code = measure(&e, &r))) {
        sum_up(&r);
        code = qe_report(&e, &r);
        if (!code && q->plot)
            code = qe_plot(&e, &r);
    }
    close_engine(&e);
    return qb_drop(q, code);
}
