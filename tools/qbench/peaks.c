/* What shares are told of. Products: the kernels peak_* of the best level in use. Memory: peak_read, and libc's memcpy
 * from one half of a buffer to the other; the bytes read and those written count. */
#include <math.h>
#include <string.h>
#include "tools/qbench/qbench.h"

/* Operations in a call, in steps of QNT_PEAK: 2^21.6, which floats still count exactly. */
enum { STEPS = 512, PAGE = 4096, LEAST_READ = 1 << 20 };
static const size_t least_memory = (size_t)64 << 20, most_memory = (size_t)512 << 20;
static const size_t default_size[] = {[QB_L1] = 32 << 10, [QB_L2] = 512 << 10};
static const double filling = 0.75; /* of a cache: up to there data count as in it */

static volatile int32_t sink;

void qb_run_products(void *arg, uint32_t part, uint32_t parts)
{
    static const int8_t a[16] = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12, 13, -14, 15, -16};
    static const int8_t b[16] = {127, -128, 99, 45, 0, -1, 77, 8, -99, 1, 2, 3, -4, -8, 64, 32};
    static const float one[4] = {1, 1, 1, 1};
    const struct qb_products *p = arg;
    (void)part;
    (void)parts;
    if (p->kind == QB_S8)
        sink = ((qnt_peak_s8_fn *)p->fn)(a, b, STEPS * QNT_PEAK);
    else if (p->kind == QB_B1)
        sink = ((qnt_peak_b1_fn *)p->fn)((const uint8_t *)a, (const uint8_t *)b, STEPS * QNT_PEAK);
    else
        sink = ((qnt_peak_f32_fn *)p->fn)(one, one, STEPS * QNT_PEAK);
}

static void run_read(void *arg, uint32_t part, uint32_t parts)
{
    const struct qb_memory *m = arg;
    (void)parts;
    sink = m->q->ctx->dsp.peak_read(m->q->buffer + part * m->q->buffer_bytes, m->bytes, m->times);
}

static void run_copy(void *arg, uint32_t part, uint32_t parts)
{
    const struct qb_memory *m = arg;
    uint8_t *p = m->q->buffer + part * m->q->buffer_bytes;
    (void)parts;
    for (size_t i = 0; i < m->times; i++) {
        memcpy(p + m->bytes / 2, p, m->bytes / 2);
        __asm__ volatile("" : : "r"(p) : "memory"); /* or copying the same once more might be left out */
    }
}

const char *qb_peak_name(enum qb_peak p)
{
    static const char *const name[QB_PEAKS + 1] = {"8-bit peak", "binary peak", "float peak",  "L1 read",
                                                   "L2 read",    "L3 read",     "memory read", "L1 copy",
                                                   "L2 copy",    "L3 copy",     "memory copy", ""};
    return name[p];
}

double qb_size_of(const struct qbench *q, enum qb_level l)
{
    const uint64_t size[QB_LEVELS] = {q->machine.l1d_bytes, q->machine.l2_bytes, q->machine.l3_bytes, UINT64_MAX};
    return size[l] || l == QB_L3 ? (double)size[l] : (double)default_size[l];
}

enum qb_level qb_level_of(const struct qbench *q, double bytes)
{
    int l = q->cold ? QB_L3 : QB_L1;
    while (l < QB_MEMORY && bytes > filling * qb_size_of(q, (enum qb_level)l))
        l++;
    return (enum qb_level)l;
}

/* Half of a cache; of L3 not more than a thread's part of a quarter, nor than a few times L2: others use it, too. */
static void choose_sizes(struct qbench *q)
{
    double l3 = qb_size_of(q, QB_L3), last = l3 > 0 ? l3 : qb_size_of(q, QB_L2);
    size_t memory = last > (double)most_memory ? most_memory : 2 * (size_t)last;
    q->bytes[QB_L1] = (size_t)qb_size_of(q, QB_L1) / 2;
    q->bytes[QB_L2] = (size_t)qb_size_of(q, QB_L2) / 2;
    q->bytes[QB_L3] = (size_t)fmin(l3 / 4 / q->threads, 4 * qb_size_of(q, QB_L2));
    memory = memory < least_memory ? least_memory : memory > most_memory ? most_memory : memory;
    q->bytes[QB_MEMORY] = memory / q->threads;
    for (int l = 0; l < QB_LEVELS; l++)
        q->bytes[l] = q->bytes[l] / PAGE * PAGE;
    q->buffer_bytes = q->bytes[QB_MEMORY];
}

