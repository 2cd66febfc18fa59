/* clamp and table look-up, to another buffer and in place. */
#include <math.h>
#include "ck.h"

enum { BENCH = 16384 };

void check_clamp_s8(struct ck *c);
void check_clamp_s8(struct ck *c)
{
    CK_GRID(c, CK_S8, g)
    for (int in_place = 0; in_place < 2; in_place++) {
        int8_t lo = (int8_t)((int)ck_below(c, 256) - 128), hi = (int8_t)(lo + (int)ck_below(c, (size_t)(128 - lo)));
        if (ck_below(c, 4) == 0)
            lo = 0, hi = 127; /* relu */
        ck_case(c, "lo=%d hi=%d%s", lo, hi, in_place ? " in place" : "");
        int8_t *dst = in_place ? ck_inout(c, 1, CK_S8, g.n, g.fill, g.place) : ck_out(c, 1, CK_S8, g.n, g.place);
        const int8_t *src = in_place ? dst : ck_in(c, 0, CK_S8, g.n, g.fill, g.place);
        CK_BOTH(c, clamp_s8, src, dst, g.n, lo, hi);
    }
    ck_case(c, "bench");
    const int8_t *src = ck_in(c, 0, CK_S8, BENCH, CK_NOISE, CK_INSIDE);
    int8_t *dst = ck_out(c, 1, CK_S8, BENCH, CK_INSIDE);
    CK_BENCH(c, "n=16384", CK_ELEMS, BENCH, ((qnt_clamp_s8_fn *)c->fn)(src, dst, BENCH, -100, 100));
}

void check_clamp_f32(struct ck *c);
void check_clamp_f32(struct ck *c)
{
    static const float bounds[][2] = {{0.0f, 6.0f}, {-1.5f, 2.5f},       {-0.0f, 0.0f},         {0.0f, INFINITY},
                                      {1.0f, 1.0f}, {-INFINITY, 1e-40f}, {-INFINITY, INFINITY}, {-0.0f, INFINITY}};
    CK_GRID(c, CK_F32, g)
    for (int in_place = 0; in_place < 2; in_place++) {
        const float *b = bounds[ck_below(c, sizeof bounds / sizeof *bounds)];
        ck_case(c, "lo=%g hi=%g%s", (double)b[0], (double)b[1], in_place ? " in place" : "");
        float *dst = in_place ? ck_inout(c, 1, CK_F32, g.n, g.fill, g.place) : ck_out(c, 1, CK_F32, g.n, g.place);
        const float *src = in_place ? dst : ck_in(c, 0, CK_F32, g.n, g.fill, g.place);
        CK_BOTH(c, clamp_f32, src, dst, g.n, b[0], b[1]);
    }
    ck_case(c, "bench");
    const float *src = ck_in(c, 0, CK_F32, BENCH, CK_NOISE, CK_INSIDE);
    float *dst = ck_out(c, 1, CK_F32, BENCH, CK_INSIDE);
    CK_BENCH(c, "n=16384", CK_ELEMS, BENCH, ((qnt_clamp_f32_fn *)c->fn)(src, dst, BENCH, -1.0f, 1.0f));
}

void check_lookup_s8(struct ck *c);
void check_lookup_s8(struct ck *c)
{
    CK_GRID(c, CK_S8, g)
    {
        ck_case(c, "apart");
        const int8_t *src = ck_in(c, 0, CK_S8, g.n, g.fill, g.place);
        const int8_t *table = ck_in(c, 1, CK_S8, 256, CK_NOISE, g.place);
        int8_t *dst = ck_out(c, 2, CK_S8, g.n, g.place);
        CK_BOTH(c, lookup_s8, src, dst, g.n, table);
        ck_case(c, "in place");
        table = ck_in(c, 1, CK_S8, 256, CK_NOISE, g.place);
        dst = ck_inout(c, 0, CK_S8, g.n, g.fill, g.place);
        CK_BOTH(c, lookup_s8, dst, dst, g.n, table);
    }
    ck_plain(c);
    ck_case(c, "bench");
    const int8_t *src = ck_in(c, 0, CK_S8, 4096, CK_NOISE, CK_INSIDE);
    const int8_t *table = ck_in(c, 1, CK_S8, 256, CK_NOISE, CK_INSIDE);
    int8_t *dst = ck_out(c, 2, CK_S8, 4096, CK_INSIDE);
    CK_BENCH(c, "n=4096", CK_ELEMS, 4096, ((qnt_lookup_s8_fn *)c->fn)(src, dst, 4096, table));
}
