/* quantize and dequantize, per tensor and per channel. */
#include <math.h>
#include <string.h>
#include "ck.h"
#include "simd/quant.h"
#include "tests/common/quick.h"

enum { WORDS = sizeof(struct qnt_quant) / 4, KINDS = 8, BENCH = 16384, BENCH_CHANNELS = 64 };
_Static_assert(WORDS * 4 == sizeof(struct qnt_quant), "placed as s32 elements");

/* Scales of every kind: powers of two (reciprocal exact), ordinary, at the ends of float32. */
static float scale(struct ck *c)
{
    static const float fixed[] = {1.0f,      0.0078125f,      0.1f,       1.0f / 3.0f, 0x1p-149f,
                                  0x1p-126f, 0x1.fffffep127f, 0x1.9p-130f};
    size_t n = sizeof fixed / sizeof *fixed, i = ck_below(c, 2 * n);
    return i < n ? fixed[i] : expf(ck_uniform(c, -12.0f, 3.0f));
}

/* Scales of every kind, prepared. That proves something of each, at a great cost where floats are emulated: there eight
 * cases share them. */
static const struct qnt_quant *prepared(struct ck *c, int32_t lo, int32_t hi)
{
    static struct qnt_quant kinds[KINDS];
    static const char *op, *variant;
    static unsigned cases;
    if (op != c->op || variant != c->variant) /* the same cases, whatever was checked before */
        cases = 0;
    op = c->op;
    variant = c->variant;
    if (test_emulated() && cases++ % 8)
        return kinds;
    for (size_t i = 0; i < KINDS; i++) {
        const int32_t zeros[] = {0, lo, hi, lo + (int32_t)ck_below(c, 256)};
        qnt_quant_init(&kinds[i], i ? expf(ck_uniform(c, -6.0f, 3.0f)) : scale(c), zeros[ck_below(c, 4)]);
    }
    return kinds;
}

/* `channels` of them in a slot; float fills aim at the first. */
static const struct qnt_quant *quants(struct ck *c, unsigned slot, size_t channels, int32_t lo, int32_t hi,
                                      enum ck_place place)
{
    const struct qnt_quant *kinds = prepared(c, lo, hi);
    char *to = ck_in(c, slot, CK_S32, channels * WORDS, CK_ZERO, place);
    for (size_t i = 0; i < channels; i++)
        memcpy(to + i * sizeof *kinds, &kinds[i % KINDS], sizeof *kinds);
    c->unit = kinds[0].scale;
    c->range = c->unit < 1e36f ? c->unit * 150.0f : 3e38f;
    return (const struct qnt_quant *)to;
}

enum { SCALES = 48, REPEATED_SCALES = 6, THRESHOLDS = 512, ULPS = 2, AROUND = 2 * ULPS + 1, NEAR = THRESHOLDS * AROUND + 8 };

static int scales(void)
{
    return test_repeated() ? REPEATED_SCALES : SCALES;
}

/* A scale, and NEAR floats in slot 0: those where a code begins, each with its neighbours, then what no code is for. */
static const float *around_thresholds(struct ck *c, struct qnt_quant *q, int32_t lowest_zero)
{
    qnt_quant_init(q, scale(c), lowest_zero + (int32_t)ck_below(c, 256));
    ck_case(c, "around all thresholds, scale=%a zero=%d", (double)q->scale, q->zero);
    const float far = q->scale * 40000.0f, rest[8] = {NAN, -NAN, INFINITY, -INFINITY, 3.4e38f, -3.4e38f, far, -far};
    float *x = ck_in(c, 0, CK_F32, NEAR, CK_ZERO, CK_INSIDE), *to = x;
    for (int k = -THRESHOLDS / 2; k < THRESHOLDS / 2; k++) {
        float v = (float)((k + 0.5) * (double)q->scale);
        for (int i = 0; i < ULPS; i++)
            v = nextafterf(v, -INFINITY);
        for (int i = 0; i < AROUND; i++, v = nextafterf(v, INFINITY))
            *to++ = v;
    }
    memcpy(to, rest, sizeof rest);
    return x;
}

/* Elements of arrays past all caches. */
static size_t past_caches(struct ck *c)
{
    ck_case(c, "past the caches");
    return (4u << 20) + ck_below(c, 30000);
}

