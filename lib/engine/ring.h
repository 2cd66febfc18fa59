#ifndef ENGINE_RING_H
#define ENGINE_RING_H
/* A ring of slots between one producer and one consumer, in plain memory that holds no addresses: it may be shared with
 * another process.
 *
 * A slot is a cache line: seven words and the number of the message in it. Who waits for a message looks at its slot
 * alone, so that a message is one cache line's way from core to core; no index travels. Message i lies in slot i modulo
 * the capacity and is numbered i + 1, which no earlier message in that slot was. The consumer says in `head` which
 * slots it has emptied; the producer reads that when the slots it knows to be free run out.
 *
 * Each side keeps its own place in memory of its own. What it reads from the ring is never used as an index: slot
 * numbers are compared, and a `head` that cannot be is passed over. So whatever the other side writes there, it can
 * make this side stand still, or read messages that are none, and nothing else. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    QNT_RING_WORDS = 7,
    QNT_RING_MOST = 1 << 20, /* slots */
    QNT_RING_SHARE = 32,     /* slots that are given back together, of many that are taken at once */
    QNT_RING_AHEAD = 16      /* of the slot that is taken: the one that is fetched */
};

struct qnt_message {
    uint64_t word[QNT_RING_WORDS];
};
struct qnt_slot {
    _Alignas(64) struct qnt_message message;
    _Atomic uint64_t number;
};
_Static_assert(sizeof(struct qnt_slot) == 64, "a slot is a cache line");

/* Cores fetch lines in pairs: what two sides write lies 128 bytes apart. */
struct qnt_ring {
    _Alignas(128) _Atomic uint64_t head; /* of the consumer: the messages before it have been taken */
    _Alignas(128) struct qnt_slot slot[];
};

/* The producer's and the consumer's places. */
struct qnt_ring_in {
    struct qnt_ring *ring;
    uint64_t mask, tail, head; /* the next message; the head that was seen last */
};
struct qnt_ring_out {
    struct qnt_ring *ring;
    uint64_t mask, head; /* the next message */
};

/* Bytes of a ring of `slots`, a power of two up to QNT_RING_MOST: a multiple of 128, so that another may follow. */
static inline size_t qnt_ring_bytes(uint32_t slots)
{
    return sizeof(struct qnt_ring) + (slots + (slots & 1)) * sizeof(struct qnt_slot);
}

/* Makes an empty ring in qnt_ring_bytes of memory, aligned to 128, before either side has it. first: the number of its
 * first message less one; both sides must say the same. */
static inline void qnt_ring_format(struct qnt_ring *r, uint32_t slots, uint64_t first)
{
    atomic_store_explicit(&r->head, first, memory_order_relaxed);
    for (uint64_t i = first; i != first + slots; i++)
        atomic_store_explicit(&r->slot[i & (slots - 1)].number, i + 1 - slots, memory_order_relaxed);
}

static inline struct qnt_ring_in qnt_ring_producer(struct qnt_ring *r, uint32_t slots, uint64_t first)
{
    return (struct qnt_ring_in){.ring = r, .mask = slots - 1, .tail = first, .head = first};
}

static inline struct qnt_ring_out qnt_ring_consumer(struct qnt_ring *r, uint32_t slots, uint64_t first)
{
    return (struct qnt_ring_out){.ring = r, .mask = slots - 1, .head = first};
}

/* Free slots: at least `want` of them if there are as many. */
static inline uint64_t qnt_ring_room(struct qnt_ring_in *in, uint64_t want)
{
    const uint64_t slots = in->mask + 1;
    if (slots - (in->tail - in->head) < want) {
        /* Acquire: pairs with qnt_ring_tell; a slot is written after it was read. */
        const uint64_t head = atomic_load_explicit(&in->ring->head, memory_order_acquire);
        if (in->tail - head <= slots)
            in->head = head;
    }
    return slots - (in->tail - in->head);
}

/* Where the next message is written, for which there must be room; what has been written there goes on its way. Between
 * the two the line comes to this core, which takes as long as a way: what takes time of its own, and is not needed for
 * the first words, is done there. */
static inline struct qnt_message *qnt_ring_next(const struct qnt_ring_in *in)
{
    return &in->ring->slot[in->tail & in->mask].message;
}

static inline void qnt_ring_send(struct qnt_ring_in *in)
{
    struct qnt_slot *s = &in->ring->slot[in->tail & in->mask];
    /* Release: pairs with qnt_ring_ready. */
    atomic_store_explicit(&s->number, ++in->tail, memory_order_release);
}

/* Whether there is a message. */
static inline bool qnt_ring_ready(const struct qnt_ring_out *out)
{
    /* Acquire: pairs with qnt_ring_push. */
    return atomic_load_explicit(&out->ring->slot[out->head & out->mask].number, memory_order_acquire) == out->head + 1;
}

static inline void qnt_ring_tell(const struct qnt_ring_out *out)
{
    /* Release: pairs with qnt_ring_room. */
    atomic_store_explicit(&out->ring->head, out->head, memory_order_release);
}

/* Takes up to n messages; tells how many. Each is copied once: the other side may go on writing. From the second on a
 * slot further on is fetched with each; not with the first, which may be the last there is: a line that is fetched
 * before it is written is taken away from who is about to write it. */
static inline uint32_t qnt_ring_get(struct qnt_ring_out *out, struct qnt_message *m, uint32_t n)
{
    struct qnt_ring_out c = *out;
    uint32_t taken = 0;
    while (taken < n && qnt_ring_ready(&c)) {
        if (taken)
            __builtin_prefetch(&c.ring->slot[(c.head + QNT_RING_AHEAD) & c.mask]);
        m[taken++] = c.ring->slot[c.head++ & c.mask].message;
        atomic_signal_fence(memory_order_seq_cst); /* the copy, not the slot, is what the caller looks at */
        if (c.head % QNT_RING_SHARE == 0)
            qnt_ring_tell(&c);
    }
    if (taken)
        qnt_ring_tell(&c);
    *out = c;
    return taken;
}
#endif
