/* Time-boxed batches: the median of many, and their spread. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "run.h"

enum { SAMPLES = 400 };
static const double batch_seconds = 100e-6, warm_seconds = 10e-3;

static struct ck_results *results;
static double budget;

static struct {
    double begun, sample, work, ns[SAMPLES]; /* ns: seconds of one call */
    size_t batch, count;
    bool warm;
    struct ck_result *to;
} now;

void ck_bench_into(struct ck_results *r, double seconds)
{
    results = r;
    budget = seconds;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool ck_bench_begin(struct ck *c, const char *label, enum ck_unit unit, double work)
{
    if (!c->bench || c->errors || results->count == CK_RESULTS)
        return false;
    now.to = &results->v[results->count++];
    snprintf(now.to->label, sizeof now.to->label, "%s", label);
    now.to->unit = unit;
    now.work = work;
    now.batch = now.count = 0;
    now.warm = false;
    ck_state_clean();
    return true;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t finish(void)
{
    qsort(now.ns, now.count, sizeof *now.ns, ascending);
    double median = now.ns[now.count / 2];
    now.to->rate = now.work / median;
    now.to->spread = (now.ns[now.count * 9 / 10] - now.ns[now.count / 10]) / median;
    return 0;
}

/* First the batch doubles until it fills its time, which also warms up; then samples are taken until the budget ends.
 */
size_t ck_bench_batch(struct ck *c)
{
    (void)c;
    double t = seconds();
    if (!now.batch) {
        now.batch = 1;
        now.begun = t;
    } else if (!now.warm) {
        if (t - now.sample < batch_seconds)
            now.batch *= 2;
        if (t - now.begun > warm_seconds && t - now.sample >= batch_seconds / 2) {
            now.warm = true;
            now.begun = t;
        }
    } else {
        now.ns[now.count++] = (t - now.sample) / (double)now.batch;
        if (now.count == SAMPLES || (t - now.begun > budget && now.count >= 5))
            return finish();
    }
    now.sample = seconds();
    return now.batch;
}
