/* exp, tanh, sigmoid, softmax: bit by bit against the reference, to another buffer and in place. */
#include <math.h>
#include <string.h>
#include "ck.h"
#include "tests/common/quick.h"

enum { BENCH = 4096 };

/* The ranges where something happens: the middle, and where exp under- and overflows. */
static void pick_range(struct ck *c)
{
    static const float ranges[] = {1.0f, 10.0f, 110.0f, 0.01f};
    c->range = ranges[ck_below(c, 4)];
    c->unit = 0.34657359f; /* ln2 / 2: reduction ties */
}

/* Where a function changes its way, with neighbours of both signs. */
static const float edges[] = {0.0f,      0x1p-149f, 0x1p-126f, 0.34657359f, 0.625f,     1.0f,      8.0f,
                              9.01f,     16.6f,     43.6f,     52.0f,       86.0f,      87.33654f, 88.3763f,
                              88.72283f, 89.0f,     100.0f,    103.27893f,  103.97208f, 104.0f,    0x1.fffffep127f};
#define CHECK_UNARY(op)                                                                                                \
    void check_##op(struct ck *c);                                                                                     \
    void check_##op(struct ck *c)                                                                                      \
    {                                                                                                                  \
        CK_GRID(c, CK_F32, g)                                                                                          \
        for (int in_place = 0; in_place < 2; in_place++) {                                                             \
            pick_range(c);                                                                                             \
            ck_case(c, "range=%g%s", (double)c->range, in_place ? " in place" : "");                                   \
            float *dst = in_place ? ck_inout(c, 1, CK_F32, g.n, g.fill, g.place) : ck_out(c, 1, CK_F32, g.n, g.place); \
            const float *src = in_place ? dst : ck_in(c, 0, CK_F32, g.n, g.fill, g.place);                             \
            CK_BOTH(c, op, src, dst, g.n);                                                                             \
        }                                                                                                              \
        ck_plain(c);                                                                                                   \
        for (size_t e = 0; e < sizeof edges / sizeof *edges; e++) {                                                    \
            ck_case(c, "edge=%a", (double)edges[e]);                                                                   \
            float *src = ck_in(c, 0, CK_F32, CK_NEAR, CK_ZERO, CK_END), *dst = ck_out(c, 1, CK_F32, CK_NEAR, CK_END);  \
            ck_fill_near(src, edges[e]);                                                                               \
            CK_BOTH(c, op, src, dst, CK_NEAR);                                                                         \
        }                                                                                                              \
        for (uint32_t part = 0, parts = test_repeated() ? 2 : c->quick ? 16 : 256; part < parts; part++) {             \
            ck_case(c, "sweep part=%u", part);                                                                         \
            float *src = ck_in(c, 0, CK_F32, CK_SWEEP, CK_ZERO, CK_END),                                               \
                  *dst = ck_out(c, 1, CK_F32, CK_SWEEP, CK_END);                                                       \
            ck_fill_sweep(c, src, part, parts);                                                                        \
            CK_BOTH(c, op, src, dst, CK_SWEEP);                                                                        \
        }                                                                                                              \
        ck_case(c, "bench");                                                                                           \
        c->range = 10.0f;                                                                                              \
        const float *src = ck_in(c, 0, CK_F32, BENCH, CK_NOISE, CK_INSIDE);                                            \
        float *dst = ck_out(c, 1, CK_F32, BENCH, CK_INSIDE);                                                           \
        CK_BENCH(c, "n=4096", CK_ELEMS, BENCH, ((qnt_##op##_fn *)c->fn)(src, dst, BENCH));                             \
    }
CHECK_UNARY(exp_f32)
CHECK_UNARY(tanh_f32)
CHECK_UNARY(sigmoid_f32)

void check_softmax_f32(struct ck *c);
void check_softmax_f32(struct ck *c)
{
    CK_GRID(c, CK_F32, g)
    for (int in_place = 0; in_place < 2; in_place++) {
        size_t rows = g.n > 1024 ? 1 : ck_below(c, 4), n = rows * g.n;
        pick_range(c);
        ck_case(c, "rows=%zu range=%g%s", rows, (double)c->range, in_place ? " in place" : "");
        float *dst = in_place ? ck_inout(c, 1, CK_F32, n, g.fill, g.place) : ck_out(c, 1, CK_F32, n, g.place);
        const float *src = in_place ? dst : ck_in(c, 0, CK_F32, n, g.fill, g.place);
        CK_BOTH(c, softmax_f32, src, dst, rows, g.n);
    }
    ck_case(c, "bench");
    c->range = 10.0f;
    const float *src = ck_in(c, 0, CK_F32, BENCH, CK_NOISE, CK_INSIDE);
    float *dst = ck_out(c, 1, CK_F32, BENCH, CK_INSIDE);
    CK_BENCH(c, "64 of 64", CK_ELEMS, BENCH, ((qnt_softmax_f32_fn *)c->fn)(src, dst, BENCH / 64, 64));
    CK_BENCH(c, "400 of 10", CK_ELEMS, 4000, ((qnt_softmax_f32_fn *)c->fn)(src, dst, 400, 10));
}
