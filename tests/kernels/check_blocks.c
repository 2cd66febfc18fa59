/* Products with weights in blocks, of floats and of codes, and the quantization of activations by blocks. */
#include <math.h>
#include <stdio.h>
#include "ck.h"
#include "tests/common/quick.h"

struct shape {
    size_t n, rows, block, blocks, panels, k;
};

/* Outputs around the panel and its half, rows around the tiles, more than are taken at a time; long blocks now and
 * then. */
static struct shape shape_of(struct ck *c)
{
    static const size_t n_of[] = {1, 3, 15, 16, 17, 31, 32, 33, 47, 64, 71}, most = sizeof n_of / sizeof *n_of;
    struct shape s = {.n = n_of[ck_below(c, most)], .rows = ck_below(c, 3) ? ck_below(c, 6) : ck_below(c, 28)};
    s.block = (size_t)16 << ck_below(c, ck_below(c, 4) ? 2 : 5);
    s.block += ck_below(c, 6) ? 0 : 16; /* no power of two */
    s.blocks = 1 + ck_below(c, 4);
    if (ck_below(c, 24) == 0) /* for the reference, which is slow: small else */
        s = (struct shape){.n = s.n % 40 + 1, .rows = 90 + ck_below(c, 16), .block = 16, .blocks = s.blocks};
    s.panels = (s.n + QNT_BLOCKS_PANEL - 1) / QNT_BLOCKS_PANEL;
    s.k = s.block * s.blocks;
    return s;
}

static struct qnt_blocks weights(struct ck *c, const struct shape *s, size_t bits, enum ck_place place)
{
    const size_t lanes = s->panels * QNT_BLOCKS_PANEL;
    struct qnt_blocks w = {.n = s->n, .block = s->block, .blocks = s->blocks};
    const enum ck_fill fill = ck_below(c, 3) ? CK_NOISE : (enum ck_fill)ck_below(c, CK_INT_FILLS);
    w.codes = ck_in(c, 0, CK_U8, lanes * s->k * bits / 8, fill, place);
    w.scale = ck_in(c, 1, CK_F32, lanes * s->blocks, ck_below(c, 6) ? CK_NOISE : CK_SPECIAL, place);
    if (ck_below(c, 2)) {
        int8_t *zero = ck_in(c, 2, CK_S8, lanes * s->blocks, ck_below(c, 3) ? CK_NOISE : CK_MIN, place);
        for (size_t i = 0; i < lanes * s->blocks && bits == 4; i++)
            zero[i] /= 16;
        w.zero = zero;
    }
    return w;
}

static struct qnt_blocks_out result(struct ck *c, const struct shape *s, enum ck_place place)
{
    struct qnt_blocks_out o = {.rows = s->rows, .ldy = s->n + ck_below(c, 2) * 3, .lo = -INFINITY, .hi = INFINITY};
    if (ck_below(c, 2))
        o.bias = ck_in(c, 3, CK_F32, s->n, CK_NOISE, place);
    o.y = ck_out_2d(c, 4, CK_F32, s->rows, s->n, o.ldy, place);
    if (ck_below(c, 3) == 0) {
        o.lo = ck_uniform(c, -3.0f, 0.0f);
        o.hi = ck_uniform(c, 0.0f, 100.0f);
    }
    return o;
}

static size_t cases(const struct ck *c)
{
    return test_repeated() ? 24 : c->quick ? 120 : 700;
}

static void check_f32(struct ck *c, size_t bits)
{
    for (size_t i = 0; i < cases(c); i++) {
        const struct shape s = shape_of(c);
        const enum ck_place place = (enum ck_place)ck_below(c, CK_PLACES);
        const enum ck_fill fill = ck_below(c, 2) ? CK_NOISE : (enum ck_fill)ck_below(c, CK_FLOAT_FILLS);
        ck_case(c, "n=%zu rows=%zu block=%zu blocks=%zu fill=%s place=%s", s.n, s.rows, s.block, s.blocks,
                ck_fill_name(fill), ck_place_name(place));
        const struct qnt_blocks w = weights(c, &s, bits, place);
        const struct qnt_blocks_out o = result(c, &s, place);
        const float *x = ck_in(c, 5, CK_F32, s.rows * s.k, fill, place);
        const float *sum = w.zero ? ck_in(c, 6, CK_F32, s.rows * s.blocks, fill, place) : NULL;
        CK_BOTH(c, blocks_u4f32, &w, x, sum, &o); /* both widths have this type */
    }
}

/* The true sums, which the kernels may use in any way. */
static const int32_t *sums_of(struct ck *c, const struct shape *s, const int8_t *x, enum ck_place place)
{
    int32_t *sum = ck_in(c, 6, CK_S32, s->rows * s->blocks, CK_ZERO, place);
    for (size_t i = 0; i < s->rows * s->k; i++)
        sum[i / s->block] += x[i];
    return sum;
}

static void one_s8(struct ck *c, const struct shape *s, size_t bits, enum ck_fill fill, enum ck_place place)
{
    ck_case(c, "n=%zu rows=%zu block=%zu blocks=%zu fill=%s place=%s", s->n, s->rows, s->block, s->blocks,
            ck_fill_name(fill), ck_place_name(place));
    const struct qnt_blocks w = weights(c, s, bits, place);
    const struct qnt_blocks_out o = result(c, s, place);
    const int8_t *x = ck_in(c, 5, CK_S8, s->rows * s->k, fill, place);
    const int32_t *sum = sums_of(c, s, x, place);
    const float *scale = ck_in(c, 7, CK_F32, s->rows * s->blocks, ck_below(c, 6) ? CK_NOISE : CK_SPECIAL, place);
    CK_BOTH(c, blocks_u4s8, &w, x, scale, sum, &o);
}

