/* s32 to 8 bits in blocks of four vectors; a shorter last block of a row runs the same step on parts. */
#include "tmpl/requant_step.h"
enum { BLOCK = 4 * VL };

QNT_INLINE void block(const int32_t *src, int8_t *dst, size_t n, const float *scale, vf all, const int per_channel,
                      const struct requant *p)
{
    vi acc[4];
    vf s[4];
    QNT_UNROLL
    for (int k = 0; k < 4; k++) {
        size_t done = (size_t)k * VL, left = v_left(n, done);
        acc[k] = (vi)vf_load((const float *)src + done, left); /* a move of bits */
        s[k] = per_channel ? vf_load(scale + done, left) : all;
    }
    vb_store(dst, requant_step(acc, s, p), n);
}

QNT_INLINE void requantize(const int32_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols,
                           const struct qnt_requant *r, const int per_channel)
{
    const struct requant p = requant_load(r);
    const float *scale = r->scale;
    const vf all = per_channel ? vf_set(0.0f) : vf_set(scale[0]);
    for (size_t i = 0; i < rows; i++, src += lds, dst += ldd) {
        size_t c = 0;
        for (; cols - c >= BLOCK; c += BLOCK)
            block(src + c, dst + c, BLOCK, scale + c, all, per_channel, &p);
        if (c < cols)
            block(src + c, dst + c, cols - c, scale + c, all, per_channel, &p);
    }
}

void V_FN(requantize_s32_s8)(const int32_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols,
                             const struct qnt_requant *r)
{
    if (r->per_channel)
        requantize(src, lds, dst, ldd, rows, cols, r, 1);
    else if (lds == cols && ldd == cols)
        requantize(src, 0, dst, 0, 1, rows * cols, r, 0); /* dense: one long row */
    else
        requantize(src, lds, dst, ldd, rows, cols, r, 0);
}
