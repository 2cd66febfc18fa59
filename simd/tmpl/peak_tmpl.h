/* Peaks that differ in width only. Sums start from different values, or compilers would keep one for all. */
#include "tmpl/v_common.h"

/* CHAINS sums: more than latency times ports of any core, as far as there are registers. */
int32_t V_FN(peak_f32)(const float *a, const float *b, size_t n)
{
    enum { CHAINS = V_REGS > 16 ? 24 : 12 };
    float x[VL], y[VL];
    vf sum[CHAINS];
    for (size_t i = 0; i < VL; i++) {
        x[i] = a[i % 4];
        y[i] = b[i % 4];
    }
    vf av = vf_load(x, VL), bv = vf_load(y, VL);
    QNT_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = vf_set((float)i);
    for (size_t left = n / (CHAINS * VL); left; left--)
        QNT_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = vf_fma(av, bv, sum[i]);
    QNT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        sum[0] += sum[i];
    vf_store(x, sum[0], VL);
    float all = (float)(-VL * CHAINS * (CHAINS - 1) / 2);
    for (size_t i = 0; i < VL; i++)
        all += x[i];
    return (int32_t)all;
}

int32_t V_FN(peak_read)(const void *src, size_t n, size_t times)
{
    typedef uint32_t vu __attribute__((vector_size(4 * VL))); /* wraps */
    enum { CHAINS = 8, STEP = 512 / (4 * VL) };
    uint32_t x[VL], all = 0;
    vu sum[CHAINS];
    QNT_UNROLL
    for (int i = 0; i < CHAINS; i++)
        sum[i] = (vu){0};
    for (; times; times--) {
        const int8_t *p = src;
        for (size_t left = n; left; left -= 512, p += 512)
            QNT_UNROLL
        for (int i = 0; i < STEP; i++)
            sum[i % CHAINS] += (vu)vb_load(p + 4 * VL * i, 4 * VL);
    }
    QNT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        sum[0] += sum[i];
    memcpy(x, &sum[0], sizeof x);
    for (size_t i = 0; i < VL; i++)
        all += x[i];
    return (int32_t)all;
}
