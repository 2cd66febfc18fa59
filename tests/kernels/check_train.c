/* What training adds: gradient of maxpool, masks and extremes of sums, sums over codes. */
#include <float.h>
#include <math.h>
#include "ck.h"

/* Windows that do not overlap, and the number of elements they span. */
static size_t tiling(struct ck *c, size_t channels, struct qnt_window *w)
{
    w->channels = channels;
    w->kh = 1 + ck_below(c, 3);
    w->kw = 1 + ck_below(c, 3);
    w->pixels = channels < 300 ? ck_below(c, 5) : 1;
    w->col = channels + ck_below(c, 2) * ck_below(c, 9);
    w->step = w->col * w->kw;
    w->row = w->step * (w->pixels ? w->pixels : 1) + ck_below(c, 3);
    return w->pixels && channels ? (w->kh - 1) * w->row + (w->pixels - 1) * w->step + (w->kw - 1) * w->col + channels
                                 : 0;
}

/* Makes y the maximum of some tap, so that hits, and several hits, are common. */
static void take_taps(struct ck *c, const float *x, float *y, size_t ldy, const struct qnt_window *w)
{
    for (size_t p = 0; p < w->pixels; p++)
        for (size_t k = 0; k < w->channels; k++)
            y[p * ldy + k] = x[p * w->step + ck_below(c, w->kh) * w->row + ck_below(c, w->kw) * w->col + k];
}

void check_maxpool_grad_f32(struct ck *c);
void check_maxpool_grad_f32(struct ck *c)
{
    struct qnt_window w;
    CK_GRID(c, CK_F32, g)
    {
        size_t span = tiling(c, g.n, &w), ldy = g.n + ck_below(c, 2) * ck_below(c, 17);
        bool masked = ck_below(c, 2), open = ck_below(c, 2);
        float lo = open ? -INFINITY : ck_uniform(c, -4.0f, 1.0f), hi = open ? INFINITY : ck_uniform(c, 0.0f, 4.0f);
        ck_case(c, "%zux%zu row=%zu col=%zu pixels=%zu ldy=%zu masked=%d lo=%g hi=%g", w.kh, w.kw, w.row, w.col,
                w.pixels, ldy, masked, (double)lo, (double)hi);
        float *x = ck_in(c, 0, CK_F32, span, g.fill, g.place);
        float *y = ck_in_2d(c, 1, CK_F32, w.pixels, g.n, ldy, CK_ZERO, g.place);
        const float *dy = ck_in_2d(c, 2, CK_F32, w.pixels, g.n, ldy, CK_NOISE, g.place);
        const uint8_t *pass = ck_in(c, 3, CK_U8, span, ck_below(c, 2) ? CK_ALT : CK_NOISE, g.place);
        /* Only taps are written, so what lies between them must come out as it went in. */
        float *dx = ck_inout(c, 4, CK_F32, span, CK_NOISE, g.place);
        if (ck_below(c, 2))
            for (size_t i = 0; i < span; i++)
                x[i] = x[i] > 0.0f ? 1.0f : 0.0f; /* ties */
        take_taps(c, x, y, ldy, &w);
        CK_BOTH(c, maxpool_grad_f32, x, y, dy, masked ? pass : NULL, dx, ldy, &w, lo, hi);
    }
    enum { PIXELS = 16, CHANNELS = 16, SPAN = PIXELS * 4 * CHANNELS };
    const struct qnt_window b = {2, 2, PIXELS * 2 * CHANNELS, CHANNELS, 2 * CHANNELS, PIXELS, CHANNELS};
    ck_case(c, "bench");
    const float *x = ck_in(c, 0, CK_F32, SPAN, CK_NOISE, CK_INSIDE),
                *y = ck_in(c, 1, CK_F32, SPAN / 4, CK_NOISE, CK_INSIDE);
    const float *dy = ck_in(c, 2, CK_F32, SPAN / 4, CK_NOISE, CK_INSIDE);
    float *dx = ck_out(c, 4, CK_F32, SPAN, CK_INSIDE);
    CK_BENCH(c, "2x2, 16 channels", CK_ELEMS, SPAN,
             ((qnt_maxpool_grad_f32_fn *)c->fn)(x, y, dy, NULL, dx, CHANNELS, &b, 0.0f, INFINITY));
}

