/* Depthwise convolution: DW_P pixels by DW_V vectors of channels at a time (DW_P * DW_V = 4: one requantize step takes
 * the four sums), four taps a step. The weights of 3 x 3 stay in registers over a run; of other windows they serve the
 * DW_P pixels at hand. A run that DW_P does not divide ends with a group that overlaps the one before.
 *
 * The includer gives: dw_w, dw_weights(p, n, taps): four taps of n channels, of which `taps` count;
 * dw_quad(acc[DW_V], x[4], n, w, taps): acc += x * w; dw_start(bias, n): what a sum starts with, and
 * dw_settle(start, w): takes off what the representation of w's taps will add; dw_store(dst, ldd, v, pixels, n). It may
 * give DW_WHOLE(d, dst, ldd, r), which does runs without sums in a way of its own or returns false. */
#include <stdbool.h>
#include "tmpl/requant_step.h"

enum { DW_BLOCK = DW_V * VL };
struct dw_run {
    const struct qnt_depthwise *d;
    int8_t *dst;
    int32_t *acc;
    size_t ldd, step, c;
    size_t from, row; /* of the run: where its taps start, with c, and its first output */
    vi start[DW_V];
    vf scale[4];
    struct requant rq;
};

/* Taps [t, t + 4) of the P pixels from p on. A tap that is not there has weight 0 and reads the first again. */
QNT_INLINE void dw_taps(vi *acc, const struct dw_run *g, const int8_t *const *tap, dw_w w, size_t p, size_t n, size_t t,
                        const size_t count, const int P)
{
    QNT_UNROLL
    for (int k = 0; k < P; k++) {
        const int8_t *x[4];
        QNT_UNROLL
        for (size_t i = 0; i < 4; i++)
            x[i] = tap[i < count ? t + i : t] + (p + (size_t)k) * g->step + g->from;
        dw_quad(acc + k * DW_V, x, n, w, count);
    }
}

QNT_INLINE dw_w dw_at(const struct dw_run *g, size_t t, size_t n)
{
    return dw_weights(g->d->w + (t * g->d->channels + g->c * 4), n);
}

/* held: the weights of 3 x 3, or NULL. */
QNT_INLINE void dw_group(const struct dw_run *g, const int8_t *const *tap, const dw_w *held, size_t p, size_t n,
                         const int P)
{
    const size_t taps = g->d->taps;
    vi acc[4] = {{0}};
    QNT_UNROLL
    for (int k = 0; k < P * DW_V; k++)
        acc[k] = g->start[k % DW_V];
    if (held) {
        dw_taps(acc, g, tap, held[0], p, n, 0, 4, P);
        dw_taps(acc, g, tap, held[1], p, n, 4, 4, P);
        dw_taps(acc, g, tap, held[2], p, n, 8, 1, P);
    } else {
        size_t t = 0;
        for (; taps - t >= 4; t += 4)
            dw_taps(acc, g, tap, dw_at(g, t, n), p, n, t, 4, P);
        if (t < taps)
            dw_taps(acc, g, tap, dw_at(g, t, n), p, n, t, taps - t, P);
    }
    if (g->acc) {
        QNT_UNROLL
        for (int k = 0; k < P * DW_V; k++) {
            const size_t at = (size_t)(k % DW_V) * VL;
            vf_store((float *)g->acc + (g->row + p + (size_t)(k / DW_V)) * g->ldd + g->c + at, (vf)acc[k],
                     v_left(n, at));
        }
    }
    dw_store(g->dst + (g->row + p) * g->ldd + g->c, g->ldd, requant_step(acc, g->scale, &g->rq), P, n);
}

QNT_INLINE void dw_line(const struct dw_run *g, const int8_t *const *tap, const dw_w *held, size_t n)
{
    const size_t pixels = g->d->pixels;
    size_t p = 0;
    if (pixels < DW_P) {
        for (; p < pixels; p++)
            dw_group(g, tap, held, p, n, 1);
        return;
    }
    for (; pixels - p >= DW_P; p += DW_P)
        dw_group(g, tap, held, p, n, DW_P);
    if (p < pixels)
        dw_group(g, tap, held, pixels - DW_P, n, DW_P);
}

QNT_INLINE void dw_block(struct dw_run *g, const struct qnt_requant *r, size_t n, const bool nine)
{
    const struct qnt_depthwise *d = g->d;
    const int8_t *near[9];
    const int8_t *const *tap = nine ? near : d->tap; /* stores of bytes cannot change a copy */
    dw_w own[3], *held = nine ? own : NULL;
    dw_start(g->start, d->bias + g->c, n);
    QNT_UNROLL
    for (int k = 0; k < 4; k++) {
        const size_t at = (size_t)(k % DW_V) * VL;
        g->scale[k] = r->per_channel ? vf_load(r->scale + g->c + at, v_left(n, at)) : vf_set(r->scale[0]);
    }
    for (size_t t = 0; t < d->taps; t += 4)
        dw_settle(g->start, dw_at(g, t, n));
    QNT_UNROLL
    for (size_t q = 0; nine && q < 3; q++)
        own[q] = dw_at(g, q * 4, n);
    QNT_UNROLL
    for (size_t t = 0; nine && t < 9; t++)
        near[t] = d->tap[t];
    g->from = g->c;
    for (g->row = 0; g->row < d->lines * d->pixels; g->row += d->pixels, g->from += d->line)
        dw_line(g, tap, held, n);
}

QNT_INLINE void dw_all(struct dw_run *g, const struct qnt_requant *r, const bool nine)
{
    const size_t channels = g->d->channels;
    for (; channels - g->c >= DW_BLOCK; g->c += DW_BLOCK)
        dw_block(g, r, DW_BLOCK, nine);
    if (DW_BLOCK == 16 && channels - g->c == 8) /* of narrow networks: 8, 24; loads and stores of a known size */
        dw_block(g, r, 8, nine);
    else if (g->c < channels)
        dw_block(g, r, channels - g->c, nine);
}

void V_FN(depthwise_s8)(const struct qnt_depthwise *d, int8_t *dst, int32_t *acc, size_t ldd,
                        const struct qnt_requant *r)
{
    struct dw_run g = {.d = d, .dst = dst, .acc = acc, .ldd = ldd, .step = d->step, .rq = requant_load(r)};
#ifdef DW_WHOLE
    if (!acc && DW_WHOLE(d, dst, ldd, r))
        return;
#endif
    if (d->taps == 9)
        dw_all(&g, r, true);
    else
        dw_all(&g, r, false);
}
