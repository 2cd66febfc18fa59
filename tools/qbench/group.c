/* A group: cases and the peaks they are told by, measured in the same rounds; and the memory of cases. */
#include <math.h>
#include <string.h>
#include "tools/qbench/qbench.h"

qnt_status qb_at_end(struct qbench *q, void (*fn)(void *arg), void *arg)
{
    qnt_status status =
        qnt_grow(q->ctx, (void **)&q->owned, &q->owned_room, q->n_owned + 1, sizeof *q->owned, "a list of buffers");
    if (!status)
        q->owned[q->n_owned++] = (struct qb_owned){fn, arg};
    return status;
}

void *qb_alloc(struct qbench *q, size_t bytes)
{
    void *p = qnt_alloc(q->ctx, bytes, "a case");
    if (p && qb_at_end(q, NULL, p)) {
        qnt_release(q->ctx, p);
        return NULL;
    }
    return p;
}

void *qb_noise(struct qbench *q, size_t bytes)
{
    uint8_t *p = qb_alloc(q, bytes);
    uint32_t r = 1;
    for (size_t i = 0; p && i < bytes; i++) {
        r = r * 1664525u + 1013904223u;
        p[i] = (uint8_t)(r >> 24);
    }
    return p;
}

float *qb_noise_f32(struct qbench *q, size_t n)
{
    float *p = qb_alloc(q, n * sizeof *p);
    uint32_t r = 1;
    for (size_t i = 0; p && i < n; i++) {
        r = r * 1664525u + 1013904223u;
        p[i] = (float)(int32_t)r * 0x1p-31f;
    }
    return p;
}

/* The last first: what was made of memory before that. */
int qb_drop(struct qbench *q, int code)
{
    while (q->n_owned) {
        const struct qb_owned *o = &q->owned[--q->n_owned];
        if (o->fn)
            o->fn(o->arg);
        else
            qnt_release(q->ctx, o->arg);
    }
    return code;
}

bool qb_wanted(const struct qbench *q, const char *name)
{
    const char *text = q->sizes;
    for (size_t len; text && *text; text += len + (text[len] == ',')) {
        char part[QB_NAME];
        len = strcspn(text, ",");
        snprintf(part, sizeof part, "%.*s", (int)(len < QB_NAME ? len : QB_NAME - 1), text);
        if (len && strstr(name, part))
            return true;
    }
    return !text;
}

/* The level of the memory that a case moves. */
static int level(const struct qbench *q, const struct qb_case *c)
{
    return qb_level_of(q, c->held > 0 ? c->held : c->bytes);
}

/* What its work is measured by, and where it has products and bytes, what memory allows. */
static enum qb_peak peak_of(const struct qbench *q, const struct qb_case *c)
{
    return c->macs > 0 || c->exact || c->peak == QB_NONE ? c->peak : (enum qb_peak)(c->peak + level(q, c));
}

static enum qb_peak memory_of(const struct qbench *q, const struct qb_case *c)
{
    return c->macs > 0 && c->bytes > 0 ? (enum qb_peak)(QB_READ + level(q, c)) : QB_NONE;
}

static double median(double *value, size_t n)
{
    return qb_stat_of(value, n).median;
}

/* The least seconds that `work` takes in a round. */
static double least(const struct qbench *q, enum qb_peak p, double work, size_t round)
{
    return p == QB_NONE ? 0 : work * q->peak[p].seconds[round] / qb_peak_work(q, p);
}

/* The least seconds to move `bytes` in a round: what the cache below holds may come from there. */
static double least_moved(const struct qbench *q, enum qb_peak memory, double bytes, double threads, size_t round)
{
    if (memory == QB_NONE || memory == QB_READ || q->cold)
        return least(q, memory, bytes, round);
    const double held = fmin(bytes, threads * qb_size_of(q, (enum qb_level)(memory - QB_READ - 1)));
    return least(q, memory - 1, held, round) + least(q, memory, bytes - held, round);
}

static int add_row(struct qbench *q, const struct qb_case *c, double *scratch)
{
    const enum qb_peak peak = peak_of(q, c), memory = memory_of(q, c);
    const double all = c->work.each ? q->threads : 1, macs = c->macs * all, bytes = c->bytes * all;
    const double work = macs > 0 ? macs : bytes, *s = c->work.seconds;
    if (qnt_grow(q->ctx, (void **)&q->row, &q->room, q->rows + 1, sizeof *q->row, "the report"))
        return opt_fail(q->tool, QNT_ERR_NOMEM);
    struct qb_row *r = &q->row[q->rows++];
    memcpy(r->name, c->name, sizeof r->name);
    memcpy(r->type, c->type, sizeof r->type);
    memcpy(r->kernel, c->kernel, sizeof r->kernel);
    r->macs = macs;
    r->bytes = bytes;
    r->peak = peak;
    size_t n = q->taken, bound = 0;
    for (size_t i = 0; i < n; i++)
        scratch[i] = work / s[i];
    r->rate = qb_stat_of(scratch, n);
    for (size_t i = 0; i < n; i++)
        scratch[i] = least(q, peak, work, i) / s[i];
    r->share = peak == QB_NONE ? NAN : median(scratch, n);
    for (size_t i = 0; i < n; i++) {
        double by_peak = least(q, peak, work, i), by_memory = least_moved(q, memory, bytes, q->threads, i);
        bound += by_memory > by_peak;
        scratch[i] = fmax(by_peak, by_memory) / s[i];
    }
    r->limit = 2 * bound > n ? memory : peak;
    r->limit_share = peak == QB_NONE ? NAN : median(scratch, n);
    memcpy(scratch, s, n * sizeof *scratch);
    r->seconds = qb_stat_of(scratch, n);
    return EXIT_OK;
}

/* Median rates of the peaks at hand; of several groups, the last one's. */
static void keep_peaks(struct qbench *q, const bool *needed, double *scratch)
{
    for (int p = 0; p < QB_PEAKS; p++) {
        if (!needed[p])
            continue;
        for (size_t i = 0; i < q->taken; i++)
            scratch[i] = qb_peak_work(q, (enum qb_peak)p) / q->peak[p].seconds[i];
        q->peak_rate[p] = qb_stat_of(scratch, q->taken);
    }
}

static int measure(struct qbench *q, struct qb_case *cases, size_t n)
{
    bool needed[QB_PEAKS + 1] = {false};
    size_t works = 0;
    double *scratch = qb_alloc(q, q->rounds * sizeof *scratch);
    struct qb_work **work = qb_alloc(q, (n + QB_PEAKS) * sizeof *work);
    if (!scratch || !work)
        return opt_fail(q->tool, QNT_ERR_NOMEM);
    for (size_t i = 0; i < n; i++) {
        needed[peak_of(q, &cases[i])] = needed[memory_of(q, &cases[i])] = true;
        if (!(cases[i].work.seconds = qb_alloc(q, q->rounds * sizeof(double))))
            return opt_fail(q->tool, QNT_ERR_NOMEM);
    }
    for (int p = 0; p < QB_PEAKS; p++)
        if (needed[p])
            work[works++] = qb_peak_prepare(q, (enum qb_peak)p);
    for (size_t i = 0; i < n; i++)
        work[works++] = &cases[i].work;
    qb_measure(q, work, works);
    for (size_t i = 0; i < n; i++)
        if (add_row(q, &cases[i], scratch))
            return EXIT_RESOURCE;
    keep_peaks(q, needed, scratch);
    return EXIT_OK;
}

int qb_group(struct qbench *q, struct qb_case *cases, size_t n)
{
    return qb_drop(q, measure(q, cases, n));
}
