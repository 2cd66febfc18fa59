/* Winograd's F(2 x 2, 3 x 3) and F(4 x 4, 3 x 3) (winograd.h). The includer gives
 *
 *   WG_NR, WG_KR     columns of the tile, and codes of a column that lie side by side
 *   wg_rows[M - 1]   (v, w, channels, m, ahead): the products of one point of M tiles, M up to WG_ROWS;
 *                    ahead: codes from w to those that are wanted next, 0 where they are near
 *   wg_codes         a vector of WG_CODES s16
 *   wg_sums          a vector of WG_SUMS u32, which wrap
 *   wg_widen(p)      WG_CODES bytes as codes
 *   wg_signed(x, s)  x >> s of signed lanes
 *   wg_end           what ends the sums of a tile, from wg_begin(t)
 *   wg_bias(t, v)    what column vector v starts from
 *   wg_store(end, part, y, rows)
 *                    of part->m rows, up to `rows`, row i has y[i * WG_V + v] in column vector v
 *
 * It may list one of the sides alone. Side 2: two of a tile's four columns, summed over their lines, are the next
 * tile's first two. */
#include <stdbool.h>
#include <string.h>
#include "kernels.h"

enum { WG_V = WG_NR / WG_SUMS };

/* WG_CODES channels of column x, L lines. */
QNT_INLINE void wg_load(const struct qnt_winograd_row *r, size_t x, size_t c, wg_codes *d, const int L)
{
    const bool in = x < r->width;
    QNT_UNROLL
    for (int i = 0; i < L; i++)
        d[i] = wg_widen((in ? r->line[i] + x * r->step[i] : r->zero) + c);
}

QNT_INLINE void wg_put(int16_t *dst, wg_codes v)
{
    memcpy(dst, &v, sizeof v);
}

/* Even shares of tiles. */
static void wg_products(const int16_t *v, size_t points, size_t point, const int16_t *w, size_t channels, size_t tiles,
                        int32_t *m)
{
    const size_t parts = (tiles + WG_ROWS - 1) / WG_ROWS;
    for (; points; points--, v += point, w += channels * WG_NR)
        for (size_t i = 0, t = 0, n; i < parts; i++, t += n, m += n * WG_NR) {
            n = (tiles - t + parts - i - 1) / (parts - i);
            wg_rows[n - 1](v + t * channels, w, channels, m, i ? 0 : channels * WG_NR);
        }
}

/* ---- side 2 ---- */
struct wg_column { /* of B' x */
    wg_codes v[4];
};

QNT_INLINE struct wg_column wg2_column(const struct qnt_winograd_row *r, size_t x, size_t c)
{
    wg_codes d[4];
    wg_load(r, x, c, d, 4);
    return (struct wg_column){{d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]}};
}

static inline void wg2_input(const struct qnt_winograd_row *r, size_t tiles, int16_t *dst, size_t point)
{
    for (size_t c = 0; c < r->channels; c += WG_CODES) {
        size_t x = r->first;
        int16_t *to = dst + c;
        struct wg_column a = wg2_column(r, x, c), b = wg2_column(r, x + 1, c);
        for (size_t t = 0; t < tiles; t++, to += r->channels) {
            x += 2;
            const struct wg_column d = wg2_column(r, x, c), e = wg2_column(r, x + 1, c);
            int16_t *at = to;
            QNT_UNROLL
            for (int i = 0; i < 4; i++, at += 4 * point) {
                wg_put(at, a.v[i] - d.v[i]);
                wg_put(at + point, b.v[i] + d.v[i]);
                wg_put(at + 2 * point, d.v[i] - b.v[i]);
                wg_put(at + 3 * point, b.v[i] - e.v[i]);
            }
            a = d;
            b = e;
        }
    }
}

/* A' M A / 4 + bias of a vector of columns: pixel x of line l to y[(2 * l + x) * WG_V]. */
QNT_INLINE void wg2_sums(const int32_t *m, size_t point, wg_sums bias, wg_sums *y)
{
    wg_sums half[2][4]; /* M A, by column */
    QNT_UNROLL
    for (int i = 0; i < 4; i++) {
        wg_sums d[4];
        QNT_UNROLL
        for (int j = 0; j < 4; j++, m += point)
            memcpy(&d[j], m, sizeof d[j]);
        half[0][i] = d[0] + d[1] + d[2];
        half[1][i] = d[1] - d[2] - d[3];
    }
    QNT_UNROLL
    for (int x = 0; x < 2; x++) {
        const wg_sums *h = half[x];
        y[x * WG_V] = wg_signed(h[0] + h[1] + h[2], 2) + bias;
        y[(2 + x) * WG_V] = wg_signed(h[1] - h[2] - h[3], 2) + bias;
    }
}

/* ---- side 4 ---- */
/* B' d */
QNT_INLINE void wg4_six(const wg_codes *d, wg_codes *v)
{
    const wg_codes a = d[4] - (d[2] << 2), b = d[3] - (d[1] << 2), e = d[4] - d[2], f = (d[3] - d[1]) << 1;
    v[0] = ((d[0] - d[2]) << 2) + e;
    v[1] = a + b;
    v[2] = a - b;
    v[3] = e + f;
    v[4] = e - f;
    v[5] = d[5] - d[3] - (f << 1);
}

