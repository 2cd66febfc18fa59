/* Depthwise convolution of codes and of floats, and the gradient of its weights: windows, strides, padding by a shared
 * line, per-channel scales, sums. The grid's size is the channels. */
#include <math.h>
#include "ck.h"
#include "tests/common/quick.h"

enum { MOST_TAPS = 49 };

/* Windows as layers have them: lines of an image, columns of the window side by side or dilated, strides; channels and
 * outputs around the widths that vectors take. */
static void check_windows(struct ck *c)
{
    static const size_t channels_of[] = {3, 4, 8, 16, 24, 32, 48, 64, 65, 80, 128, 200}, side_of[] = {3, 3, 5, 5, 2};
    const int8_t *tap[MOST_TAPS];
    for (size_t i = 0; i < (test_repeated() ? 60 : c->quick ? 300 : 2000); i++) {
        const size_t n = channels_of[ck_below(c, 12)], side = side_of[ck_below(c, 5)], taps = side * side;
        const size_t stride = 1 + ck_below(c, 3), dilation = 1 + ck_below(c, 4) / 3, pixels = ck_below(c, 20);
        const size_t lines = ck_below(c, 2) ? 1 : ck_below(c, 5), apart = 1 + ck_below(c, 2);
        const enum ck_fill fill = (enum ck_fill)ck_below(c, CK_INT_FILLS);
        const enum ck_place place = (enum ck_place)ck_below(c, CK_PLACES);
        const size_t ldd = n + ck_below(c, 3) / 2 * 5,
                     width = (pixels ? pixels - 1 : 0) * stride + (side - 1) * dilation + 1;
        struct qnt_requant r = {.zero = (int32_t)ck_below(c, 256) - 128, .lo = -128, .hi = 127};
        const bool far = ck_below(c, 8) == 0; /* past what 32 bits hold */
        r.per_channel = (uint8_t)ck_below(c, 2);
        r.out_xor = ck_below(c, 2) ? 0x80 : 0;
        r.lo = ck_below(c, 2) ? r.zero : -128;
        ck_case(c, "channels=%zu side=%zu stride=%zu dilation=%zu pixels=%zu x %zu apart=%zu ldd=%zu fill=%s place=%s",
                n, side, stride, dilation, lines, pixels, apart, ldd, ck_fill_name(fill), ck_place_name(place));
        const size_t below = lines ? (lines - 1) * apart : 0;
        const int8_t *src = ck_in(c, 0, CK_S8, (side + below) * width * n, fill, place);
        for (size_t t = 0; t < taps; t++)
            tap[t] = src + (t / side * width + t % side * dilation) * n;
        int8_t *w = ck_in(c, 1, CK_S8, (taps + 3) / 4 * n * 4, CK_NOISE, place);
        for (size_t t = taps; t % 4; t++)
            for (size_t k = 0; k < n; k++)
                w[(t / 4 * n + k) * 4 + t % 4] = 0;
        int32_t *bias = ck_in(c, 2, CK_S32, n, CK_ZERO, place);
        for (size_t k = 0; k < n; k++)
            bias[k] = far ? (k % 2 ? 1 : -1) * (1 << 30) : (int32_t)ck_below(c, 1 << 16) - (1 << 15);
        float *scale = ck_in(c, 3, CK_F32, r.per_channel ? n : 1, CK_ZERO, place);
        for (size_t k = 0; k < (r.per_channel ? n : 1); k++)
            scale[k] = far ? ck_uniform(c, 0.9f, 3.0f) : expf(ck_uniform(c, -9.0f, -4.0f));
        r.scale = scale;
        const struct qnt_depthwise d = {.tap = tap,
                                        .w = w,
                                        .bias = bias,
                                        .taps = taps,
                                        .step = stride * n,
                                        .pixels = pixels,
                                        .channels = n,
                                        .lines = lines,
                                        .line = apart * width * n};
        int8_t *dst = ck_out_2d(c, 4, CK_S8, lines * pixels, n, ldd, place);
        CK_BOTH(c, depthwise_s8, &d, dst, NULL, ldd, &r);
    }
}

