/* 3 x 3 convolutions by Winograd's tiles of outputs, against plain loops: sums and codes, by shares of tiles and of
 * channels, whether or not they pay. */
#include <stdio.h>
#include <string.h>
#include "conv_naive.h"
#include "lib/gemm/winograd.h"
#include "own_context.h"

#define GEOM(h, w, c, oh, ow, oc, top, left)                                                                           \
    {                                                                                                                  \
        h, w, c, oh, ow, oc, 3, 3, 1, 1, 1, 1, top, left, 1                                                            \
    }
static const struct qnt_conv_geom geoms[] = {
    GEOM(6, 6, 16, 6, 6, 16, 1, 1),    /* whole tiles */
    GEOM(7, 5, 32, 7, 5, 10, 1, 1),    /* half tiles, part of a panel */
    GEOM(1, 1, 16, 1, 1, 33, 1, 1),    /* padding but for one tap */
    GEOM(5, 9, 16, 3, 7, 17, 0, 0),    /* no padding */
    GEOM(4, 3, 48, 6, 5, 16, 2, 2),    /* more than a tap's */
    GEOM(2, 3, 16, 4, 7, 8, 2, 0),     /* windows outside of the image */
    GEOM(5, 70, 16, 5, 70, 24, 1, 1),  /* lines longer than a block of tiles */
    GEOM(6, 10, 160, 6, 10, 16, 1, 1), /* blocks of fewer tiles */
};
enum { GEOMS = sizeof geoms / sizeof *geoms };
static const int zeros[] = {0, 5, -128, 127};
enum { ZEROS = sizeof zeros / sizeof *zeros };

/* The fastest tile of a list that has it, or NULL. */
static const struct qnt_gemm *tile_of(const struct qnt_gemm_list *list)
{
    for (uint32_t v = list->count; v-- > 0;)
        if (list->v[v]->winograd)
            return list->v[v];
    return NULL;
}

static const struct qnt_gemm *tile(void)
{
    return tile_of(&ctx->dsp.gemm_s8);
}

/* Way i of a tile, or NULL. */
static const struct qnt_winograd *way_of(const struct qnt_gemm *t, int i)
{
    for (const struct qnt_winograd *way = t->winograd; way->name; way++)
        if (i-- == 0)
            return way;
    return NULL;
}

struct layer {
    const struct qnt_winograd *way;
    const struct qnt_conv_geom *g;
    struct sizes s;
    int z;
    int8_t *x, *w, *zero, *codes, *want_codes;
    int32_t *bias, *folded, *sums, *want;
    float *scale;
    int16_t *packed;
    void *scratch;
};

static void make(struct layer *l, const struct qnt_gemm *t, const struct qnt_winograd *way,
                 const struct qnt_conv_geom *g, int z, bool extreme)
{
    const struct sizes s = sizes_of(g);
    const size_t out = IMAGES * s.out;
    *l = (struct layer){way,
                        g,
                        s,
                        z,
                        zeroed(IMAGES * s.in, 1),
                        zeroed(g->oc * s.k, 1),
                        zeroed(g->c, 1),
                        zeroed(out, 1),
                        zeroed(out, 1),
                        zeroed(g->oc, 4),
                        zeroed(g->oc, 4),
                        zeroed(out, 4),
                        zeroed(out, 4),
                        zeroed(g->oc, 4),
                        zeroed(1, qnt_winograd_packed_bytes(t, g)),
                        zeroed(1, qnt_winograd_scratch_bytes(t, g))};
    memset(l->zero, z, g->c);
    FOR(i, IMAGES * s.in)
    l->x[i] = (int8_t)(!extreme ? unit_random() & 255 : unit_random() & 1 ? 127 : 128);
    FOR(i, g->oc * s.k)
    l->w[i] = (int8_t)(extreme ? 128 : unit_random() & 255);
    FOR(i, g->oc)
    {
        l->bias[i] = (int32_t)(unit_random() % 2001) - 1000;
        l->scale[i] = 1e-4f * (float)(1 + unit_random() % 8);
    }
    qnt_winograd_pack_w(t, way, g, l->w, l->packed);
    qnt_winograd_fold_bias(ctx, g, l->w, z, l->bias, l->folded);
}

static void release(struct layer *l)
{
    void *all[] = {l->x,      l->w,    l->zero, l->codes, l->want_codes, l->bias,
                   l->folded, l->sums, l->want, l->scale, l->packed,     l->scratch};
    FOR(i, sizeof all / sizeof *all)
    qnt_release(ctx, all[i]);
}

