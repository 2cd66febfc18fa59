/* Windows of the ring alone: messages from the program to the mate, who sums every word of them; and the bound of it,
 * lines read that the other core has written. */
#include <stdlib.h>
#include <string.h>
#include "simd/ticks.h"
#include "tools/qbench/engine.h"

enum { SLOTS = 1024, MOST = 64, LOOK = 4096 /* messages between two looks at the watch */, LINES = 256 };

struct flow {
    struct qe *e;
    struct qnt_ring *ring;
    uint32_t batch;
    uint64_t sum, got; /* the consumer's */
};

/* Word 0 is 0 in the last message alone. */
static void consume(void *arg)
{
    struct flow *f = arg;
    struct qnt_ring_out out = qnt_ring_consumer(f->ring, SLOTS, 0);
    struct qnt_message m[MOST];
    uint64_t sum = 0, got = 0;
    for (bool last = false; !last;) {
        const uint32_t n = qnt_ring_get(&out, m, f->batch);
        for (uint32_t i = 0; i < n; i++) {
            for (int k = 0; k < QNT_RING_WORDS; k++)
                sum += m[i].word[k];
            last = !m[i].word[0];
        }
        got += n;
    }
    f->sum = sum;
    f->got = got;
}

static struct qnt_message message(uint64_t i)
{
    return (struct qnt_message){{i + 1, i, i ^ 1, i, i + 3, i, i}};
}

static uint64_t sum_of(uint64_t i)
{
    return (i + 1) + i + (i ^ 1) + i + (i + 3) + i + i;
}

static uint64_t produce(struct flow *f, uint64_t *sent)
{
    struct qnt_ring_in in = qnt_ring_producer(f->ring, SLOTS, 0);
    struct qnt_message m[MOST];
    uint64_t sum = 0, i = 0;
    const uint64_t until = qnt_ticks() + f->e->slice;
    do {
        for (const uint64_t end = i + LOOK; i < end;) {
            for (uint32_t k = 0; k < f->batch; k++) {
                m[k] = message(i + k);
                sum += sum_of(i + k);
            }
            for (uint32_t done = 0; done < f->batch;)
                done += qnt_ring_put(&in, m + done, f->batch - done);
            i += f->batch;
        }
    } while (qnt_ticks() < until);
    memset(m, 0, sizeof *m);
    while (!qnt_ring_put(&in, m, 1))
        ;
    *sent = i + 1;
    return sum;
}

int qe_ring(struct qe *e, const struct qe_case *c)
{
    uint64_t sent;
    struct flow f = {.e = e, .batch = c->n};
    if (!(f.ring = aligned_alloc(128, qnt_ring_bytes(SLOTS))))
        return opt_fail(e->q->tool, QNT_ERR_NOMEM);
    qnt_ring_format(f.ring, SLOTS, 0);
    const uint64_t begin = qnt_ticks();
    qe_mate_begin(e, consume, &f);
    const uint64_t sum = produce(&f, &sent);
    qe_mate_end(e);
    e->window->rate = (double)sent / ((double)(qnt_ticks() - begin) / e->ticks_per_second);
    free(f.ring);
    if (f.sum != sum || f.got != sent)
        return opt_error(e->q->tool, EXIT_FAILED, "engine: %s: %llu messages of %llu, with another sum", c->name,
                         (unsigned long long)f.got, (unsigned long long)sent);
    return EXIT_OK;
}

struct written {
    _Alignas(128) _Atomic uint64_t turn; /* even: the mate writes; odd: the program reads */
    _Atomic bool ends;
    _Alignas(128) struct {
        _Alignas(QE_LINE) uint64_t word[QE_LINE / sizeof(uint64_t)];
    } line[LINES];
};

static void write_lines(void *arg)
{
    struct written *w = arg;
    for (uint64_t turn = 0;; turn += 2) {
        while (atomic_load_explicit(&w->turn, memory_order_acquire) != turn)
            if (atomic_load_explicit(&w->ends, memory_order_relaxed))
                return;
        for (size_t i = 0; i < LINES; i++)
            *(volatile uint64_t *)&w->line[i].word[0] = turn + i;
        atomic_store_explicit(&w->turn, turn + 1, memory_order_release);
    }
}

static double read_lines(const struct written *w)
{
    const uint64_t begin = qnt_ticks();
    uint64_t sum = 0;
    for (size_t i = 0; i < LINES; i++)
        sum += *(const volatile uint64_t *)&w->line[i].word[0];
    return (double)(qnt_ticks() - begin) + (double)(sum & 0);
}

int qe_lines_alone(struct qe *e, const struct qe_case *c)
{
    (void)c;
    struct written *w = aligned_alloc(128, sizeof *w);
    size_t n = 0;
    if (!w)
        return opt_fail(e->q->tool, QNT_ERR_NOMEM);
    memset(w, 0, sizeof *w);
    const uint64_t until = qnt_ticks() + e->slice;
    qe_mate_begin(e, write_lines, w);
    for (uint64_t turn = 1; n < QE_SAMPLES && (n < 3 || qnt_ticks() < until); turn += 2) {
        while (atomic_load_explicit(&w->turn, memory_order_acquire) != turn)
            ;
        e->window->ticks[n++] = read_lines(w);
        atomic_store_explicit(&w->turn, turn + 1, memory_order_release);
    }
    atomic_store(&w->ends, true);
    qe_mate_end(e);
    free(w);
    e->window->rate = LINES / (qe_median(e->window->ticks, n) / e->ticks_per_second);
    return EXIT_OK;
}
