/* Pooling of NHWC: window sizes, strides wider than the channels, 0 to 5 outputs. The grid's size is the channels. */
#include <math.h>
#include "ck.h"

/* A window and the number of source elements it spans. */
static size_t window(struct ck *c, size_t channels, struct qnt_window *w)
{
    static const size_t taps[] = {1, 2, 3, 2, 3, 7, 1, 4};
    size_t small = channels < 300;
    w->channels = channels;
    w->kh = taps[ck_below(c, small ? 8 : 3)];
    w->kw = ck_below(c, 2) ? w->kh : taps[ck_below(c, small ? 8 : 3)];
    w->pixels = small ? ck_below(c, 6) : 1;
    w->col = channels + ck_below(c, 2) * ck_below(c, 9);
    w->step = w->col * (1 + ck_below(c, 3));
    w->row = w->col * (w->kw + ck_below(c, 4));
    return w->pixels && channels ? (w->pixels - 1) * w->step + (w->kh - 1) * w->row + (w->kw - 1) * w->col + channels
                                 : 0;
}

static void describe(struct ck *c, const struct qnt_window *w, size_t ldd)
{
    ck_case(c, "%zux%zu row=%zu col=%zu step=%zu pixels=%zu ldd=%zu", w->kh, w->kw, w->row, w->col, w->step, w->pixels,
            ldd);
}

static const struct qnt_window bench_window = {2, 2, 32 * 64, 64, 128, 16, 64};
enum { BENCH_SPAN = 15 * 128 + 32 * 64 + 64 + 64, BENCH_OUT = 16 * 64 };

void check_maxpool_s8(struct ck *c);
void check_maxpool_s8(struct ck *c)
{
    struct qnt_window w;
    CK_GRID(c, CK_S8, g)
    {
        size_t span = window(c, g.n, &w), ldd = g.n + ck_below(c, 2) * ck_below(c, 17);
        describe(c, &w, ldd);
        const int8_t *src = ck_in(c, 0, CK_S8, span, g.fill, g.place);
        int8_t *dst = ck_out_2d(c, 1, CK_S8, w.pixels, g.n, ldd, g.place);
        CK_BOTH(c, maxpool_s8, src, dst, ldd, &w);
    }
    ck_case(c, "bench");
    const int8_t *src = ck_in(c, 0, CK_S8, BENCH_SPAN, CK_NOISE, CK_INSIDE);
    int8_t *dst = ck_out(c, 1, CK_S8, BENCH_OUT, CK_INSIDE);
    CK_BENCH(c, "2x2, 64 channels", CK_ELEMS, BENCH_OUT, ((qnt_maxpool_s8_fn *)c->fn)(src, dst, 64, &bench_window));
}

void check_maxpool_f32(struct ck *c);
void check_maxpool_f32(struct ck *c)
{
    struct qnt_window w;
    CK_GRID(c, CK_F32, g)
    {
        size_t span = window(c, g.n, &w), ldd = g.n + ck_below(c, 2) * ck_below(c, 17);
        describe(c, &w, ldd);
        const float *src = ck_in(c, 0, CK_F32, span, g.fill, g.place);
        float *dst = ck_out_2d(c, 1, CK_F32, w.pixels, g.n, ldd, g.place);
        CK_BOTH(c, maxpool_f32, src, dst, ldd, &w);
    }
    ck_case(c, "bench");
    const float *src = ck_in(c, 0, CK_F32, BENCH_SPAN, CK_NOISE, CK_INSIDE);
    float *dst = ck_out(c, 1, CK_F32, BENCH_OUT, CK_INSIDE);
    CK_BENCH(c, "2x2, 64 channels", CK_ELEMS, BENCH_OUT, ((qnt_maxpool_f32_fn *)c->fn)(src, dst, 64, &bench_window));
}

void check_avgpool_s8(struct ck *c);
void check_avgpool_s8(struct ck *c)
{
    struct qnt_window w;
    CK_GRID(c, CK_S8, g)
    {
        size_t span = window(c, g.n, &w), ldd = g.n + ck_below(c, 2) * ck_below(c, 17);
        int32_t in_zero = (int32_t)ck_below(c, 256) - 128;
        struct qnt_requant r = {.zero = (int32_t)ck_below(c, 256) - 128, .lo = -128, .hi = 127};
        describe(c, &w, ldd);
        float *scale = ck_in(c, 2, CK_F32, 1, CK_ZERO, g.place);
        *scale = ck_below(c, 2) ? 1.0f / (float)(w.kh * w.kw) : ck_uniform(c, 0.0f, 2.0f);
        if (ck_below(c, 2))
            r.lo = r.zero;
        r.out_xor = ck_below(c, 2) ? 0x80 : 0;
        r.scale = scale;
        const int8_t *src = ck_in(c, 0, CK_S8, span, g.fill, g.place);
        int8_t *dst = ck_out_2d(c, 1, CK_S8, w.pixels, g.n, ldd, g.place);
        CK_BOTH(c, avgpool_s8, src, dst, ldd, &w, in_zero, &r);
    }
    ck_plain(c);
    static const enum ck_fill extremes[] = {CK_MIN, CK_MAX};
    for (size_t i = 0; i < 2 * 35; i++) { /* sums past 16 bits: 17 x 31 taps of one extreme, 1 to 35 channels */
        const size_t channels = i % 35 + 1, span = 17 * 31 * channels;
        const float scale = 1.0f / (17 * 31);
        const struct qnt_requant r = {.lo = -128, .hi = 127, .scale = &scale};
        w = (struct qnt_window){17, 31, 31 * channels, channels, channels, 1, channels};
        describe(c, &w, channels);
        const int8_t *src = ck_in(c, 0, CK_S8, span, extremes[i / 35], CK_END);
        int8_t *dst = ck_out(c, 1, CK_S8, channels, CK_END);
        CK_BOTH(c, avgpool_s8, src, dst, channels, &w, 0, &r);
    }
    ck_case(c, "bench");
    const float quarter = 0.25f;
    const struct qnt_requant r = {.lo = -128, .hi = 127, .scale = &quarter};
    const int8_t *src = ck_in(c, 0, CK_S8, BENCH_SPAN, CK_NOISE, CK_INSIDE);
    int8_t *dst = ck_out(c, 1, CK_S8, BENCH_OUT, CK_INSIDE);
    CK_BENCH(c, "2x2, 64 channels", CK_ELEMS, BENCH_OUT,
             ((qnt_avgpool_s8_fn *)c->fn)(src, dst, 64, &bench_window, 3, &r));
}

void check_avgpool_f32(struct ck *c);
void check_avgpool_f32(struct ck *c)
{
    struct qnt_window w;
    CK_GRID(c, CK_F32, g)
    {
        size_t span = window(c, g.n, &w), ldd = g.n + ck_below(c, 2) * ck_below(c, 17);
        describe(c, &w, ldd);
        const float *src = ck_in(c, 0, CK_F32, span, g.fill, g.place);
        float *dst = ck_out_2d(c, 1, CK_F32, w.pixels, g.n, ldd, g.place);
        CK_BOTH(c, avgpool_f32, src, dst, ldd, &w);
    }
    ck_case(c, "bench");
    const float *src = ck_in(c, 0, CK_F32, BENCH_SPAN, CK_NOISE, CK_INSIDE);
    float *dst = ck_out(c, 1, CK_F32, BENCH_OUT, CK_INSIDE);
    CK_BENCH(c, "2x2, 64 channels", CK_ELEMS, BENCH_OUT, ((qnt_avgpool_f32_fn *)c->fn)(src, dst, 64, &bench_window));
}