static void plain(struct layer *l, const struct qnt_requant *rq)
{
    const struct qnt_conv_geom *g = l->g;
    FOR(p, IMAGES * l->s.out)
    {
        const size_t o = p % g->oc, px = p / g->oc % g->ow, y = p / g->oc / g->ow % g->oh, n = p / l->s.out;
        l->want[p] = l->bias[o];
        FOR(q, l->s.k)
        {
            const size_t at = input_at(g, n, y, px, q / g->c / 3, q / g->c % 3, 0, q % g->c);
            l->want[p] += ((at == SIZE_MAX ? l->z : l->x[at]) - l->z) * l->w[o * l->s.k + q];
        }
    }
    ctx->dsp.requantize_s32_s8(l->want, g->oc, l->want_codes, g->oc, IMAGES * g->oh * g->ow, g->oc, rq);
}

/* All shares, one after the other, in the scratch of one thread. */
static void run(const struct qnt_gemm *t, struct layer *l, const struct qnt_requant *rq, int32_t kind, uint32_t parts,
                bool channels)
{
    const struct qnt_epilogue e = {.kind = kind, .bias = l->folded, .rq = *rq};
    const struct qnt_winograd_call call = {.g = t,
                                           .way = l->way,
                                           .geom = l->g,
                                           .packed = l->packed,
                                           .images = l->x,
                                           .zero_row = l->zero,
                                           .e = &e,
                                           .c = kind == QNT_EPI_S8 ? (void *)l->codes : l->sums};
    memset(l->codes, 0x55, IMAGES * l->s.out);
    memset(l->sums, 0x55, IMAGES * l->s.out * sizeof *l->sums);
    for (uint32_t p = 0; p < parts; p++) {
        const struct qnt_winograd_share own = qnt_winograd_share_of(&call, IMAGES, p, parts, channels);
        qnt_winograd_run(&call, &own, l->scratch);
    }
}

START_TEST(equals_plain_loops)
{
    const struct qnt_gemm *t = tile();
    if (!t) {
        if (_i == 0)
            printf("1 skipped: Winograd: no tile of this level has it\n");
        return;
    }
    const struct qnt_winograd *way = way_of(t, _i / GEOMS / ZEROS / 2);
    if (!way)
        return;
    struct qnt_conv_geom g = geoms[_i % GEOMS];
    g.c = qnt_round_up(g.c, way->channels);
    struct layer l;
    make(&l, t, way, &g, zeros[_i / GEOMS % ZEROS], _i / GEOMS / ZEROS % 2);
    const struct qnt_requant rq = {.zero = -3, .lo = -120, .hi = 120, .per_channel = 1, .scale = l.scale};
    plain(&l, &rq);
    for (uint32_t parts = 1; parts < 5; parts += 2)
        for (int channels = 0; channels < 2; channels++) {
            run(t, &l, &rq, QNT_EPI_S32, parts, channels);
            FOR(p, IMAGES * l.s.out)
            EACH_MUST(l.sums[p] == l.want[p], "%s, geometry %d, zero %d, %u parts, at %zu: expected %d, found %d",
                      l.way->name, _i % GEOMS, l.z, parts, p, l.want[p], l.sums[p]);
            run(t, &l, &rq, QNT_EPI_S8, parts, channels);
            FOR(p, IMAGES * l.s.out)
            EACH_MUST(l.codes[p] == l.want_codes[p],
                      "%s, geometry %d, zero %d, %u parts, at %zu: expected %d, found %d", l.way->name, _i % GEOMS, l.z,
                      parts, p, l.want_codes[p], l.codes[p]);
        }
    release(&l);
}
END_TEST

START_TEST(pays_where_it_can)
{
    const struct qnt_conv_geom layer = GEOM(28, 28, 64, 28, 28, 64, 1, 1);
    struct qnt_conv_geom g[7];
    FOR(i, 7)
    g[i] = layer;
    g[0].stride_h = 2, g[0].oh = 14;
    g[1].dil_w = 2, g[1].ow = 26;
    g[2].groups = 2;
    g[3].c = 68;
    g[4].kh = 1;
    g[5].kw = 5;
    g[6].c = 3600;
    FOR(i, 7)
    FOR(v, ctx->dsp.gemm_s8.count)
    ck_assert_ptr_null(qnt_winograd_choose(ctx->dsp.gemm_s8.v[v], &g[i], 1, NULL));
    FOR(v, ctx->dsp.gemm_s8.count)
    ck_assert(!qnt_winograd_choose(ctx->dsp.gemm_s8.v[v], &layer, 1, NULL) == !ctx->dsp.gemm_s8.v[v]->winograd);
}
END_TEST

/* Channels in whole numbers of what the way takes at a time. */
START_TEST(other_channels_are_not_served)
{
    struct qnt_conv_geom g = GEOM(28, 28, 64, 28, 28, 64, 1, 1);
    if (!tile())
        return; /* told above */
    const struct qnt_winograd *way = qnt_winograd_choose(tile(), &g, 1, NULL);
    for (g.c = 64; g.c <= 128; g.c++)
        ck_assert(!qnt_winograd_choose(tile(), &g, 1, NULL) == (g.c % way->channels != 0));
}
END_TEST

