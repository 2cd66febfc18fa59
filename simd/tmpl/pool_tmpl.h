/* Pooling, vectors over channels: for each group of channels a run over the pixels, the taps innermost. Groups of whole
 * vectors have constant widths, so their loads and stores are plain; what is left of the channels runs in parts.
 * Windows of 2 x 2 have loops of their own, without inner ones. Sizes are copied first: byte stores may alias them. */
#include "tmpl/requant_step.h"

QNT_INLINE void max_run_s8(const int8_t *src, int8_t *dst, size_t ldd, const struct qnt_window *w, size_t kh, size_t kw,
                           size_t n)
{
    const size_t row = w->row, col = w->col, step = w->step;
    for (size_t p = w->pixels; p > 0; p--, src += step, dst += ldd) {
        vb max = vb_load(src, n);
        for (size_t i = 0; i < kh; i++)
            for (size_t j = 0; j < kw; j++)
                max = vb_max(vb_load(src + i * row + j * col, n), max);
        vb_store(dst, max, n);
    }
}

QNT_INLINE void max_s8(const int8_t *src, int8_t *dst, size_t ldd, const struct qnt_window *w, size_t kh, size_t kw)
{
    const size_t channels = w->channels;
    size_t c = 0;
    for (; channels - c >= 4 * VL; c += 4 * VL)
        max_run_s8(src + c, dst + c, ldd, w, kh, kw, 4 * VL);
    if (channels - c >= 2 * VL) {
        max_run_s8(src + c, dst + c, ldd, w, kh, kw, 2 * VL);
        c += 2 * VL;
    }
    if (channels - c >= VL) {
        max_run_s8(src + c, dst + c, ldd, w, kh, kw, VL);
        c += VL;
    }
    if (c < channels)
        max_run_s8(src + c, dst + c, ldd, w, kh, kw, channels - c);
}

void V_FN(maxpool_s8)(const int8_t *src, int8_t *dst, size_t ldd, const struct qnt_window *w)
{
    if (w->kh == 2 && w->kw == 2)
        max_s8(src, dst, ldd, w, 2, 2);
    else
        max_s8(src, dst, ldd, w, w->kh, w->kw);
}

QNT_INLINE void max_run_f32(const float *src, float *dst, size_t ldd, const struct qnt_window *w, size_t kh, size_t kw,
                            size_t n)
{
    const size_t row = w->row, col = w->col, step = w->step;
    for (size_t p = w->pixels; p > 0; p--, src += step, dst += ldd) {
        vf max = vf_load(src, n);
        for (size_t i = 0; i < kh; i++)
            for (size_t j = 0; j < kw; j++)
                max = vf_max(vf_load(src + i * row + j * col, n), max);
        vf_store(dst, max, n);
    }
}

QNT_INLINE void max_f32(const float *src, float *dst, size_t ldd, const struct qnt_window *w, size_t kh, size_t kw)
{
    const size_t channels = w->channels;
    size_t c = 0;
    for (; channels - c >= VL; c += VL)
        max_run_f32(src + c, dst + c, ldd, w, kh, kw, VL);
    if (c < channels)
        max_run_f32(src + c, dst + c, ldd, w, kh, kw, channels - c);
}

void V_FN(maxpool_f32)(const float *src, float *dst, size_t ldd, const struct qnt_window *w)
{
    if (w->kh == 2 && w->kw == 2)
        max_f32(src, dst, ldd, w, 2, 2);
    else
        max_f32(src, dst, ldd, w, w->kh, w->kw);
}

