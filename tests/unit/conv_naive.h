#ifndef UNIT_CONV_NAIVE_H
#define UNIT_CONV_NAIVE_H
/* The three f32 products of a convolution as plain loops, for IMAGES images. */
#include <math.h>
#include "lib/gemm/conv.h"

enum { IMAGES = 3 };

/* Address of the input element of output pixel (n, y, x), tap (ky, kx), channel c of group i; SIZE_MAX in the padding.
 */
static inline size_t input_at(const struct qnt_conv_geom *g, size_t n, size_t y, size_t x, size_t ky, size_t kx,
                              size_t i, size_t c)
{
    ptrdiff_t iy = (ptrdiff_t)(y * g->stride_h + ky * g->dil_h) - (ptrdiff_t)g->pad_top;
    ptrdiff_t ix = (ptrdiff_t)(x * g->stride_w + kx * g->dil_w) - (ptrdiff_t)g->pad_left;
    if (iy < 0 || ix < 0 || iy >= (ptrdiff_t)g->h || ix >= (ptrdiff_t)g->w)
        return SIZE_MAX;
    return ((n * g->h + (size_t)iy) * g->w + (size_t)ix) * g->c + i * (g->c / g->groups) + c;
}

struct sizes {
    size_t in, out, cg, og, k;
};

static inline struct sizes sizes_of(const struct qnt_conv_geom *g)
{
    size_t cg = g->c / g->groups;
    return (struct sizes){g->h * g->w * g->c, g->oh * g->ow * g->oc, cg, g->oc / g->groups, g->kh * g->kw * cg};
}

#define FOR(i, n) for (size_t i = 0; i < (n); i++)

static inline void naive_forward(const struct qnt_conv_geom *g, const float *x, const float *w, const float *bias,
                                 float lo, float hi, float *out)
{
    struct sizes s = sizes_of(g);
    FOR(n, IMAGES)
    FOR(y, g->oh)
    FOR(px, g->ow)
    FOR(o, g->oc)
    {
        float acc = bias ? bias[o] : 0;
        const float *wo = w + o * s.k;
        FOR(ky, g->kh)
        FOR(kx, g->kw)
        FOR(c, s.cg)
        {
            size_t at = input_at(g, n, y, px, ky, kx, o / s.og, c);
            acc = at == SIZE_MAX ? acc : fmaf(x[at], *wo, acc);
            wo++;
        }
        *out++ = acc < lo ? lo : acc > hi ? hi : acc;
    }
}

/* Whether input (y, x) meets output pixels through tap (ky, kx); *at: where, SIZE_MAX outside of dy. */
static inline bool output_at(const struct qnt_conv_geom *g, size_t n, size_t y, size_t x, size_t ky, size_t kx,
                             size_t *at)
{
    ptrdiff_t oy = (ptrdiff_t)(y + g->pad_top) - (ptrdiff_t)(ky * g->dil_h);
    ptrdiff_t ox = (ptrdiff_t)(x + g->pad_left) - (ptrdiff_t)(kx * g->dil_w);
    if (oy % (ptrdiff_t)g->stride_h || ox % (ptrdiff_t)g->stride_w)
        return false;
    size_t py = (size_t)oy / g->stride_h, px = (size_t)ox / g->stride_w;
    *at = oy >= 0 && ox >= 0 && py < g->oh && px < g->ow ? ((n * g->oh + py) * g->ow + px) * g->oc : SIZE_MAX;
    return true;
}

static inline float naive_grad_one(const struct qnt_conv_geom *g, const float *dy, const float *w, size_t n, size_t y,
                                   size_t x, size_t c)
{
    struct sizes s = sizes_of(g);
    float acc = 0;
    for (size_t ky = g->kh; ky-- > 0;)
        for (size_t kx = g->kw; kx-- > 0;) {
            size_t at;
            if (output_at(g, n, y, x, ky, kx, &at))
                FOR(o, s.og)
                {
                    size_t oc = c / s.cg * s.og + o;
                    float v = w[oc * s.k + (ky * g->kw + kx) * s.cg + c % s.cg];
                    acc = fmaf(at == SIZE_MAX ? 0 : dy[at + oc], v, acc);
                }
        }
    return acc;
}

static inline void naive_grad_input(const struct qnt_conv_geom *g, const float *dy, const float *w, float *dx)
{
    FOR(n, IMAGES)
    FOR(y, g->h)
    FOR(x, g->w)
    FOR(c, g->c)
    *dx++ = naive_grad_one(g, dy, w, n, y, x, c);
}

static inline void naive_grad_weights(const struct qnt_conv_geom *g, const float *x, const float *dy, float *dw,
                                      float *db)
{
    struct sizes s = sizes_of(g);
    FOR(o, g->oc)
    {
        FOR(p, IMAGES * g->oh * g->ow)
        db[o] += dy[p * g->oc + o];
        FOR(ky, g->kh)
        FOR(kx, g->kw)
        FOR(c, s.cg)
        {
            float acc = *dw;
            FOR(n, IMAGES)
            FOR(y, g->oh)
            FOR(px, g->ow)
            {
                size_t at = input_at(g, n, y, px, ky, kx, o / s.og, c);
                float d = dy[((n * g->oh + y) * g->ow + px) * g->oc + o];
                acc = fmaf(at == SIZE_MAX ? 0 : x[at], d, acc);
            }
            *dw++ = acc;
        }
    }
}
#endif
