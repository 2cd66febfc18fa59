/* Learned rounding. With e = q * scale - w, the squared error of a sum over the inputs x seen is e' E[x x'] e. Flipping
 * one weight between the two codes around it changes that by 2 d g + d d H[k][k], g = H e: each weight in turn flips
 * where this is negative, until none is. */
#include <math.h>
#include "lib/quant/ptq.h"

enum { PASSES = 16 };

/* Row k of h times d onto g. */
static void add_row(const float *h, size_t n, size_t k, float d, float *g)
{
    for (size_t i = 0; i < n; i++)
        g[i] += d * h[k * n + i];
}

/* The step of code q to the other code around w / scale; 0: there is none. */
static int32_t other_code(float w, float scale, int32_t q, int32_t limit)
{
    const float at = w / scale;
    const int32_t step = at > (float)q ? 1 : at < (float)q ? -1 : 0;
    return q + step > limit || q + step < -limit || fabsf(at - (float)q) >= 1.0f ? 0 : step;
}

double qnt_round_learned(const float *w, size_t k, float scale, int32_t limit, const float *product, float *work,
                         int8_t *codes)
{
    float *g = work;
    const float *h = product;
    for (size_t i = 0; i < k; i++)
        g[i] = 0.0f;
    for (size_t i = 0; i < k; i++)
        add_row(h, k, i, (float)codes[i] * scale - w[i], g);
    for (int pass = 0; pass < PASSES; pass++) {
        size_t flips = 0;
        for (size_t i = 0; i < k; i++) {
            const int32_t step = other_code(w[i], scale, codes[i], limit);
            const float d = (float)step * scale;
            if (!step || !(2.0f * d * g[i] + d * d * h[i * k + i] < 0.0f))
                continue;
            codes[i] = (int8_t)(codes[i] + step);
            add_row(h, k, i, d, g);
            flips++;
        }
        if (!flips)
            break;
    }
    double error = 0.0;
    for (size_t i = 0; i < k; i++)
        error += ((double)codes[i] * (double)scale - (double)w[i]) * (double)g[i];
    return error;
}