static void bench_s8(struct ck *c)
{
    enum { C = 64, PIXELS = 32, ROW = (PIXELS + 2) * C };
    ck_plain(c);
    ck_case(c, "bench");
    const float scale = 1e-4f;
    const int8_t *tap[9];
    const struct qnt_requant r = {.lo = -128, .hi = 127, .scale = &scale};
    const int8_t *src = ck_in(c, 0, CK_S8, 3 * ROW, CK_NOISE, CK_INSIDE);
    for (size_t t = 0; t < 9; t++)
        tap[t] = src + t / 3 * ROW + t % 3 * C;
    const struct qnt_depthwise d = {.tap = tap,
                                    .w = ck_in(c, 1, CK_S8, 12 * C, CK_NOISE, CK_INSIDE),
                                    .bias = ck_in(c, 2, CK_S32, C, CK_ONEHOT, CK_INSIDE),
                                    .taps = 9,
                                    .step = C,
                                    .pixels = PIXELS,
                                    .channels = C,
                                    .lines = 1};
    int8_t *dst = ck_out(c, 3, CK_S8, PIXELS * C, CK_INSIDE);
    CK_BENCH(c, "3x3, 32 pixels, 64 channels", CK_MACS, PIXELS * C * 9,
             ((qnt_depthwise_s8_fn *)c->fn)(&d, dst, NULL, C, &r));
}

void check_depthwise_s8(struct ck *c);
void check_depthwise_s8(struct ck *c)
{
    static const size_t taps_of[] = {9, 9, 25, 1, 2, 0, 4, 5, 8, 15, MOST_TAPS, 9};
    const int8_t *tap[MOST_TAPS];
    check_windows(c);
    CK_GRID(c, CK_S8, g)
    {
        struct qnt_depthwise d = {
            .tap = tap, .channels = g.n, .lines = 1, .taps = taps_of[ck_below(c, g.n < 300 ? 12 : 5)]};
        struct qnt_requant r = {.zero = (int32_t)ck_below(c, 256) - 128, .lo = -128, .hi = 127};
        d.pixels = g.n < 300 ? ck_below(c, 12) : ck_below(c, 3);
        d.step = g.n * (1 + ck_below(c, 2)) + ck_below(c, 2) * ck_below(c, 9);
        d.lines = 1 + ck_below(c, 4) / 3;
        d.line = ck_below(c, 100);
        size_t ldd = g.n + ck_below(c, 2) * ck_below(c, 17), quads = (d.taps + 3) / 4;
        size_t line = d.pixels && g.n ? (d.pixels - 1) * d.step + g.n + (d.lines - 1) * d.line : 0;
        bool sums = ck_below(c, 2), wide = ck_below(c, 2);
        r.per_channel = (uint8_t)ck_below(c, 2);
        r.out_xor = ck_below(c, 2) ? 0x80 : 0;
        if (ck_below(c, 2))
            r.lo = r.zero;
        ck_case(c, "taps=%zu step=%zu pixels=%zu x %zu ldd=%zu per_channel=%d zero=%d%s", d.taps, d.step, d.lines,
                d.pixels, ldd, r.per_channel, r.zero, sums ? " sums" : "");
        /* Taps start at every element of the image, so that the last of them ends with it. */
        const int8_t *src = ck_in(c, 0, CK_S8, line ? line + d.taps - 1 : 0, g.fill, g.place);
        for (size_t t = 0; t < d.taps; t++)
            tap[t] = line ? src + (t * 7 + 3) % d.taps : src;
        int8_t *w = ck_in(c, 1, CK_S8, quads * g.n * 4, ck_below(c, 2) ? g.fill : CK_NOISE, g.place);
        for (size_t t = d.taps; t < quads * 4; t++)
            for (size_t k = 0; k < g.n; k++)
                w[(t / 4 * g.n + k) * 4 + t % 4] = 0;
        int32_t *bias = ck_in(c, 2, CK_S32, g.n, CK_ZERO, g.place);
        for (size_t k = 0; k < g.n; k++)
            bias[k] = (int32_t)ck_below(c, wide ? 1u << 31 : 4096) - (wide ? 1 << 30 : 2048);
        float *scale = ck_in(c, 3, CK_F32, r.per_channel ? g.n : 1, CK_ZERO, g.place);
        for (size_t k = 0; k < (r.per_channel ? g.n : 1); k++)
            scale[k] = expf(ck_uniform(c, wide ? -22.0f : -10.0f, wide ? -14.0f : -2.0f));
        d.w = w;
        d.bias = bias;
        r.scale = scale;
        int8_t *dst = ck_out_2d(c, 4, CK_S8, d.lines * d.pixels, g.n, ldd, g.place);
        int32_t *acc = ck_out_2d(c, 5, CK_S32, sums ? d.lines * d.pixels : 0, g.n, ldd, g.place);
        CK_BOTH(c, depthwise_s8, &d, dst, sums ? acc : NULL, ldd, &r);
    }
    bench_s8(c);
}

