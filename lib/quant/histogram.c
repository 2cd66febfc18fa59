/* Histograms of activations and the ranges that they give. */
#include <float.h>
#include <math.h>
#include <string.h>
#include <qnt/quantize.h>
#include "lib/quant/histogram.h"

enum { HALF = QNT_BINS / 2, LOWEST_EXPONENT = -100, STEPS = 64, ROUNDS = 3 };

static void widen(struct qnt_histogram *h)
{
    uint64_t merged[QNT_BINS] = {0};
    for (int i = 0; i < QNT_BINS; i++)
        merged[HALF + (i >= HALF ? (i - HALF) / 2 : -((HALF - i + 1) / 2))] += h->count[i];
    memcpy(h->count, merged, sizeof merged);
    h->exponent++;
}

/* Largest magnitude first, so that the loop below need not look. */
static void make_room(struct qnt_histogram *h, float magnitude)
{
    if (!h->total) {
        int e;
        (void)frexpf(magnitude, &e); /* magnitude < 2^e */
        h->exponent = magnitude > 0.0f && e - 11 > LOWEST_EXPONENT ? e - 11 : LOWEST_EXPONENT;
    }
    while (ldexpf((float)HALF, h->exponent) <= magnitude)
        widen(h);
}

static float within(float x)
{
    return x < -FLT_MAX ? -FLT_MAX : x > FLT_MAX ? FLT_MAX : x;
}

void qnt_histogram_add(struct qnt_histogram *h, const float *x, size_t n)
{
    float least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    if (least > most)
        return;
    least = within(least);
    most = within(most);
    make_room(h, fmaxf(fabsf(least), fabsf(most)));
    h->least = h->total && h->least < least ? h->least : least;
    h->most = h->total && h->most > most ? h->most : most;
    h->least_sum += least;
    h->most_sum += most;
    h->inputs++;
    const double inverse = ldexp(1.0, -h->exponent);
    for (size_t i = 0; i < n; i++)
        if (x[i] == x[i]) {
            const double at = floor((double)within(x[i]) * inverse);
            h->count[HALF + (int)at]++;
            h->total++;
        }
}

/* The value in the middle of bin i. */
static double middle(const struct qnt_histogram *h, int i)
{
    return ldexp((double)(i - HALF) + 0.5, h->exponent);
}

static struct qnt_range percentile_range(const struct qnt_histogram *h, double share)
{
    const double limit = share * (double)h->total;
    uint64_t below = 0, above = 0;
    int lo = 0, hi = QNT_BINS - 1;
    while (lo < QNT_BINS - 1 && (double)(below + h->count[lo]) <= limit)
        below += h->count[lo++];
    while (hi > 0 && (double)(above + h->count[hi]) <= limit)
        above += h->count[hi--];
    return (struct qnt_range){(float)ldexp((double)(lo - HALF), h->exponent),
                              (float)ldexp((double)(hi - HALF + 1), h->exponent)};
}

/* First and last bin that holds something. */
struct span {
    int first, last;
};

static struct span occupied(const struct qnt_histogram *h)
{
    struct span s = {0, QNT_BINS - 1};
    while (s.first < QNT_BINS - 1 && !h->count[s.first])
        s.first++;
    while (s.last > s.first && !h->count[s.last])
        s.last--;
    return s;
}

/* Half to even, for numbers far below 2^52. */
static double rne(double x)
{
    return (x + 6755399441055744.0) - 6755399441055744.0;
}

/* The squared error of the values in the bins' middles. */
static double squared_error(const struct qnt_histogram *h, struct span s, struct qnt_range r, uint32_t bits)
{
    const double top = (double)((1u << bits) - 1), scale = ((double)r.hi - (double)r.lo) / top;
    double error = 0.0;
    if (!(scale > 0.0))
        return INFINITY;
    const double zero = rne(-(double)r.lo / scale);
    for (int i = s.first; i <= s.last; i++) {
        if (!h->count[i])
            continue;
        const double v = middle(h, i);
        double q = rne(v / scale) + zero;
        q = q < 0.0 ? 0.0 : q > top ? top : q;
        const double e = v - (q - zero) * scale;
        error += (double)h->count[i] * (e * e);
    }
    return error;
}

