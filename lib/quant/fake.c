/* Scales and codes. Sums run over LANES interleaved partial sums, so that compilers may use vectors without changing
 * bits. */
#include <math.h>
#include <stdbool.h>
#include "lib/quant/fake.h"

enum { LANES = 16, MAX_CLIPS = 16 };
static const float coarse = 0.8f, fine = 0.9f, tiny_scale = 1e-6f;

/* Half to even for |x| <= 2^22. */
static inline float rne(float x)
{
    return (x + 12582912.0f) - 12582912.0f;
}

/* NaN gives -limit. */
static inline float clamp(float x, float limit)
{
    x = x > -limit ? x : -limit;
    return x < limit ? x : limit;
}

void qnt_range_scale(struct qnt_range r, uint32_t bits, float *scale, int32_t *zero)
{
    const float least = -(float)(1 << (bits - 1)), most = -least - 1.0f;
    float s = (r.hi - r.lo) / (most - least);
    *scale = s > tiny_scale ? s : tiny_scale;
    float z = rne(least - r.lo / *scale);
    *zero = (int32_t)(z > least ? (z < most ? z : most) : least); /* NaN: the least */
}

struct qnt_range qnt_range_blend(struct qnt_range a, struct qnt_range b, float weight)
{
    return (struct qnt_range){a.lo + weight * (b.lo - a.lo), a.hi + weight * (b.hi - a.hi)};
}

static void magnitudes(const float *w, size_t n, float *largest, float *sum)
{
    float max[LANES] = {0.0f}, s[LANES] = {0.0f};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            float a = fabsf(w[i + l]);
            max[l] = a > max[l] ? a : max[l];
            s[l] += a;
        }
    for (size_t l = 0; i + l < n; l++) {
        float a = fabsf(w[i + l]);
        max[l] = a > max[l] ? a : max[l];
        s[l] += a;
    }
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) {
            max[l] = max[l + half] > max[l] ? max[l + half] : max[l];
            s[l] += s[l + half];
        }
    *largest = max[0];
    *sum = s[0];
}

/* The squared error that codes q leave with the scale that fits them best, sum(wq) / sum(qq), is sum(ww) - gain. */
struct fit {
    float scale, gain;
};

static struct fit fit_codes(const struct qnt_dsp *dsp, const float *w, size_t n, float limit, float clip)
{
    float sums[2];
    dsp->code_sums_f32(w, n, 1.0f / clip, limit, sums);
    if (!(sums[0] > 0.0f && sums[1] > 0.0f))
        return (struct fit){clip, 0.0f};
    return (struct fit){sums[0] / sums[1], sums[0] / sums[1] * sums[0]};
}

static bool try_clip(const struct qnt_dsp *dsp, const float *w, size_t n, float limit, float tried, float *clip,
                     struct fit *best)
{
    struct fit f = fit_codes(dsp, w, n, limit, tried);
    if (!(f.gain > best->gain))
        return false;
    *best = f;
    *clip = tried;
    return true;
}

float qnt_weight_scale(const struct qnt_dsp *dsp, const float *w, size_t n, uint32_t bits, float floor)
{
    /* Best clip over the mean magnitude, by width, for a normal distribution. */
    static const float guess[9] = {0.0f, 0.0f, 1.5f, 0.79f, 0.44f, 0.226f, 0.12f, 0.06f, 0.0f};
    float limit = (float)((1 << (bits - 1)) - 1), largest, sum;
    magnitudes(w, n, &largest, &sum);
    if (bits == 1)
        return sum / (float)n > floor ? sum / (float)n : floor;
    float widest = largest / limit, clip = guess[bits] * sum / (float)n;
    if (!(widest > floor) || bits == 8)
        return widest > floor ? widest : floor;
    clip = clip < widest && clip > 0.0f ? clip : widest;
    struct fit best = fit_codes(dsp, w, n, limit, clip);
    bool down = try_clip(dsp, w, n, limit, clip * coarse, &clip, &best);
    for (int i = 0; i < MAX_CLIPS; i++)
        if (!try_clip(dsp, w, n, limit, fminf(down ? clip * coarse : clip / coarse, widest), &clip, &best))
            break;
    if (!try_clip(dsp, w, n, limit, fminf(clip * fine, widest), &clip, &best))
        try_clip(dsp, w, n, limit, fminf(clip / fine, widest), &clip, &best);
    return best.scale > floor ? best.scale : floor;
}

/* n <= LANES weights: codes, and what the larger ones add to the lanes' sums and counts. */
static inline void ternary_codes(const float *w, size_t n, float threshold, int8_t *codes, float *sum, int32_t *count)
{
    for (size_t l = 0; l < n; l++) {
        const int32_t code = (w[l] > threshold) - (w[l] < -threshold);
        codes[l] = (int8_t)code;
        sum[l] += (float)code * w[l];
        count[l] += code * code;
    }
}

float qnt_ternary_weights(const float *w, size_t n, float floor, int8_t *codes)
{
    float largest, all, sum[LANES] = {0.0f};
    int32_t count[LANES] = {0};
    size_t i = 0;
    magnitudes(w, n, &largest, &all);
    const float threshold = 0.7f * (all / (float)n);
    for (; i + LANES <= n; i += LANES)
        ternary_codes(w + i, LANES, threshold, codes + i, sum, count);
    ternary_codes(w + i, n - i, threshold, codes + i, sum, count);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) {
            sum[l] += sum[l + half];
            count[l] += count[l + half];
        }
    const float scale = count[0] ? sum[0] / (float)count[0] : 0.0f;
    return scale > floor ? scale : floor;
}

void qnt_weight_codes(const float *w, size_t n, uint32_t bits, float scale, int8_t *codes)
{
    float limit = (float)((1 << (bits - 1)) - 1), inv = 1.0f / scale;
    for (size_t i = 0; bits == 1 && i < n; i++)
        codes[i] = w[i] < 0.0f ? -1 : 1;
    for (size_t i = 0; bits > 1 && i < n; i++)
        codes[i] = (int8_t)rne(clamp(w[i] * inv, limit));
}

int32_t qnt_bias_code(float b, float scale)
{
    double q = (double)b / (double)scale, limit = 1073741824.0;
    return (int32_t)rint(q > -limit ? (q < limit ? q : limit) : -limit);
}
