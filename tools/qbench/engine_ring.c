/* Windows of the ring alone: messages from the program to the mate, who sums every word of them; and the bound of it,
 * lines that go to and fro. */
#include <stdlib.h>
#include <string.h>
#include "simd/pause.h"
#include "simd/ticks.h"
#include "tools/qbench/engine.h"

enum { MOST = 64, CHUNK = 4096 /* messages or lines that are timed together */, WORDS = QE_LINE / 8 };

struct flow {
    struct qe *e;
    struct qnt_ring *ring;
    uint32_t slots, batch;
    uint64_t sum, got; /* the consumer's */
};

/* Word 0 is 0 in the last message alone. */
static void consume(void *arg)
{
    struct flow *f = arg;
    struct qnt_ring_out out = qnt_ring_consumer(f->ring, f->slots, 0);
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
        if (!n)
            qnt_pause(); /* else it takes lines away that are being written */
    }
    f->sum = sum;
    f->got = got;
}

static uint64_t sum_of(uint64_t i)
{
    return (i + 1) + i + (i ^ 1) + i + (i + 3) + i + i;
}

/* Messages from number i on, as many of n as there is room for, in their slots; tells how many. */
static uint32_t put(struct qnt_ring_in *in, uint64_t i, uint32_t n)
{
    const uint64_t room = qnt_ring_room(in, n);
    struct qnt_ring_in p = *in;
    n = n < room ? n : (uint32_t)room;
    for (const uint64_t end = i + n; i < end; i++) {
        *qnt_ring_next(&p) = (struct qnt_message){{i + 1, i, i ^ 1, i, i + 3, i, i}};
        qnt_ring_send(&p);
    }
    in->tail = p.tail;
    return n;
}

/* The rate of the window's chunks in their middle: what else the system has to do slows some down. */
static void set_rate(struct qe *e, size_t chunks)
{
    e->window->rate = CHUNK / (qe_median(e->window->ticks, chunks) / e->ticks_per_second);
}

static uint64_t produce(struct flow *f, uint64_t *sent)
{
    struct qnt_ring_in in = qnt_ring_producer(f->ring, f->slots, 0);
    struct qe_window *w = f->e->window;
    uint64_t sum = 0, i = 0, now = qnt_ticks();
    const uint64_t until = now + f->e->slice;
    size_t chunks = 0;
    do {
        const uint64_t begin = now;
        for (const uint64_t end = i + CHUNK; i < end;) {
            const uint32_t n = put(&in, i, end - i < f->batch ? (uint32_t)(end - i) : f->batch);
            for (uint32_t k = 0; k < n; k++)
                sum += sum_of(i++);
        }
        now = qnt_ticks();
        w->ticks[chunks++] = (double)(now - begin);
    } while (now < until && chunks < QE_SAMPLES);
    set_rate(f->e, chunks);
    while (!qnt_ring_room(&in, 1))
        ;
    memset(qnt_ring_next(&in), 0, sizeof(struct qnt_message));
    qnt_ring_send(&in);
    *sent = i + 1;
    return sum;
}

int qe_ring(struct qe *e, const struct qe_case *c)
{
    uint64_t sent;
    struct flow f = {.e = e, .slots = c->slots, .batch = c->n};
    if (!(f.ring = aligned_alloc(128, qnt_ring_bytes(c->slots))))
        return opt_fail(e->q->tool, QNT_ERR_NOMEM);
    qnt_ring_format(f.ring, c->slots, 0);
    qe_mate_begin(e, consume, &f);
    const uint64_t sum = produce(&f, &sent);
    qe_mate_end(e);
    free(f.ring);
    if (f.sum != sum || f.got != sent)
        return opt_error(e->q->tool, EXIT_FAILED, "engine: %s: %llu messages of %llu, with another sum", c->name,
                         (unsigned long long)f.got, (unsigned long long)sent);
    return EXIT_OK;
}

/* Half of the lines are written while the other half is read, turn by turn the other one: so nobody waits for a line,
 * but for half of them. */
struct line {
    _Alignas(QE_LINE) uint64_t word[WORDS];
};
struct exchange {
    _Alignas(128) _Atomic uint64_t written; /* turns */
    _Alignas(128) _Atomic uint64_t read;
    _Atomic bool ends;
    uint32_t half;
    _Alignas(128) struct line line[];
};

static void read_lines(void *arg)
{
    struct exchange *x = arg;
    for (uint64_t turn = 0;; turn++) {
        while (atomic_load_explicit(&x->written, memory_order_acquire) == turn)
            if (atomic_load_explicit(&x->ends, memory_order_acquire) &&
                atomic_load_explicit(&x->written, memory_order_acquire) == turn)
                return;
        const struct line *l = x->line + turn % 2 * x->half;
        for (uint32_t i = 0; i < x->half; i++) {
            __builtin_prefetch(&l[i + QNT_RING_AHEAD < x->half ? i + QNT_RING_AHEAD : i]);
            for (int k = 0; k < WORDS; k++)
                (void)*(const volatile uint64_t *)&l[i].word[k];
        }
        atomic_store_explicit(&x->read, turn + 1, memory_order_release);
    }
}

static void write_half(struct exchange *x, uint64_t turn)
{
    struct line *l = x->line + turn % 2 * x->half;
    for (uint32_t i = 0; i < x->half; i++)
        for (int k = 0; k < WORDS; k++)
            *(volatile uint64_t *)&l[i].word[k] = turn + i;
}

int qe_exchange(struct qe *e, const struct qe_case *c)
{
    const size_t bytes = sizeof(struct exchange) + c->slots * sizeof(struct line);
    struct exchange *x = aligned_alloc(128, bytes);
    uint64_t turn = 0;
    size_t chunks = 0;
    if (!x)
        return opt_fail(e->q->tool, QNT_ERR_NOMEM);
    memset(x, 0, bytes);
    x->half = c->slots / 2;
    qe_mate_begin(e, read_lines, x);
    uint64_t now = qnt_ticks();
    const uint64_t until = now + e->slice;
    do {
        const uint64_t begin = now;
        for (const uint64_t end = turn + CHUNK / x->half; turn < end;) {
            while (turn >= 2 && atomic_load_explicit(&x->read, memory_order_acquire) < turn - 1)
                ;
            write_half(x, turn);
            atomic_store_explicit(&x->written, ++turn, memory_order_release);
        }
        now = qnt_ticks();
        e->window->ticks[chunks++] = (double)(now - begin);
    } while (now < until && chunks < QE_SAMPLES);
    set_rate(e, chunks);
    atomic_store_explicit(&x->ends, true, memory_order_release);
    qe_mate_end(e);
    free(x);
    return EXIT_OK;
}
