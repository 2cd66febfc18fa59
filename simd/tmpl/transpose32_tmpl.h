/* Transposing dwords by zips: 4 rows of 4 columns in each 16-byte part, two rounds; blocks of rows and columns as in
 * transpose_tmpl.h, which comes before this file. */
enum { BLOCK32 = 4 * V_LANES, LINE32 = 16 };

/* 4 rows of 4 in each part become its 4 columns. */
QNT_INLINE void turn32(vb x[4])
{
    vb y[4];
    QNT_UNROLL
    for (int k = 0; k < 4; k++)
        y[k] = vb_zip32(x[k / 2], x[k / 2 + 2], k % 2);
    QNT_UNROLL
    for (int k = 0; k < 4; k++)
        x[k] = vb_zip32(y[k / 2], y[k / 2 + 2], k % 2);
}

/* 4 columns; strides and places in bytes. */
QNT_INLINE void block32(const int8_t *src, size_t lds, const size_t *from, int8_t *dst, size_t ldd, const size_t *to,
                        const int whole)
{
    vb x[4];
    size_t row = 0;
    QNT_UNROLL
    for (int k = 0; k < 4; k++, row = next_row(row, lds))
        x[k] = vb_lanes(src + row, from);
    turn32(x);
    QNT_UNROLL
    for (size_t k = 0; k < 4; k++)
        put_column(dst + k * ldd, to, x[k], whole);
}

/* Columns c0 to c1, 4 at least, of one block of rows. */
QNT_INLINE void columns32(const int8_t *src, size_t lds, const size_t *from, int8_t *dst, size_t ldd, const size_t *to,
                          size_t c0, size_t c1, const int whole)
{
    for (; c1 - c0 > 4; c0 += 4)
        block32(src + 4 * c0, lds, from, dst + c0 * ldd, ldd, to, whole);
    c0 = c1 - 4;
    block32(src + 4 * c0, lds, from, dst + c0 * ldd, ldd, to, whole);
}

/* At least 4 rows. */
QNT_INLINE void tall32(const int8_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t c0, size_t c1)
{
    size_t from[V_LANES], to[V_LANES], r = 0;
    QNT_UNROLL
    for (size_t k = 0; k < V_LANES; k++)
        from[k] = k * 4 * lds;
    for (; rows - r >= BLOCK32; r += BLOCK32)
        columns32(src + r * lds, lds, from, dst + 4 * r, ldd, to, c0, c1, 1);
    if (r < rows && rows >= BLOCK32) {
        columns32(src + (rows - BLOCK32) * lds, lds, from, dst + 4 * (rows - BLOCK32), ldd, to, c0, c1, 1);
    } else if (r < rows) {
        QNT_UNROLL
        for (size_t k = 0; k < V_LANES; k++) {
            size_t first = 4 * k < rows - 4 ? 4 * k : rows - 4;
            from[k] = first * lds;
            to[k] = first * 4;
        }
        columns32(src, lds, from, dst, ldd, to, c0, c1, 0);
    }
}

typedef int64_t v_pairs __attribute__((vector_size(16 * V_LANES)));
enum { FEW_COLUMNS = 4 * V_LANES };

/* 2 or 3 rows, as images of so many channels have: each 16-byte part holds 4 columns of their own. */
QNT_INLINE void few32(const int8_t *src, size_t lds, int8_t *dst, size_t ldd, const size_t ROWS)
{
    size_t from[V_LANES];
    vb x[4];
    QNT_UNROLL
    for (size_t k = 0; k < V_LANES; k++)
        from[k] = 16 * k;
    QNT_UNROLL
    for (size_t k = 0; k < 4; k++) /* the last row stands for those that are none, too */
        x[k] = vb_lanes(src + (k < ROWS ? k : ROWS - 1) * lds, from);
    turn32(x);
    QNT_UNROLL
    for (size_t i = 0; i < FEW_COLUMNS; i++) {
        const int64_t two = ((v_pairs)x[i % 4])[2 * (i / 4)];
        const int32_t third = ((v_dwords)x[i % 4])[4 * (i / 4) + 2];
        memcpy(dst + i * ldd, &two, sizeof two);
        if (ROWS == 3)
            memcpy(dst + i * ldd + sizeof two, &third, sizeof third);
    }
}

/* FEW_COLUMNS at least. */
QNT_INLINE void few_rows32(const int8_t *src, size_t lds, int8_t *dst, size_t ldd, size_t cols, const size_t ROWS)
{
    size_t c = 0;
    for (; cols - c > FEW_COLUMNS; c += FEW_COLUMNS)
        few32(src + 4 * c, lds, dst + c * ldd, ldd, ROWS);
    c = cols - FEW_COLUMNS;
    few32(src + 4 * c, lds, dst + c * ldd, ldd, ROWS);
}

void V_FN(transpose_f32)(const float *src, size_t lds, float *dst, size_t ldd, size_t rows, size_t cols)
{
    if ((rows == 2 || rows == 3) && cols >= FEW_COLUMNS) {
        if (rows == 2)
            few_rows32((const int8_t *)src, 4 * lds, (int8_t *)dst, 4 * ldd, cols, 2);
        else
            few_rows32((const int8_t *)src, 4 * lds, (int8_t *)dst, 4 * ldd, cols, 3);
        return;
    }
    if (rows < 4 || cols < 4) {
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < cols; c++)
                memcpy(&dst[c * ldd + r], &src[r * lds + c], sizeof *dst);
        return;
    }
    for (size_t c = 0; c < cols; c += LINE32) {
        size_t end = cols - c < LINE32 ? cols : c + LINE32;
        tall32((const int8_t *)src, 4 * lds, (int8_t *)dst, 4 * ldd, rows, end - c < 4 ? end - 4 : c, end);
    }
}