void check_quantize_f32_s8(struct ck *c);
void check_quantize_f32_s8(struct ck *c)
{
    for (int i = 0; i < scales(); i++) {
        struct qnt_quant q;
        const float *src = around_thresholds(c, &q, -128);
        int8_t *dst = ck_out(c, 1, CK_S8, NEAR, CK_INSIDE);
        CK_BOTH(c, quantize_f32_s8, src, dst, NEAR, &q);
    }
    CK_GRID(c, CK_F32, g)
    {
        const struct qnt_quant *q = quants(c, 2, 1, -128, 127, g.place);
        const float *src = ck_in(c, 0, CK_F32, g.n, g.fill, g.place);
        int8_t *dst = ck_out(c, 1, CK_S8, g.n, g.place);
        CK_BOTH(c, quantize_f32_s8, src, dst, g.n, q);
    }
    for (int i = 0; i < 2 && !c->quick; i++) {
        size_t n = past_caches(c);
        struct qnt_quant q;
        qnt_quant_init(&q, i ? 0.03125f : 0.03f, -5);
        const float *src = ck_in(c, 0, CK_F32, n, CK_NOISE, CK_INSIDE);
        int8_t *dst = ck_out(c, 1, CK_S8, n, CK_INSIDE);
        CK_BOTH(c, quantize_f32_s8, src, dst, n, &q);
    }
    ck_case(c, "bench");
    c->range = 10.0f;
    const float *src = ck_in(c, 0, CK_F32, BENCH, CK_NOISE, CK_INSIDE);
    int8_t *dst = ck_out(c, 1, CK_S8, BENCH, CK_INSIDE);
    struct qnt_quant q;
    qnt_quant_init(&q, 0.0625f, 3);
    CK_BENCH(c, "reciprocal", CK_ELEMS, BENCH, ((qnt_quantize_f32_s8_fn *)c->fn)(src, dst, BENCH, &q));
    q.recip_exact = 0;
    CK_BENCH(c, "sum of products", CK_ELEMS, BENCH, ((qnt_quantize_f32_s8_fn *)c->fn)(src, dst, BENCH, &q));
    q.high = q.low = 0.0f;
    CK_BENCH(c, "division", CK_ELEMS, BENCH, ((qnt_quantize_f32_s8_fn *)c->fn)(src, dst, BENCH, &q));
}

void check_quantize_f32_u8(struct ck *c);
void check_quantize_f32_u8(struct ck *c)
{
    for (int i = 0; i < scales(); i++) {
        struct qnt_quant q;
        const float *src = around_thresholds(c, &q, 0);
        uint8_t *dst = ck_out(c, 1, CK_U8, NEAR, CK_INSIDE);
        CK_BOTH(c, quantize_f32_u8, src, dst, NEAR, &q);
    }
    CK_GRID(c, CK_F32, g)
    {
        const struct qnt_quant *q = quants(c, 2, 1, 0, 255, g.place);
        const float *src = ck_in(c, 0, CK_F32, g.n, g.fill, g.place);
        uint8_t *dst = ck_out(c, 1, CK_U8, g.n, g.place);
        CK_BOTH(c, quantize_f32_u8, src, dst, g.n, q);
    }
    for (int i = 0; i < 2 && !c->quick; i++) {
        size_t n = past_caches(c);
        struct qnt_quant q;
        qnt_quant_init(&q, i ? 0.03125f : 0.03f, 100);
        const float *src = ck_in(c, 0, CK_F32, n, CK_NOISE, CK_INSIDE);
        uint8_t *dst = ck_out(c, 1, CK_U8, n, CK_INSIDE);
        CK_BOTH(c, quantize_f32_u8, src, dst, n, &q);
    }
    ck_case(c, "bench");
    c->range = 10.0f;
    const float *src = ck_in(c, 0, CK_F32, BENCH, CK_NOISE, CK_INSIDE);
    uint8_t *dst = ck_out(c, 1, CK_U8, BENCH, CK_INSIDE);
    struct qnt_quant q;
    qnt_quant_init(&q, 0.0625f, 128);
    CK_BENCH(c, "reciprocal", CK_ELEMS, BENCH, ((qnt_quantize_f32_u8_fn *)c->fn)(src, dst, BENCH, &q));
}

/* Channels are the grid's size; 0 to 4 rows. */
static size_t some_rows(struct ck *c, const struct ck_point *g)
{
    return g->n > 1024 ? 2 : ck_below(c, 5);
}

void check_quantize_pc_f32_s8(struct ck *c);
void check_quantize_pc_f32_s8(struct ck *c)
{
    for (int i = 0; i < scales(); i++) {
        struct qnt_quant q[2];
        const float *src = around_thresholds(c, q, -128);
        q[1] = q[0];
        int8_t *dst = ck_out(c, 1, CK_S8, NEAR, CK_INSIDE);
        CK_BOTH(c, quantize_pc_f32_s8, src, dst, NEAR / 2, 2, q);
    }
    CK_GRID(c, CK_F32, g)
    {
        size_t rows = some_rows(c, &g);
        ck_case(c, "rows=%zu", rows);
        const struct qnt_quant *q = quants(c, 2, g.n, -128, 127, g.place);
        const float *src = ck_in(c, 0, CK_F32, rows * g.n, g.fill, g.place);
        int8_t *dst = ck_out(c, 1, CK_S8, rows * g.n, g.place);
        CK_BOTH(c, quantize_pc_f32_s8, src, dst, rows, g.n, q);
    }
    ck_case(c, "bench");
    c->range = 10.0f;
    const struct qnt_quant *q = quants(c, 2, BENCH_CHANNELS, -128, 127, CK_INSIDE);
    const float *src = ck_in(c, 0, CK_F32, BENCH, CK_NOISE, CK_INSIDE);
    int8_t *dst = ck_out(c, 1, CK_S8, BENCH, CK_INSIDE);
    CK_BENCH(c, "64 channels", CK_ELEMS, BENCH,
             ((qnt_quantize_pc_f32_s8_fn *)c->fn)(src, dst, BENCH / BENCH_CHANNELS, BENCH_CHANNELS, q));
}

