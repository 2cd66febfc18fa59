/* From images to blocks (depthwise_image_f32_tmpl.h): the includer gives di_sets[side == 5][step - 1], and maybe
 * DI_HALF, the kernel whose vectors are half as wide, and DI_GATHER: that it uses depthwise_image_f32_gather.h, for
 * which it has blocks of one line. */

/* Outputs of the next block where `left` are left: even shares of the sizes there are. */
static size_t di_pixels(di_fn *const *fn, size_t left)
{
    if (fn[4] && (left <= 4 || !fn[8]))
        return 4;
    return fn[7] && left % 7 == 0 && left % 8 ? 7 : 8;
}

static void di_walk(const struct di_run *g, const struct di_set *set, size_t lines)
{
    const struct qnt_depthwise_image_f32 *d = g->d;
    const bool part = g->channels < VL;
    if (set->edge[0][4] && g->apart % (2 * VL) == 0)
        lines = 0; /* of which the blocks take one, two vectors wide */
    di_fn *const *edge = part ? set->part : set->edge[lines], *const *inner = set->inner[lines];
    for (size_t x = 0, n; x < d->pixels; x += n) {
        const size_t most = di_pixels(edge, d->pixels - x), from = x * d->step;
        n = d->pixels - x < most ? d->pixels - x : most;
        const bool inside = from >= d->left && from - d->left + (most - 1) * d->step + d->side <= d->width;
        (n == most && inside && !part && inner[most] ? inner : edge)[most](g, x, n);
    }
}

#ifdef DI_GATHER
#include "tmpl/depthwise_image_f32_gather.h"
#endif

void V_FN(depthwise_image_f32)(const struct qnt_depthwise_image_f32 *d, float *dst, size_t ldd, size_t line0,
                               size_t line1, float lo, float hi)
{
    const struct di_set *set = &di_sets[d->side == 5][d->step - 1];
    struct di_run g = {.d = d,
                       .ldd = ldd,
                       .lo = vf_set(lo),
                       .hi = vf_set(hi),
                       .w = d->w,
                       .bias = d->bias,
                       .channels = d->channels,
                       .apart = d->channels,
                       .x_rows = 1,
                       .w_rows = 1};
#ifdef DI_HALF /* half of a wide vector at every pixel would lie across lines of the cache */
    if (d->channels == VL / 2) {
        DI_HALF(d, dst, ldd, line0, line1, lo, hi);
        return;
    }
#endif
    g.bounded = lo > -__builtin_inff() || hi < __builtin_inff();
#ifdef DI_GATHER
    const size_t group = d->scratch && di_crowded(d) ? di_group(d) : 0;
    if (group) {
        di_gathered(&g, set, group, dst, line0, line1);
        return;
    }
#endif
    for (size_t y = line0, lines; y < line1; y += lines) {
        lines = y + 1 < line1 && d->channels >= VL && set->edge[2][4] ? 2 : 1;
        for (size_t i = 0; i < d->side + (lines - 1) * d->step; i++) {
            const size_t at = y * d->step + i - d->top; /* wraps above the image */
            g.line[i] = at < d->height ? d->src + at * d->width * d->channels : NULL;
        }
        g.dst = dst + (y - line0) * d->pixels * ldd;
        di_walk(&g, set, lines);
    }
}
