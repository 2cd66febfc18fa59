/* The ring of slots: against a queue that cannot be wrong, between two threads, and with another side that writes what
 * it likes. RING_MESSAGES sets how many messages go between the threads. */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include "lib/engine/ring.h"
#include "tests/common/quick.h"
#include "unit.h"

enum { MOST_SLOTS = 256, MOST_BURST = 64, STEPS = 20000 };
static const uint64_t firsts[] = {0, UINT64_C(0xfffffffd), UINT64_MAX - 2, UINT64_MAX - 300};
static const uint32_t slot_counts[] = {1, 2, 4, MOST_SLOTS};
enum { FIRSTS = sizeof firsts / sizeof *firsts, COUNTS = sizeof slot_counts / sizeof *slot_counts };

/* A ring at the end of a block of exactly its size. */
static struct qnt_ring *new_ring(uint32_t slots, uint64_t first)
{
    struct qnt_ring *r = aligned_alloc(128, (qnt_ring_bytes(slots) + 127) / 128 * 128);
    memset(r, 0x5a, qnt_ring_bytes(slots));
    qnt_ring_format(r, slots, first);
    return r;
}

static struct qnt_message message(uint64_t i)
{
    struct qnt_message m;
    for (uint64_t k = 0; k < QNT_RING_WORDS; k++)
        m.word[k] = i * (2 * k + 1) + k;
    return m;
}

static uint64_t differs(const struct qnt_message *m, uint64_t i)
{
    uint64_t bits = 0;
    for (uint64_t k = 0; k < QNT_RING_WORDS; k++)
        bits |= m->word[k] ^ (i * (2 * k + 1) + k);
    return bits;
}

/* As many messages as there is room for; tells how many. */
static uint32_t put_burst(struct qnt_ring_in *in, const struct qnt_message *m, uint32_t n)
{
    const uint64_t room = qnt_ring_room(in, n);
    n = n < room ? n : (uint32_t)room;
    for (uint32_t i = 0; i < n; i++) {
        *qnt_ring_next(in) = m[i];
        qnt_ring_send(in);
    }
    return n;
}

/* Bursts of any size, also larger than the ring: what fits goes in, what is there comes out, in order. */
START_TEST(equals_a_queue)
{
    const uint32_t slots = slot_counts[_i % COUNTS];
    const uint64_t first = firsts[_i / COUNTS];
    struct qnt_ring *r = new_ring(slots, first);
    struct qnt_ring_in in = qnt_ring_producer(r, slots, first);
    struct qnt_ring_out out = qnt_ring_consumer(r, slots, first);
    struct qnt_message m[2 * MOST_SLOTS];
    uint64_t put = 0, got = 0;
    for (; got < 2 * slots + 8; got = ++put) { /* one by one, so that every slot is seen empty */
        EACH_MUST(!qnt_ring_ready(&out) && !qnt_ring_get(&out, m, 1), "message %llu that nobody sent",
                  (unsigned long long)got);
        m[0] = message(put);
        EACH_MUST(put_burst(&in, m, 1) && qnt_ring_get(&out, m, 1) && !differs(m, got), "message %llu is lost",
                  (unsigned long long)got);
    }
    unit_seed();
    for (int step = 0; step < STEPS; step++) {
        uint32_t n = unit_random() % (2 * slots + 1), done;
        if (unit_random() % 2) {
            for (uint32_t i = 0; i < n; i++)
                m[i] = message(put + i);
            done = put_burst(&in, m, n);
            EACH_MUST(done <= n && done == (n < slots - (put - got) ? n : slots - (put - got)),
                      "%u of %u put, %u slots hold %llu", done, n, slots, (unsigned long long)(put - got));
            put += done;
        } else {
            EACH_MUST(qnt_ring_ready(&out) == (put != got), "ready with %llu", (unsigned long long)(put - got));
            done = qnt_ring_get(&out, m, n);
            EACH_MUST(done == (n < put - got ? n : put - got), "%u of %u got, there were %llu", done, n,
                      (unsigned long long)(put - got));
            for (uint32_t i = 0; i < done; i++)
                EACH_MUST(!differs(&m[i], got + i), "message %llu is another", (unsigned long long)(got + i));
            got += done;
        }
    }
    ck_assert_uint_gt(got, 1000);
    free(r);
}
END_TEST

/* A producer that is told of room which is not there, a consumer of messages that nobody sent: neither leaves its ring,
 * which lies between bytes that must not change, and the places of both stay within it. */
