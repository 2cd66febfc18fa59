#include <math.h>
#include "kernels.h"

void qnt_maxpool_grad_f32_ref(const float *x, const float *y, const float *dy, const uint8_t *pass, float *dx,
                              size_t ldy, const struct qnt_window *w, float lo, float hi)
{
    for (size_t p = 0; p < w->pixels; p++)
        for (size_t c = 0; c < w->channels; c++) {
            float max = y[p * ldy + c], left = max > lo && max < hi ? dy[p * ldy + c] : 0.0f;
            for (size_t i = 0; i < w->kh; i++)
                for (size_t j = 0; j < w->kw; j++) {
                    size_t at = p * w->step + i * w->row + j * w->col + c;
                    dx[at] = x[at] == max && (!pass || pass[at]) ? left : 0.0f;
                    left = x[at] == max ? 0.0f : left;
                }
        }
}

void qnt_watch_s32_ref(const int32_t *acc, size_t ld, size_t rows, size_t cols, const int32_t *lo, const int32_t *hi,
                       uint8_t *pass, int32_t *min, int32_t *max)
{
    for (size_t r = 0; r < rows; r++, acc += ld, pass += ld)
        for (size_t c = 0; c < cols; c++) {
            pass[c] = acc[c] >= lo[c] && acc[c] <= hi[c];
            if (min) {
                min[c] = acc[c] < min[c] ? acc[c] : min[c];
                max[c] = acc[c] > max[c] ? acc[c] : max[c];
            }
        }
}

void qnt_code_sums_f32_ref(const float *w, size_t n, float inv_scale, float limit, float *sums)
{
    enum { LANES = 16 };
    float wq[LANES] = {0.0f}, qq[LANES] = {0.0f};
    for (size_t i = 0; i < n; i++) {
        float x = w[i] * inv_scale;
        x = x > -limit ? x : -limit;
        float q = rintf(x < limit ? x : limit);
        wq[i % LANES] += w[i] * q;
        qq[i % LANES] += q * q;
    }
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) {
            wq[l] += wq[l + half];
            qq[l] += qq[l + half];
        }
    sums[0] = wq[0] != wq[0] ? __builtin_nanf("") : wq[0];
    sums[1] = qq[0];
}
