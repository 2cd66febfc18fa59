/* What batch norms do: one to four vectors of channels down all rows, their factors and sums in registers. */

/* n columns: W whole vectors, or W == 1 and less than one. */
QNT_INLINE void scale_shift(const float *src, float *dst, size_t rows, size_t ld, const float *scale,
                            const float *shift, vf lo, vf hi, size_t n, const int W)
{
    vf f[4], s[4];
    QNT_UNROLL
    for (int k = 0; k < W; k++) {
        f[k] = vf_load(scale + k * VL, n);
        s[k] = vf_load(shift + k * VL, n);
    }
    for (size_t r = 0; r < rows; r++, src += ld, dst += ld) {
        QNT_UNROLL
        for (int k = 0; k < W; k++) {
            vf v = vf_fma(vf_load(src + k * VL, n), f[k], s[k]);
            v = vf_or_nan(v, v);
            vf_store(dst + k * VL, vf_max(lo, vf_min(hi, v)), n); /* NaN is the second operand, which passes */
        }
    }
}

QNT_INLINE void moments(const float *a, const float *b, size_t rows, size_t ld, const float *pivot, float *sums,
                        size_t n, const int W)
{
    vf p[4], first[4], second[4];
    QNT_UNROLL
    for (int k = 0; k < W; k++) {
        p[k] = vf_load(pivot + k * VL, n);
        first[k] = second[k] = vf_set(0.0f);
    }
    for (size_t r = 0; r < rows; r++, a += ld, b += ld) {
        QNT_UNROLL
        for (int k = 0; k < W; k++) {
            const vf x = vf_load(a + k * VL, n);
            first[k] += x;
            second[k] = vf_fma(x, vf_load(b + k * VL, n) - p[k], second[k]);
        }
    }
    QNT_UNROLL
    for (int k = 0; k < W; k++) {
        vf_store(sums + k * VL, vf_or_nan(first[k], first[k]), n);
        vf_store(sums + ld + k * VL, vf_or_nan(second[k], second[k]), n);
    }
}

QNT_INLINE void mix(const float *a, const float *b, float *dst, size_t rows, size_t ld, const float *factors, size_t n,
                    const int W)
{
    vf fa[4], fb[4], one[4];
    QNT_UNROLL
    for (int k = 0; k < W; k++) {
        fa[k] = vf_load(factors + k * VL, n);
        fb[k] = vf_load(factors + ld + k * VL, n);
        one[k] = vf_load(factors + 2 * ld + k * VL, n);
    }
    for (size_t r = 0; r < rows; r++, a += ld, b += ld, dst += ld) {
        QNT_UNROLL
        for (int k = 0; k < W; k++) {
            vf v = vf_fma(vf_load(b + k * VL, n), fb[k], one[k]);
            v = vf_fma(vf_load(a + k * VL, n), fa[k], v);
            vf_store(dst + k * VL, vf_or_nan(v, v), n);
        }
    }
}

/* STEP(n, W) does n columns from c on. */
#define COLUMNS(STEP)                                                                                                  \
    size_t c = 0;                                                                                                      \
    for (; channels - c >= 4 * VL; c += 4 * VL)                                                                        \
        STEP(4 * VL, 4);                                                                                               \
    if (channels - c >= 2 * VL) {                                                                                      \
        STEP(2 * VL, 2);                                                                                               \
        c += 2 * VL;                                                                                                   \
    }                                                                                                                  \
    if (channels - c >= VL) {                                                                                          \
        STEP(VL, 1);                                                                                                   \
        c += VL;                                                                                                       \
    }                                                                                                                  \
    if (c < channels)                                                                                                  \
    STEP(channels - c, 1)

void V_FN(scale_shift_f32)(const float *src, float *dst, size_t rows, size_t channels, const float *scale,
                           const float *shift, float lo, float hi)
{
    const vf l = vf_set(lo), h = vf_set(hi);
#define STEP(n, W) scale_shift(src + c, dst + c, rows, channels, scale + c, shift + c, l, h, n, W)
    COLUMNS(STEP);
#undef STEP
}

void V_FN(channel_moments_f32)(const float *a, const float *b, size_t rows, size_t channels, const float *pivot,
                               float *sums)
{
#define STEP(n, W) moments(a + c, b + c, rows, channels, pivot + c, sums + c, n, W)
    COLUMNS(STEP);
#undef STEP
}

void V_FN(channel_mix_f32)(const float *a, const float *b, float *dst, size_t rows, size_t channels,
                           const float *factors)
{
#define STEP(n, W) mix(a + c, b + c, dst + c, rows, channels, factors + c, n, W)
    COLUMNS(STEP);
#undef STEP
}
#undef COLUMNS