void check_watch_s32(struct ck *c);
void check_watch_s32(struct ck *c)
{
    CK_GRID(c, CK_S32, g)
    {
        size_t rows = g.n < 300 ? ck_below(c, 5) : 1, ld = g.n + ck_below(c, 2) * ck_below(c, 17);
        bool extremes = ck_below(c, 2);
        ck_case(c, "rows=%zu ld=%zu extremes=%d", rows, ld, extremes);
        const int32_t *acc = ck_in_2d(c, 0, CK_S32, rows, g.n, ld, g.fill, g.place);
        int32_t *lo = ck_in(c, 1, CK_S32, g.n, CK_NOISE, g.place), *hi = ck_in(c, 2, CK_S32, g.n, CK_NOISE, g.place);
        uint8_t *pass = ck_out_2d(c, 3, CK_U8, rows, g.n, ld, g.place);
        int32_t *min = ck_inout(c, 4, CK_S32, g.n, CK_ZERO, g.place),
                *max = ck_inout(c, 5, CK_S32, g.n, CK_NOISE, g.place);
        for (size_t i = 0; rows && i < g.n; i++) { /* bounds that are met exactly, and none */
            size_t kind = ck_below(c, 5);
            lo[i] = kind == 0 ? acc[i] : kind == 1 ? INT32_MIN : lo[i] / 2;
            hi[i] = kind == 2 ? acc[i] : kind == 3 ? INT32_MAX : hi[i] / 2 + INT32_MAX / 2;
        }
        CK_BOTH(c, watch_s32, acc, ld, rows, g.n, lo, hi, pass, extremes ? min : NULL, extremes ? max : NULL);
    }
    enum { ROWS = 1024, COLS = 16 };
    ck_case(c, "bench");
    const int32_t *acc = ck_in(c, 0, CK_S32, ROWS * COLS, CK_NOISE, CK_INSIDE);
    const int32_t *lo = ck_in(c, 1, CK_S32, COLS, CK_NOISE, CK_INSIDE),
                  *hi = ck_in(c, 2, CK_S32, COLS, CK_NOISE, CK_INSIDE);
    uint8_t *pass = ck_out(c, 3, CK_U8, ROWS * COLS, CK_INSIDE);
    int32_t *min = ck_inout(c, 4, CK_S32, COLS, CK_ZERO, CK_INSIDE),
            *max = ck_inout(c, 5, CK_S32, COLS, CK_ZERO, CK_INSIDE);
    CK_BENCH(c, "1024x16", CK_ELEMS, ROWS * COLS,
             ((qnt_watch_s32_fn *)c->fn)(acc, COLS, ROWS, COLS, lo, hi, pass, min, max));
}

void check_code_sums_f32(struct ck *c);
void check_code_sums_f32(struct ck *c)
{
    static const float limits[] = {1.0f, 3.0f, 7.0f, 127.0f};
    CK_GRID(c, CK_F32, g)
    {
        const float scales[] = {1.0f, FLT_MAX, ck_uniform(c, 0.1f, 60.0f)}; /* 1: ties stay ties */
        float limit = limits[ck_below(c, 4)], inv = scales[ck_below(c, 3)];
        ck_case(c, "inv=%g limit=%g", (double)inv, (double)limit);
        const float *w = ck_in(c, 0, CK_F32, g.n, g.fill, g.place);
        float *sums = ck_out(c, 1, CK_F32, 2, g.place);
        CK_BOTH(c, code_sums_f32, w, g.n, inv, limit, sums);
    }
    enum { N = 2048 };
    ck_case(c, "bench");
    const float *w = ck_in(c, 0, CK_F32, N, CK_NOISE, CK_INSIDE);
    float *sums = ck_out(c, 1, CK_F32, 2, CK_INSIDE);
    CK_BENCH(c, "n=2048", CK_ELEMS, N, ((qnt_code_sums_f32_fn *)c->fn)(w, N, 3.0f, 7.0f, sums));
}
