/* Transposing by zips. Bytes: 16 rows of 16 columns in each 16-byte part of the vectors, part k holding the rows from
 * at[k] on. Zipping row r with row r + 8 and taking the results in turn as the new rows, four times over, leaves column
 * c in vector c; the lower halves of the first zip give columns 0 to 7, the upper ones 8 to 15, apart from each other
 * from there on.
 *
 * Full blocks have rows 0, 16, 32, ... in their parts, so a column is one whole vector. Fewer rows are parts that
 * overlap, each stored by itself; the last block of rows or columns overlaps the one before it. A line of columns is
 * finished for all rows before the next, so that each line of src is read while it is near, and each of dst filled.
 *
 * Registers: 8 vectors and their zips at work; with 32 both halves live, with 16 the rows are loaded twice.
 */
enum { VB = sizeof(vb), BLOCK8 = 16 * V_LANES, LINE8 = 64 };

/* Part k of each column goes to dst + at[k]; whole: the parts follow each other. */
QNT_INLINE void put_column(int8_t *dst, const size_t *at, vb v, const int whole)
{
    if (whole)
        vb_store(dst, v, VB);
    else
        vb_put(dst, at, v);
}

/* Where the row after the one at `at` begins. Compilers would rather keep the place of every row of a block, on the
 * stack. */
QNT_INLINE size_t next_row(size_t at, size_t ld)
{
    at += ld;
    __asm__("" : "+r"(at));
    return at;
}

/* What is left after the first round: x becomes `cols` <= 8 columns. */
QNT_INLINE void half8(vb x[8], int8_t *dst, size_t ldd, const size_t *at, size_t cols, const int whole)
{
    vb y[8];
    size_t column = 0;
    QNT_UNROLL
    for (int round = 0; round < 3; round++) {
        QNT_UNROLL
        for (int k = 0; k < 4; k++) {
            y[2 * k] = vb_zip8(x[k], x[k + 4], 0);
            y[2 * k + 1] = vb_zip8(x[k], x[k + 4], 1);
        }
        QNT_UNROLL
        for (int k = 0; k < 8; k++)
            x[k] = y[k];
    }
    QNT_UNROLL
    for (int k = 0; k < 8; k++) {
        if (cols <= (size_t)k)
            return;
        put_column(dst + column, at, x[k], whole);
        column = next_row(column, ldd);
    }
}

/* One of the two halves of the first zips, or both: 16 bytes of each row are read. */
QNT_INLINE void first8(const int8_t *src, size_t lds, const size_t *from, vb *lower, vb *upper)
{
    size_t row = 0, other = 8 * lds;
    QNT_UNROLL
    for (int k = 0; k < 8; k++) {
        vb a = vb_lanes(src + row, from), b = vb_lanes(src + other, from);
        if (lower)
            lower[k] = vb_zip8(a, b, 0);
        if (upper)
            upper[k] = vb_zip8(a, b, 1);
        row = next_row(row, lds);
        other = next_row(other, lds);
    }
}

/* min(cols, 16) columns are written. */
QNT_INLINE void block8(const int8_t *src, size_t lds, const size_t *from, int8_t *dst, size_t ldd, const size_t *to,
                       size_t cols, const int whole)
{
    vb lower[8], upper[8];
    first8(src, lds, from, lower, V_REGS < 32 ? NULL : upper);
    half8(lower, dst, ldd, to, cols, whole);
    if (cols <= 8)
        return;
    if (V_REGS < 32)
        first8(src, lds, from, NULL, upper);
    half8(upper, dst + 8 * ldd, ldd, to, cols - 8, whole);
}

/* Columns c0 to c1 (16 at least, or all, if reading 16 bytes of these rows stays inside src) of one block of rows. */
QNT_INLINE void columns8(const int8_t *src, size_t lds, const size_t *from, int8_t *dst, size_t ldd, const size_t *to,
                         size_t c0, size_t c1, const int whole)
{
    for (; c1 - c0 > 16; c0 += 16)
        block8(src + c0, lds, from, dst + c0 * ldd, ldd, to, 16, whole);
    if (c1 >= 16)
        c0 = c1 - 16;
    if (c1 < 16)
        block8(src + c0, lds, from, dst + c0 * ldd, ldd, to, c1 - c0, whole);
    else
        block8(src + c0, lds, from, dst + c0 * ldd, ldd, to, 16, whole);
}

/* At least 16 rows. */
QNT_INLINE void tall8(const int8_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t c0, size_t c1)
{
    size_t from[V_LANES], to[V_LANES], r = 0;
    QNT_UNROLL
    for (size_t k = 0; k < V_LANES; k++)
        from[k] = k * 16 * lds;
    for (; rows - r >= BLOCK8; r += BLOCK8)
        columns8(src + r * lds, lds, from, dst + r, ldd, to, c0, c1, 1);
    if (r < rows && rows >= BLOCK8) {
        columns8(src + (rows - BLOCK8) * lds, lds, from, dst + (rows - BLOCK8), ldd, to, c0, c1, 1);
    } else if (r < rows) {
        QNT_UNROLL
        for (size_t k = 0; k < V_LANES; k++) {
            to[k] = 16 * k < rows - 16 ? 16 * k : rows - 16;
            from[k] = to[k] * lds;
        }
        columns8(src, lds, from, dst, ldd, to, c0, c1, 0);
    }
}