/* KL(p || q): p the histogram with what lies outside in the outermost bins of the range, q the same in the levels of
 * the codes, each spread evenly over its bins that hold something. */
static double divergence(const struct qnt_histogram *h, struct span s, struct qnt_range r, uint32_t bits)
{
    const double width = ldexp(1.0, h->exponent), levels = (double)(1u << bits);
    int first = HALF + (int)floor((double)r.lo / width), last = HALF + (int)ceil((double)r.hi / width) - 1;
    first = first < s.first ? s.first : first;
    last = last > s.last ? s.last : last;
    if (last < first)
        return INFINITY;
    double outside[2] = {0.0, 0.0}, kl = 0.0, inside = 0.0;
    for (int i = s.first; i <= s.last; i++)
        if (i < first || i > last)
            outside[i > last] += (double)h->count[i];
        else
            inside += (double)h->count[i];
    if (!(inside > 0.0))
        return INFINITY;
    const double bins = (double)(last - first + 1);
    for (int from = first; from <= last;) {
        const int level = (int)((double)(from - first) * levels / bins);
        double mass = 0.0, used = 0.0;
        int to = from;
        for (; to <= last && (int)((double)(to - first) * levels / bins) == level; to++) {
            mass += (double)h->count[to];
            used += h->count[to] ? 1.0 : 0.0;
        }
        for (int i = from; i < to; i++) {
            const double p = (double)h->count[i] + (i == first ? outside[0] : 0.0) + (i == last ? outside[1] : 0.0);
            if (p > 0.0 && used > 0.0)
                kl += p * log(p / (mass / used));
            else if (p > 0.0)
                kl += p * 64.0; /* mass where the codes have none */
        }
        from = to;
    }
    return kl / (double)h->total + log(inside / (double)h->total);
}

/* Both ends are drawn in by steps of 1/STEPS, one after the other, as long as it helps. */
static struct qnt_range search(const struct qnt_histogram *h, struct qnt_range full, uint32_t bits,
                               double (*cost)(const struct qnt_histogram *, struct span, struct qnt_range, uint32_t))
{
    const struct span s = occupied(h);
    struct qnt_range best = full;
    double least = cost(h, s, full, bits);
    for (int round = 0; round < ROUNDS; round++) {
        const struct qnt_range before = best;
        for (int end = 0; end < 2; end++)
            for (int i = 1; i <= STEPS && (end ? full.hi > 0.0f : full.lo < 0.0f); i++) {
                struct qnt_range r = best;
                const float share = (float)i / (float)STEPS;
                *(end ? &r.hi : &r.lo) = share * (end ? full.hi : full.lo);
                const double c = cost(h, s, r, bits);
                if (c < least) {
                    least = c;
                    best = r;
                }
            }
        if (best.lo == before.lo && best.hi == before.hi)
            break;
    }
    return best;
}

struct qnt_range qnt_histogram_range(const struct qnt_histogram *h, int calibration, float percentile, uint32_t bits)
{
    struct qnt_range r = {h->total ? h->least : 0.0f, h->total ? h->most : 0.0f};
    if (h->total && calibration == QNT_CALIBRATE_AVERAGE)
        r = (struct qnt_range){(float)(h->least_sum / (double)h->inputs), (float)(h->most_sum / (double)h->inputs)};
    if (h->total && calibration == QNT_CALIBRATE_PERCENTILE) {
        const struct qnt_range p = percentile_range(h, (double)percentile);
        r = (struct qnt_range){fmaxf(r.lo, p.lo), fminf(r.hi, p.hi)};
    }
    r.lo = fminf(r.lo, 0.0f);
    r.hi = fmaxf(r.hi, 0.0f);
    if (h->total && r.lo < r.hi && calibration == QNT_CALIBRATE_MSE)
        r = search(h, r, bits, squared_error);
    if (h->total && r.lo < r.hi && calibration == QNT_CALIBRATE_ENTROPY)
        r = search(h, r, bits, divergence);
    return r;
}
