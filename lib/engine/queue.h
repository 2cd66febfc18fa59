#ifndef ENGINE_QUEUE_H
#define ENGINE_QUEUE_H
/* A queue pair: a block of plain memory with a line of flags, a ring of operations and a ring of results, and the
 * places of its two sides, each in its own memory. The block may be an engine's own, or shared with another process,
 * whose operations say where their data are by offsets into an area that the engine's side knows the bounds of.
 *
 * The memory's layout (qnt_queue_bytes from `depth` alone) and the messages are one format for both sides of one build:
 * seven words, which are a qnt_engine_op with its deadline as a count of ticks, 0 for none, and with `ticks` the count
 * at submission. Another process needs qnt_queue_format (once, by whoever made the memory), qnt_queue_user_init,
 * qnt_queue_submit and qnt_queue_poll. Worker side: qnt_queue_attach and what engine.h says. */
#include <string.h>
#include <qnt/engine.h>
#include "lib/engine/ring.h"
#include "simd/ticks.h"

/* Words are stored in the slot one by one, as fields are set: a copy of what has just been stored in pieces would wait
 * for these to be in the cache. The counter is read after the others are stored: that takes a tenth of a message's way,
 * and the slot is on its way to this core meanwhile. */
enum { QNT_WORD_USER, QNT_WORD_IN, QNT_WORD_OUT, QNT_WORD_DEADLINE, QNT_WORD_MODEL, QNT_WORD_FLAGS, QNT_WORD_TICKS };
#define QNT_WORD_IS(field, word) (offsetof(qnt_engine_op, field) == 8 * (word))
_Static_assert(sizeof(qnt_engine_op) == sizeof(struct qnt_message) && QNT_WORD_IS(in, QNT_WORD_IN) &&
                   QNT_WORD_IS(out, QNT_WORD_OUT) && QNT_WORD_IS(deadline_ns, QNT_WORD_DEADLINE) &&
                   QNT_WORD_IS(model, QNT_WORD_MODEL) && QNT_WORD_IS(flags, QNT_WORD_FLAGS) &&
                   QNT_WORD_IS(ticks, QNT_WORD_TICKS),
               "an operation is the seven words of a slot");
static inline uint64_t qnt_word_of(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32; /* two neighbours, on a machine that stores the low end first */
}

enum { QNT_QUEUE_MOST = 1 << 16 /* depth */ };

struct qnt_queue_flags {
    /* Not 0: the worker sleeps, or is about to, and has not been woken. Who changes it to 0 wakes it. */
    _Alignas(128) _Atomic uint32_t asleep;
};

/* The program's side. The submitting and the polling half may be on two threads. */
struct qnt_queue_user {
    _Alignas(128) struct qnt_ring_in ops;
    struct qnt_queue_flags *flags;
    double ticks_per_ns;
    const uint8_t *base; /* addresses become offsets from here; NULL: they stay as they are */
    bool sleeps;         /* the worker may be asleep: `flags` is looked at */
    bool barrier;        /* it has all cores of this process pass a barrier before it sleeps: a plain look is enough */
    _Atomic uint64_t submitted;
    _Alignas(128) struct qnt_ring_out results;
    _Atomic uint64_t polled;
};

static inline size_t qnt_queue_bytes(uint32_t depth)
{
    return sizeof(struct qnt_queue_flags) + 2 * qnt_ring_bytes(depth);
}

static inline struct qnt_ring *qnt_queue_ops(void *memory)
{
    return (struct qnt_ring *)(void *)((uint8_t *)memory + sizeof(struct qnt_queue_flags));
}

static inline struct qnt_ring *qnt_queue_results(void *memory, uint32_t depth)
{
    return (struct qnt_ring *)(void *)((uint8_t *)memory + sizeof(struct qnt_queue_flags) + qnt_ring_bytes(depth));
}

/* memory: qnt_queue_bytes, aligned to 128, of a depth that is a power of two up to QNT_QUEUE_MOST. */
static inline void qnt_queue_format(void *memory, uint32_t depth)
{
    struct qnt_queue_flags *flags = memory;
    atomic_store_explicit(&flags->asleep, 0, memory_order_relaxed);
    qnt_ring_format(qnt_queue_ops(memory), depth, 0);
    qnt_ring_format(qnt_queue_results(memory, depth), depth, 0);
}

/* The program's places in a formatted queue pair that nothing has gone through. Its other fields are the caller's to
 * set. */
static inline void qnt_queue_user_init(struct qnt_queue_user *u, void *memory, uint32_t depth, double ticks_per_ns)
{
    *u = (struct qnt_queue_user){.ops = qnt_ring_producer(qnt_queue_ops(memory), depth, 0),
                                 .flags = memory,
                                 .ticks_per_ns = ticks_per_ns,
                                 .results = qnt_ring_consumer(qnt_queue_results(memory, depth), depth, 0)};
}

/* After submitting, or after making room for results: whether the caller must wake the worker, which it is told once.
 * The worker sets `asleep` and then looks at its rings once more. That it misses a message here and `asleep` is missed,
 * too, is excluded by the order of all changes of `asleep` (what is published before a change that comes first is seen
 * after a later one), or by the barrier. */
