#include "ref/scalar.h"

void qnt_maxpool_s8_ref(const int8_t *src, int8_t *dst, size_t ldd, const struct qnt_window *w)
{
    for (size_t p = 0; p < w->pixels; p++)
        for (size_t c = 0; c < w->channels; c++) {
            const int8_t *x = src + p * w->step + c;
            int8_t max = x[0];
            for (size_t i = 0; i < w->kh; i++)
                for (size_t j = 0; j < w->kw; j++)
                    max = x[i * w->row + j * w->col] > max ? x[i * w->row + j * w->col] : max;
            dst[p * ldd + c] = max;
        }
}

void qnt_maxpool_f32_ref(const float *src, float *dst, size_t ldd, const struct qnt_window *w)
{
    for (size_t p = 0; p < w->pixels; p++)
        for (size_t c = 0; c < w->channels; c++) {
            const float *x = src + p * w->step + c;
            float max = x[0];
            for (size_t i = 0; i < w->kh; i++)
                for (size_t j = 0; j < w->kw; j++)
                    max = x[i * w->row + j * w->col] > max ? x[i * w->row + j * w->col] : max;
            dst[p * ldd + c] = max;
        }
}

void qnt_avgpool_s8_ref(const int8_t *src, int8_t *dst, size_t ldd, const struct qnt_window *w, int32_t in_zero,
                        const struct qnt_requant *r)
{
    for (size_t p = 0; p < w->pixels; p++)
        for (size_t c = 0; c < w->channels; c++) {
            const int8_t *x = src + p * w->step + c;
            int32_t acc = 0;
            for (size_t i = 0; i < w->kh; i++)
                for (size_t j = 0; j < w->kw; j++)
                    acc += x[i * w->row + j * w->col] - in_zero;
            dst[p * ldd + c] = qnt_requantize_one(acc, r->scale[0], r);
        }
}

void qnt_avgpool_f32_ref(const float *src, float *dst, size_t ldd, const struct qnt_window *w)
{
    for (size_t p = 0; p < w->pixels; p++)
        for (size_t c = 0; c < w->channels; c++) {
            const float *x = src + p * w->step + c;
            float sum = 0.0f;
            for (size_t i = 0; i < w->kh; i++)
                for (size_t j = 0; j < w->kw; j++)
                    sum += x[i * w->row + j * w->col];
            float y = sum / (float)(w->kh * w->kw);
            dst[p * ldd + c] = y != y ? __builtin_nanf("") : y;
        }
}