/* A run of floats; the image in slot 0 holds all that it reads. */
static struct qnt_depthwise_f32 float_run(struct ck *c, const struct ck_point *g, const float **tap)
{
    static const size_t taps_of[] = {9, 9, 25, 1, 2, 0, 4, 7, 9, 10, 12, MOST_TAPS};
    struct qnt_depthwise_f32 d = {.tap = tap, .channels = g->n, .taps = taps_of[ck_below(c, g->n < 300 ? 12 : 5)]};
    d.pixels = g->n < 300 ? ck_below(c, 21) : ck_below(c, 3);
    d.step = g->n * (1 + ck_below(c, 2)) + ck_below(c, 2) * ck_below(c, 9);
    return d;
}

static void float_taps(struct ck *c, const struct ck_point *g, const struct qnt_depthwise_f32 *d, const float **tap)
{
    const size_t line = d->pixels && g->n ? (d->pixels - 1) * d->step + g->n : 0;
    const float *src = ck_in(c, 0, CK_F32, line ? line + d->taps - 1 : 0, g->fill, g->place);
    for (size_t t = 0; t < d->taps; t++)
        tap[t] = line ? src + (t * 7 + 3) % d->taps : src;
}

void check_depthwise_f32(struct ck *c);
void check_depthwise_f32(struct ck *c)
{
    static const float bounds[][2] = {{-INFINITY, INFINITY}, {0.0f, INFINITY}, {0.0f, 6.0f}, {-1.5f, 2.5f}};
    const float *tap[MOST_TAPS];
    CK_GRID(c, CK_F32, g)
    {
        struct qnt_depthwise_f32 d = float_run(c, &g, tap);
        const size_t ldd = g.n + ck_below(c, 2) * ck_below(c, 17);
        const float *b = bounds[ck_below(c, 4)];
        const bool bias = ck_below(c, 2);
        ck_case(c, "taps=%zu step=%zu pixels=%zu ldd=%zu lo=%g hi=%g%s", d.taps, d.step, d.pixels, ldd, (double)b[0],
                (double)b[1], bias ? " bias" : "");
        float_taps(c, &g, &d, tap);
        d.w = ck_in(c, 1, CK_F32, d.taps * g.n, ck_below(c, 2) ? g.fill : CK_NOISE, g.place);
        d.bias = bias ? ck_in(c, 2, CK_F32, g.n, CK_NOISE, g.place) : NULL;
        float *dst = ck_out_2d(c, 3, CK_F32, d.pixels, g.n, ldd, g.place);
        CK_BOTH(c, depthwise_f32, &d, dst, ldd, b[0], b[1]);
    }
    enum { C = 64, PIXELS = 32, ROW = (PIXELS + 2) * C };
    ck_plain(c);
    ck_case(c, "bench");
    const float *src = ck_in(c, 0, CK_F32, 3 * ROW, CK_NOISE, CK_INSIDE);
    for (size_t t = 0; t < 9; t++)
        tap[t] = src + t / 3 * ROW + t % 3 * C;
    const struct qnt_depthwise_f32 d = {.tap = tap,
                                        .w = ck_in(c, 1, CK_F32, 9 * C, CK_NOISE, CK_INSIDE),
                                        .bias = ck_in(c, 2, CK_F32, C, CK_NOISE, CK_INSIDE),
                                        .taps = 9,
                                        .step = C,
                                        .pixels = PIXELS,
                                        .channels = C};
    float *dst = ck_out(c, 3, CK_F32, PIXELS * C, CK_INSIDE);
    CK_BENCH(c, "3x3, 32 pixels, 64 channels", CK_MACS, PIXELS * C * 9,
             ((qnt_depthwise_f32_fn *)c->fn)(&d, dst, C, 0.0f, INFINITY));
}

/* Images smaller and larger than a window, windows in the padding alone, blocks of every size, every part of a vector.
 */
