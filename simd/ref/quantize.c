#include "ref/scalar.h"

void qnt_quantize_f32_s8_ref(const float *src, int8_t *dst, size_t n, const struct qnt_quant *q)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (int8_t)qnt_quantize_one(src[i], q->scale, q->zero, -128, 127);
}

void qnt_quantize_f32_u8_ref(const float *src, uint8_t *dst, size_t n, const struct qnt_quant *q)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)qnt_quantize_one(src[i], q->scale, q->zero, 0, 255);
}

void qnt_quantize_pc_f32_s8_ref(const float *src, int8_t *dst, size_t rows, size_t channels, const struct qnt_quant *q)
{
    for (size_t r = 0; r < rows; r++, src += channels, dst += channels)
        for (size_t c = 0; c < channels; c++)
            dst[c] = (int8_t)qnt_quantize_one(src[c], q[c].scale, q[c].zero, -128, 127);
}

void qnt_dequantize_s8_f32_ref(const int8_t *src, float *dst, size_t n, const struct qnt_quant *q)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (float)(src[i] - q->zero) * q->scale;
}

void qnt_dequantize_u8_f32_ref(const uint8_t *src, float *dst, size_t n, const struct qnt_quant *q)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (float)(src[i] - q->zero) * q->scale;
}

void qnt_dequantize_pc_s8_f32_ref(const int8_t *src, float *dst, size_t rows, size_t channels,
                                  const struct qnt_quant *q)
{
    for (size_t r = 0; r < rows; r++, src += channels, dst += channels)
        for (size_t c = 0; c < channels; c++)
            dst[c] = (float)(src[c] - q[c].zero) * q[c].scale;
}
