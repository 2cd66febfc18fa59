/* Rows of bytes, copied or filled. A row of w to 2 w bytes is two moves of w, the second of which ends with the row; w
 * is found once for all rows, so that short rows, of which there are many, go without branches. Longer ones are whole
 * vectors and a last one that ends with the row; very long ones are the C library's. */
typedef int8_t v_16 __attribute__((vector_size(16)));
typedef int8_t v_32 __attribute__((vector_size(32)));
enum { VB = sizeof(vb), LONG_ROW = 2048 };

/* w bytes to d and, with two, w bytes `last` later. */
QNT_INLINE void move(uint8_t *d, const uint8_t *s, size_t last, const int two, const int w)
{
#define MOVE(type)                                                                                                     \
    do {                                                                                                               \
        type a, b;                                                                                                     \
        memcpy(&a, s, sizeof a);                                                                                       \
        if (two)                                                                                                       \
            memcpy(&b, s + last, sizeof b);                                                                            \
        memcpy(d, &a, sizeof a);                                                                                       \
        if (two)                                                                                                       \
            memcpy(d + last, &b, sizeof b);                                                                            \
    } while (0)
    if (w == VB)
        MOVE(vb);
    else if (w == 32)
        MOVE(v_32);
    else if (w == 16)
        MOVE(v_16);
    else if (w == 8)
        MOVE(uint64_t);
    else if (w == 4)
        MOVE(uint32_t);
    else if (w == 2)
        MOVE(uint16_t);
    else
        MOVE(uint8_t);
#undef MOVE
}

/* at NULL: row r is at src + r * lds. */
QNT_INLINE void rows_of(const uint8_t *src, const size_t *at, ptrdiff_t lds, uint8_t *dst, ptrdiff_t ldd, size_t rows,
                        size_t bytes, const int w)
{
    const size_t last = bytes - (size_t)w;
    ptrdiff_t from = 0, to = 0; /* not pointers: one past the last row may lie outside the buffer */
    if (last)
        for (size_t r = 0; r < rows; r++, from += lds, to += ldd)
            move(dst + to, src + (at ? (ptrdiff_t)at[r] : from), last, 1, w);
    else
        for (size_t r = 0; r < rows; r++, from += lds, to += ldd)
            move(dst + to, src + (at ? (ptrdiff_t)at[r] : from), 0, 0, w);
}

/* bytes >= VB */
QNT_INLINE void long_row(uint8_t *d, const uint8_t *s, size_t bytes)
{
    size_t i = 0;
    if (bytes >= LONG_ROW) {
        memcpy(d, s, bytes);
        return;
    }
    for (; bytes - i > 2 * VB; i += 2 * VB)
        move(d + i, s + i, VB, 1, VB);
    if (bytes - i > VB)
        move(d + i, s + i, 0, 0, VB);
    move(d + bytes - VB, s + bytes - VB, 0, 0, VB);
}

QNT_INLINE void copy_rows(const uint8_t *src, const size_t *at, ptrdiff_t lds, uint8_t *dst, ptrdiff_t ldd, size_t rows,
                          size_t bytes)
{
    ptrdiff_t from = 0, to = 0;
    if (bytes > 2 * VB)
        for (size_t r = 0; r < rows; r++, from += lds, to += ldd)
            long_row(dst + to, src + (at ? (ptrdiff_t)at[r] : from), bytes);
    else if (bytes >= VB)
        rows_of(src, at, lds, dst, ldd, rows, bytes, VB);
    else if (VB > 32 && bytes >= 32)
        rows_of(src, at, lds, dst, ldd, rows, bytes, 32);
    else if (VB > 16 && bytes >= 16)
        rows_of(src, at, lds, dst, ldd, rows, bytes, 16);
    else if (bytes >= 8)
        rows_of(src, at, lds, dst, ldd, rows, bytes, 8);
    else if (bytes >= 4)
        rows_of(src, at, lds, dst, ldd, rows, bytes, 4);
    else if (bytes >= 2)
        rows_of(src, at, lds, dst, ldd, rows, bytes, 2);
    else if (bytes)
        rows_of(src, at, lds, dst, ldd, rows, bytes, 1);
}

void V_FN(copy_rows)(const void *src, ptrdiff_t lds, void *dst, ptrdiff_t ldd, size_t rows, size_t bytes)
{
    if (lds == ldd && ldd == (ptrdiff_t)bytes) { /* one long row */
        bytes *= rows;
        rows = bytes > 0;
    }
    copy_rows(src, NULL, lds, dst, ldd, rows, bytes);
}

void V_FN(gather_rows)(const void *src, const size_t *at, void *dst, size_t rows, size_t bytes)
{
    copy_rows(src, at, 0, dst, (ptrdiff_t)bytes, rows, bytes);
}

/* The value's bytes repeat in every move, so that the second of two, a multiple of 4 later or of equal bytes, fits too.
 */
QNT_INLINE void fill_of(uint8_t *dst, size_t ldd, size_t rows, size_t bytes, const uint32_t *value, const int w)
{
    const size_t last = bytes - (size_t)w;
    for (size_t r = 0; r < rows; r++) {
        move(dst + r * ldd, (const uint8_t *)value, 0, 0, w);
        move(dst + r * ldd + last, (const uint8_t *)value, 0, 0, w);
    }
}

void V_FN(fill_rows)(void *to, size_t ldd, size_t rows, size_t bytes, uint32_t value)
{
    uint8_t *dst = to;
    uint32_t all[VB / 4];
    QNT_UNROLL
    for (int i = 0; i < (int)(VB / 4); i++)
        all[i] = value;
    if (ldd == bytes) {
        bytes *= rows;
        rows = bytes > 0;
    }
    if (bytes > 2 * VB)
        for (size_t r = 0; r < rows; r++) {
            uint8_t *row = dst + r * ldd;
            for (size_t i = 0; bytes - i > VB; i += VB)
                move(row + i, (const uint8_t *)all, 0, 0, VB);
            move(row + bytes - VB, (const uint8_t *)all, 0, 0, VB);
        }
    else if (bytes >= VB)
        fill_of(dst, ldd, rows, bytes, all, VB);
    else if (VB > 32 && bytes >= 32)
        fill_of(dst, ldd, rows, bytes, all, 32);
    else if (VB > 16 && bytes >= 16)
        fill_of(dst, ldd, rows, bytes, all, 16);
    else if (bytes >= 8)
        fill_of(dst, ldd, rows, bytes, all, 8);
    else if (bytes >= 4)
        fill_of(dst, ldd, rows, bytes, all, 4);
    else if (bytes >= 2)
        fill_of(dst, ldd, rows, bytes, all, 2);
    else if (bytes)
        fill_of(dst, ldd, rows, bytes, all, 1);
}
