/* Why a layer is slow: the least time that its products and its bytes take by the peaks of the same run, and what of
 * its shape keeps it from them. */
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include "tools/qbench/model.h"

static const double good = 0.7;    /* of the roof: nothing to explain */
static const double counts = 0.15; /* of the time: worth to be told */
static const double starting =
    250e-9; /* seconds: what is called, looked up and shared out before and behind the work */
enum { SHORT_SUM = 128, FEW_COLUMNS = 32 };

static double ceil_to(double n, double to)
{
    return to > 0 ? ceil(n / to) * to : n;
}

/* Rows of a product: whole batches, of which every thread has its part. */
static double rows_of(const struct qb_model *m, const struct qb_layer *l)
{
    return (double)l->work.rows * m->q->batch;
}

static double padded_rows(const struct qb_model *m, const struct qb_layer *l)
{
    const double rows = rows_of(m, l);
    if (l->work.tile_least)
        return fmax(rows, l->work.tile_least);
    return rows < m->q->threads ? ceil_to(rows, l->work.tile_rows)
                                : m->q->threads * ceil_to(rows / m->q->threads, l->work.tile_rows);
}

void qb_layer_work(const struct qb_model *m, struct qb_layer *l, double all_weights)
{
    const qnt_step_work *w = &l->work;
    const double columns = ceil_to((double)w->columns, w->tile_columns),
                 depth = ceil_to((double)w->depth, w->tile_depth);
    l->macs = (double)w->macs * m->q->batch;
    l->padded = w->tile_rows ? (double)w->groups * padded_rows(m, l) * columns * depth : l->macs;
    l->bytes = (double)(w->in_bytes + w->out_bytes) * m->q->batch + (double)w->weight_bytes;
    l->held = l->bytes;
    if (2 * (double)w->weight_bytes > l->bytes && all_weights > l->bytes)
        l->held = all_weights;
    l->held /= m->q->threads;
    l->peak = !w->macs ? QB_NONE : w->binary ? QB_B1 : w->weight_bits > 8 ? QB_F32 : QB_S8;
    l->roof = w->macs ? QB_READ : QB_COPY;
    l->roof = (enum qb_peak)(l->roof + qb_level_of(m->q, l->held));
}

static void __attribute__((format(printf, 2, 3))) say(struct qb_layer *l, const char *format, ...)
{
    size_t used = strlen(l->why);
    va_list args;
    va_start(args, format);
    if (used)
        used += (size_t)snprintf(l->why + used, sizeof l->why - used, "; ");
    if (used < sizeof l->why)
        vsnprintf(l->why + used, sizeof l->why - used, format, args);
    va_end(args);
}

/* The side of the product that fills its tiles worst. */
static void say_padding(const struct qb_model *m, struct qb_layer *l)
{
    const qnt_step_work *w = &l->work;
    const double full[] = {padded_rows(m, l), ceil_to((double)w->columns, w->tile_columns),
                           ceil_to((double)w->depth, w->tile_depth)};
    const double used[] = {rows_of(m, l), (double)w->columns, (double)w->depth};
    const uint32_t side[] = {w->tile_rows, w->tile_columns, w->tile_depth};
    static const char *const name[] = {"rows", "columns", "depth"};
    int worst = 0;
    for (int i = 1; i < 3; i++)
        if (full[i] / used[i] > full[worst] / used[worst])
            worst = i;
    say(l, "tile %u x %u x %u: %.0f %% of the products are padding, %.0f %s for %.0f", side[0], side[1], side[2],
        100 * (1 - l->macs / l->padded), full[worst], name[worst], used[worst]);
}

static void say_kernel(struct qb_layer *l)
{
    const qnt_step_work *w = &l->work;
    if (!*w->kernel)
        say(l, "no kernel of its own");
    else if (!strcmp(w->isa, "ref"))
        say(l, "reference kernel%s%s", *w->reason ? ": " : "", w->reason);
    else if (*w->faster)
        say(l, "no %s: %s", w->faster, w->reason);
}

static void say_shape(const struct qb_model *m, struct qb_layer *l)
{
    const qnt_step_work *w = &l->work;
    if (l->by_tile - l->by_peak > counts * l->seconds.median)
        say_padding(m, l);
    if (w->groups > 1 && w->columns == 1)
        say(l, "depthwise: %.0f products for each value written", (double)w->depth);
    else if (w->depth < SHORT_SUM)
        say(l, "short sums: %.0f products, then the epilogue", (double)w->depth);
    if (w->tile_rows && w->rows > 1 && w->columns <= FEW_COLUMNS)
        say(l, "few channels: %.0f columns for each row that is read", (double)w->columns);
}

/* Values written in a nanosecond. */
static void say_arithmetic(const struct qb_model *m, struct qb_layer *l)
{
    double values = m->q->batch;
    for (uint32_t d = 0; d < l->work.rank; d++)
        values *= (double)l->work.dim[d];
    say(l, "its arithmetic binds, not memory: %.3g values a nanosecond", values / l->seconds.median * 1e-9);
}

void qb_layer_why(const struct qb_model *m, struct qb_layer *l)
{
    const struct qb_stat *rate = m->q->peak_rate;
    const double memory = rate[l->roof].median > 0 ? l->bytes / rate[l->roof].median : 0;
    l->by_peak = l->by_tile = 0;
    if (l->peak != QB_NONE && rate[l->peak].median > 0) {
        l->by_peak = l->macs / rate[l->peak].median;
        l->by_tile = l->padded / rate[l->peak].median;
    }
    l->by_roof = fmax(l->by_peak, memory);
    const enum qb_peak level = l->roof;
    if (memory <= l->by_peak)
        l->roof = l->peak;
    if (l->seconds.median <= 0 || l->by_roof >= good * l->seconds.median)
        return;
    say_kernel(l);
    if (l->work.macs && memory > l->by_tile && memory > 2 * counts * l->seconds.median)
        say(l, "memory: %.0f KB at the %s rate take %.2f us", l->bytes / 1e3, qb_peak_name(level), 1e6 * memory);
    else if (l->seconds.median < l->by_roof + starting)
        say(l, "small: %.2g us at its roof, the rest is starting", 1e6 * l->by_roof);
    else if (l->work.macs)
        say_shape(m, l);
    else if (l->by_roof < 2 * counts * l->seconds.median)
        say_arithmetic(m, l);
    if (!*l->why)
        say(l, "not explained by its shape");
}