void check_dequantize_s8_f32(struct ck *c);
void check_dequantize_s8_f32(struct ck *c)
{
    CK_GRID(c, CK_S8, g)
    {
        const struct qnt_quant *q = quants(c, 2, 1, -128, 127, g.place);
        const int8_t *src = ck_in(c, 0, CK_S8, g.n, g.fill, g.place);
        float *dst = ck_out(c, 1, CK_F32, g.n, g.place);
        CK_BOTH(c, dequantize_s8_f32, src, dst, g.n, q);
    }
    if (!c->quick) {
        size_t n = past_caches(c);
        const struct qnt_quant q = {.scale = 0.03f, .zero = -5};
        const int8_t *src = ck_in(c, 0, CK_S8, n, CK_NOISE, CK_INSIDE);
        float *dst = ck_out(c, 1, CK_F32, n, CK_INSIDE);
        CK_BOTH(c, dequantize_s8_f32, src, dst, n, &q);
    }
    ck_case(c, "bench");
    const struct qnt_quant q = {.scale = 0.1f, .zero = 3};
    const int8_t *src = ck_in(c, 0, CK_S8, BENCH, CK_NOISE, CK_INSIDE);
    float *dst = ck_out(c, 1, CK_F32, BENCH, CK_INSIDE);
    CK_BENCH(c, "n=16384", CK_ELEMS, BENCH, ((qnt_dequantize_s8_f32_fn *)c->fn)(src, dst, BENCH, &q));
}

void check_dequantize_u8_f32(struct ck *c);
void check_dequantize_u8_f32(struct ck *c)
{
    CK_GRID(c, CK_U8, g)
    {
        const struct qnt_quant *q = quants(c, 2, 1, 0, 255, g.place);
        const uint8_t *src = ck_in(c, 0, CK_U8, g.n, g.fill, g.place);
        float *dst = ck_out(c, 1, CK_F32, g.n, g.place);
        CK_BOTH(c, dequantize_u8_f32, src, dst, g.n, q);
    }
    if (!c->quick) {
        size_t n = past_caches(c);
        const struct qnt_quant q = {.scale = 0.03f, .zero = 100};
        const uint8_t *src = ck_in(c, 0, CK_U8, n, CK_NOISE, CK_INSIDE);
        float *dst = ck_out(c, 1, CK_F32, n, CK_INSIDE);
        CK_BOTH(c, dequantize_u8_f32, src, dst, n, &q);
    }
    ck_case(c, "bench");
    const struct qnt_quant q = {.scale = 0.1f, .zero = 128};
    const uint8_t *src = ck_in(c, 0, CK_U8, BENCH, CK_NOISE, CK_INSIDE);
    float *dst = ck_out(c, 1, CK_F32, BENCH, CK_INSIDE);
    CK_BENCH(c, "n=16384", CK_ELEMS, BENCH, ((qnt_dequantize_u8_f32_fn *)c->fn)(src, dst, BENCH, &q));
}

void check_dequantize_pc_s8_f32(struct ck *c);
void check_dequantize_pc_s8_f32(struct ck *c)
{
    CK_GRID(c, CK_S8, g)
    {
        size_t rows = some_rows(c, &g);
        ck_case(c, "rows=%zu", rows);
        const struct qnt_quant *q = quants(c, 2, g.n, -128, 127, g.place);
        const int8_t *src = ck_in(c, 0, CK_S8, rows * g.n, g.fill, g.place);
        float *dst = ck_out(c, 1, CK_F32, rows * g.n, g.place);
        CK_BOTH(c, dequantize_pc_s8_f32, src, dst, rows, g.n, q);
    }
    ck_case(c, "bench");
    const struct qnt_quant *q = quants(c, 2, BENCH_CHANNELS, -128, 127, CK_INSIDE);
    const int8_t *src = ck_in(c, 0, CK_S8, BENCH, CK_NOISE, CK_INSIDE);
    float *dst = ck_out(c, 1, CK_F32, BENCH, CK_INSIDE);
    CK_BENCH(c, "64 channels", CK_ELEMS, BENCH,
             ((qnt_dequantize_pc_s8_f32_fn *)c->fn)(src, dst, BENCH / BENCH_CHANNELS, BENCH_CHANNELS, q));
}
