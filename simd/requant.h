#ifndef SIMD_REQUANT_H
#define SIMD_REQUANT_H
/* Parameters of quantizing and requantizing. */
#include <stddef.h>
#include <stdint.h>

/* One scale, prepared once by qnt_quant_init (simd/quant.h): 0 < scale finite; zero in the range of the type. */
struct qnt_quant {
    float scale;       /* real = scale * (q - zero) */
    float recip;       /* 1 / scale, used only when recip_exact */
    int32_t zero;      /* in s8 terms for s8 kernels, in u8 terms for u8 kernels */
    int32_t recip_exact; /* 1: x * recip rounds to the same code as x / scale for every float x (proved at init) */
    /* 1 / scale as a sum, high below it and low > 0. high > 0: fma(x, high, x * low) rounds to the same code as x / scale
     * for every float x (proved at init), is +-Inf for x = +-Inf and NaN for NaN. Else both are 0. */
    float high, low;
};

/* s32 -> 8 bits: y = clamp(rne(float(acc) * scale[c]) + zero, lo, hi), half to even, float32 product, where the clamp is
 * done in float on [lo - zero, hi - zero] before rne (the same value, and no conversion can overflow).
 * mode selects the arithmetic; FLOAT is ONNX's. (FIXED, TFLite's multiplier and shift, is to be appended.)
 * Results are computed as s8 (zero, lo, hi in s8 terms) and stored xor'ed with out_xor: 0x80 stores u8 codes. */
enum qnt_requant_mode { QNT_REQUANT_FLOAT = 0 };
struct qnt_requant {
    int32_t mode;       /* enum qnt_requant_mode */
    int32_t zero;       /* output zero point, [-128, 127] */
    int32_t lo, hi;     /* clamp, -128 <= lo <= hi <= 127: also relu and clamp, fused */
    uint8_t out_xor;    /* 0 for s8, 0x80 for u8 */
    uint8_t per_channel; /* 0: scale[0] serves all channels, 1: scale[c] */
    const float *scale; /* finite, >= 0 */
};
#endif
