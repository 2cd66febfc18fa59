#ifndef QUANT_HISTOGRAM_H
#define QUANT_HISTOGRAM_H
/* What a tensor's values were like, in fixed memory. */
#include "lib/core/core.h"
#include "lib/quant/fake.h"

enum { QNT_BINS = 4096 };
/* Bin i counts values in [(i - QNT_BINS / 2) * w, the same + w), w = 2^exponent. When a value lies outside, bins merge
 * in pairs, which leaves what they would have held from the start: neither order nor grouping matter. */
struct qnt_histogram {
    uint64_t count[QNT_BINS];
    uint64_t total;
    int exponent;
    float least, most;          /* of all */
    double least_sum, most_sum; /* of each input's extremes */
    uint64_t inputs;
};

/* The values of one input. NaN is left out, infinities count as the largest finite numbers. */
void qnt_histogram_add(struct qnt_histogram *h, const float *x, size_t n);
/* The range as <qnt/quantize.h> says, for codes of `bits`; 0 inside. */
struct qnt_range qnt_histogram_range(const struct qnt_histogram *h, int calibration, float percentile, uint32_t bits);
#endif
