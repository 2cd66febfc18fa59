/* requantize s32 -> s8/u8: strides, scales per tensor and channel, fused clamp. */
#include <math.h>
#include "ck.h"

void check_requantize_s32_s8(struct ck *c);

/* A random but valid setting; scale is in slot 2. */
static void settings(struct ck *c, struct qnt_requant *r)
{
    static const int32_t zeros[] = {0, -128, 127, 5};
    size_t pick = ck_below(c, 6);
    r->mode = QNT_REQUANT_FLOAT;
    r->zero = pick < 4 ? zeros[pick] : (int32_t)ck_below(c, 256) - 128;
    r->lo = -128;
    r->hi = 127;
    if (ck_below(c, 2)) { /* relu, or any clamp, down to a single value */
        r->lo = ck_below(c, 2) ? r->zero : (int32_t)ck_below(c, 256) - 128;
        r->hi = r->lo + (int32_t)ck_below(c, (size_t)(128 - r->lo));
    }
    r->out_xor = ck_below(c, 2) ? 0x80 : 0;
    r->per_channel = (uint8_t)ck_below(c, 2);
}

/* Half of them make sums round at ties: 1/2 times an odd sum. */
static float scale(struct ck *c)
{
    static const float fixed[] = {0.0f, 0x1p-149f, 0x1.fffffep127f, 1.0f, 0.5f, 0.25f, 0.5f, 0.125f};
    size_t i = ck_below(c, 12);
    return i < sizeof fixed / sizeof *fixed ? fixed[i] : expf(ck_uniform(c, -16.0f, 1.0f));
}

/* Sums within the codes, or around those that land on a tie. */
static int32_t near(struct ck *c, float scale, bool tie)
{
    double x = ((double)ck_below(c, 256) - 127.5) / (double)scale + (double)ck_below(c, 5) - 2.0;
    return tie && fabs(x) < 2147483647.0 ? (int32_t)x : (int32_t)ck_below(c, 2400) - 1200;
}

void check_requantize_s32_s8(struct ck *c)
{
    struct qnt_requant r;
    CK_GRID(c, CK_S32, g)
    {
        size_t rows = g.n > 1024 ? 1 : ck_below(c, 4), lds = g.n + ck_below(c, 3) * ck_below(c, 40);
        size_t ldd = g.n + ck_below(c, 3) * ck_below(c, 40);
        settings(c, &r);
        size_t kind = ck_below(c, 3); /* as filled, small, near ties */
        ck_case(c, "rows=%zu lds=%zu ldd=%zu zero=%d lo=%d hi=%d xor=%d per_channel=%d%s", rows, lds, ldd, r.zero, r.lo,
                r.hi, r.out_xor, r.per_channel,
                kind == 0   ? ""
                : kind == 1 ? " small"
                            : " near ties");
        int32_t *src = ck_in_2d(c, 0, CK_S32, rows, g.n, lds, g.fill, g.place);
        int8_t *dst = ck_out_2d(c, 1, CK_S8, rows, g.n, ldd, g.place);
        float *scales = ck_in(c, 2, CK_F32, r.per_channel ? g.n : 1, CK_ZERO, g.place);
        for (size_t i = 0; i < (r.per_channel ? g.n : 1); i++)
            scales[i] = scale(c);
        for (size_t i = 0; kind && i < rows * g.n; i++)
            src[i / g.n * lds + i % g.n] = near(c, scales[r.per_channel ? i % g.n : 0], kind == 2);
        r.scale = scales;
        CK_BOTH(c, requantize_s32_s8, src, lds, dst, ldd, rows, g.n, &r);
    }
    enum { ROWS = 64, COLS = 256 };
    ck_case(c, "bench");
    int32_t *src = ck_in(c, 0, CK_S32, ROWS * COLS, CK_NOISE, CK_INSIDE);
    int8_t *dst = ck_out(c, 1, CK_S8, ROWS * COLS, CK_INSIDE);
    float *scales = ck_in(c, 2, CK_F32, COLS, CK_ZERO, CK_INSIDE);
    for (size_t i = 0; i < COLS; i++)
        scales[i] = 1e-7f;
    r = (struct qnt_requant){.lo = -128, .hi = 127, .per_channel = 1, .scale = scales};
    CK_BENCH(c, "64x256 per channel", CK_ELEMS, ROWS * COLS,
             ((qnt_requantize_s32_s8_fn *)c->fn)(src, COLS, dst, COLS, ROWS, COLS, &r));
}
