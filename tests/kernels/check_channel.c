/* Rows of channels: factors of a scale and a shift, sums over the rows, mixtures of two. */
#include <math.h>
#include "ck.h"

static size_t rows_of(struct ck *c, size_t channels)
{
    return channels < 300 ? ck_below(c, 6) : 1;
}

/* Mostly ordinary factors: a special value of the data then meets a finite one. */
static float *factors(struct ck *c, unsigned slot, size_t n, enum ck_place place)
{
    return ck_in(c, slot, CK_F32, n, ck_below(c, 4) ? CK_NOISE : CK_SPECIAL, place);
}

void check_scale_shift_f32(struct ck *c);
void check_scale_shift_f32(struct ck *c)
{
    CK_GRID(c, CK_F32, g)
    {
        size_t rows = rows_of(c, g.n);
        float lo = ck_below(c, 2) ? -INFINITY : ck_uniform(c, -3.0f, 1.0f);
        float hi = ck_below(c, 2) ? INFINITY : lo + ck_uniform(c, 0.0f, 5.0f);
        ck_case(c, "rows=%zu lo=%g hi=%g", rows, (double)lo, (double)hi);
        const float *scale = factors(c, 0, g.n, g.place), *shift = factors(c, 1, g.n, g.place);
        const float *src = ck_in(c, 2, CK_F32, rows * g.n, g.fill, g.place);
        float *dst = ck_out_2d(c, 3, CK_F32, rows, g.n, g.n, g.place);
        CK_BOTH(c, scale_shift_f32, src, dst, rows, g.n, scale, shift, lo, hi);
        ck_case(c, "in place");
        scale = factors(c, 0, g.n, g.place);
        shift = factors(c, 1, g.n, g.place);
        dst = ck_inout(c, 2, CK_F32, rows * g.n, g.fill, g.place);
        CK_BOTH(c, scale_shift_f32, dst, dst, rows, g.n, scale, shift, lo, hi);
    }
    enum { ROWS = 256, COLS = 16 };
    ck_plain(c);
    ck_case(c, "bench");
    const float *scale = ck_in(c, 0, CK_F32, COLS, CK_NOISE, CK_INSIDE),
                *shift = ck_in(c, 1, CK_F32, COLS, CK_NOISE, CK_INSIDE);
    float *dst = ck_out(c, 2, CK_F32, ROWS * COLS, CK_INSIDE);
    const float *src = ck_in(c, 3, CK_F32, ROWS * COLS, CK_NOISE, CK_INSIDE);
    CK_BENCH(c, "256x16", CK_ELEMS, ROWS * COLS,
             ((qnt_scale_shift_f32_fn *)c->fn)(src, dst, ROWS, COLS, scale, shift, 0.0f, INFINITY));
}

void check_channel_moments_f32(struct ck *c);
void check_channel_moments_f32(struct ck *c)
{
    CK_GRID(c, CK_F32, g)
    {
        size_t rows = rows_of(c, g.n);
        bool same = ck_below(c, 3) == 0;
        ck_case(c, "rows=%zu same=%d", rows, same);
        const float *pivot = factors(c, 0, g.n, g.place);
        const float *b = ck_in(c, 1, CK_F32, rows * g.n, g.fill, g.place);
        const float *a = same ? b : ck_in(c, 2, CK_F32, rows * g.n, ck_below(c, 2) ? g.fill : CK_NOISE, g.place);
        float *sums = ck_out(c, 3, CK_F32, 2 * g.n, g.place);
        CK_BOTH(c, channel_moments_f32, a, b, rows, g.n, pivot, sums);
    }
    enum { ROWS = 256, COLS = 16 };
    ck_plain(c);
    ck_case(c, "bench");
    const float *pivot = ck_in(c, 0, CK_F32, COLS, CK_NOISE, CK_INSIDE);
    const float *a = ck_in(c, 1, CK_F32, ROWS * COLS, CK_NOISE, CK_INSIDE),
                *b = ck_in(c, 2, CK_F32, ROWS * COLS, CK_NOISE, CK_INSIDE);
    float *sums = ck_out(c, 3, CK_F32, 2 * COLS, CK_INSIDE);
    CK_BENCH(c, "256x16", CK_ELEMS, ROWS * COLS, ((qnt_channel_moments_f32_fn *)c->fn)(a, b, ROWS, COLS, pivot, sums));
}

void check_channel_mix_f32(struct ck *c);
void check_channel_mix_f32(struct ck *c)
{
    CK_GRID(c, CK_F32, g)
    {
        size_t rows = rows_of(c, g.n), place = ck_below(c, 3);
        ck_case(c, "rows=%zu in place=%zu", rows, place);
        const float *f = factors(c, 0, 3 * g.n, g.place);
        const float *one = ck_in(c, 1, CK_F32, rows * g.n, g.fill, g.place);
        float *dst = place ? ck_inout(c, 2, CK_F32, rows * g.n, CK_NOISE, g.place)
                           : ck_out_2d(c, 2, CK_F32, rows, g.n, g.n, g.place);
        const float *other = place ? dst : ck_in(c, 3, CK_F32, rows * g.n, CK_NOISE, g.place);
        CK_BOTH(c, channel_mix_f32, place == 1 ? other : one, place == 1 ? one : other, dst, rows, g.n, f);
    }
    enum { ROWS = 256, COLS = 16 };
    ck_plain(c);
    ck_case(c, "bench");
    const float *f = ck_in(c, 0, CK_F32, 3 * COLS, CK_NOISE, CK_INSIDE);
    const float *a = ck_in(c, 1, CK_F32, ROWS * COLS, CK_NOISE, CK_INSIDE),
                *b = ck_in(c, 3, CK_F32, ROWS * COLS, CK_NOISE, CK_INSIDE);
    float *dst = ck_out(c, 2, CK_F32, ROWS * COLS, CK_INSIDE);
    CK_BENCH(c, "256x16", CK_ELEMS, ROWS * COLS, ((qnt_channel_mix_f32_fn *)c->fn)(a, b, dst, ROWS, COLS, f));
}
