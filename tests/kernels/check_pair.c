/* Sums and products of two tensors: one value or one each, zero points, factors that make ties, in place. */
#include <math.h>
#include "ck.h"

/* Most factors are short fractions, whose sums meet ties: binary ones exactly, decimal ones but for the last place. */
static float factor(struct ck *c)
{
    static const float fixed[] = {0.0f, 0.5f, 1.0f, 0.25f, 0x1.fffffep99f, 0x1p-149f,
                                  0.1f, 0.2f, 0.3f, 0.7f,  0.9f,           0.05f};
    size_t i = ck_below(c, 16);
    float f = i < sizeof fixed / sizeof *fixed ? fixed[i] : expf(ck_uniform(c, -6.0f, 2.0f));
    return ck_below(c, 3) ? f : -f;
}

static void settings(struct ck *c, struct qnt_pair *p, struct qnt_requant *r, bool product)
{
    *p = (struct qnt_pair){.a_zero = (int32_t)ck_below(c, 256) - 128,
                           .b_zero = (int32_t)ck_below(c, 256) - 128,
                           .a_factor = factor(c),
                           .b_factor = factor(c),
                           .a_step = ck_below(c, 4) > 0,
                           .b_step = ck_below(c, 4) > 0};
    if (product)
        p->a_factor = ck_below(c, 2) ? 1.0f / (float)(2 << ck_below(c, 9)) : expf(ck_uniform(c, -9.0f, -2.0f));
    *r = (struct qnt_requant){.zero = (int32_t)ck_below(c, 256) - 128, .lo = -128, .hi = 127};
    if (ck_below(c, 2)) {
        r->lo = ck_below(c, 2) ? r->zero : (int32_t)ck_below(c, 256) - 128;
        r->hi = r->lo + (int32_t)ck_below(c, (size_t)(128 - r->lo));
    }
    r->out_xor = ck_below(c, 4) ? 0 : 0x80;
    ck_case(c, "zeros=%d,%d factors=%g,%g steps=%zu,%zu zero=%d lo=%d hi=%d xor=%d", p->a_zero, p->b_zero,
            (double)p->a_factor, (double)p->b_factor, p->a_step, p->b_step, r->zero, r->lo, r->hi, r->out_xor);
}

static size_t extent(size_t n, size_t step)
{
    return step ? n : 1;
}

#define CHECK_S8(op, product)                                                                                          \
    void check_##op(struct ck *c);                                                                                     \
    void check_##op(struct ck *c)                                                                                      \
    {                                                                                                                  \
        struct qnt_pair p;                                                                                             \
        struct qnt_requant r;                                                                                          \
        CK_GRID(c, CK_S8, g)                                                                                           \
        {                                                                                                              \
            settings(c, &p, &r, product);                                                                              \
            const int8_t *a = ck_in(c, 0, CK_S8, extent(g.n, p.a_step), g.fill, g.place);                              \
            const int8_t *b = ck_in(c, 1, CK_S8, extent(g.n, p.b_step), ck_below(c, 2) ? g.fill : CK_NOISE, g.place);  \
            int8_t *dst = ck_out(c, 2, CK_S8, g.n, g.place);                                                           \
            CK_BOTH(c, op, a, b, dst, g.n, &p, &r);                                                                    \
            settings(c, &p, &r, product);                                                                              \
            p.a_step = 1;                                                                                              \
            b = ck_in(c, 1, CK_S8, extent(g.n, p.b_step), CK_NOISE, g.place);                                          \
            dst = ck_inout(c, 0, CK_S8, g.n, g.fill, g.place);                                                         \
            CK_BOTH(c, op, dst, b, dst, g.n, &p, &r);                                                                  \
        }                                                                                                              \
        ck_plain(c);                                                                                                   \
        ck_case(c, "bench");                                                                                           \
        p = (struct qnt_pair){3, 5, 0.003f, 0.7f, 1, 1};                                                               \
        r = (struct qnt_requant){.lo = -128, .hi = 127};                                                               \
        const int8_t *a = ck_in(c, 0, CK_S8, 4096, CK_NOISE, CK_INSIDE);                                               \
        const int8_t *b = ck_in(c, 1, CK_S8, 4096, CK_NOISE, CK_INSIDE);                                               \
        int8_t *dst = ck_out(c, 2, CK_S8, 4096, CK_INSIDE);                                                            \
        CK_BENCH(c, "n=4096", CK_ELEMS, 4096, ((qnt_##op##_fn *)c->fn)(a, b, dst, 4096, &p, &r));                      \
    }
CHECK_S8(add_s8, false)
CHECK_S8(mul_s8, true)

#define CHECK_F32(op)                                                                                                  \
    void check_##op(struct ck *c);                                                                                     \
    void check_##op(struct ck *c)                                                                                      \
    {                                                                                                                  \
        struct qnt_pair p = {0};                                                                                       \
        CK_GRID(c, CK_F32, g)                                                                                          \
        {                                                                                                              \
            float lo = ck_below(c, 2) ? -INFINITY : ck_uniform(c, -3.0f, 1.0f);                                        \
            float hi = ck_below(c, 2) ? INFINITY : lo + ck_uniform(c, 0.0f, 5.0f);                                     \
            p.a_step = ck_below(c, 4) > 0;                                                                             \
            p.b_step = ck_below(c, 4) > 0;                                                                             \
            p.b_factor = ck_below(c, 2) ? 1.0f : -1.0f;                                                                \
            ck_case(c, "steps=%zu,%zu factor=%g lo=%g hi=%g", p.a_step, p.b_step, (double)p.b_factor, (double)lo,      \
                    (double)hi);                                                                                       \
            const float *a = ck_in(c, 0, CK_F32, extent(g.n, p.a_step), g.fill, g.place);                              \
            const float *b = ck_in(c, 1, CK_F32, extent(g.n, p.b_step), ck_below(c, 2) ? g.fill : CK_NOISE, g.place);  \
            float *dst = ck_out(c, 2, CK_F32, g.n, g.place);                                                           \
            CK_BOTH(c, op, a, b, dst, g.n, &p, lo, hi);                                                                \
        }                                                                                                              \
        ck_plain(c);                                                                                                   \
        ck_case(c, "bench");                                                                                           \
        p = (struct qnt_pair){.b_factor = 1.0f, .a_step = 1, .b_step = 1};                                             \
        const float *a = ck_in(c, 0, CK_F32, 4096, CK_NOISE, CK_INSIDE);                                               \
        const float *b = ck_in(c, 1, CK_F32, 4096, CK_NOISE, CK_INSIDE);                                               \
        float *dst = ck_out(c, 2, CK_F32, 4096, CK_INSIDE);                                                            \
        CK_BENCH(c, "n=4096", CK_ELEMS, 4096, ((qnt_##op##_fn *)c->fn)(a, b, dst, 4096, &p, 0.0f, INFINITY));          \
    }
CHECK_F32(add_f32)
CHECK_F32(mul_f32)
CHECK_F32(div_f32)
CHECK_F32(min_f32)
CHECK_F32(max_f32)
CHECK_F32(prelu_f32)
