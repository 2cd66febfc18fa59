/* maxpool_grad: VL channels at a time; what is left of dy stays in a register over the window's taps.
 * watch: one to four vectors of columns down all rows; bounds and extremes stay in registers, masks are packed to
 * bytes. code_sums: as softmax's sums. */
#include "tmpl/fold16.h"

QNT_INLINE void grad(const float *x, const float *y, const float *dy, const uint8_t *pass, float *dx, size_t ldy,
                     const struct qnt_window *w, vf lo, vf hi, size_t n, const int masked)
{
    const vf zero = vf_set(0.0f);
    for (size_t p = 0; p < w->pixels; p++, y += ldy, dy += ldy) {
        vf max = vf_load(y, n), left = vf_load(dy, n);
        left = vf_if_lt(lo, max, vf_if_lt(max, hi, left, zero), zero);
        for (size_t i = 0; i < w->kh; i++)
            for (size_t j = 0; j < w->kw; j++) {
                size_t at = p * w->step + i * w->row + j * w->col;
                vf tap = vf_load(x + at, n), share = vf_if_eq(tap, max, left, zero);
                if (masked)
                    share = vf_if_eq(vf_of(vi_load_u8(pass + at, n)), zero, zero, share);
                vf_store(dx + at, share, n);
                left = vf_if_eq(tap, max, zero, left);
            }
    }
}

void V_FN(maxpool_grad_f32)(const float *x, const float *y, const float *dy, const uint8_t *pass, float *dx, size_t ldy,
                            const struct qnt_window *w, float lo, float hi)
{
    const vf l = vf_set(lo), h = vf_set(hi);
    const size_t channels = w->channels;
    for (size_t c = 0; c < channels; c += VL) {
        const size_t n = channels - c;
        if (n >= VL && pass)
            grad(x + c, y + c, dy + c, pass + c, dx + c, ldy, w, l, h, VL, 1);
        else if (n >= VL)
            grad(x + c, y + c, dy + c, NULL, dx + c, ldy, w, l, h, VL, 0);
        else if (pass)
            grad(x + c, y + c, dy + c, pass + c, dx + c, ldy, w, l, h, n, 1);
        else
            grad(x + c, y + c, dy + c, NULL, dx + c, ldy, w, l, h, n, 0);
    }
}

QNT_INLINE vi load_s32(const int32_t *p, size_t n)
{
    return (vi)vf_load((const float *)p, n); /* a move of bits */
}

QNT_INLINE void store_s32(int32_t *p, vi v, size_t n)
{
    vf_store((float *)p, (vf)v, n);
}

/* n columns: W whole vectors, or W == 1 and less than one. */
QNT_INLINE void watch(const int32_t *acc, size_t ld, size_t rows, const int32_t *lo, const int32_t *hi, uint8_t *pass,
                      int32_t *min, int32_t *max, size_t n, const int W)
{
    vi l[4] = {{0}}, h[4] = {{0}}, least[4] = {{0}}, most[4] = {{0}};
    QNT_UNROLL
    for (int k = 0; k < W; k++) {
        l[k] = load_s32(lo + k * VL, n);
        h[k] = load_s32(hi + k * VL, n);
        least[k] = min ? load_s32(min + k * VL, n) : least[k];
        most[k] = min ? load_s32(max + k * VL, n) : most[k];
    }
    for (size_t r = 0; r < rows; r++, acc += ld, pass += ld) {
        vi v[4];
        QNT_UNROLL
        for (int k = 0; k < W; k++) {
            v[k] = load_s32(acc + k * VL, n);
            least[k] = vi_min(least[k], v[k]);
            most[k] = vi_max(most[k], v[k]);
        }
        vb_store((int8_t *)pass, vb_within(v, l, h, W), n);
    }
    QNT_UNROLL
    for (int k = 0; min && k < W; k++) {
        store_s32(min + k * VL, least[k], n);
        store_s32(max + k * VL, most[k], n);
    }
}

QNT_INLINE void watch_all(const int32_t *acc, size_t ld, size_t rows, size_t cols, const int32_t *lo, const int32_t *hi,
                          uint8_t *pass, int32_t *min, int32_t *max)
{
    size_t c = 0;
#define WATCH(n, W) watch(acc + c, ld, rows, lo + c, hi + c, pass + c, min ? min + c : 0, min ? max + c : 0, n, W)
    for (; cols - c >= 4 * VL; c += 4 * VL)
        WATCH(4 * VL, 4);
    if (cols - c >= 2 * VL) {
        WATCH(2 * VL, 2);
        c += 2 * VL;
    }
    if (cols - c >= VL) {
        WATCH(VL, 1);
        c += VL;
    }
    if (c < cols)
        WATCH(cols - c, 1);
#undef WATCH
}

void V_FN(watch_s32)(const int32_t *acc, size_t ld, size_t rows, size_t cols, const int32_t *lo, const int32_t *hi,
                     uint8_t *pass, int32_t *min, int32_t *max)
{
    if (min)
        watch_all(acc, ld, rows, cols, lo, hi, pass, min, max);
    else
        watch_all(acc, ld, rows, cols, lo, hi, pass, NULL, NULL);
}

/* Lanes past the end add +0: their code may be anything, as inv may be infinite. */
QNT_INLINE void code_step(const float *w, size_t n, vf inv, vf limit, vf below, vf wq[SUMS], vf qq[SUMS])
{
    const vf zero = vf_set(0.0f);
    QNT_UNROLL
    for (int k = 0; k < SUMS; k++) {
        size_t left = v_left(n, (size_t)k * VL);
        vf x = vf_load(w + k * VL, left);
        vf q = vf_of(vi_near(vf_min(vf_max(x * inv, below), limit)));
        wq[k] += vf_first(left, x * q, zero);
        qq[k] += vf_first(left, q * q, zero);
    }
}

void V_FN(code_sums_f32)(const float *w, size_t n, float inv_scale, float limit, float *sums)
{
    const vf inv = vf_set(inv_scale), top = vf_set(limit), below = vf_set(-limit);
    vf wq[SUMS] = {{0}}, qq[SUMS] = {{0}};
    size_t i = 0;
    for (; n - i >= 16; i += 16)
        code_step(w + i, 16, inv, top, below, wq, qq);
    if (i < n)
        code_step(w + i, n - i, inv, top, below, wq, qq);
    float s = fold16(wq);
    sums[0] = s != s ? __builtin_nanf("") : s;
    sums[1] = fold16(qq);
}
