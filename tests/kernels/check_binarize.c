/* binarize and the dot product of bits. */
#include "ck.h"

enum { BENCH_ROWS = 256, BENCH_COLS = 64, BENCH_BITS = 32768 };

/* Rows, and whether there are thresholds and flips. */
struct shape {
    size_t rows, bytes;
    bool threshold, flip;
};

static struct shape draw(struct ck *c, size_t n)
{
    struct shape s = {n > 1024 ? 1 : ck_below(c, 4), (n + 7) / 8, ck_below(c, 2), ck_below(c, 2)};
    ck_case(c, "rows=%zu%s%s", s.rows, s.threshold ? " threshold" : "", s.flip ? " flip" : "");
    return s;
}

static const uint8_t *flips(struct ck *c, const struct shape *s, size_t n, enum ck_place place)
{
    uint8_t *flip = ck_in(c, 3, CK_U8, s->flip ? s->bytes : 0, CK_NOISE, place);
    if (s->flip && n % 8)
        flip[s->bytes - 1] &= (uint8_t)((1u << n % 8) - 1);
    return s->flip ? flip : NULL;
}

void check_binarize_f32(struct ck *c);
void check_binarize_f32(struct ck *c)
{
    CK_GRID(c, CK_F32, g)
    {
        const struct shape s = draw(c, g.n);
        float *src = ck_in(c, 0, CK_F32, s.rows * g.n, g.fill, g.place);
        uint8_t *dst = ck_out(c, 1, CK_U8, s.rows * s.bytes, g.place);
        float *threshold = ck_in(c, 2, CK_F32, s.threshold ? g.n : 0, ck_below(c, 2) ? g.fill : CK_NOISE, g.place);
        for (size_t i = 0; s.rows && s.threshold && i < g.n; i += 1 + ck_below(c, 5)) /* equal is not below */
            src[i] = threshold[i];
        const uint8_t *flip = flips(c, &s, g.n, g.place);
        CK_BOTH(c, binarize_f32, src, dst, s.rows, g.n, s.threshold ? threshold : NULL, flip);
    }
    ck_plain(c);
    ck_case(c, "bench");
    const float *src = ck_in(c, 0, CK_F32, BENCH_ROWS * BENCH_COLS, CK_NOISE, CK_INSIDE);
    uint8_t *dst = ck_out(c, 1, CK_U8, BENCH_ROWS * BENCH_COLS / 8, CK_INSIDE);
    const float *threshold = ck_in(c, 2, CK_F32, BENCH_COLS, CK_NOISE, CK_INSIDE);
    CK_BENCH(c, "256 x 64", CK_ELEMS, BENCH_ROWS * BENCH_COLS,
             ((qnt_binarize_f32_fn *)c->fn)(src, dst, BENCH_ROWS, BENCH_COLS, threshold, NULL));
}

void check_binarize_s8(struct ck *c);
void check_binarize_s8(struct ck *c)
{
    CK_GRID(c, CK_S8, g)
    {
        const struct shape s = draw(c, g.n);
        int8_t *src = ck_in(c, 0, CK_S8, s.rows * g.n, g.fill, g.place);
        uint8_t *dst = ck_out(c, 1, CK_U8, s.rows * s.bytes, g.place);
        int8_t *threshold = ck_in(c, 2, CK_S8, s.threshold ? g.n : 0, ck_below(c, 2) ? g.fill : CK_NOISE, g.place);
        for (size_t i = 0; s.rows && s.threshold && i < g.n; i += 1 + ck_below(c, 5))
            src[i] = threshold[i];
        const uint8_t *flip = flips(c, &s, g.n, g.place);
        CK_BOTH(c, binarize_s8, src, dst, s.rows, g.n, s.threshold ? threshold : NULL, flip);
    }
    ck_plain(c);
    ck_case(c, "bench");
    const int8_t *src = ck_in(c, 0, CK_S8, BENCH_ROWS * BENCH_COLS, CK_NOISE, CK_INSIDE);
    uint8_t *dst = ck_out(c, 1, CK_U8, BENCH_ROWS * BENCH_COLS / 8, CK_INSIDE);
    const int8_t *threshold = ck_in(c, 2, CK_S8, BENCH_COLS, CK_NOISE, CK_INSIDE);
    CK_BENCH(c, "256 x 64", CK_ELEMS, BENCH_ROWS * BENCH_COLS,
             ((qnt_binarize_s8_fn *)c->fn)(src, dst, BENCH_ROWS, BENCH_COLS, threshold, NULL));
}

static const uint8_t *bits(struct ck *c, unsigned slot, size_t n, enum ck_fill fill, enum ck_place place)
{
    uint8_t *p = ck_in(c, slot, CK_U8, (n + 7) / 8, fill, place);
    if (n % 8)
        p[n / 8] &= (uint8_t)((1u << n % 8) - 1);
    return p;
}

void check_dot_b1(struct ck *c);
void check_dot_b1(struct ck *c)
{
    CK_GRID(c, CK_U8, g)
    for (int f = 0; f < CK_INT_FILLS; f++) {
        size_t n = 8 * g.n - (g.n ? ck_below(c, 8) : 0);
        ck_case(c, "bits=%zu against %s", n, ck_fill_name((enum ck_fill)f));
        const uint8_t *a = bits(c, 0, n, g.fill, g.place), *b = bits(c, 1, n, (enum ck_fill)f, g.place);
        CK_BOTH_S32(c, dot_b1, a, b, n);
    }
    ck_plain(c);
    ck_case(c, "bench");
    const uint8_t *a = ck_in(c, 0, CK_U8, BENCH_BITS / 8, CK_NOISE, CK_INSIDE);
    const uint8_t *b = ck_in(c, 1, CK_U8, BENCH_BITS / 8, CK_NOISE, CK_INSIDE);
    volatile int32_t sink;
    CK_BENCH(c, "n=32768", CK_MACS, BENCH_BITS, sink = ((qnt_dot_b1_fn *)c->fn)(a, b, BENCH_BITS));
    (void)sink;
}