void check_depthwise_image_f32(struct ck *c);
void check_depthwise_image_f32(struct ck *c)
{
    static const float bounds[][2] = {{-INFINITY, INFINITY}, {0.0f, INFINITY}, {0.0f, 6.0f}, {-1.5f, 2.5f}};
    static const size_t channels_of[] = {1, 3, 4, 8, 9, 16, 16, 17, 24, 32, 48, 70, 128, 256};
    for (size_t i = 0; i < (test_repeated() ? 60 : c->quick ? 300 : 3000); i++) {
        const size_t n = channels_of[ck_below(c, 14)];
        struct qnt_depthwise_image_f32 d = {.height = 1 + ck_below(c, 9), .channels = n, .step = 1 + ck_below(c, 2)};
        d.width = 1 + ck_below(c, ck_below(c, 2) ? 9 : 40);
        d.side = ck_below(c, 2) ? 3 : 5;
        d.top = ck_below(c, 8) ? ck_below(c, 3) : ck_below(c, 12);
        d.left = ck_below(c, 8) ? ck_below(c, 3) : ck_below(c, 30);
        d.pixels = ck_below(c, (d.width + d.left) / d.step + 5);
        const size_t line0 = ck_below(c, 4), lines = ck_below(c, 6), ldd = n + ck_below(c, 3) / 2 * 5;
        const enum ck_fill fill = (enum ck_fill)ck_below(c, CK_FLOAT_FILLS);
        const enum ck_place place = (enum ck_place)ck_below(c, CK_PLACES);
        const float *b = bounds[ck_below(c, 4)];
        const bool bias = ck_below(c, 2);
        ck_case(c,
                "%zu x %zu x %zu side=%zu step=%zu top=%zu left=%zu pixels=%zu lines=%zu+%zu ldd=%zu fill=%s place=%s",
                d.height, d.width, n, d.side, d.step, d.top, d.left, d.pixels, line0, lines, ldd, ck_fill_name(fill),
                ck_place_name(place));
        d.src = ck_in(c, 0, CK_F32, d.height * d.width * n, fill, place);
        d.w = ck_in(c, 1, CK_F32, d.side * d.side * n, ck_below(c, 2) ? fill : CK_NOISE, place);
        d.bias = bias ? ck_in(c, 2, CK_F32, n, ck_below(c, 4) ? CK_NOISE : fill, place) : NULL;
        float *dst = ck_out_2d(c, 3, CK_F32, lines * d.pixels, n, ldd, place);
        d.scratch = ck_below(c, 4) ? ck_scratch(c, 4, CK_F32, QNT_DEPTHWISE_IMAGE_SCRATCH, place) : NULL;
        CK_BOTH(c, depthwise_image_f32, &d, dst, ldd, line0, line0 + lines, b[0], b[1]);
    }
    enum { C = 64, SIDE = 32 };
    ck_plain(c);
    ck_case(c, "bench");
    const struct qnt_depthwise_image_f32 d = {.src = ck_in(c, 0, CK_F32, SIDE * SIDE * C, CK_NOISE, CK_INSIDE),
                                              .w = ck_in(c, 1, CK_F32, 9 * C, CK_NOISE, CK_INSIDE),
                                              .bias = ck_in(c, 2, CK_F32, C, CK_NOISE, CK_INSIDE),
                                              .height = SIDE,
                                              .width = SIDE,
                                              .channels = C,
                                              .side = 3,
                                              .step = 1,
                                              .top = 1,
                                              .left = 1,
                                              .pixels = SIDE};
    float *dst = ck_out(c, 3, CK_F32, 4 * SIDE * C, CK_INSIDE);
    CK_BENCH(c, "3x3, 4 lines of 32 pixels, 64 channels", CK_MACS, 4 * SIDE * C * 9,
             ((qnt_depthwise_image_f32_fn *)c->fn)(&d, dst, C, 8, 12, 0.0f, INFINITY));
}

void check_depthwise_grad_f32(struct ck *c);
void check_depthwise_grad_f32(struct ck *c)
{
    const float *tap[MOST_TAPS];
    CK_GRID(c, CK_F32, g)
    {
        struct qnt_depthwise_f32 d = float_run(c, &g, tap);
        const size_t ldy = g.n + ck_below(c, 2) * ck_below(c, 17);
        ck_case(c, "taps=%zu step=%zu pixels=%zu ldy=%zu", d.taps, d.step, d.pixels, ldy);
        float_taps(c, &g, &d, tap);
        const float *dy = ck_in_2d(c, 1, CK_F32, d.pixels, g.n, ldy, ck_below(c, 2) ? g.fill : CK_NOISE, g.place);
        float *sums = ck_inout(c, 2, CK_F32, d.taps * g.n, ck_below(c, 2) ? g.fill : CK_NOISE, g.place);
        CK_BOTH(c, depthwise_grad_f32, &d, dy, ldy, sums);
    }
    enum { C = 64, PIXELS = 16, ROW = (PIXELS + 2) * C };
    ck_plain(c);
    ck_case(c, "bench");
    const float *src = ck_in(c, 0, CK_F32, 3 * ROW, CK_NOISE, CK_INSIDE);
    for (size_t t = 0; t < 9; t++)
        tap[t] = src + t / 3 * ROW + t % 3 * C;
    const struct qnt_depthwise_f32 d = {.tap = tap, .taps = 9, .step = C, .pixels = PIXELS, .channels = C};
    const float *dy = ck_in(c, 1, CK_F32, PIXELS * C, CK_NOISE, CK_INSIDE);
    float *sums = ck_inout(c, 2, CK_F32, 9 * C, CK_ZERO, CK_INSIDE);
    CK_BENCH(c, "3x3, 16 pixels, 64 channels", CK_MACS, PIXELS * C * 9,
             ((qnt_depthwise_grad_f32_fn *)c->fn)(&d, dy, C, sums));
}
