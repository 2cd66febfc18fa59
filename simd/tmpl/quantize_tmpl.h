/* quantize, dequantize, requantize in blocks of four vectors, whose codes fill one byte vector; a shorter last block
 * runs the same step on parts. Everything read through a pointer is copied first: byte stores may alias it.
 *
 * Codes are clamped by the saturating steps 32 -> 16 bits, + zero, 16 -> 8 bits: rne and clamps at integers commute, so
 * this equals the reference's clamp in float. u8 codes are s8 codes with zero - 128, stored xor'ed with 0x80. */
enum { BLOCK = 4 * VL };

QNT_INLINE void quantize_step(const float *src, int8_t *dst, size_t n, vf factor, const int exact, int32_t zero,
                              int8_t flip)
{
    vi c[4];
    QNT_UNROLL
    for (int k = 0; k < 4; k++) {
        vf x = vf_load(src + k * VL, v_left(n, (size_t)k * VL));
        c[k] = vi_quant(exact ? x * factor : x / factor);
    }
    vb_store(dst, vb_pack(c, zero) ^ flip, n);
}

QNT_INLINE void quantize(const float *src, int8_t *dst, size_t n, float factor, const int exact, int32_t zero,
                         const int8_t flip)
{
    vf f = vf_set(factor);
    for (; n >= BLOCK; n -= BLOCK, src += BLOCK, dst += BLOCK)
        quantize_step(src, dst, BLOCK, f, exact, zero, flip);
    if (n)
        quantize_step(src, dst, n, f, exact, zero, flip);
}

void V_FN(quantize_f32_s8)(const float *src, int8_t *dst, size_t n, const struct qnt_quant *q)
{
    if (q->recip_exact)
        quantize(src, dst, n, q->recip, 1, q->zero, 0);
    else
        quantize(src, dst, n, q->scale, 0, q->zero, 0);
}

void V_FN(quantize_f32_u8)(const float *src, uint8_t *dst, size_t n, const struct qnt_quant *q)
{
    if (q->recip_exact)
        quantize(src, (int8_t *)dst, n, q->recip, 1, q->zero - 128, -128);
    else
        quantize(src, (int8_t *)dst, n, q->scale, 0, q->zero - 128, -128);
}

/* Scales and zero points of one block of channels, as vectors; channels past the end divide by 1. */
struct lanes {
    vf scale[4];
    vi zero[4];
};

QNT_INLINE struct lanes channel_lanes(const struct qnt_quant *q, size_t n)
{
    float scale[BLOCK];
    int32_t zero[BLOCK];
    for (size_t c = 0; c < BLOCK; c++) {
        scale[c] = c < n ? q[c].scale : 1.0f;
        zero[c] = c < n ? q[c].zero : 0;
    }
    struct lanes l;
    QNT_UNROLL
    for (int k = 0; k < 4; k++) {
        l.scale[k] = vf_load(scale + k * VL, VL);
        memcpy(&l.zero[k], zero + k * VL, sizeof(vi));
    }
    return l;
}

/* A lane's own zero is added in 32 bits, so the value is first limited, far outside of any code; NaN passes both. */
QNT_INLINE void quantize_lanes(const float *src, int8_t *dst, size_t n, const struct lanes *l)
{
    vi c[4];
    QNT_UNROLL
    for (int k = 0; k < 4; k++) {
        vf v = vf_load(src + k * VL, v_left(n, (size_t)k * VL)) / l->scale[k];
        c[k] = vi_quant(vf_max(vf_set(-1024.0f), vf_min(vf_set(1024.0f), v))) + l->zero[k];
    }
    vb_store(dst, vb_pack(c, 0), n);
}

void V_FN(quantize_pc_f32_s8)(const float *src, int8_t *dst, size_t rows, size_t channels, const struct qnt_quant *q)
{
    for (size_t c = 0; c < channels; c += BLOCK) {
        size_t n = channels - c;
        struct lanes l = channel_lanes(q + c, n);
        if (n >= BLOCK)
            for (size_t r = 0; r < rows; r++)
                quantize_lanes(src + r * channels + c, dst + r * channels + c, BLOCK, &l);
        else
            for (size_t r = 0; r < rows; r++)
                quantize_lanes(src + r * channels + c, dst + r * channels + c, n, &l);
    }
}

/* A short block is first spread over a whole one. */
QNT_INLINE void load_codes(vi v[4], const void *src, size_t n, const int is_u8)
{
    int8_t part[BLOCK];
    if (n < BLOCK) {
        vb_store(part, vb_load(src, n), BLOCK);
        src = part;
    }
    vi_load4(v, src, is_u8);
}

QNT_INLINE void dequantize_step(const int8_t *src, float *dst, size_t n, vi zero, vf scale, const int is_u8)
{
    vi v[4];
    load_codes(v, src, n, is_u8);
    QNT_UNROLL
    for (int k = 0; k < 4; k++)
        vf_store(dst + k * VL, vf_of(v[k] - zero) * scale, v_left(n, (size_t)k * VL));
}

QNT_INLINE void dequantize(const int8_t *src, float *dst, size_t n, const struct qnt_quant *q, const int is_u8)
{
    vi zero = (vi){0} + q->zero;
    vf scale = vf_set(q->scale);
    for (; n >= BLOCK; n -= BLOCK, src += BLOCK, dst += BLOCK)
        dequantize_step(src, dst, BLOCK, zero, scale, is_u8);
    if (n)
        dequantize_step(src, dst, n, zero, scale, is_u8);
}

void V_FN(dequantize_s8_f32)(const int8_t *src, float *dst, size_t n, const struct qnt_quant *q)
{
    dequantize(src, dst, n, q, 0);
}

void V_FN(dequantize_u8_f32)(const uint8_t *src, float *dst, size_t n, const struct qnt_quant *q)
{
    dequantize((const int8_t *)src, dst, n, q, 1);
}

QNT_INLINE void dequantize_lanes(const int8_t *src, float *dst, size_t n, const struct lanes *l)
{
    vi v[4];
    load_codes(v, src, n, 0);
    QNT_UNROLL
    for (int k = 0; k < 4; k++)
        vf_store(dst + k * VL, vf_of(v[k] - l->zero[k]) * l->scale[k], v_left(n, (size_t)k * VL));
}

void V_FN(dequantize_pc_s8_f32)(const int8_t *src, float *dst, size_t rows, size_t channels, const struct qnt_quant *q)
{
    for (size_t c = 0; c < channels; c += BLOCK) {
        size_t n = channels - c;
        struct lanes l = channel_lanes(q + c, n);
        if (n >= BLOCK)
            for (size_t r = 0; r < rows; r++)
                dequantize_lanes(src + r * channels + c, dst + r * channels + c, BLOCK, &l);
        else
            for (size_t r = 0; r < rows; r++)
                dequantize_lanes(src + r * channels + c, dst + r * channels + c, n, &l);
    }
}
