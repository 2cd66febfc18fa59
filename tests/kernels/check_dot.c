/* dot products and sums: exact up to n = 2^16, also with all extremes. */
#include "ck.h"

enum { BENCH = 4096 };
static volatile int32_t sink;

void check_dot_s8(struct ck *c);
void check_dot_s8(struct ck *c)
{
    CK_GRID(c, CK_S8, g)
    for (int other = 0; other < CK_INT_FILLS; other++) {
        ck_case(c, "b=%s", ck_fill_name((enum ck_fill)other));
        const int8_t *a = ck_in(c, 0, CK_S8, g.n, g.fill, g.place);
        const int8_t *b = ck_in(c, 1, CK_S8, g.n, (enum ck_fill)other, g.place);
        CK_BOTH_S32(c, dot_s8, a, b, g.n);
    }
    ck_case(c, "bench");
    const int8_t *a = ck_in(c, 0, CK_S8, BENCH, CK_NOISE, CK_INSIDE);
    const int8_t *b = ck_in(c, 1, CK_S8, BENCH, CK_NOISE, CK_INSIDE);
    CK_BENCH(c, "n=4096", CK_MACS, BENCH, sink = ((qnt_dot_s8_fn *)c->fn)(a, b, BENCH));
}

void check_dot_u8s8(struct ck *c);
void check_dot_u8s8(struct ck *c)
{
    CK_GRID(c, CK_U8, g)
    for (int other = 0; other < CK_INT_FILLS; other++) {
        ck_case(c, "b=%s", ck_fill_name((enum ck_fill)other));
        const uint8_t *a = ck_in(c, 0, CK_U8, g.n, g.fill, g.place);
        const int8_t *b = ck_in(c, 1, CK_S8, g.n, (enum ck_fill)other, g.place);
        CK_BOTH_S32(c, dot_u8s8, a, b, g.n);
    }
    ck_case(c, "bench");
    const uint8_t *a = ck_in(c, 0, CK_U8, BENCH, CK_NOISE, CK_INSIDE);
    const int8_t *b = ck_in(c, 1, CK_S8, BENCH, CK_NOISE, CK_INSIDE);
    CK_BENCH(c, "n=4096", CK_MACS, BENCH, sink = ((qnt_dot_u8s8_fn *)c->fn)(a, b, BENCH));
}

/* Weights of few bits. Every other case has ones in what follows the last code: they must not count. */
static void check_low(struct ck *c, const size_t bits)
{
    CK_GRID(c, CK_S8, g)
    for (int other = 0; other < CK_INT_FILLS; other++) {
        const size_t bytes = (g.n * bits + 7) / 8, spare = bytes * 8 - g.n * bits;
        ck_case(c, "w=%s", ck_fill_name((enum ck_fill)other));
        const int8_t *a = ck_in(c, 0, CK_S8, g.n, g.fill, g.place);
        uint8_t *w = ck_in(c, 1, CK_U8, bytes, (enum ck_fill)other, g.place);
        if (other == CK_MIN) /* the lowest code everywhere */
            for (size_t i = 0; i < bytes; i++)
                w[i] = bits == 4 ? 0x88 : 0xaa;
        if (spare && other % 2)
            w[bytes - 1] |= (uint8_t)(0xff << (8 - spare));
        if (bits == 4)
            CK_BOTH_S32(c, dot_s4s8, w, a, g.n);
        else
            CK_BOTH_S32(c, dot_s2s8, w, a, g.n);
    }
    ck_case(c, "bench");
    const int8_t *a = ck_in(c, 0, CK_S8, BENCH, CK_NOISE, CK_INSIDE);
    const uint8_t *w = ck_in(c, 1, CK_U8, BENCH * bits / 8, CK_NOISE, CK_INSIDE);
    CK_BENCH(c, "n=4096", CK_MACS, BENCH, sink = ((qnt_dot_s4s8_fn *)c->fn)(w, a, BENCH)); /* both have this type */
}

void check_dot_s4s8(struct ck *c);
void check_dot_s4s8(struct ck *c)
{
    check_low(c, 4);
}

void check_dot_s2s8(struct ck *c);
void check_dot_s2s8(struct ck *c)
{
    check_low(c, 2);
}

void check_sum_s8(struct ck *c);
void check_sum_s8(struct ck *c)
{
    CK_GRID(c, CK_S8, g)
    {
        const int8_t *a = ck_in(c, 0, CK_S8, g.n, g.fill, g.place);
        CK_BOTH_S32(c, sum_s8, a, g.n);
    }
    ck_case(c, "bench");
    const int8_t *a = ck_in(c, 0, CK_S8, BENCH, CK_NOISE, CK_INSIDE);
    CK_BENCH(c, "n=4096", CK_BYTES, BENCH, sink = ((qnt_sum_s8_fn *)c->fn)(a, BENCH));
}
