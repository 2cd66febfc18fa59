/* Depthwise convolution of floats, PIXELS outputs by a vector of channels at a time: every tap is a pointer, a vector
 * of weights and PIXELS fma whose operand lies in memory. (Weights held in registers over a run of 3 x 3 were no
 * faster: the loads of the image bound both.) A run that PIXELS does not divide ends with a group that overlaps the one
 * before. The gradient of the weights: nine, three or one tap at a time down a run, their sums in registers.
 *
 * The includer gives DF_PART: pixels at a time where the channels do not fill a vector. */
enum { PIXELS = 8 };

struct df_run {
    const struct qnt_depthwise_f32 *d;
    float *dst;
    size_t ldd, c;
    vf start, lo, hi;
};

QNT_INLINE void df_group(const struct df_run *g, size_t p, size_t n, const int P)
{
    const struct qnt_depthwise_f32 *d = g->d;
    const size_t step = d->step, at = p * step + g->c;
    const float *w = d->w + g->c;
    vf acc[PIXELS];
    QNT_UNROLL
    for (int k = 0; k < P; k++)
        acc[k] = g->start;
    for (size_t t = 0; t < d->taps; t++, w += d->channels) {
        const float *x = d->tap[t] + at;
        const vf v = vf_load(w, n);
        vf a[PIXELS]; /* processors that keep the order want the loads ahead; others read them as operands */
        QNT_UNROLL
        for (int k = 0; k < P; k++)
            a[k] = vf_load(x + (size_t)k * step, n);
        QNT_UNROLL
        for (int k = 0; k < P; k++)
            acc[k] = vf_fma(a[k], v, acc[k]);
    }
    QNT_UNROLL
    for (int k = 0; k < P; k++) {
        vf x = vf_max(g->lo, vf_min(g->hi, acc[k]));
        vf_store(g->dst + (p + (size_t)k) * g->ldd + g->c, vf_or_nan(acc[k], x), n);
    }
}

/* False: too few pixels. */
QNT_INLINE int df_groups(const struct df_run *g, size_t n, const int P)
{
    const size_t pixels = g->d->pixels;
    size_t p = 0;
    for (; pixels - p >= (size_t)P; p += (size_t)P)
        df_group(g, p, n, P);
    if (p == 0)
        return 0;
    if (p < pixels)
        df_group(g, pixels - (size_t)P, n, P);
    return 1;
}

QNT_INLINE void df_block(struct df_run *g, size_t n, const int P)
{
    const float *bias = g->d->bias;
    g->start = bias ? vf_load(bias + g->c, n) : vf_set(0.0f);
    if (!df_groups(g, n, P) && (P == 1 || !df_groups(g, n, PIXELS / 2)))
        df_groups(g, n, 1);
}

void V_FN(depthwise_f32)(const struct qnt_depthwise_f32 *d, float *dst, size_t ldd, float lo, float hi)
{
    struct df_run g = {.d = d, .dst = dst, .ldd = ldd, .lo = vf_set(lo), .hi = vf_set(hi)};
    for (; d->channels - g.c >= VL; g.c += VL)
        df_block(&g, VL, PIXELS);
    if (g.c < d->channels)
        df_block(&g, d->channels - g.c, DF_PART);
}

/* Taps [t, t + T) of channels [c, c + n). */
QNT_INLINE void df_sums(const struct qnt_depthwise_f32 *d, const float *dy, size_t ldy, float *sums, size_t t, size_t c,
                        size_t n, const size_t T)
{
    const size_t step = d->step, channels = d->channels;
    const float *x[9];
    vf sum[9];
    sums += t * channels + c;
    dy += c;
    QNT_UNROLL
    for (size_t k = 0; k < T; k++) {
        x[k] = d->tap[t + k] + c;
        sum[k] = vf_load(sums + k * channels, n);
    }
    const float *const end = dy + d->pixels * ldy; /* a counter more would not fit the registers of x86 */
    for (size_t at = 0; dy != end; at += step, dy += ldy) {
        const vf g = vf_load(dy, n);
        vf a[9];
        QNT_UNROLL
        for (size_t k = 0; k < T; k++)
            a[k] = vf_load(x[k] + at, n);
        QNT_UNROLL
        for (size_t k = 0; k < T; k++)
            sum[k] = vf_fma(a[k], g, sum[k]);
    }
    QNT_UNROLL
    for (size_t k = 0; k < T; k++)
        vf_store(sums + k * channels, vf_or_nan(sum[k], sum[k]), n);
}

QNT_INLINE void df_taps(const struct qnt_depthwise_f32 *d, const float *dy, size_t ldy, float *sums, size_t c, size_t n)
{
    size_t t = 0;
    for (; d->taps - t >= 9; t += 9)
        df_sums(d, dy, ldy, sums, t, c, n, 9);
    for (; d->taps - t >= 3; t += 3)
        df_sums(d, dy, ldy, sums, t, c, n, 3);
    for (; t < d->taps; t++)
        df_sums(d, dy, ldy, sums, t, c, n, 1);
}

void V_FN(depthwise_grad_f32)(const struct qnt_depthwise_f32 *d, const float *dy, size_t ldy, float *sums)
{
    size_t c = 0;
    for (; d->channels - c >= VL; c += VL)
        df_taps(d, dy, ldy, sums, c, VL);
    if (c < d->channels)
        df_taps(d, dy, ldy, sums, c, d->channels - c);
}
