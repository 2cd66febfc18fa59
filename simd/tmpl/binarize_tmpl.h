/* Comparisons to bits in blocks of 4 * VL values; a shorter last block of a row runs the same step on parts, whose
 * lanes past the end compare 0 < 0. */
enum { BLOCK = 4 * VL };

/* n values' bits to (n + 7) / 8 bytes. */
QNT_INLINE void put_bits(uint8_t *dst, uint64_t bits, const uint8_t *flip, size_t n)
{
    const size_t bytes = (n + 7) / 8;
    if (flip) {
        uint64_t f = 0;
        if (bytes == 8)
            memcpy(&f, flip, 8);
        else
            f = v_load_bytes(flip, bytes);
        bits ^= f;
    }
    if (bytes == 8)
        memcpy(dst, &bits, 8);
    else
        v_store_bytes(dst, bits, bytes);
}

QNT_INLINE void block_f32(const float *src, uint8_t *dst, size_t n, const float *threshold, const uint8_t *flip)
{
    vf x[4], t[4];
    QNT_UNROLL
    for (int k = 0; k < 4; k++) {
        size_t done = (size_t)k * VL, left = v_left(n, done);
        x[k] = vf_load(src + done, left);
        t[k] = threshold ? vf_load(threshold + done, left) : vf_set(0.0f);
    }
    put_bits(dst, vf_below(x, t), flip, n);
}

QNT_INLINE void block_s8(const int8_t *src, uint8_t *dst, size_t n, const int8_t *threshold, const uint8_t *flip)
{
    put_bits(dst, vb_below(vb_load(src, n), threshold ? vb_load(threshold, n) : (vb){0}), flip, n);
}

#define ROWS(T, block)                                                                                                 \
    QNT_INLINE void rows_##block(const T *src, uint8_t *dst, size_t rows, size_t cols, const T *threshold,             \
                                 const uint8_t *flip)                                                                  \
    {                                                                                                                  \
        const size_t bytes = (cols + 7) / 8;                                                                           \
        for (size_t r = 0; r < rows; r++, src += cols, dst += bytes) {                                                 \
            size_t c = 0;                                                                                              \
            for (; cols - c >= BLOCK; c += BLOCK)                                                                      \
                block(src + c, dst + c / 8, BLOCK, threshold ? threshold + c : NULL, flip ? flip + c / 8 : NULL);      \
            if (c < cols)                                                                                              \
                block(src + c, dst + c / 8, cols - c, threshold ? threshold + c : NULL, flip ? flip + c / 8 : NULL);   \
        }                                                                                                              \
    }
ROWS(float, block_f32)
ROWS(int8_t, block_s8)

void V_FN(binarize_f32)(const float *src, uint8_t *dst, size_t rows, size_t cols, const float *threshold,
                        const uint8_t *flip)
{
    if (!threshold && !flip && cols % 8 == 0) /* dense: one long row */
        rows_block_f32(src, dst, 1, rows * cols, NULL, NULL);
    else
        rows_block_f32(src, dst, rows, cols, threshold, flip);
}

void V_FN(binarize_s8)(const int8_t *src, uint8_t *dst, size_t rows, size_t cols, const int8_t *threshold,
                       const uint8_t *flip)
{
    if (!threshold && !flip && cols % 8 == 0)
        rows_block_s8(src, dst, 1, rows * cols, NULL, NULL);
    else
        rows_block_s8(src, dst, rows, cols, threshold, flip);
}