static void check_s8(struct ck *c, size_t bits)
{
    for (size_t i = 0; i < cases(c); i++) {
        const struct shape s = shape_of(c);
        one_s8(c, &s, bits, ck_below(c, 2) ? CK_NOISE : (enum ck_fill)ck_below(c, CK_INT_FILLS),
               (enum ck_place)ck_below(c, CK_PLACES));
    }
    const struct shape longest = {2, 1, 1 << 16, 1, 1, 1 << 16};
    for (int fill = 0; fill < CK_ONEHOT; fill++)
        one_s8(c, &longest, bits, (enum ck_fill)fill, CK_END);
}

/* Two panels of 512, as far as the first cache holds them. */
static void bench(struct ck *c, size_t bits, bool s8, size_t rows)
{
    const struct shape s = {64, rows, 32, 16, 2, 512};
    char label[32];
    ck_plain(c);
    ck_case(c, "bench");
    struct qnt_blocks w = weights(c, &s, bits, CK_INSIDE);
    w.scale = ck_in(c, 9, CK_F32, 64 * 16, CK_NOISE, CK_INSIDE);
    w.zero = NULL;
    struct qnt_blocks_out o = result(c, &s, CK_INSIDE);
    const float *x = ck_in(c, 5, CK_F32, rows * s.k, CK_NOISE, CK_INSIDE);
    const int8_t *codes = ck_in(c, 8, CK_S8, rows * s.k, CK_NOISE, CK_INSIDE);
    const int32_t *sum = sums_of(c, &s, codes, CK_INSIDE);
    snprintf(label, sizeof label, "%zux64x512", rows);
    if (s8)
        CK_BENCH(c, label, CK_MACS, (double)(rows * 64 * 512), ((qnt_blocks_u4s8_fn *)c->fn)(&w, codes, x, sum, &o));
    else
        CK_BENCH(c, label, CK_MACS, (double)(rows * 64 * 512), ((qnt_blocks_u4f32_fn *)c->fn)(&w, x, NULL, &o));
}

static void check(struct ck *c, size_t bits, bool s8)
{
    if (s8)
        check_s8(c, bits);
    else
        check_f32(c, bits);
    bench(c, bits, s8, 1);
    bench(c, bits, s8, 12);
    bench(c, bits, s8, 48);
}

void check_blocks_u4f32(struct ck *c);
void check_blocks_u4f32(struct ck *c)
{
    check(c, 4, false);
}

void check_blocks_u8f32(struct ck *c);
void check_blocks_u8f32(struct ck *c)
{
    check(c, 8, false);
}

void check_blocks_u4s8(struct ck *c);
void check_blocks_u4s8(struct ck *c)
{
    check(c, 4, true);
}

void check_blocks_u8s8(struct ck *c);
void check_blocks_u8s8(struct ck *c)
{
    check(c, 8, true);
}

void check_quantize_blocks_f32_s8(struct ck *c);
void check_quantize_blocks_f32_s8(struct ck *c)
{
    enum { BLOCK = 32, BLOCKS = 128 };
    for (size_t i = 0; i < cases(c); i++) {
        const size_t block = 16 * (1 + ck_below(c, 12)), blocks = ck_below(c, 6);
        const enum ck_fill fill = (enum ck_fill)ck_below(c, CK_FLOAT_FILLS);
        const enum ck_place place = (enum ck_place)ck_below(c, CK_PLACES);
        ck_case(c, "block=%zu blocks=%zu fill=%s place=%s", block, blocks, ck_fill_name(fill), ck_place_name(place));
        float *src = ck_in(c, 0, CK_F32, block * blocks, fill, place);
        if (blocks && ck_below(c, 4) == 0) /* halves between codes: the greatest is 127 */
            for (size_t k = 0; k < block; k++)
                src[k] = k == block / 2 ? -127.0f : (float)((int)ck_below(c, 254) - 127) + 0.5f;
        int8_t *dst = ck_out(c, 1, CK_S8, block * blocks, place);
        float *scale = ck_out(c, 2, CK_F32, blocks, place);
        int32_t *sum = ck_out(c, 3, CK_S32, blocks, place);
        CK_BOTH(c, quantize_blocks_f32_s8, src, dst, scale, sum, block, blocks);
    }
    ck_plain(c);
    ck_case(c, "bench");
    const float *src = ck_in(c, 0, CK_F32, BLOCK * BLOCKS, CK_NOISE, CK_INSIDE);
    int8_t *dst = ck_out(c, 1, CK_S8, BLOCK * BLOCKS, CK_INSIDE);
    float *scale = ck_out(c, 2, CK_F32, BLOCKS, CK_INSIDE);
    int32_t *sum = ck_out(c, 3, CK_S32, BLOCKS, CK_INSIDE);
    CK_BENCH(c, "128 of 32", CK_ELEMS, BLOCK * BLOCKS,
             ((qnt_quantize_blocks_f32_s8_fn *)c->fn)(src, dst, scale, sum, BLOCK, BLOCKS));
}
