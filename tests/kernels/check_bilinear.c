/* Interpolation between four pixels: 1 to 5 source pixels a line, weights at both ends and at ties, lines that are the
 * same one. The grid's size is the channels. */
#include "ck.h"

enum { PIXELS = 6 };

/* Places and weights of up to 6 outputs; returns the elements a line must have. */
static size_t pixels_of(struct ck *c, struct qnt_bilinear *x, size_t pixels, size_t channels)
{
    const size_t width = 1 + ck_below(c, 5);
    size_t span = 0;
    for (size_t p = 0; p < pixels; p++) {
        size_t left = ck_below(c, width), right = left + 1 < width ? left + ck_below(c, 2) : left;
        int32_t code = (int32_t)ck_below(c, QNT_BILINEAR_ONE + 1);
        if (ck_below(c, 2))
            code = (int32_t)(QNT_BILINEAR_ONE >> 2) * (int32_t)ck_below(c, 5);
        x[p] = (struct qnt_bilinear){left * channels, right * channels, code, (float)code * 0x1p-14f};
        if (ck_below(c, 2))
            x[p].part = ck_uniform(c, 0.0f, 1.0f);
        span = x[p].right + channels > span ? x[p].right + channels : span;
    }
    return channels ? span : 0;
}

void check_bilinear_s8(struct ck *c);
void check_bilinear_s8(struct ck *c)
{
    struct qnt_bilinear x[16];
    CK_GRID(c, CK_S8, g)
    for (int same = 0; same < 2; same++) {
        const size_t pixels = g.n < 300 ? ck_below(c, PIXELS + 1) : 1, span = pixels_of(c, x, pixels, g.n);
        const int32_t in_zero = (int32_t)ck_below(c, 256) - 128;
        const float scale = ck_below(c, 2) ? 0x1p-14f : ck_uniform(c, 0.0f, 3.0f) * 0x1p-14f;
        struct qnt_requant r = {.zero = (int32_t)ck_below(c, 256) - 128, .lo = -128, .hi = 127, .scale = &scale};
        int32_t y = ck_below(c, 2) ? (int32_t)ck_below(c, QNT_BILINEAR_ONE + 1)
                                   : (int32_t)(QNT_BILINEAR_ONE >> 2) * (int32_t)ck_below(c, 5);
        if (ck_below(c, 2))
            r.zero = in_zero;
        if (ck_below(c, 3) == 0)
            r.lo = r.zero;
        r.out_xor = ck_below(c, 4) ? 0 : 0x80;
        ck_case(c, "pixels=%zu y=%d zero=%d to %d scale=%g lo=%d xor=%d%s", pixels, y, in_zero, r.zero, (double)scale,
                r.lo, r.out_xor, same ? " one line" : "");
        const int8_t *bottom = ck_in(c, 0, CK_S8, span, g.fill, g.place);
        const int8_t *top = same ? bottom : ck_in(c, 1, CK_S8, span, ck_below(c, 2) ? g.fill : CK_NOISE, g.place);
        int8_t *dst = ck_out(c, 2, CK_S8, pixels * g.n, g.place);
        CK_BOTH(c, bilinear_s8, top, bottom, dst, pixels, g.n, x, y, in_zero, &r);
    }
    static const size_t bench[] = {3, 21, 64};
    const float one = 0x1p-14f;
    const struct qnt_requant r = {.lo = -128, .hi = 127, .scale = &one};
    for (size_t i = 0; i < sizeof bench / sizeof *bench; i++) {
        static const char *const labels[] = {"16 pixels, 3 channels", "16 pixels, 21 channels",
                                             "16 pixels, 64 channels"};
        const size_t n = bench[i];
        ck_plain(c);
        ck_case(c, "bench");
        for (size_t p = 0; p < 16; p++)
            x[p] = (struct qnt_bilinear){p / 2 * n, (p / 2 + 1) * n, p % 2 ? 4096 : 12288, 0.0f};
        const int8_t *top = ck_in(c, 0, CK_S8, 9 * n, CK_NOISE, CK_INSIDE);
        const int8_t *bottom = ck_in(c, 1, CK_S8, 9 * n, CK_NOISE, CK_INSIDE);
        int8_t *dst = ck_out(c, 2, CK_S8, 16 * n, CK_INSIDE);
        CK_BENCH(c, labels[i], CK_ELEMS, 16 * (double)n,
                 ((qnt_bilinear_s8_fn *)c->fn)(top, bottom, dst, 16, n, x, 4096, 0, &r));
    }
}

void check_bilinear_f32(struct ck *c);
void check_bilinear_f32(struct ck *c)
{
    struct qnt_bilinear x[16];
    CK_GRID(c, CK_F32, g)
    for (int same = 0; same < 2; same++) {
        const size_t pixels = g.n < 300 ? ck_below(c, PIXELS + 1) : 1, span = pixels_of(c, x, pixels, g.n);
        const float y = ck_below(c, 2) ? ck_uniform(c, 0.0f, 1.0f) : 0.25f * (float)ck_below(c, 5);
        ck_case(c, "pixels=%zu y=%g%s", pixels, (double)y, same ? " one line" : "");
        const float *bottom = ck_in(c, 0, CK_F32, span, g.fill, g.place);
        const float *top = same ? bottom : ck_in(c, 1, CK_F32, span, ck_below(c, 2) ? g.fill : CK_NOISE, g.place);
        float *dst = ck_out(c, 2, CK_F32, pixels * g.n, g.place);
        CK_BOTH(c, bilinear_f32, top, bottom, dst, pixels, g.n, x, y);
    }
    ck_plain(c);
    ck_case(c, "bench");
    for (size_t p = 0; p < 16; p++)
        x[p] = (struct qnt_bilinear){p / 2 * 64, (p / 2 + 1) * 64, 0, p % 2 ? 0.25f : 0.75f};
    const float *top = ck_in(c, 0, CK_F32, 9 * 64, CK_NOISE, CK_INSIDE);
    const float *bottom = ck_in(c, 1, CK_F32, 9 * 64, CK_NOISE, CK_INSIDE);
    float *dst = ck_out(c, 2, CK_F32, 16 * 64, CK_INSIDE);
    CK_BENCH(c, "16 pixels, 64 channels", CK_ELEMS, 16 * 64,
             ((qnt_bilinear_f32_fn *)c->fn)(top, bottom, dst, 16, 64, x, 0.25f));
}