/* Weights that are read anew for each few tiles are to be worth it. */
START_TEST(far_weights_cost)
{
    const struct qnt_conv_geom g = GEOM(8, 8, 256, 8, 8, 512, 1, 1), near = GEOM(8, 8, 256, 8, 8, 16, 1, 1);
    if (!tile())
        return; /* told above */
    struct qnt_gemm t = *tile();
    struct qnt_winograd ways[2] = {*qnt_winograd_choose(&t, &near, 7, NULL)};
    t.winograd = ways;
    ways[0].cost_far = 0;
    ck_assert_ptr_nonnull(qnt_winograd_choose(&t, &g, 7, NULL));
    ways[0].cost_far = UINT16_MAX;
    ck_assert_ptr_null(qnt_winograd_choose(&t, &g, 7, NULL));
    ck_assert_ptr_nonnull(qnt_winograd_choose(&t, &near, 7, NULL));
}
END_TEST

/* A tile's sides 2 and 4, or one of them. */
static struct qnt_gemm with_sides(const struct qnt_gemm *t, uint32_t sides, struct qnt_winograd *ways)
{
    struct qnt_gemm g = *t;
    g.winograd = ways;
    for (const struct qnt_winograd *way = t->winograd; way->name; way++)
        if (way->side & sides)
            *ways++ = *way;
    *ways = (struct qnt_winograd){.name = NULL};
    return g;
}

/* What the weights of an output channel may add up to, so that tiles of 4 x 4 are exact. */
START_TEST(inexact_ways_are_not_chosen)
{
    enum { C = 256, K = 9 * C };
    const struct qnt_conv_geom g = GEOM(28, 28, C, 28, 28, 2, 1, 1);
    struct qnt_winograd ways[3];
    if (!tile())
        return; /* told above */
    for (uint32_t sides = 4; sides <= 6; sides += 2) {
        const struct qnt_gemm t = with_sides(tile(), sides, ways);
        const struct qnt_winograd *four = qnt_winograd_choose(&t, &g, 1, NULL), *other = ways[1].name ? ways : NULL;
        ck_assert_uint_eq(four->side, 4);
        int8_t *w = zeroed(2, K);
        memset(w, -127, (1 << 18) / 127);
        ck_assert_ptr_eq(qnt_winograd_choose(&t, &g, 1, w), four); /* one more code of 16 is 2^18 */
        w[K - 1] = -15;
        ck_assert_ptr_eq(qnt_winograd_choose(&t, &g, 1, w), four);
        w[K - 1] = 16;
        ck_assert_ptr_eq(qnt_winograd_choose(&t, &g, 1, w), other);
        memset(w, 0, K);
        memset(w + K, -128, K);
        ck_assert_ptr_eq(qnt_winograd_choose(&t, &g, 1, w), other);
        qnt_release(ctx, w);
    }
}
END_TEST

static const struct qnt_winograd *chosen(const struct qnt_gemm_list *list, const struct qnt_conv_geom *g)
{
    return qnt_winograd_choose(qnt_gemm_choose(list, g->oh * g->ow, g->oc, 9 * g->c), g, 1, NULL);
}

/* The ways that are checked above, where 8 bits take them: they must not be faster. */
START_TEST(few_bits_have_the_same_ways)
{
    const struct qnt_conv_geom g = GEOM(28, 28, 64, 28, 28, 64, 1, 1);
    const struct qnt_gemm_list *few[] = {&ctx->dsp.gemm_s4s8, &ctx->dsp.gemm_s2s8};
    if (!tile())
        return; /* told above */
    FOR(i, 2)
    {
        const struct qnt_gemm *t = tile_of(few[i]);
        ck_assert_ptr_nonnull(t);
        ck_assert_uint_eq(t->nr, tile()->nr);
        ck_assert_ptr_eq(t->winograd, tile()->winograd);
        ck_assert_ptr_eq(chosen(few[i], &g), chosen(&ctx->dsp.gemm_s8, &g));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("winograd");
    TCase *tc = tcase_create("winograd");
    tcase_add_checked_fixture(tc, setup, teardown);
    unit_add_cases(tc, equals_plain_loops, GEOMS * ZEROS * 2 * 2);
    tcase_add_test(tc, pays_where_it_can);
    tcase_add_test(tc, other_channels_are_not_served);
    tcase_add_test(tc, far_weights_cost);
    tcase_add_test(tc, inexact_ways_are_not_chosen);
    tcase_add_test(tc, few_bits_have_the_same_ways);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
