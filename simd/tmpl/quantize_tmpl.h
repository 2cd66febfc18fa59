/* quantize, dequantize, requantize in blocks of four vectors, whose codes fill one byte vector; a shorter last block
 * runs the same step on parts. Everything read through a pointer is copied first: byte stores may alias it.
 *
 * Codes are clamped by the saturating steps 32 -> 16 bits, + zero, 16 -> 8 bits: rne and clamps at integers commute, so
 * this equals the reference's clamp in float. u8 codes are s8 codes with zero - 128, stored xor'ed with 0x80. */
enum { BLOCK = 4 * VL };

/* x / scale, or a form that struct qnt_quant says is as good: with a = scale, a = recip, or a = high and b = low. */
enum form { DIVISION, PRODUCT, SUM };

QNT_INLINE vf quotient(vf x, vf a, vf b, const enum form form)
{
    if (form == DIVISION)
        return x / a;
    return form == PRODUCT ? (vf)(x * a) : vf_fma(x, a, x * b);
}

struct quantizer {
    vf a, b;
    vh zero;
    int8_t flip;
};

QNT_INLINE vb quantize_codes(const float *src, size_t n, const struct quantizer *z, const enum form form)
{
    const vh zeros[2] = {z->zero, z->zero};
    vf v[4];
    QNT_UNROLL
    for (int k = 0; k < 4; k++)
        v[k] = quotient(vf_load(src + k * VL, v_left(n, (size_t)k * VL)), z->a, z->b, form);
    return vb_quant(v, zeros) ^ z->flip;
}

/* Elements from which on no cache is expected to hold both arrays until they are used again: stores go past the caches,
 * where a line would first be read. */
enum { STREAM = 4 << 20, PAGE = 4096 / sizeof(float), PAGES = 4, LINE = 64 / sizeof(float) };

/* The processor's own prefetching stops where a page does: so several pages are read in turn, while the same places of
 * the pages after them are asked for. Returns the number of elements done: all but a rest. */
QNT_INLINE size_t quantize_stream(const float *src, int8_t *dst, size_t n, const struct quantizer *z,
                                  const enum form form)
{
    size_t done = -(uintptr_t)dst % BLOCK;
    if (done)
        vb_store(dst, quantize_codes(src, done, z, form), done);
    for (; n - done >= PAGES * PAGE; done += PAGES * PAGE)
        for (size_t i = done; i < done + PAGE; i += BLOCK)
            for (size_t at = i; at < i + PAGES * PAGE; at += PAGE) {
                for (size_t k = 0; k < BLOCK; k += LINE)
                    v_prefetch(src + at + PAGES * PAGE + k);
                vb_stream(dst + at, quantize_codes(src + at, BLOCK, z, form));
            }
    v_stream_end();
    return done;
}

QNT_INLINE void quantize_all(const float *src, int8_t *dst, size_t n, const struct quantizer z, const enum form form)
{
    size_t i = V_STREAMS && n >= STREAM ? quantize_stream(src, dst, n, &z, form) : 0;
    for (; n - i >= BLOCK; i += BLOCK)
        vb_store(dst + i, quantize_codes(src + i, BLOCK, &z, form), BLOCK);
    if (n > i)
        vb_store(dst + i, quantize_codes(src + i, n - i, &z, form), n - i);
}

QNT_INLINE void quantize(const float *src, int8_t *dst, size_t n, const struct qnt_quant *q, int32_t zero,
                         const int8_t flip)
{
    const vh z = (vh){0} + (int16_t)zero;
    if (q->recip_exact)
        quantize_all(src, dst, n, (struct quantizer){vf_set(q->recip), vf_set(0.0f), z, flip}, PRODUCT);
    else if (q->high > 0.0f)
        quantize_all(src, dst, n, (struct quantizer){vf_set(q->high), vf_set(q->low), z, flip}, SUM);
    else
        quantize_all(src, dst, n, (struct quantizer){vf_set(q->scale), vf_set(0.0f), z, flip}, DIVISION);
}

void V_FN(quantize_f32_s8)(const float *src, int8_t *dst, size_t n, const struct qnt_quant *q)
{
    quantize(src, dst, n, q, q->zero, 0);
}

void V_FN(quantize_f32_u8)(const float *src, uint8_t *dst, size_t n, const struct qnt_quant *q)
{
    quantize(src, (int8_t *)dst, n, q, q->zero - 128, -128);
}

/* Scales and zero points of one block of channels, as vectors; channels past the end divide by 1. */
struct lanes {
    vf scale[4], high[4], low[4];
    vi zero[4];
    vh zeros[2];
    enum form form; /* SUM where it serves all channels */
};