/* By a thread in a call. */
static double memory_bytes(const struct qbench *q, enum qb_peak p)
{
    const struct qb_memory *m = &q->memory[p - QB_READ];
    return (double)m->bytes * (double)m->times;
}

double qb_peak_work(const struct qbench *q, enum qb_peak p)
{
    double one = p < QB_READ ? (double)STEPS * QNT_PEAK : memory_bytes(q, p);
    return one * q->threads;
}

static void touch(void *arg, uint32_t part, uint32_t parts)
{
    struct qbench *q = arg;
    (void)parts;
    memset(q->buffer + part * q->buffer_bytes + q->touched, 1, q->to_touch - q->touched);
}

/* Pages that were never written are all the same page of zeros. */
static void touch_up_to(struct qbench *q, size_t bytes)
{
    if (bytes <= q->touched)
        return;
    q->to_touch = bytes;
    if (q->team)
        qnt_team_run(q->team, touch, q);
    else
        touch(q, 0, 1);
    q->touched = bytes;
}

struct qb_work *qb_peak_prepare(struct qbench *q, enum qb_peak p)
{
    if (p >= QB_READ)
        touch_up_to(q, q->bytes[(p - QB_READ) % QB_LEVELS]);
    return &q->peak[p];
}

void qb_sweep_prepare(struct qbench *q)
{
    double bytes = 4 * qb_size_of(q, QB_L2);
    q->sweep_bytes = bytes > (double)q->buffer_bytes ? q->buffer_bytes : (size_t)bytes / PAGE * PAGE;
    touch_up_to(q, q->sweep_bytes);
}

void qb_sweep(const struct qbench *q, uint32_t part)
{
    sink = q->ctx->dsp.peak_read(q->buffer + part * q->buffer_bytes, q->sweep_bytes, 1);
}

int qb_peaks_create(struct qbench *q)
{
    qnt_any_fn *const best[] = {(qnt_any_fn *)q->ctx->dsp.peak_s8, (qnt_any_fn *)q->ctx->dsp.peak_b1,
                                (qnt_any_fn *)q->ctx->dsp.peak_f32};
    choose_sizes(q);
    if (!(q->buffer = qnt_alloc_untouched(q->ctx, q->threads * q->buffer_bytes, "the buffer to read and copy")))
        return opt_fail(q->tool, QNT_ERR_NOMEM);
    for (int p = 0; p < QB_PEAKS; p++) {
        struct qb_work *w = &q->peak[p];
        w->each = true;
        if (!(w->seconds = qnt_alloc_array(q->ctx, q->rounds, sizeof *w->seconds, "times of the peaks")))
            return opt_fail(q->tool, QNT_ERR_NOMEM);
        if (p < QB_READ) {
            q->products[p] = (struct qb_products){(enum qb_peak)p, best[p]};
            w->arg = &q->products[p];
            w->run = qb_run_products;
        } else {
            size_t bytes = q->bytes[(p - QB_READ) % QB_LEVELS];
            q->memory[p - QB_READ] = (struct qb_memory){q, bytes, bytes && bytes < LEAST_READ ? LEAST_READ / bytes : 1};
            w->arg = &q->memory[p - QB_READ];
            w->run = p < QB_COPY ? run_read : run_copy;
        }
    }
    return EXIT_OK;
}

void qb_peaks_free(struct qbench *q)
{
    for (int p = 0; p < QB_PEAKS; p++)
        qnt_release(q->ctx, q->peak[p].seconds);
    qnt_release(q->ctx, q->buffer);
}
