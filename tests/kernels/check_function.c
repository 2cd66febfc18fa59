/* function_f32: every kind bit by bit against the reference, to another buffer and in place, near the places where a
 * kind changes its way, and through all of float32. */
#include <math.h>
#include <string.h>
#include "ck.h"
#include "tests/common/quick.h"

enum { BENCH = 4096 };

/* Neighbours of both signs: where sequences change, rounding ties, ends of ranges. */
static const float edges[] = {0.0f,    0x1p-149f,   0x1p-126f, 0.34657359f, 0.5f,       0.70710678f,
                              1.0f,    1.41421354f, 1.5f,      2.0f,        2.5f,       3.0f,
                              12.0f,   14.0f,       16.97056f, 20.0f,       40.0f,      104.0f,
                              0x1p22f, 0x1p23f,     0x1p24f,   0x1p31f,     8388606.5f, 0x1.fffffep127f};

static struct qnt_function some_function(struct ck *c, int32_t kind)
{
    static const float factor[] = {0.01f, 0.2f, -1.5f, 1.0f, 0.0f}, shift[] = {0.5f, 0.0f, -0.3f};
    return (struct qnt_function){kind, factor[ck_below(c, 5)], shift[ck_below(c, 3)]};
}

static void check_grid(struct ck *c)
{
    CK_GRID(c, CK_F32, g)
    for (int in_place = 0; in_place < 2; in_place++) {
        static const float ranges[] = {1.0f, 10.0f, 110.0f, 0.01f};
        const struct qnt_function f = some_function(c, (int32_t)ck_below(c, QNT_FUNCTIONS));
        c->range = ranges[ck_below(c, 4)];
        c->unit = 1.0f;
        ck_case(c, "kind=%d a=%g b=%g range=%g%s", f.kind, (double)f.a, (double)f.b, (double)c->range,
                in_place ? " in place" : "");
        float *dst = in_place ? ck_inout(c, 1, CK_F32, g.n, g.fill, g.place) : ck_out(c, 1, CK_F32, g.n, g.place);
        const float *src = in_place ? dst : ck_in(c, 0, CK_F32, g.n, g.fill, g.place);
        CK_BOTH(c, function_f32, src, dst, g.n, &f);
    }
    ck_plain(c);
}

static void check_kind(struct ck *c, int32_t kind)
{
    for (size_t e = 0; e < sizeof edges / sizeof *edges; e++) {
        const struct qnt_function f = some_function(c, kind);
        ck_case(c, "kind=%d a=%g b=%g edge=%a", kind, (double)f.a, (double)f.b, (double)edges[e]);
        float *src = ck_in(c, 0, CK_F32, CK_NEAR, CK_ZERO, CK_END), *dst = ck_out(c, 1, CK_F32, CK_NEAR, CK_END);
        ck_fill_near(src, edges[e]);
        CK_BOTH(c, function_f32, src, dst, CK_NEAR, &f);
    }
    for (uint32_t part = 0, parts = test_repeated() ? 1 : c->quick ? 4 : 64; part < parts; part++) {
        const struct qnt_function f = some_function(c, kind);
        ck_case(c, "kind=%d a=%g b=%g sweep part=%u", kind, (double)f.a, (double)f.b, part);
        float *src = ck_in(c, 0, CK_F32, CK_SWEEP, CK_ZERO, CK_END), *dst = ck_out(c, 1, CK_F32, CK_SWEEP, CK_END);
        ck_fill_sweep(c, src, part, parts);
        CK_BOTH(c, function_f32, src, dst, CK_SWEEP, &f);
    }
}

void check_function_f32(struct ck *c);
void check_function_f32(struct ck *c)
{
    static const struct {
        const char *label;
        struct qnt_function f;
    } bench[] = {{"leaky_relu", {QNT_LEAKY_RELU, 0.1f, 0.0f}},
                 {"hard_swish", {QNT_HARD_SWISH, 0.0f, 0.0f}},
                 {"elu", {QNT_ELU, 1.0f, 0.0f}},
                 {"gelu", {QNT_GELU, 0.0f, 0.0f}},
                 {"log", {QNT_LOG, 0.0f, 0.0f}}};
    check_grid(c);
    for (int32_t kind = 0; kind < QNT_FUNCTIONS; kind++)
        check_kind(c, kind);
    ck_case(c, "bench");
    c->range = 10.0f;
    const float *src = ck_in(c, 0, CK_F32, BENCH, CK_NOISE, CK_INSIDE);
    float *dst = ck_out(c, 1, CK_F32, BENCH, CK_INSIDE);
    for (size_t i = 0; i < sizeof bench / sizeof *bench; i++)
        CK_BENCH(c, bench[i].label, CK_ELEMS, BENCH, ((qnt_function_f32_fn *)c->fn)(src, dst, BENCH, &bench[i].f));
}