/* n = 2, 4 or 8 rows become columns of n bytes one after the other in each part. */
QNT_INLINE void zip_rows(vb x[8], const int n)
{
    vb y[8];
    QNT_UNROLL
    for (int done = 1; done < n; done *= 2) {
        QNT_UNROLL
        for (int k = 0; k < n / 2; k++) {
            y[2 * k] = vb_zip8(x[k], x[k + n / 2], 0);
            y[2 * k + 1] = vb_zip8(x[k], x[k + n / 2], 1);
        }
        QNT_UNROLL
        for (int k = 0; k < n; k++)
            x[k] = y[k];
    }
}

/* Column c of those, in memory: part c / 16; 16 / n columns a vector. */
QNT_INLINE const int8_t *zipped_column(const vb column[8], size_t c, const int n)
{
    const size_t i = c % 16 * (size_t)n;
    return (const int8_t *)&column[i / 16] + c / 16 * 16 + i % 16;
}

/* n = 2, 4 or 8 rows, up to BLOCK8 columns. */
QNT_INLINE void flat8(const int8_t *src, size_t lds, int8_t *dst, size_t ldd, size_t cols, const int n)
{
    vb x[8], column[8];
    QNT_UNROLL
    for (int k = 0; k < n; k++)
        x[k] = vb_load(src + (size_t)k * lds, cols);
    zip_rows(x, n);
    if (ldd == (size_t)n && cols == BLOCK8) { /* dense: as they are */
        size_t to[V_LANES];
        QNT_UNROLL
        for (size_t k = 0; k < V_LANES; k++)
            to[k] = k * 16 * (size_t)n;
        QNT_UNROLL
        for (int k = 0; k < n; k++)
            vb_put(dst + 16 * k, to, x[k]);
        return;
    }
    QNT_UNROLL
    for (int k = 0; k < n; k++)
        column[k] = x[k];
    for (size_t c = 0; c < cols; c++)
        memcpy(dst + c * ldd, zipped_column(column, c, n), (size_t)n);
}

typedef int32_t v_dwords __attribute__((vector_size(16 * V_LANES)));

/* 3 rows, as images of so many channels have: each of their columns is stored with a byte too many, which the next one
 * replaces, but for the last. */
QNT_INLINE void three8(const int8_t *src, size_t lds, int8_t *dst, size_t cols)
{
    for (size_t c = 0; c < cols; c += BLOCK8) {
        const size_t left = cols - c < BLOCK8 ? cols - c : BLOCK8, wide = c + left < cols ? left : left - 1;
        vb x[8], column[8];
        QNT_UNROLL
        for (size_t k = 0; k < 4; k++)
            x[k] = vb_load(src + (k < 3 ? k : 2) * lds + c, left);
        zip_rows(x, 4);
        if (wide == BLOCK8) {
            QNT_UNROLL
            for (size_t i = 0; i < BLOCK8; i++) {
                const int32_t four = ((v_dwords)x[i % 16 / 4])[i / 16 * 4 + i % 4];
                memcpy(dst + 3 * (c + i), &four, sizeof four);
            }
            continue;
        }
        QNT_UNROLL
        for (int k = 0; k < 4; k++)
            column[k] = x[k];
        for (size_t i = 0; i < wide; i++)
            memcpy(dst + 3 * (c + i), zipped_column(column, i, 4), 4);
        memcpy(dst + 3 * (c + wide), zipped_column(column, wide, 4), 3);
    }
}

/* 2 to 15 rows: groups of 8, 4 or 2 rows, the last of which overlap. */
QNT_INLINE void short8(const int8_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols)
{
    const size_t n = rows >= 8 ? 8 : rows >= 4 ? 4 : 2;
    for (size_t c = 0; c < cols; c += BLOCK8) {
        const size_t left = cols - c < BLOCK8 ? cols - c : BLOCK8;
        for (size_t r = 0; r < rows; r += n) {
            const size_t at = rows - r < n ? rows - n : r;
            const int8_t *s = src + at * lds + c;
            int8_t *d = dst + c * ldd + at;
            if (n == 8)
                flat8(s, lds, d, ldd, left, 8);
            else if (n == 4)
                flat8(s, lds, d, ldd, left, 4);
            else
                flat8(s, lds, d, ldd, left, 2);
        }
    }
}

QNT_INLINE void plain8(const int8_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            dst[c * ldd + r] = src[r * lds + c];
}

/* Fewer than 16 columns: the last rows, whose 16 bytes would reach past src, go one by one. */
QNT_INLINE void narrow8(const int8_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols)
{
    const size_t reach = (16 - cols + lds - 1) / lds, safe = rows > reach ? rows - reach : 0;
    size_t done = 0;
    if (safe >= 16) {
        tall8(src, lds, dst, ldd, safe, 0, cols);
        done = safe;
    }
    plain8(src + done * lds, lds, dst + done, ldd, rows - done, cols);
}

void V_FN(transpose_s8)(const int8_t *src, size_t lds, int8_t *dst, size_t ldd, size_t rows, size_t cols)
{
    if (rows < 2 || cols < 2)
        plain8(src, lds, dst, ldd, rows, cols);
    else if (rows == 3 && ldd == 3)
        three8(src, lds, dst, cols);
    else if (rows < 16)
        short8(src, lds, dst, ldd, rows, cols);
    else if (cols < 16)
        narrow8(src, lds, dst, ldd, rows, cols);
    else
        for (size_t c = 0; c < cols; c += LINE8) {
            size_t end = cols - c < LINE8 ? cols : c + LINE8;
            tall8(src, lds, dst, ldd, rows, end - c < 16 ? end - 16 : c, end);
        }
}