START_TEST(survives_the_other_side)
{
    enum { SLOTS = 8, BYTES = 128 + SLOTS * 64 };
    _Alignas(128) static uint8_t block[128 + BYTES + 128];
    struct qnt_ring *r = (struct qnt_ring *)(void *)(block + 128);
    struct qnt_message m[2 * SLOTS];
    ck_assert_uint_eq(qnt_ring_bytes(SLOTS), BYTES);
    ck_assert_uint_eq(qnt_ring_bytes(1) % 128, 0);
    memset(block, 0x77, sizeof block);
    qnt_ring_format(r, SLOTS, 0);
    struct qnt_ring_in in = qnt_ring_producer(r, SLOTS, 0);
    struct qnt_ring_out out = qnt_ring_consumer(r, SLOTS, 0);
    memset(m, 0, sizeof m);
    unit_seed();
    for (int step = 0; step < STEPS; step++) {
        const uint64_t lie = (uint64_t)unit_random() << (unit_random() % 64);
        atomic_store(&r->head, unit_random() % 2 ? in.tail + lie : in.tail - lie % 16);
        EACH_MUST(qnt_ring_room(&in, unit_random() % 16) <= SLOTS, "room for more than there are slots");
        EACH_MUST(put_burst(&in, m, 2 * SLOTS) <= SLOTS, "more put than there are slots");
        for (int i = 0; i < SLOTS; i++)
            atomic_store(&r->slot[i].number, unit_random() % 2 ? out.head + 1 + lie % 9 : lie);
        const uint32_t n = unit_random() % (2 * SLOTS + 1);
        EACH_MUST(qnt_ring_get(&out, m, n) <= n, "more got than asked for");
    }
    for (size_t i = 0; i < 128; i++)
        EACH_MUST(block[i] == 0x77 && block[128 + BYTES + i] == 0x77, "byte %zu beside the ring changed", i);
}
END_TEST

static uint64_t messages;

struct side {
    struct qnt_ring *ring;
    uint32_t slots, burst;
    uint64_t first;
};

static void *produce(void *arg)
{
    const struct side *s = arg;
    struct qnt_ring_in in = qnt_ring_producer(s->ring, s->slots, s->first);
    struct qnt_message m[MOST_BURST];
    for (uint64_t i = 0; i < messages;) {
        const uint32_t n = messages - i < s->burst ? (uint32_t)(messages - i) : s->burst;
        for (uint32_t k = 0; k < n; k++)
            m[k] = message(i + k);
        const uint32_t done = put_burst(&in, m, n);
        i += done;
        if (!done)
            sched_yield(); /* the two may share a core */
    }
    return NULL;
}

static uint64_t consume(const struct side *s)
{
    struct qnt_ring_out out = qnt_ring_consumer(s->ring, s->slots, s->first);
    struct qnt_message m[MOST_BURST];
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < messages;) {
        const uint32_t done = qnt_ring_get(&out, m, s->burst);
        for (uint32_t k = 0; k < done; k++)
            wrong |= differs(&m[k], i + k);
        i += done;
        if (!done)
            sched_yield();
    }
    return wrong;
}

static const struct {
    uint32_t slots, burst;
    uint64_t first, part; /* a part-th of the messages */
} pairs[] = {{MOST_SLOTS, MOST_BURST, 0, 2},
             {MOST_SLOTS, 1, UINT64_C(0xfffffff0), 4},
             {16, 7, UINT64_MAX - 5, 64},
             {1, 1, 0, 1024}};

START_TEST(passes_everything_between_threads)
{
    const char *text = getenv("RING_MESSAGES");
    struct side s = {.slots = pairs[_i].slots, .burst = pairs[_i].burst, .first = pairs[_i].first};
    struct timespec begin, end;
    pthread_t thread;
    messages = (text              ? strtoull(text, NULL, 0)
                : test_emulated() ? 100000
                : test_quick()    ? 1000000
                                  : 10000000) /
               pairs[_i].part;
    s.ring = new_ring(s.slots, s.first);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    ck_assert_int_eq(pthread_create(&thread, NULL, produce, &s), 0);
    const uint64_t wrong = consume(&s);
    pthread_join(thread, NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    ck_assert_uint_eq(wrong, 0);
    printf("ring of %u slots, bursts of %u: %.1f Mmsg/s, each of them checked\n", s.slots, s.burst,
           (double)messages * 1e3 / (double)((end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec));
    free(s.ring);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring");
    TCase *tc = tcase_create("alone");
    tcase_add_loop_test(tc, equals_a_queue, 0, FIRSTS * COUNTS);
    tcase_add_test(tc, survives_the_other_side);
    suite_add_tcase(suite, tc);
    tc = tcase_create("threads");
    tcase_add_loop_test(tc, passes_everything_between_threads, 0, sizeof pairs / sizeof *pairs);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