/* Sums of up to 256 bytes fit s16 (-128 * 256 = -2^15); the s32 sums take them over in time. */
QNT_INLINE void avg_run_s8(const int8_t *src, int8_t *dst, size_t ldd, const struct qnt_window *w, size_t n,
                           int32_t in_zero, vf scale, const struct requant *q)
{
    const size_t row = w->row, col = w->col, step = w->step, kh = w->kh, kw = w->kw;
    const vi start = (vi){0} - (int32_t)(kh * kw) * in_zero;
    const vf scales[4] = {scale, scale, scale, scale};
    for (size_t p = w->pixels; p > 0; p--, src += step, dst += ldd) {
        vi acc[4] = {start, start, {0}, {0}}, wide[2];
        vh sum = {0};
        unsigned room = 256;
        for (size_t i = 0; i < kh; i++)
            for (size_t j = 0; j < kw; j++) {
                sum = vh_add_s8(sum, src + i * row + j * col, n);
                if (--room == 0) {
                    vi_widen(wide, sum);
                    acc[0] += wide[0];
                    acc[1] += wide[1];
                    sum = (vh){0};
                    room = 256;
                }
            }
        vi_widen(wide, sum);
        acc[0] += wide[0];
        acc[1] += wide[1];
        vb_store(dst, requant_step(acc, scales, q), n);
    }
}

void V_FN(avgpool_s8)(const int8_t *src, int8_t *dst, size_t ldd, const struct qnt_window *w, int32_t in_zero,
                      const struct qnt_requant *r)
{
    const struct requant q = requant_load(r);
    const vf scale = vf_set(r->scale[0]);
    const size_t channels = w->channels;
    size_t c = 0;
    for (; channels - c >= 2 * VL; c += 2 * VL)
        avg_run_s8(src + c, dst + c, ldd, w, 2 * VL, in_zero, scale, &q);
    if (c < channels)
        avg_run_s8(src + c, dst + c, ldd, w, channels - c, in_zero, scale, &q);
}

/* Division by a power of two is the multiplication by its inverse, bit for bit, and does not wait for the divider. The
 * sums of some vectors go side by side: one addition alone waits for the one before. */
QNT_INLINE void avg_run_f32(const float *src, float *dst, size_t ldd, const struct qnt_window *w, size_t kh, size_t kw,
                            const int vectors, size_t n, const int multiply)
{
    const size_t row = w->row, col = w->col, step = w->step;
    const vf taps = vf_set((float)(kh * kw)), inverse = vf_set(1.0f / (float)(kh * kw));
    for (size_t p = w->pixels; p > 0; p--, src += step, dst += ldd) {
        vf sum[4] = {vf_set(0.0f), vf_set(0.0f), vf_set(0.0f), vf_set(0.0f)};
        for (size_t i = 0; i < kh; i++)
            for (size_t j = 0; j < kw; j++)
                QNT_UNROLL
        for (int v = 0; v < vectors; v++)
            sum[v] += vf_load(src + i * row + j * col + v * VL, n);
        QNT_UNROLL
        for (int v = 0; v < vectors; v++) {
            vf y = multiply ? sum[v] * inverse : sum[v] / taps;
            vf_store(dst + v * VL, vf_or_nan(y, y), n);
        }
    }
}

QNT_INLINE void avg_f32(const float *src, float *dst, size_t ldd, const struct qnt_window *w, size_t kh, size_t kw,
                        const int multiply)
{
    const size_t channels = w->channels;
    size_t c = 0;
    for (; channels - c >= 4 * VL; c += 4 * VL)
        avg_run_f32(src + c, dst + c, ldd, w, kh, kw, 4, VL, multiply);
    for (; channels - c >= VL; c += VL)
        avg_run_f32(src + c, dst + c, ldd, w, kh, kw, 1, VL, multiply);
    if (c < channels)
        avg_run_f32(src + c, dst + c, ldd, w, kh, kw, 1, channels - c, multiply);
}

void V_FN(avgpool_f32)(const float *src, float *dst, size_t ldd, const struct qnt_window *w)
{
    const size_t taps = w->kh * w->kw;
    if (w->kh == 2 && w->kw == 2)
        avg_f32(src, dst, ldd, w, 2, 2, 1);
    else if ((taps & (taps - 1)) == 0)
        avg_f32(src, dst, ldd, w, w->kh, w->kw, 1);
    else
        avg_f32(src, dst, ldd, w, w->kh, w->kw, 0);
}
