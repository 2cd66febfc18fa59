#ifndef QUANT_FAKE_H
#define QUANT_FAKE_H
/* The number side of fake quantization: from float values to scales and codes. Plain float32 operations in a fixed
 * order: the same bits on every machine. */
#include "simd/kernels.h"

/* A tensor's range; lo <= 0 <= hi. */
struct qnt_range {
    float lo, hi;
};
/* Scale and zero point for codes of `bits` (2 to 8) that hold the range; lo == 0 gives the least code as zero point. An
 * empty range gives a tiny scale. */
void qnt_range_scale(struct qnt_range r, uint32_t bits, float *scale, int32_t *zero);
/* a, moved towards b by `weight`. */
struct qnt_range qnt_range_blend(struct qnt_range a, struct qnt_range b, float weight);

/* 1 bit: the mean magnitude, which fits signs best (Rastegari et al. 2016, arXiv:1603.05279, eq. 6).
 * Symmetric scale of n weights for codes within +-(2^(bits - 1) - 1). 8 bits: the largest magnitude. Below that it is
 * clipped where the squared error is smaller: uphill from a guess by the mean magnitude, each clip refitted to the
 * codes it gives. At least floor > 0. */
float qnt_weight_scale(const struct qnt_dsp *dsp, const float *w, size_t n, uint32_t bits, float floor);
/* Ternary weights, as <qnt/train.h> says: the codes, and returned the scale, at least floor > 0. */
float qnt_ternary_weights(const float *w, size_t n, float floor, int8_t *codes);
/* codes[i] = clamp(rne(w[i] * (1 / scale))); 1 bit: w[i] < 0 ? -1 : 1. */
void qnt_weight_codes(const float *w, size_t n, uint32_t bits, float scale, int8_t *codes);
/* rne(b / scale), held within +-2^30. */
int32_t qnt_bias_code(float b, float scale);
#endif
