#include <math.h>
#include "quant.h"

/* The largest |code - zero| the types allow for this zero point; zero in [0, 127] may belong to s8 or u8. */
static int32_t reach(int32_t zero)
{
    int32_t s8 = zero < 0 ? 127 - zero : 128 + zero;
    int32_t u8 = zero < 128 ? 255 - zero : zero;
    return zero < 0 ? s8 : zero > 127 ? u8 : s8 > u8 ? s8 : u8;
}

void qnt_quant_init(struct qnt_quant *q, float scale, int32_t zero)
{
    q->scale = scale;
    q->zero = zero;
    q->recip = 1.0f / scale;
    q->recip_exact = 0;
    if (!isfinite(q->recip))
        return;
    /* Both forms are odd in x, so positive thresholds suffice. x is the smallest float that divides to k + 1 or more. */
    for (int32_t k = 0; k < reach(zero); k++) {
        float above = (float)(k + 1), x = (float)((k + 0.5) * (double)scale);
        while (rintf(x / scale) < above)
            x = nextafterf(x, INFINITY);
        float below = nextafterf(x, 0.0f);
        while (rintf(below / scale) >= above) {
            x = below;
            below = nextafterf(x, 0.0f);
        }
        if (rintf(x * q->recip) < above || rintf(below * q->recip) >= above)
            return;
    }
    q->recip_exact = 1;
}
