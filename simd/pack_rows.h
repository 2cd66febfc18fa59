#ifndef SIMD_PACK_ROWS_H
#define SIMD_PACK_ROWS_H
/* Reads the byte rows of qnt_pack_rows_fn block by block: up to 16 rows at a time, as spans of bytes that lie
 * contiguous for every row. Inside a long tap a span is the source itself; short taps and the end of k are first put
 * together in a buffer, whole taps by copies of one size. Spans are multiples of `chunk` (8 or 16) bytes but for the
 * last one, which may be read to the next multiple and holds zeros there. Rows past the last one repeat it: what they
 * give is never stored. */
#include <string.h>
#include "kernels.h"

enum { QNT_BLOCK_ROWS = 16, QNT_SHORT_TAP = 64, QNT_SPAN = 128, QNT_SPAN_STRIDE = QNT_SPAN + 2 * QNT_SHORT_TAP + 32 };
struct qnt_rows {
    const void *const *tap; /* row 0 of the current tap */
    size_t off, tap_k, left, used;
    size_t rows, known; /* wanted, existing */
    /* the span */
    const void *const *row; /* pointers of the rows; bytes begin at + at */
    size_t at, bytes;
    const void *ptr[QNT_BLOCK_ROWS];
    uint8_t buf[QNT_BLOCK_ROWS][QNT_SPAN_STRIDE];
};

static inline void qnt_rows_init(struct qnt_rows *r, const void *const *rows, size_t tap_k, size_t k0, size_t k,
                                 size_t used, int n)
{
    r->tap = rows + (k ? k0 / tap_k : 0) * used;
    r->off = k ? k0 % tap_k : 0;
    r->tap_k = tap_k;
    r->left = k;
    r->used = used;
    r->rows = (size_t)n;
    r->known = used;
}

/* One tap of n bytes; n < 4 may write 4. */
QNT_INLINE void qnt_copy_1to3(uint8_t *d, const uint8_t *s, size_t n)
{
    uint32_t v = s[n - 1];
    uint16_t two;
    if (n > 1) {
        memcpy(&two, s, 2);
        v = two | v << 8 * (n - 1);
    }
    memcpy(d, &v, 4);
}

QNT_INLINE void qnt_copy_4to8(uint8_t *d, const uint8_t *s, size_t n)
{
    uint32_t a, b;
    memcpy(&a, s, 4);
    memcpy(&b, s + n - 4, 4);
    memcpy(d, &a, 4);
    memcpy(d + n - 4, &b, 4);
}

QNT_INLINE void qnt_copy_8to16(uint8_t *d, const uint8_t *s, size_t n)
{
    uint64_t a, b;
    memcpy(&a, s, 8);
    memcpy(&b, s + n - 8, 8);
    memcpy(d, &a, 8);
    memcpy(d + n - 8, &b, 8);
}

QNT_INLINE void qnt_copy_16up(uint8_t *d, const uint8_t *s, size_t n)
{
    for (size_t i = 0; i + 16 < n; i += 16)
        memcpy(d + i, s + i, 16);
    memcpy(d + n - 16, s + n - 16, 16);
}

/* `taps` whole taps of one row, one after the other. */
QNT_INLINE void qnt_copy_taps(uint8_t *d, const void *const *tap, size_t stride, size_t taps, size_t n,
                              void copy(uint8_t *, const uint8_t *, size_t))
{
    for (; taps; taps--, tap += stride, d += n)
        copy(d, *tap, n);
}

static __attribute__((noinline)) void qnt_rows_gather(struct qnt_rows *r, size_t bytes, size_t chunk)
{
    const size_t tap_k = r->tap_k, used = r->used, taps = (r->off + bytes + tap_k - 1) / tap_k;
    r->row = r->ptr;
    r->bytes = bytes;
    r->at = tap_k <= QNT_SHORT_TAP ? r->off : 0;
    for (size_t i = 0; i < r->rows; i++) {
        uint8_t *d = r->buf[i];
        const void *const *tap = r->tap + i;
        r->ptr[i] = i < r->known ? d : r->ptr[i - 1];
        if (i >= r->known)
            continue;
        if (tap_k == 3) {
            qnt_copy_taps(d, tap, used, taps, 3, qnt_copy_1to3);
        } else if (tap_k < 4) {
            qnt_copy_taps(d, tap, used, taps, tap_k, qnt_copy_1to3);
        } else if (tap_k <= 8) {
            qnt_copy_taps(d, tap, used, taps, tap_k, qnt_copy_4to8);
        } else if (tap_k <= 16) {
            qnt_copy_taps(d, tap, used, taps, tap_k, qnt_copy_8to16);
        } else if (tap_k <= QNT_SHORT_TAP) {
            qnt_copy_taps(d, tap, used, taps, tap_k, qnt_copy_16up);
        } else { /* parts of two taps, or the end of k */
            for (size_t n = bytes, off = r->off, run; n; n -= run, d += run, tap += used, off = 0) {
                run = tap_k - off < n ? tap_k - off : n;
                memcpy(d, (const uint8_t *)*tap + off, run);
            }
        }
        memset(r->buf[i] + r->at + bytes, 0, chunk);
    }
}

/* Are all n rows there, and the taps spans as they are? */
static inline int qnt_rows_plain(size_t tap_k, size_t k0, size_t k, size_t used, int n, size_t chunk)
{
    return used == (size_t)n && tap_k % chunk == 0 && k0 % tap_k == 0 && k % tap_k == 0;
}

/* The next span; 0 at the end. */
static inline size_t qnt_rows_next(struct qnt_rows *r, size_t chunk)
{
    size_t run = r->tap_k - r->off;
    if (!r->left)
        return 0;
    if (run > r->left)
        run = r->left;
    if (run >= QNT_SHORT_TAP || (run >= chunk && (run % chunk == 0 || run == r->left))) {
        r->bytes = run / chunk * chunk;
        r->at = r->off;
        r->row = r->tap;
        if (r->known < r->rows) {
            for (size_t i = 0; i < r->rows; i++)
                r->ptr[i] = r->tap[i < r->known ? i : r->known - 1];
            r->row = r->ptr;
        }
    } else {
        size_t most = r->tap_k <= QNT_SHORT_TAP ? QNT_SPAN : (run + chunk - 1) / chunk * chunk;
        qnt_rows_gather(r, r->left < most ? r->left : most, chunk);
    }
    r->left -= r->bytes;
    for (r->off += r->bytes; r->off >= r->tap_k; r->off -= r->tap_k)
        r->tap += r->used;
    return r->bytes;
}
#endif