QNT_INLINE struct lanes channel_lanes(const struct qnt_quant *q, size_t n)
{
    const struct qnt_quant one = {.scale = 1.0f, .high = 1.0f};
    float scale[BLOCK], high[BLOCK], low[BLOCK];
    int32_t zero[BLOCK];
    struct lanes l = {.form = SUM};
    for (size_t c = 0; c < BLOCK; c++) {
        const struct qnt_quant *x = c < n ? q + c : &one;
        scale[c] = x->scale;
        high[c] = x->high;
        low[c] = x->low;
        zero[c] = x->zero;
        if (!(x->high > 0.0f))
            l.form = DIVISION;
    }
    QNT_UNROLL
    for (int k = 0; k < 4; k++) {
        l.scale[k] = vf_load(scale + k * VL, VL);
        l.high[k] = vf_load(high + k * VL, VL);
        l.low[k] = vf_load(low + k * VL, VL);
        memcpy(&l.zero[k], zero + k * VL, sizeof(vi));
    }
    l.zeros[0] = vh_pack(l.zero[0], l.zero[1]);
    l.zeros[1] = vh_pack(l.zero[2], l.zero[3]);
    return l;
}

QNT_INLINE void quantize_lanes(const float *src, int8_t *dst, size_t n, const struct lanes *l, const enum form form)
{
    vf v[4];
    QNT_UNROLL
    for (int k = 0; k < 4; k++) {
        vf x = vf_load(src + k * VL, v_left(n, (size_t)k * VL));
        v[k] = form == SUM ? quotient(x, l->high[k], l->low[k], SUM) : quotient(x, l->scale[k], x, DIVISION);
    }
    vb_store(dst, vb_quant(v, l->zeros), n);
}

QNT_INLINE void quantize_block(const float *src, int8_t *dst, size_t rows, size_t channels, size_t n,
                               const struct lanes *l)
{
    if (l->form == SUM)
        for (size_t r = 0; r < rows; r++)
            quantize_lanes(src + r * channels, dst + r * channels, n, l, SUM);
    else
        for (size_t r = 0; r < rows; r++)
            quantize_lanes(src + r * channels, dst + r * channels, n, l, DIVISION);
}

void V_FN(quantize_pc_f32_s8)(const float *src, int8_t *dst, size_t rows, size_t channels, const struct qnt_quant *q)
{
    for (size_t c = 0; c < channels; c += BLOCK) {
        size_t n = channels - c;
        struct lanes l = channel_lanes(q + c, n);
        if (n >= BLOCK)
            quantize_block(src + c, dst + c, rows, channels, BLOCK, &l);
        else
            quantize_block(src + c, dst + c, rows, channels, n, &l);
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

QNT_INLINE void dequantize_step(const int8_t *src, float *dst, size_t n, vi zero, vf scale, const int is_u8,
                                const int stream)
{
    vi v[4];
    load_codes(v, src, n, is_u8);
    QNT_UNROLL
    for (int k = 0; k < 4; k++) {
        vf x = vf_of(v[k] - zero) * scale;
        if (stream)
            vf_stream(dst + k * VL, x);
        else
            vf_store(dst + k * VL, x, v_left(n, (size_t)k * VL));
    }
}

enum { AHEAD = 2048 };

/* As quantize_stream. */
QNT_INLINE size_t dequantize_stream(const int8_t *src, float *dst, size_t n, vi zero, vf scale, const int is_u8)
{
    size_t i = -(uintptr_t)dst % sizeof(vf) / sizeof(float);
    if (i)
        dequantize_step(src, dst, i, zero, scale, is_u8, 0);
    for (; n - i >= BLOCK; i += BLOCK) {
        v_prefetch(src + i + AHEAD);
        dequantize_step(src + i, dst + i, BLOCK, zero, scale, is_u8, 1);
    }
    v_stream_end();
    return i;
}

QNT_INLINE void dequantize(const int8_t *src, float *dst, size_t n, const struct qnt_quant *q, const int is_u8)
{
    vi zero = (vi){0} + q->zero;
    vf scale = vf_set(q->scale);
    size_t i = V_STREAMS && n >= STREAM ? dequantize_stream(src, dst, n, zero, scale, is_u8) : 0;
    for (; n - i >= BLOCK; i += BLOCK)
        dequantize_step(src + i, dst + i, BLOCK, zero, scale, is_u8, 0);
    if (n > i)
        dequantize_step(src + i, dst + i, n - i, zero, scale, is_u8, 0);
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
