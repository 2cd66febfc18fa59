#include <float.h>
#include <math.h>
#include "quant.h"

/* The largest |code - zero| the types allow for this zero point; zero in [0, 127] may belong to s8 or u8. */
static int32_t reach(int32_t zero)
{
    int32_t s8 = zero < 0 ? 127 - zero : 128 + zero;
    int32_t u8 = zero < 128 ? 255 - zero : zero;
    return zero < 0 ? s8 : zero > 127 ? u8 : s8 > u8 ? s8 : u8;
}

/* 1 / scale = high + low to about 48 bits. high is rounded down, so that both products have the sign of x: each of
 * them, hence their sum, is monotone in x, and no infinities of two signs meet. */
static void split(float scale, float *high, float *low)
{
    double r = 1.0 / (double)scale;
    *high = (float)r;
    if ((double)*high >= r)
        *high = nextafterf(*high, 0.0f);
    *low = (float)(r - (double)*high);
    if (!isfinite(r) || *low < FLT_MIN || *high > FLT_MAX / 2)
        *high = *low = 0.0f;
}

void qnt_quant_init(struct qnt_quant *q, float scale, int32_t zero)
{
    q->scale = scale;
    q->zero = zero;
    q->recip = 1.0f / scale;
    q->recip_exact = isfinite(q->recip);
    split(scale, &q->high, &q->low);
    /* All forms are odd in x, so positive thresholds suffice. x is the smallest float that divides to k + 1 or more. */
    for (int32_t k = 0; k < reach(zero) && (q->recip_exact || q->high > 0.0f); k++) {
        float above = (float)(k + 1), x = (float)((k + 0.5) * (double)scale);
        while (rintf(x / scale) < above)
            x = nextafterf(x, INFINITY);
        float below = nextafterf(x, 0.0f);
        while (rintf(below / scale) >= above) {
            x = below;
            below = nextafterf(x, 0.0f);
        }
        if (rintf(x * q->recip) < above || rintf(below * q->recip) >= above)
            q->recip_exact = 0;
        if (rintf(fmaf(x, q->high, x * q->low)) < above || rintf(fmaf(below, q->high, below * q->low)) >= above)
            q->high = q->low = 0.0f;
    }
}
