#include "ref/scalar.h"

void qnt_depthwise_s8_ref(const struct qnt_depthwise *d, int8_t *dst, int32_t *acc, size_t ldd,
                          const struct qnt_requant *r)
{
    for (size_t i = 0; i < d->lines * d->pixels; i++) {
        const size_t at = i / d->pixels * d->line + i % d->pixels * d->step;
        for (size_t c = 0; c < d->channels; c++) {
            int32_t sum = d->bias[c];
            for (size_t t = 0; t < d->taps; t++)
                sum += d->tap[t][at + c] * d->w[(t / 4 * d->channels + c) * 4 + t % 4];
            if (acc)
                acc[i * ldd + c] = sum;
            dst[i * ldd + c] = qnt_requantize_one(sum, r->scale[r->per_channel ? c : 0], r);
        }
    }
}
