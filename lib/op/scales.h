#ifndef OP_SCALES_H
#define OP_SCALES_H
/* quantize_by and dequantize_by (x, scale[, zero]): a scale and zero point for each index of a dimension, for each
 * block of it, or one. scale: a constant of f32 with x's rank; place i of dimension d belongs to its i / dim[d]
 * (attribute, 0 means 1), and where it has 1, to that. zero: a constant of s32 of the same shape; without it, zeros.
 *   quantize_by: f32 -> s8, u8, s16 or u16 (preset, without a scale): clamp(rne(x / scale) + zero, lo, hi) in float32,
 * half to even, the type's range for lo = hi = 0; NaN gives zero. dequantize_by: these or s32, without a scale -> f32:
 * (float)(x - zero) * scale. */
#include "op.h"

qnt_status qnt_scales_infer(const struct qnt_model *m, const struct qnt_node *n, struct qnt_tensor *out);
qnt_status qnt_scales_prepare(const qnt_ctx *ctx, struct qnt_step *s, size_t max_batch);
void qnt_scales_run(const struct qnt_step *s, const struct qnt_exec *x);
#endif
