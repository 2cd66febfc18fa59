/* Wrong arithmetic of the training kernels. Each function is the reference with one mistake. */
#include <math.h>
#include "mutants.h"

static void grad(const float *x, const float *y, const float *dy, const uint8_t *pass, float *dx, size_t ldy,
                 const struct qnt_window *w, float lo, float hi, bool closed, bool all)
{
    for (size_t p = 0; p < w->pixels; p++)
        for (size_t c = 0; c < w->channels; c++) {
            float max = y[p * ldy + c];
            bool in = closed ? max >= lo && max <= hi : max > lo && max < hi;
            float left = in ? dy[p * ldy + c] : 0.0f;
            for (size_t i = 0; i < w->kh; i++)
                for (size_t j = 0; j < w->kw; j++) {
                    size_t at = p * w->step + i * w->row + j * w->col + c;
                    dx[at] = x[at] == max && (!pass || pass[at]) ? left : 0.0f;
                    left = x[at] == max && !all ? 0.0f : left;
                }
        }
}

static void grad_to_all(const float *x, const float *y, const float *dy, const uint8_t *pass, float *dx, size_t ldy,
                        const struct qnt_window *w, float lo, float hi)
{
    grad(x, y, dy, pass, dx, ldy, w, lo, hi, false, true);
}

static void grad_closed(const float *x, const float *y, const float *dy, const uint8_t *pass, float *dx, size_t ldy,
                        const struct qnt_window *w, float lo, float hi)
{
    grad(x, y, dy, pass, dx, ldy, w, lo, hi, true, false);
}

static void grad_no_pass(const float *x, const float *y, const float *dy, const uint8_t *pass, float *dx, size_t ldy,
                         const struct qnt_window *w, float lo, float hi)
{
    (void)pass;
    qnt_maxpool_grad_f32_ref(x, y, dy, NULL, dx, ldy, w, lo, hi);
}

static void watch_open(const int32_t *acc, size_t ld, size_t rows, size_t cols, const int32_t *lo, const int32_t *hi,
                       uint8_t *pass, int32_t *min, int32_t *max)
{
    qnt_watch_s32_ref(acc, ld, rows, cols, lo, hi, pass, min, max);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            pass[r * ld + c] = acc[r * ld + c] > lo[c] && acc[r * ld + c] < hi[c];
}

static void watch_by_difference(const int32_t *acc, size_t ld, size_t rows, size_t cols, const int32_t *lo,
                                const int32_t *hi, uint8_t *pass, int32_t *min, int32_t *max)
{
    qnt_watch_s32_ref(acc, ld, rows, cols, lo, hi, pass, min, max);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++) { /* the sign of a difference that wraps */
            uint32_t v = (uint32_t)acc[r * ld + c];
            pass[r * ld + c] = !(((v - (uint32_t)lo[c]) | ((uint32_t)hi[c] - v)) >> 31);
        }
}

static void watch_forgets(const int32_t *acc, size_t ld, size_t rows, size_t cols, const int32_t *lo, const int32_t *hi,
                          uint8_t *pass, int32_t *min, int32_t *max)
{
    for (size_t c = 0; rows && min && c < cols; c++)
        min[c] = max[c] = acc[c];
    qnt_watch_s32_ref(acc, ld, rows, cols, lo, hi, pass, min, max);
}

static void sums(const float *w, size_t n, float inv_scale, float limit, float *out, size_t lanes,
                 float (*round)(float))
{
    float wq[16] = {0.0f}, qq[16] = {0.0f};
    for (size_t i = 0; i < n; i++) {
        float x = w[i] * inv_scale;
        x = x > -limit ? x : -limit;
        float q = round(x < limit ? x : limit);
        wq[i % lanes] += w[i] * q;
        qq[i % lanes] += q * q;
    }
    for (size_t half = lanes / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) {
            wq[l] += wq[l + half];
            qq[l] += qq[l + half];
        }
    out[0] = wq[0] != wq[0] ? __builtin_nanf("") : wq[0];
    out[1] = qq[0];
}

static void sums_half_away(const float *w, size_t n, float inv_scale, float limit, float *out)
{
    sums(w, n, inv_scale, limit, out, 16, roundf);
}

static void sums_8_lanes(const float *w, size_t n, float inv_scale, float limit, float *out)
{
    sums(w, n, inv_scale, limit, out, 8, rintf);
}

static void sums_any_nan(const float *w, size_t n, float inv_scale, float limit, float *out)
{
    qnt_code_sums_f32_ref(w, n, inv_scale, limit, out);
    out[0] = out[0] != out[0] ? -out[0] : out[0];
}

/* The pixels of each sum: `parts` chains side by side; or two roundings. */
static void taps_grad(const struct qnt_depthwise_f32 *d, const float *dy, size_t ldy, float *out, size_t parts,
                      bool unfused, bool afresh)
{
    for (size_t t = 0; t < d->taps; t++, out += d->channels)
        for (size_t c = 0; c < d->channels; c++) {
            float s[2] = {afresh ? 0.0f : out[c], 0.0f};
            for (size_t p = 0; p < d->pixels; p++) {
                const float x = d->tap[t][p * d->step + c], g = dy[p * ldy + c];
                s[p % parts] = unfused ? s[p % parts] + x * g : fmaf(x, g, s[p % parts]);
            }
            out[c] = parts > 1 ? s[0] + s[1] : s[0];
            out[c] = out[c] != out[c] ? __builtin_nanf("") : out[c];
        }
}

static void taps_two_chains(const struct qnt_depthwise_f32 *d, const float *dy, size_t ldy, float *out)
{
    taps_grad(d, dy, ldy, out, 2, false, false);
}

static void taps_unfused(const struct qnt_depthwise_f32 *d, const float *dy, size_t ldy, float *out)
{
    taps_grad(d, dy, ldy, out, 1, true, false);
}

static void taps_afresh(const struct qnt_depthwise_f32 *d, const float *dy, size_t ldy, float *out)
{
    taps_grad(d, dy, ldy, out, 1, false, true);
}

#define M(op, what, fn)                                                                                                \
    {                                                                                                                  \
#op, what, (qnt_any_fn *)fn                                                                                    \
    }
const struct mutant train_mutants[] = {
    M(maxpool_grad_f32, "gives to every largest tap", grad_to_all),
    M(maxpool_grad_f32, "closed bounds", grad_closed),
    M(maxpool_grad_f32, "pass ignored", grad_no_pass),
    M(depthwise_grad_f32, "two chains side by side", taps_two_chains),
    M(depthwise_grad_f32, "two roundings", taps_unfused),
    M(depthwise_grad_f32, "sums start from zero", taps_afresh),
    M(watch_s32, "open bounds", watch_open),
    M(watch_s32, "differences wrap", watch_by_difference),
    M(watch_s32, "earlier extremes forgotten", watch_forgets),
    M(code_sums_f32, "half away from zero", sums_half_away),
    M(code_sums_f32, "8 partial sums", sums_8_lanes),
    M(code_sums_f32, "a NaN of another sign", sums_any_nan),
    {NULL, NULL, NULL},
};