static inline bool qnt_queue_must_wake(struct qnt_queue_user *u)
{
    if (!u->sleeps)
        return false;
    if (u->barrier) {
        atomic_signal_fence(memory_order_seq_cst);
        if (!atomic_load_explicit(&u->flags->asleep, memory_order_relaxed))
            return false;
    } else if (!atomic_fetch_or_explicit(&u->flags->asleep, 0, memory_order_acq_rel)) {
        return false;
    }
    return atomic_exchange_explicit(&u->flags->asleep, 0, memory_order_acq_rel) != 0;
}

/* The counter, read after what stands before has been stored, as far as the compiler goes. */
static inline uint64_t qnt_queue_now(void)
{
    atomic_signal_fence(memory_order_seq_cst);
    return qnt_ticks_near();
}

static inline uint64_t qnt_queue_deadline(const struct qnt_queue_user *u, uint64_t now, uint64_t ns)
{
    const double ticks = (double)ns * u->ticks_per_ns;
    return ticks < 0x1p62 ? now + (uint64_t)ticks + 1 : UINT64_MAX;
}

/* Submits the first of n operations, as many as there is room for; *wake: see above. */
static inline uint32_t qnt_queue_submit(struct qnt_queue_user *u, const qnt_engine_op *ops, uint32_t n, bool *wake)
{
    const uint64_t room = qnt_ring_room(&u->ops, n);
    struct qnt_ring_in p = u->ops; /* in registers: what is stored below might lie anywhere */
    uint64_t now = 0;
    n = n < room ? n : (uint32_t)room;
    for (uint32_t i = 0; i < n; i++) {
        const qnt_engine_op *op = &ops[i];
        uint64_t *word = qnt_ring_next(&p)->word;
        word[QNT_WORD_USER] = op->user;
        word[QNT_WORD_IN] = (uintptr_t)op->in - (uintptr_t)u->base;
        word[QNT_WORD_OUT] = (uintptr_t)op->out - (uintptr_t)u->base;
        word[QNT_WORD_MODEL] = qnt_word_of(op->model, op->batch);
        word[QNT_WORD_FLAGS] = op->flags;
        if (i == 0)
            now = qnt_queue_now();
        word[QNT_WORD_DEADLINE] = op->deadline_ns ? qnt_queue_deadline(u, now, op->deadline_ns) : 0;
        word[QNT_WORD_TICKS] = now;
        qnt_ring_send(&p);
    }
    u->ops.tail = p.tail;
    *wake = false;
    if (n) {
        atomic_store_explicit(&u->submitted, atomic_load_explicit(&u->submitted, memory_order_relaxed) + n,
                              memory_order_relaxed);
        *wake = qnt_queue_must_wake(u);
    }
    return n;
}

/* Fetches up to n results; *wake: see above. */
static inline uint32_t qnt_queue_poll(struct qnt_queue_user *u, qnt_engine_op *ops, uint32_t n, bool *wake)
{
    uint32_t taken = 0;
    struct qnt_message m;
    *wake = false;
    while (taken < n && qnt_ring_get(&u->results, &m, 1)) {
        memcpy(&ops[taken], &m, sizeof m);
        if (u->base) {
            ops[taken].in = (const void *)((uintptr_t)ops[taken].in + (uintptr_t)u->base);
            ops[taken].out = (void *)((uintptr_t)ops[taken].out + (uintptr_t)u->base);
        }
        taken++;
    }
    if (taken) {
        atomic_store_explicit(&u->polled, atomic_load_explicit(&u->polled, memory_order_relaxed) + taken,
                              memory_order_relaxed);
        *wake = qnt_queue_must_wake(u);
    }
    return taken;
}

/* The worker's side. */
struct qnt_queue {
    _Alignas(128) struct qnt_ring_out ops;
    struct qnt_ring_in results;
    struct qnt_queue_flags *flags;
    uint8_t *base; /* another process's: its data, which operations lie in by offsets; NULL: addresses of this one */
    size_t length;
    uint32_t worker;
    _Atomic uint64_t done;
};

/* A queue pair that is in memory of the caller's: formatted, `bytes` at least qnt_queue_bytes(depth). */
struct qnt_queue_memory {
    void *memory;
    size_t bytes;
    uint32_t depth;
    uint8_t *data; /* what its operations lie in, `length` bytes */
    size_t length;
};

/* Adopts such a queue pair, also while the engine runs; the worker with the fewest has it from then on. Everything that
 * is in the memory, and in the data while an operation is run, may be changed by others at any time: a worker copies
 * what it looks at first, reads and writes inside the bounds, and gives back QNT_ERR_ARG for what lies outside. Another
 * process that has to wake the worker (qnt_queue_must_wake, with `sleeps` set and without `barrier`) must have somebody
 * here call qnt_queue_wake. Thread-safe; waits until the worker has it. */
qnt_status qnt_queue_attach(qnt_engine *e, const struct qnt_queue_memory *m, struct qnt_queue **out);
/* Gives it up: from the return on neither its memory nor its data are touched any more; an operation that a worker is
 * at is waited for, others are dropped. QNT_ERR_NOMEM: it is still attached. Frees the queue. Thread-safe for the
 * engine.
 */
qnt_status qnt_queue_detach(qnt_engine *e, struct qnt_queue *q);
void qnt_queue_wake(qnt_engine *e, struct qnt_queue *q);
/* What a worker has done of it. */
static inline uint64_t qnt_queue_done(const struct qnt_queue *q)
{
    return atomic_load_explicit(&q->done, memory_order_relaxed);
}
#endif