static void wg4_input(const struct qnt_winograd_row *r, size_t tiles, int16_t *dst, size_t point)
{
    for (size_t c = 0; c < r->channels; c += WG_CODES) {
        int16_t *to = dst + c;
        for (size_t t = 0, x = r->first; t < tiles; t++, x += 4, to += r->channels) {
            wg_codes v[6][6]; /* by line of B' x, column */
            int16_t *at = to;
            for (size_t j = 0; j < 6; j++) {
                wg_codes d[6], q[6];
                wg_load(r, x + j, c, d, 6);
                wg4_six(d, q);
                QNT_UNROLL
                for (int i = 0; i < 6; i++)
                    v[i][j] = q[i];
            }
            for (size_t i = 0; i < 6; i++) {
                wg_codes q[6];
                wg4_six(v[i], q);
                QNT_UNROLL
                for (int j = 0; j < 6; j++, at += point)
                    wg_put(at, q[j]);
            }
        }
    }
}

/* A' m */
QNT_INLINE void wg4_four(const wg_sums *m, wg_sums *y)
{
    const wg_sums p = m[1] + m[2], q = (m[1] - m[2]) << 2, r = m[3] + m[4], s = (m[3] - m[4]) << 1;
    y[0] = ((m[0] + (m[0] << 1)) << 1) + (r - (p << 2));
    y[1] = s - q;
    y[2] = (r - p) << 2;
    y[3] = ((s << 2) - q) + ((m[5] + (m[5] << 1)) << 3);
}

/* A' M A / 576 + bias of a vector of columns: pixel x of line l to y[(4 * l + x) * WG_V]. */
QNT_INLINE void wg4_sums(const int32_t *m, size_t point, wg_sums bias, wg_sums *y)
{
    const uint32_t ninth = 0x38e38e39; /* mod 2^32 */
    wg_sums half[4][6];                /* M A, by column */
    for (size_t i = 0; i < 6; i++) {
        wg_sums d[6], q[4];
        QNT_UNROLL
        for (int j = 0; j < 6; j++, m += point)
            memcpy(&d[j], m, sizeof d[j]);
        wg4_four(d, q);
        QNT_UNROLL
        for (int x = 0; x < 4; x++)
            half[x][i] = q[x];
    }
    for (size_t x = 0; x < 4; x++) {
        wg_sums q[4];
        wg4_four(half[x], q);
        QNT_UNROLL
        for (size_t l = 0; l < 4; l++)
            y[(4 * l + x) * WG_V] = wg_signed(q[l] * ninth, 6) + bias;
    }
}

QNT_INLINE void wg_output(const int32_t *m, size_t point, const struct qnt_tile *t, void *const *c, size_t lines,
                          size_t pixels, const int SIDE)
{
    const wg_end end = wg_begin(t);
    const size_t step = t->ldc * (t->e->kind == QNT_EPI_S8 ? 1 : sizeof(int32_t));
    struct qnt_tile part = *t;
    for (size_t x = 0; x < pixels; x += (size_t)SIDE, m += WG_NR) {
        wg_sums y[16 * WG_V];
        QNT_UNROLL
        for (int v = 0; v < WG_V; v++) {
            if (SIDE == 2)
                wg2_sums(m + WG_SUMS * v, point, wg_bias(t, v), y + v);
            else
                wg4_sums(m + WG_SUMS * v, point, wg_bias(t, v), y + v);
        }
        part.m = pixels - x < (size_t)SIDE ? (uint32_t)(pixels - x) : (uint32_t)SIDE;
        for (size_t l = 0; l < lines; l++) {
            part.c = (char *)c[l] + x * step;
            wg_store(&end, &part, y + l * (size_t)(SIDE * WG_V), SIDE);
        }
    }
}

static inline void wg2_output(const int32_t *m, size_t point, const struct qnt_tile *t, void *const *c, size_t lines,
                              size_t pixels)
{
    wg_output(m, point, t, c, lines, pixels, 2);
}

static void wg4_output(const int32_t *m, size_t point, const struct qnt_tile *t, void *const *c, size_t lines,
                       size_t pixels)
{
    wg_output(m, point, t, c, lines, pixels, 4);
}

/* An entry of the list: WG_KR as kr, the number of tiles and the costs as struct qnt_winograd has them. */
#define WG_WAY(SIDE, LABEL, TILES, STEP, TILE, ROW, FAR)                                                               \
    {                                                                                                                  \
        .name = "winograd" #SIDE "_" LABEL, .side = SIDE, .kr = WG_KR, .channels = WG_CODES,                           \
        .input = wg##SIDE##_input, .products = wg_products, .output = wg##SIDE##_output, .tiles = TILES,               \
        .cost_step = STEP, .cost_tile = TILE, .cost_row = ROW, .cost_far = FAR                                         \
    }
